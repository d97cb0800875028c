//! How many threads run SQL at once, and when one more is called.
//!
//! About as many as there are cores: more of them would only take the cores from each other and from the event loop.
//! A thread that waits for the store does not count. What else may hold a thread up is not seen (a page that the
//! system reads from the disk, a statement that takes long). So while databases wait in vain, one idle thread *watches*
//! the queue: if those that wait when it begins are not all served in time, one more thread may run.
//!
//! To wake a thread takes longer than a short call: 10 us for who calls, and 30 us until the thread runs. So a thread that was
//! the only one to run *looks out* for the next call for a moment before it sleeps, as long as that is worth it.

/// Who is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Nobody,
    Wake,
    Start,
}

/// The threads of a pool, and what they do.
#[derive(Debug, Default)]
pub(super) struct Crew {
    /// So many run at once.
    at_once: usize,
    /// There are no more than so many.
    max: usize,
    /// So many more run at once, because others were held up.
    more: usize,
    threads: usize,
    /// Those in a turn that do not wait for the store.
    running: usize,
    /// Those that wait for work and were not woken.
    idle: usize,
    /// Those that were woken, and those that were started, and have not come yet.
    woken: usize,
    started: usize,
    /// Those that run and will look for the next turn at once.
    soon: usize,
    is_watched: bool,
    /// A thread looks out.
    is_looking: bool,
    /// So many times more a thread may look out in vain.
    luck: u8,
    /// How many threads have gone to sleep at once since the last one looked out.
    slept: u8,
    /// How many turns have begun.
    turns: u64,
}

/// So many times in a row a thread may look out in vain after one that did not.
const LUCK_MAX: u8 = 4;
/// Without luck, one of so many tries again.
const SLEEPS: u8 = 32;

/// What a thread that waits for work does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    Nothing,
    /// This turn is to have begun when its time is over.
    Until(u64),
}

impl Crew {
    pub(super) fn new(at_once: usize, max: usize) -> Self {
        let at_once = at_once.max(1);
        Self { at_once, max: max.max(at_once), luck: LUCK_MAX, ..Self::default() }
    }

    fn free(&self) -> usize {
        (self.at_once + self.more).saturating_sub(self.running)
    }

    /// Whom to call while so many databases wait. The caller does it.
    pub(super) fn call(&mut self, ready: usize) -> Call {
        let coming = self.woken + self.started + self.soon + usize::from(self.is_looking);
        let is_needed = match self.free() {
            0 => ready > 0 && coming == 0 && !self.is_watched,
            free => coming < ready.min(free),
        };
        if !is_needed {
            return Call::Nobody;
        }
        if self.idle > 0 {
            self.idle -= 1;
            self.woken += 1;
            return Call::Wake;
        }
        if self.threads < self.max {
            self.threads += 1;
            self.started += 1;
            return Call::Start;
        }
        Call::Nobody
    }

    /// A thread that was started has come.
    pub(super) fn comes(&mut self) {
        self.started -= 1;
    }

    /// A thread that was to be started will not come. Returns whether there is none at all.
    pub(super) fn stays_away(&mut self) -> bool {
        self.started -= 1;
        self.threads -= 1;
        self.threads == 0
    }

    /// Whether a thread may take a turn.
    pub(super) fn may_run(&self) -> bool {
        self.free() > 0
    }

    /// A thread takes a turn.
    pub(super) fn begins(&mut self) {
        self.turns += 1;
        self.running += 1;
    }

    /// Its turn is over.
    pub(super) fn ends(&mut self) {
        self.running -= 1;
        self.has_room();
    }

    /// Its turn will be over at once.
    pub(super) fn ends_soon(&mut self) {
        self.soon += 1;
    }

    /// It is over, as was said.
    pub(super) fn ends_as_said(&mut self) {
        self.soon -= 1;
        self.ends();
    }

    /// It waits for the store.
    pub(super) fn waits(&mut self) {
        self.running -= 1;
        self.has_room();
    }

    /// It goes on, whoever else runs.
    pub(super) fn goes_on(&mut self) {
        self.running += 1;
    }

    /// Nobody is held up while some do not run.
    fn has_room(&mut self) {
        if self.running < self.at_once {
            self.more = 0;
        }
    }

    /// Whether a thread that found no work looks out before it [`rests`](Self::rests). If so, it counts as one that comes.
    pub(super) fn looks_out(&mut self) -> bool {
        if self.is_looking || self.running > 0 {
            return false;
        }
        self.slept += 1;
        self.is_looking = self.luck > 0 || self.slept >= SLEEPS;
        if self.is_looking {
            self.slept = 0;
        }
        self.is_looking
    }

    /// Whether one does now.
    pub(super) fn is_looking(&self) -> bool {
        self.is_looking
    }

    /// It has, with or without success.
    pub(super) fn has_looked(&mut self, found: bool) {
        self.is_looking = false;
        self.luck = if found { LUCK_MAX } else { self.luck.saturating_sub(1) };
    }

    /// A thread begins to wait for work, while so many databases wait in vain.
    pub(super) fn rests(&mut self, ready: usize) -> Watch {
        self.idle += 1;
        if ready == 0 || self.is_watched {
            return Watch::Nothing;
        }
        self.is_watched = true;
        Watch::Until(self.turns + ready as u64)
    }

    /// It has waited, and was woken or its time is over.
    pub(super) fn has_rested(&mut self, watch: Watch, timed_out: bool) {
        // It may have been woken in place of another, who then finds that nobody was.
        match self.woken {
            0 => self.idle -= 1,
            _ => self.woken -= 1,
        }
        if let Watch::Until(turn) = watch {
            self.is_watched = false;
            if timed_out && self.turns < turn && self.at_once + self.more < self.max {
                self.more += 1;
            }
        }
    }

    /// A thread ends.
    pub(super) fn leaves(&mut self) {
        self.threads -= 1;
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(at_once: usize, max: usize) -> Crew {
        let mut crew = Crew::new(at_once, max);
        for _ in 0..at_once {
            assert_eq!(crew.call(max), Call::Start);
            crew.comes();
            crew.begins();
        }
        crew
    }

    #[test]
    fn as_many_threads_come_as_may_run_and_one_that_watches() {
        let mut crew = busy(2, 8);
        assert!(!crew.may_run());
        assert_eq!((crew.call(0), crew.call(3), crew.call(3)), (Call::Nobody, Call::Start, Call::Nobody));
        crew.comes();
        assert_eq!(crew.rests(3), Watch::Until(5));
        assert_eq!(crew.call(3), Call::Nobody, "somebody watches");
        crew.ends();
        assert_eq!(crew.call(1), Call::Wake);
        crew.has_rested(Watch::Until(5), false);
        assert!(crew.may_run());
    }

    #[test]
    fn who_waits_for_the_store_makes_room() {
        let mut crew = busy(2, 8);
        crew.waits();
        assert_eq!((crew.call(5), crew.call(5)), (Call::Start, Call::Nobody));
        crew.comes();
        crew.begins();
        crew.goes_on();
        assert!(!crew.may_run());
        crew.ends();
        assert!(!crew.may_run(), "two others run");
    }

    #[test]
    fn nobody_is_woken_where_one_will_have_time_at_once() {
        let mut crew = Crew::new(2, 2);
        assert_eq!(crew.call(1), Call::Start);
        crew.comes();
        crew.begins();
        crew.ends_soon();
        assert_eq!((crew.call(1), crew.call(2)), (Call::Nobody, Call::Nobody));
        crew.ends_as_said();
        crew.begins();
        assert_eq!(crew.call(1), Call::Start);
    }

    #[test]
    fn one_more_runs_while_the_others_are_held_up() {
        let mut crew = busy(2, 4);
        assert_eq!(crew.call(2), Call::Start);
        crew.comes();
        let watch = crew.rests(2);
        crew.has_rested(watch, true);
        assert!(crew.may_run());
        crew.begins();
        assert_eq!(crew.call(1), Call::Start);
        crew.comes();
        let watch = crew.rests(1);
        assert!(!crew.may_run());
        crew.has_rested(watch, true);
        crew.begins();
        let watch = crew.rests(1);
        crew.has_rested(watch, true);
        assert!(!crew.may_run(), "no more than there may be");
        // As long as they are, those that came in addition go on.
        crew.ends();
        crew.ends();
        assert!(crew.may_run());
        crew.ends();
        assert_eq!(crew.more, 0);
    }

    #[test]
    fn who_is_served_in_time_needs_no_more_threads() {
        let mut crew = busy(1, 4);
        assert_eq!(crew.call(1), Call::Start);
        crew.comes();
        let watch = crew.rests(1);
        crew.ends();
        crew.begins();
        crew.has_rested(watch, true);
        assert!(!crew.may_run());
    }

    #[test]
    fn who_looks_out_needs_no_call() {
        let mut crew = busy(2, 2);
        assert!(!crew.looks_out(), "others run");
        crew.ends();
        crew.ends();
        for _ in 0..LUCK_MAX {
            assert!(crew.looks_out());
            crew.has_looked(false);
        }
        let looked = (1..SLEEPS).filter(|_| crew.looks_out()).count();
        assert_eq!((looked, crew.looks_out(), crew.looks_out()), (0, true, false));
        assert_eq!(crew.call(1), Call::Nobody);
        crew.has_looked(true);
        crew.begins();
        crew.ends();
        for _ in 0..LUCK_MAX {
            assert!(crew.looks_out());
            crew.has_looked(false);
        }
        assert!(!crew.looks_out(), "it was in vain too often");
        crew.rests(0);
        assert_eq!(crew.call(1), Call::Wake);
    }

    #[test]
    fn a_thread_that_cannot_be_started_is_told_to_the_last() {
        let mut crew = Crew::new(2, 2);
        assert_eq!((crew.call(2), crew.call(2)), (Call::Start, Call::Start));
        assert!(!crew.stays_away());
        assert!(crew.stays_away());
    }
}
