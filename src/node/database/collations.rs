//! Collations of JavaScript, which run like its functions.

use std::cmp::Ordering;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use napi_derive::napi;

use super::NativeDatabase;
use super::functions::{Answer, dispatch, text};
use crate::database::{Call, Collation, NotRun, Order};
use crate::node::answer_queue::NativeAnswer;

/// A comparison of JavaScript, by its number.
struct JsOrder {
    id: u32,
    thread: ThreadId,
}

impl Order for JsOrder {
    fn compare(&self, left: &[u8], right: &[u8]) -> Result<Ordering, NotRun> {
        match dispatch(self.id, 0, 0.0, vec![text(left), text(right)])? {
            Answer::B(order) => order.partial_cmp(&0.0).ok_or(NotRun::Thrown),
            _ => Err(NotRun::Thrown),
        }
    }

    fn is_here(&self) -> bool {
        thread::current().id() == self.thread
    }
}

#[napi]
impl NativeDatabase {
    /// Defines a collation, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn collate_sync(&self, scope: u32, id: u32, name: String) -> NativeAnswer {
        let order = Arc::new(JsOrder { id, thread: thread::current().id() });
        self.here(scope, None, Call::Collate(Collation { name, order }))
    }

    /// Removes a collation, on this thread.
    #[napi(ts_return_type = "unknown")]
    pub fn drop_collation_sync(&self, scope: u32, name: String) -> NativeAnswer {
        self.here(scope, None, Call::DropCollation(name))
    }
}
