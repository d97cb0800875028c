//! Calls on the thread of JavaScript: the answer is there when the method returns.

use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;

use super::{NativeDatabase, behavior, statement};
use crate::database::Call;
use crate::node::answer_queue::{NativeAnswer, native};

impl NativeDatabase {
    fn here(&self, scope: u32, what: Call) -> NativeAnswer {
        native(self.database.call_here(scope, what))
    }
}

#[napi]
impl NativeDatabase {
    /// Runs SQL on this thread: [`Self::run`], and the answer at once.
    #[napi(ts_return_type = "unknown")]
    pub fn run_sync(
        &self,
        scope: u32,
        kind: u32,
        sql: String,
        params: Option<Uint8ArraySlice<'_>>,
    ) -> NativeAnswer {
        let params = params.map(|params| params.to_vec());
        self.here(scope, statement(kind, sql, params))
    }

    /// Runs statements as one transaction, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn batch_sync(
        &self,
        scope: u32,
        sqls: Vec<String>,
        params: Vec<Option<Uint8ArraySlice<'_>>>,
    ) -> NativeAnswer {
        let params = params.into_iter().map(|params| params.map(|params| params.to_vec()));
        self.here(scope, Call::Batch(sqls.into_iter().zip(params).collect()))
    }

    /// Continues a script that runs statement by statement, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn each_on_sync(&self, scope: u32, script: u32, skip: bool) -> NativeAnswer {
        self.here(scope, Call::EachOn(script, skip))
    }

    /// Describes a statement, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn describe_sync(&self, scope: u32, sql: String) -> NativeAnswer {
        self.here(scope, Call::Describe(sql))
    }

    /// Returns the bytes of the database's file, read on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn serialize_sync(&self, scope: u32) -> NativeAnswer {
        self.here(scope, Call::Serialize)
    }

    /// Begins a transaction without a deadline, on this thread, and returns its scope.
    #[napi(ts_return_type = "unknown")]
    pub fn begin_sync(&self, scope: u32, mode: u32) -> NativeAnswer {
        self.here(scope, Call::Begin(behavior(mode), None))
    }

    /// Ends a transaction, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn end_sync(&self, scope: u32, commit: bool) -> NativeAnswer {
        self.here(scope, Call::End(commit))
    }

    /// More rows of a cursor, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn fetch_sync(&self, scope: u32, cursor: u32) -> NativeAnswer {
        self.here(scope, Call::Fetch(cursor))
    }

    /// Closes a cursor early, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn close_cursor_sync(&self, scope: u32, cursor: u32) -> NativeAnswer {
        self.here(scope, Call::CloseCursor(cursor))
    }
}
