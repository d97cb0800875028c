//! The gate: answers that wait until all that they can have seen is durable.

use std::collections::VecDeque;

use crate::database::call::{Answer, Reply};
use crate::database::error::DatabaseError;
use crate::engine::StoreError;

/// An answer and who gets it.
pub(crate) type Ready = (Reply, Result<Answer, DatabaseError>);

/// An answer on its way out.
pub(crate) struct Gated {
    /// The number by which the caller can cancel the call; 0 means none.
    pub(crate) job: u32,
    pub(crate) answer: Result<Answer, DatabaseError>,
    pub(crate) reply: Reply,
    /// Whether it says nothing about the data, so that no loss changes it.
    pub(crate) is_lasting: bool,
    /// Whether it waits for what others have written, even where answers do not.
    pub(crate) waits_for_all: bool,
}

/// An answer that waits.
struct Waiting {
    /// The last transaction that the call can have seen.
    seen: u64,
    /// The first one that it has sealed itself, if any.
    first_own: Option<u64>,
    gated: Gated,
}

/// The answers that wait, in the order of their calls.
#[derive(Default)]
pub(super) struct Gate {
    waiting: VecDeque<Waiting>,
}

impl Gate {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a call with this job is the only one that waits.
    pub(super) fn has_only(&self, job: u32) -> bool {
        self.waiting.len() == 1 && self.waiting.iter().any(|waiting| waiting.gated.job == job)
    }

    /// Whether a call with this job waits.
    pub(super) fn has(&self, job: u32) -> bool {
        self.waiting.iter().any(|waiting| waiting.gated.job == job)
    }

    pub(super) fn push(&mut self, seen: u64, first_own: Option<u64>, gated: Gated) {
        self.waiting.push_back(Waiting { seen, first_own, gated });
    }

    /// Lets out what has seen nothing beyond this transaction.
    pub(super) fn release(&mut self, durable: u64) -> Vec<Ready> {
        let count = self.waiting.iter().take_while(|waiting| waiting.seen <= durable).count();
        self.waiting.drain(..count).map(|waiting| (waiting.gated.reply, waiting.gated.answer)).collect()
    }

    /// Lets everything out: what the answers have seen is lost. `why` is asked with the first transaction that a call
    /// has sealed itself, if any.
    pub(super) fn refuse(&mut self, why: impl Fn(Option<u64>) -> StoreError) -> Vec<Ready> {
        let refused = self.waiting.drain(..).map(|Waiting { first_own, gated, .. }| {
            let Gated { answer, reply, is_lasting, .. } = gated;
            (reply, if is_lasting { answer } else { Err(why(first_own).into()) })
        });
        refused.collect()
    }
}

/// What the failure of a commit means for a call: that of the commit that has failed, or of one that has seen it.
/// `last_sent` is the last transaction in that commit.
pub(super) fn verdict(error: &StoreError, first_own: Option<u64>, last_sent: u64) -> StoreError {
    match error {
        StoreError::CommitUnknown { .. } if first_own.is_none_or(|first| first > last_sent) => {
            StoreError::Unavailable(format!(
                "nothing of this call has taken place: it came behind a commit whose outcome is unknown ({error})"
            ))
        }
        error => error.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::types::ActorId;

    type Told = Arc<Mutex<Vec<(u32, Result<Answer, DatabaseError>)>>>;

    fn gated(job: u32, told: &Told, is_lasting: bool) -> Gated {
        let told = Arc::clone(told);
        let reply: Reply = Box::new(move |answer| told.lock().unwrap().push((job, answer)));
        Gated { job, answer: Ok(Answer::Done), reply, is_lasting, waits_for_all: false }
    }

    fn deliver(ready: Vec<Ready>) {
        for (reply, answer) in ready {
            reply(answer);
        }
    }

    #[test]
    fn answers_leave_in_order_and_when_all_that_they_have_seen_is_durable() {
        let (mut gate, told) = (Gate::default(), Told::default());
        for (job, seen) in [(1, 1), (2, 1), (3, 2)] {
            gate.push(seen, Some(seen), gated(job, &told, false));
        }
        deliver(gate.release(0));
        assert_eq!(told.lock().unwrap().len(), 0);
        deliver(gate.release(1));
        assert_eq!(told.lock().unwrap().iter().map(|(job, _)| *job).collect::<Vec<_>>(), [1, 2]);
        assert!(gate.has_only(3) && gate.has(3) && !gate.has(1));
        deliver(gate.release(9));
        assert_eq!((told.lock().unwrap().len(), gate.len()), (3, 0));
    }

    #[test]
    fn a_loss_is_told_to_all_and_a_doubt_to_those_in_it() {
        let unknown = StoreError::CommitUnknown {
            actor: ActorId::new("a").unwrap(),
            detail: "gone".to_owned(),
            token: None,
        };
        let (mut gate, told) = (Gate::default(), Told::default());
        gate.push(2, Some(1), gated(1, &told, false));
        gate.push(2, None, gated(2, &told, false));
        gate.push(3, Some(3), gated(3, &told, false));
        gate.push(3, Some(2), gated(4, &told, false));
        gate.push(3, None, gated(5, &told, true));
        deliver(gate.refuse(|first_own| verdict(&unknown, first_own, 2)));
        let codes = |error: &DatabaseError| match error {
            DatabaseError::Store(error) => error.code(),
            other => panic!("{other:?}"),
        };
        let told: Vec<_> =
            told.lock().unwrap().iter().map(|(_, told)| told.as_ref().err().map(codes)).collect();
        let (unknown, not) = (Some("ERR_COMMIT_UNKNOWN"), Some("ERR_UNAVAILABLE"));
        assert_eq!(told, [unknown, not, not, unknown, None]);
        let quota = StoreError::QuotaExceeded("full".to_owned());
        assert_eq!(verdict(&quota, None, 1), quota);
    }
}
