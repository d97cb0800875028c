//! Sessions and changesets. Their callbacks run as functions do: on the thread of JavaScript, within the call.

use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;

use super::NativeDatabase;
use super::functions::{Argument, Dispatcher, dispatch, returned};
use crate::database::{Call, ChangeForm, Changes, Conflict, Decide, NotRun, Resolution, Returned};
use crate::node::answer_queue::NativeAnswer;

// The parts that these callbacks are called with; see `lib/database/functions.js`.
const FILTER: u32 = 5;
const CONFLICT: u32 = 6;

/// Callbacks of JavaScript, by their number.
#[derive(Debug)]
struct JsDecide {
    id: u32,
    filters: bool,
    resolves: bool,
}

impl Decide for JsDecide {
    fn takes(&self, table: &str) -> Result<bool, NotRun> {
        if !self.filters {
            return Ok(true);
        }
        let answer = returned(dispatch(self.id, FILTER, 0.0, vec![Argument::D(table.to_owned())])?)?;
        Ok(answer == Returned::Integer(1))
    }

    fn resolve(&self, conflict: Conflict) -> Result<Resolution, NotRun> {
        if !self.resolves {
            return Ok(Resolution::Abort);
        }
        let number = match conflict {
            Conflict::Data => 1.0,
            Conflict::NotFound => 2.0,
            Conflict::Exists => 3.0,
            Conflict::Constraint => 4.0,
            Conflict::ForeignKey => 5.0,
        };
        match returned(dispatch(self.id, CONFLICT, 0.0, vec![Argument::B(number)])?)? {
            Returned::Integer(0) => Ok(Resolution::Omit),
            Returned::Integer(1) => Ok(Resolution::Replace),
            _ => Ok(Resolution::Abort),
        }
    }
}

#[napi]
impl NativeDatabase {
    /// Begins a session, on this thread, and returns its number.
    #[napi(ts_return_type = "unknown")]
    pub fn record_sync(&self, scope: u32, database: String, table: Option<String>) -> NativeAnswer {
        self.here(scope, None, Call::Changes(Changes::Record(database, table)))
    }

    /// What a session has recorded, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn recorded_sync(
        &self,
        scope: u32,
        session: u32,
        patchset: bool,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        let form = if patchset { ChangeForm::Patchset } else { ChangeForm::Changeset };
        self.here(scope, dispatcher, Call::Changes(Changes::Recorded(session, form)))
    }

    /// Applies a changeset, on this thread, and returns whether it was applied: 0 or 1. `callbacks` is the number of
    /// the callbacks, of which there are these: 1 filter, 2 conflict.
    #[napi(ts_return_type = "unknown")]
    pub fn apply_sync(
        &self,
        scope: u32,
        changeset: Uint8ArraySlice<'_>,
        callbacks: u32,
        which: u32,
        #[napi(ts_arg_type = "undefined | ((...args: any[]) => unknown)")] dispatcher: Option<Dispatcher<'_>>,
    ) -> NativeAnswer {
        let decide = JsDecide { id: callbacks, filters: which & 1 != 0, resolves: which & 2 != 0 };
        self.here(scope, dispatcher, Call::Changes(Changes::Apply(changeset.to_vec(), Box::new(decide))))
    }

    /// Ends a session, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn stop_recording_sync(&self, scope: u32, session: u32) -> NativeAnswer {
        self.here(scope, None, Call::Changes(Changes::Stop(session)))
    }

    /// Ends a session when its turn comes.
    #[napi]
    pub fn stop_recording(&self, call: u32, scope: u32, session: u32) {
        self.submit(call, (scope, 0), Call::Changes(Changes::Stop(session)), None);
    }
}
