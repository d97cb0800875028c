//! The answer queue: collects the answers of databases, and JavaScript takes a few at a time.
//!
//! Each Node-API promise costs a handle of the event loop, and all that are ready are resolved in one turn of
//! it. When one flush of the store answers 64 commits, the work that 64 callers do next blocks the loop in
//! one piece. So answers wait in a queue. One wake-up per turn tells JavaScript, and
//! `lib/addon/answer-queue.js` takes as many as fit a turn.

use std::sync::Arc;

use napi::Status;
use napi::bindgen_prelude::{BufferSlice, Either3, Either6, Env, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use super::error::Failure;
use super::runtime::cores;
use super::tenants::Tenants;
use super::wake_queue::WakeQueue;
use crate::database::{Answer, Column, DatabaseError, Description};

/// Weak: a queue does not keep the process alive; `lib/addon/answer-queue.js` does so while calls are
/// running.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The largest answer that shares an array with others; `lib/addon/answer-queue.js` makes room for so many bytes.
const SMALL_BYTES_MAX: usize = 4_096;

/// An answer as a JavaScript value.
pub(super) type NativeAnswer = Either6<Uint8Array, Vec<Uint8Array>, String, u32, (), Failure>;

/// The answers that wait for one JavaScript environment.
pub(super) struct AnswerQueue {
    waiting: WakeQueue<(u32, Result<Answer, DatabaseError>)>,
    wake: Wake,
    /// The databases that the answers belong to.
    pub(super) tenants: Tenants,
}

impl AnswerQueue {
    /// Adds the answer of a call, from any thread.
    pub(super) fn put(&self, call: u32, answer: Result<Answer, DatabaseError>) {
        // If its thread has ended, nobody needs the answer.
        if self.waiting.put((call, answer)) {
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// The queue in which the answers of databases arrive. Each copy of `lib/addon/answer-queue.js` has one.
#[napi]
pub struct NativeAnswerQueue {
    answers: Arc<AnswerQueue>,
}

impl NativeAnswerQueue {
    pub(super) fn share(&self) -> Arc<AnswerQueue> {
        Arc::clone(&self.answers)
    }
}

#[napi]
impl NativeAnswerQueue {
    /// Calls `wake` when there are answers to take.
    #[napi(constructor)]
    pub fn new(env: Env, wake: Function<'_, (), ()>) -> napi::Result<Self> {
        let wake = wake.build_threadsafe_function().weak::<true>().build()?;
        let answers =
            Arc::new(AnswerQueue { waiting: WakeQueue::default(), wake, tenants: Tenants::default() });
        // Weak: a queue without databases may be dropped before its environment.
        env.add_env_cleanup_hook(Arc::downgrade(&answers), |answers| {
            if let Some(answers) = answers.upgrade() {
                answers.tenants.end();
            }
        })?;
        Ok(Self { answers })
    }

    /// Whether the event loop may poll while SQL threads work: there are cores for both.
    #[napi]
    pub fn may_busy_poll() -> bool {
        cores() > 1
    }

    /// Takes up to `count` answers, as an alternating list of call numbers and answers. The bytes of small ones are put
    /// into `space`, the first at `at` and each of the others behind the one before. In the list such an answer is
    /// the negative of its length.
    #[napi(ts_return_type = "Array<unknown>")]
    pub fn take(
        &self,
        count: u32,
        mut space: BufferSlice<'_>,
        at: u32,
    ) -> Vec<Either3<u32, i32, NativeAnswer>> {
        let taken = self.answers.waiting.take(usize::try_from(count).unwrap_or(usize::MAX));
        let mut at = usize::try_from(at).unwrap_or(usize::MAX);
        let mut flat = Vec::with_capacity(2 * taken.len());
        for (call, answer) in taken {
            flat.push(Either3::A(call));
            flat.push(match put_small(&answer, space.get_mut(at..).unwrap_or_default()) {
                Some(bytes) => {
                    at += usize::from(bytes);
                    Either3::B(-i32::from(bytes))
                }
                None => Either3::C(native(answer)),
            });
        }
        flat
    }
}

/// Puts the bytes of a small answer at the beginning of `space`, and returns how many they are. An array of its own for
/// each answer costs more than a short query, and its finalizer lengthens the pauses of the garbage collector.
fn put_small(answer: &Result<Answer, DatabaseError>, space: &mut [u8]) -> Option<u16> {
    let Ok(Answer::Rows(chunks)) = answer else { return None };
    let [chunk] = &chunks[..] else { return None };
    if chunk.is_empty() || chunk.len() > SMALL_BYTES_MAX {
        return None;
    }
    space.get_mut(..chunk.len())?.copy_from_slice(chunk);
    u16::try_from(chunk.len()).ok()
}

pub(super) fn native(answer: Result<Answer, DatabaseError>) -> NativeAnswer {
    match answer {
        Ok(Answer::Rows(mut chunks)) if chunks.len() == 1 => {
            Either6::A(chunks.pop().unwrap_or_default().into())
        }
        Ok(Answer::Rows(chunks) | Answer::Batch(chunks)) => {
            Either6::B(chunks.into_iter().map(Uint8Array::from).collect())
        }
        Ok(Answer::Description(description)) => Either6::C(json(description)),
        Ok(Answer::Scope(number) | Answer::Recording(number)) => Either6::D(number),
        Ok(Answer::Applied(applied)) => Either6::D(u32::from(applied)),
        Ok(Answer::Done) => Either6::E(()),
        Err(error) => Either6::F(error.into()),
    }
}

/// A statement's columns (the name in the result, the column of the table that it shows, that table, the type declared
/// there), the names of its parameters with their prefix, and whether it is read-only. `lib/results/description.js`
/// reads it.
fn json(Description { columns, parameters, is_readonly }: Description) -> String {
    let column = |Column { name, column, table, declared_type }| (name, column, table, declared_type);
    let columns: Vec<_> = columns.into_iter().map(column).collect();
    let described = (columns, parameters, is_readonly);
    serde_json::to_string(&described).expect("texts and a boolean have no form that JSON lacks")
}
