//! The retry policy of all operations: how often, for how long, and after which pause.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::error::{Failure, StoreError, surface};
use crate::env::Env;
use crate::kv::{KvError, Limits, ReadFn, TransactionFn, read, transact};

use super::core::Core;
use super::{events, metrics};

const PAUSE_MS_MIN: u64 = 1;
const PAUSE_MS_MAX: u64 = 100;

/// How often a step was tried, and what is known about it.
///
/// A step is one transaction or one read. An operation of several steps (a stage, a long read, a cleanup)
/// starts anew with each of them: the bounds limit retries without progress.
#[derive(Debug)]
pub(crate) struct Retry {
    /// When the first attempt began, on the environment's clock.
    begun: Duration,
    failed: u32,
    /// Conflicts among the failures.
    pub(crate) conflicts: u32,
    /// Whether an attempt may have taken effect without an answer.
    pub(crate) unknown: bool,
    /// Whether one more attempt was granted after the time limit.
    asked_late: bool,
}

impl Retry {
    /// Before the first attempt.
    pub(crate) fn begin(core: &Core) -> Self {
        Self { begun: core.env.elapsed(), failed: 0, conflicts: 0, unknown: false, asked_late: false }
    }

    /// Whether to try again after `error`: waits out the pause and returns, or returns the error.
    pub(crate) async fn again(&mut self, core: &Core, error: KvError) -> Result<(), KvError> {
        let retried = metrics::attempt_failed(&core.metrics, &error);
        self.again_on(&*core.env, &core.limits, error).await?;
        metrics::retried(&core.metrics, retried);
        Ok(())
    }

    /// The call ends with this answer.
    pub(crate) fn end<T>(&self, core: &Core, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.unknown {
            core.metrics.lost_answer(metrics::known_by(answer.as_ref().err()));
        }
        answer
    }

    async fn again_on(&mut self, env: &dyn Env, limits: &Limits, error: KvError) -> Result<(), KvError> {
        self.failed += 1;
        self.unknown |= error.may_have_committed();
        self.conflicts += u32::from(error == KvError::Conflict);
        let Some(ceiling) = worth_it(&error, self.failed, limits) else { return Err(error) };
        let pause = match ceiling {
            0 => Duration::ZERO,
            ceiling => Duration::from_millis(PAUSE_MS_MIN + env.random_below(ceiling)),
        };
        let waited = env.elapsed().saturating_sub(self.begun);
        if limits.patience.is_some_and(|patience| waited + pause >= patience) {
            // The outcome of a commit is worth one more attempt, however late it is.
            if !error.may_have_committed() || std::mem::replace(&mut self.asked_late, true) {
                return Err(error);
            }
        }
        events::retried(self.failed, pause, &error);
        if !pause.is_zero() {
            env.sleep(pause).await;
        }
        Ok(())
    }
}

impl Core {
    /// Runs a transaction until it is decided. The transaction function recognises its own success by a token
    /// or is idempotent, so after an unknown outcome it is simply run again.
    pub(crate) async fn decide<B>(&self, body: &Arc<B>) -> Result<B::Output, StoreError>
    where
        B: TransactionFn<Error = Failure>,
    {
        let mut retry = Retry::begin(self);
        let decided = loop {
            match transact(&*self.kv, body).await {
                Ok(output) => break Ok(output),
                Err(Failure::Store(error)) => break Err(error),
                Err(Failure::Kv(error)) => {
                    if let Err(error) = retry.again(self, error).await {
                        break Err(surface(error));
                    }
                }
            }
        };
        retry.end(self, decided)
    }

    /// Reads one committed state.
    pub(crate) async fn read<B>(&self, body: &Arc<B>) -> Result<B::Output, StoreError>
    where
        B: ReadFn<Error = Failure>,
    {
        let mut retry = Retry::begin(self);
        loop {
            match read(&*self.kv, body).await {
                Ok(output) => return Ok(output),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Kv(error)) => retry.again(self, error).await.map_err(surface)?,
            }
        }
    }
}

/// The maximum pause, in milliseconds, before the attempt that follows this many failed ones; `None` if there
/// is to be no further attempt.
fn worth_it(error: &KvError, failed: u32, limits: &Limits) -> Option<u64> {
    let may_help = error.is_transient() || error.may_have_committed();
    if !may_help || failed >= limits.attempts {
        return None;
    }
    // Most conflicts are over when they are reported, so the first retry is immediate. A backend that reports
    // that it is busy is not helped by an immediate retry.
    let at_once = failed == 1 && !matches!(error, KvError::Busy { .. });
    Some(if at_once { 0 } else { (PAUSE_MS_MIN << failed.min(16)).min(PAUSE_MS_MAX) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::executor::block_on;
    use futures::future::{BoxFuture, FutureExt};

    use super::*;
    use crate::types::Token;

    /// A clock that advances by the time slept, and by the time that a test says an attempt takes.
    #[derive(Default)]
    struct Clock(Mutex<Vec<Duration>>);

    impl Clock {
        fn pass(&self, time: Duration) {
            self.0.lock().unwrap().push(time);
        }

        fn pauses(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl Env for Clock {
        fn now_ms(&self) -> u64 {
            0
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().iter().sum()
        }

        fn token(&self) -> Token {
            Token([0; 16])
        }

        fn random_below(&self, bound: u64) -> u64 {
            bound - 1
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            self.pass(duration);
            async {}.boxed()
        }

        fn spawn(&self, _: BoxFuture<'static, ()>) {}

        fn run_blocking(&self, _: Box<dyn FnOnce() + Send>) {
            unreachable!("an attempt reads no files");
        }

        fn block_on(&self, _: BoxFuture<'_, ()>) {
            unreachable!("an attempt does not block");
        }
    }

    fn fresh() -> Retry {
        Retry { begun: Duration::ZERO, failed: 0, conflicts: 0, unknown: false, asked_late: false }
    }

    fn busy() -> KvError {
        KvError::Busy { detail: "recovering".to_owned() }
    }

    fn unknown() -> KvError {
        KvError::UnknownOutcome { detail: "lost".to_owned() }
    }

    #[test]
    fn the_first_retry_is_immediate_unless_the_backend_is_busy() {
        for (error, pauses) in [(KvError::Conflict, 0), (KvError::TooOld, 0), (unknown(), 0), (busy(), 1)] {
            let (clock, mut retry) = (Clock::default(), fresh());
            let again = block_on(retry.again_on(&clock, &Limits::default(), error.clone()));
            assert_eq!((again, clock.pauses()), (Ok(()), pauses), "{error}");
            block_on(retry.again_on(&clock, &Limits::default(), error.clone())).unwrap();
            assert_eq!(clock.pauses(), pauses + 1, "{error}: the second one waits");
        }
    }

    #[test]
    fn what_trying_again_cannot_help_is_handed_back() {
        for error in [KvError::Closed, KvError::Unavailable { detail: "gone".to_owned() }] {
            let again = block_on(fresh().again_on(&Clock::default(), &Limits::default(), error.clone()));
            assert_eq!(again, Err(error));
        }
    }

    #[test]
    fn the_number_of_attempts_is_the_backends() {
        let limits = Limits { attempts: 5, ..Limits::default() };
        let (clock, mut retry) = (Clock::default(), fresh());
        for _ in 1..5 {
            block_on(retry.again_on(&clock, &limits, KvError::Conflict)).unwrap();
        }
        assert_eq!(block_on(retry.again_on(&clock, &limits, unknown())), Err(unknown()));
        assert_eq!((retry.conflicts, retry.unknown), (4, true));
    }

    #[test]
    fn no_attempt_begins_once_patience_is_over() {
        let patience = Duration::from_secs(5);
        let limits = Limits { attempts: u32::MAX, patience: Some(patience), ..Limits::default() };
        for attempt in [Duration::ZERO, Duration::from_millis(700), Duration::from_secs(6)] {
            let (clock, mut retry) = (Clock::default(), fresh());
            clock.pass(attempt);
            while block_on(retry.again_on(&clock, &limits, busy())).is_ok() {
                assert!(clock.elapsed() < patience, "an attempt begins after {:?}", clock.elapsed());
                clock.pass(attempt);
            }
            assert!(clock.elapsed() <= patience + attempt);
            assert!(clock.elapsed() + Duration::from_millis(PAUSE_MS_MAX) + attempt >= patience);
        }
    }

    #[test]
    fn a_lost_commit_is_asked_after_once_more_however_late_it_is() {
        let limits = Limits { patience: Some(Duration::from_secs(5)), ..Limits::default() };
        let (clock, mut retry) = (Clock::default(), fresh());
        clock.pass(Duration::from_secs(6));
        assert_eq!(block_on(retry.again_on(&clock, &limits, unknown())), Ok(()));
        assert_eq!(block_on(retry.again_on(&clock, &limits, unknown())), Err(unknown()));
        let (clock, mut retry) = (Clock::default(), fresh());
        clock.pass(Duration::from_secs(6));
        assert_eq!(block_on(retry.again_on(&clock, &limits, KvError::Conflict)), Err(KvError::Conflict));
    }
}
