//! Calls on the thread of JavaScript: the answer is there when the method returns.

use napi::bindgen_prelude::{BufferSlice, Uint8ArraySlice};
use napi_derive::napi;

use super::functions::{Dispatcher, during};
use super::{NativeDatabase, behavior, statement};
use crate::database::{Answer, Call};
use crate::node::answer_queue::{NativeAnswer, native};

impl NativeDatabase {
    pub(super) fn here(&self, scope: u32, dispatcher: Option<Dispatcher<'_>>, what: Call) -> NativeAnswer {
        native(during(dispatcher, || self.database.call_here(scope, what)))
    }
}

#[napi]
impl NativeDatabase {
    /// The calls of this turn of JavaScript commit together, from here until [`Self::release_commits`].
    #[napi]
    pub fn hold_commits(&self) {
        self.database.hold_commits();
    }

    /// The turn is over: what it has written is committed now.
    #[napi]
    pub fn release_commits(&self) {
        self.database.release_commits();
    }

    /// Runs SQL on this thread: [`Self::run`], and the answer at once. The parameters are the first `params` bytes of
    /// `exchange`; fewer than 0 means none. An answer of one chunk that fits takes their place there, and its
    /// length is returned: an array of its own for each answer costs more than a short query. `dispatcher` runs the
    /// functions of JavaScript, if there are any.
    #[napi(ts_return_type = "unknown")]
    pub fn run_sync(
        &self,
        scope: u32,
        kind: u32,
        sql: String,
        mut exchange: BufferSlice<'_>,
        params: i32,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        let params = usize::try_from(params).ok().and_then(|params| exchange.get(..params));
        let call = statement(kind, sql, params.map(<[u8]>::to_vec));
        match during(dispatcher, || self.database.call_here(scope, call)) {
            Ok(Answer::Rows(mut chunks)) if chunks.len() == 1 => {
                let chunk = chunks.pop().unwrap_or_default();
                match exchange.get_mut(..chunk.len()) {
                    Some(place) => {
                        place.copy_from_slice(&chunk);
                        NativeAnswer::D(u32::try_from(chunk.len()).unwrap_or(u32::MAX))
                    }
                    None => native(Ok(Answer::Rows(vec![chunk]))),
                }
            }
            other => native(other),
        }
    }

    /// Runs statements as one transaction, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn batch_sync(
        &self,
        scope: u32,
        sqls: Vec<String>,
        params: Vec<Option<Uint8ArraySlice<'_>>>,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        let params = params.into_iter().map(|params| params.map(|params| params.to_vec()));
        self.here(scope, dispatcher, Call::Batch(sqls.into_iter().zip(params).collect()))
    }

    /// Continues a script that runs statement by statement, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn each_on_sync(
        &self,
        scope: u32,
        script: u32,
        skip: bool,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        self.here(scope, dispatcher, Call::EachOn(script, skip))
    }

    /// Describes a statement, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn describe_sync(
        &self,
        scope: u32,
        sql: String,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        self.here(scope, dispatcher, Call::Describe(sql))
    }

    /// Returns the bytes of the database's file, read on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn serialize_sync(&self, scope: u32) -> NativeAnswer {
        self.here(scope, None, Call::Serialize)
    }

    /// Begins a transaction without a deadline, on this thread, and returns its scope.
    #[napi(ts_return_type = "unknown")]
    pub fn begin_sync(&self, scope: u32, mode: u32) -> NativeAnswer {
        self.here(scope, None, Call::Begin(behavior(mode), None))
    }

    /// Ends a transaction, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn end_sync(&self, scope: u32, commit: bool) -> NativeAnswer {
        self.here(scope, None, Call::End(commit))
    }

    /// More rows of a cursor, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn fetch_sync(
        &self,
        scope: u32,
        cursor: u32,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        self.here(scope, dispatcher, Call::Fetch(cursor))
    }

    /// Closes a cursor early, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn close_cursor_sync(
        &self,
        scope: u32,
        cursor: u32,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        self.here(scope, dispatcher, Call::CloseCursor(cursor))
    }
}
