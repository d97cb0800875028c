//! The read-ahead window: how far to fetch ahead. Each run of reads starts small, grows while the fetched
//! pages are used, and shrinks when they are not. The waste of all runs together decides how soon a new run
//! may start.

use std::collections::VecDeque;

/// The first window of a run, in pages.
const WINDOW_FIRST: usize = 2;
/// While more pages are wasted than used, no run fetches more than this many ahead,
const WINDOW_DISTRUSTED: usize = 8;
/// and none starts before this many reads in order.
const PROOF_STEPS: u32 = 4;
/// Wasted pages that are tolerated, so that the first wrong guess does not stop all read-ahead.
const GRACE_PAGES: u32 = 16;
/// A page that nobody has read after this many full windows of reads counts as wasted; no more pages than
/// that wait at a time.
const PATIENCE_WINDOWS: usize = 4;
/// How many outcomes are remembered, so that read-ahead adapts when a workload changes.
const VERDICTS_MAX: u32 = 512;

/// One run of reads in order, and how far it fetches ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Distinguishes its pages from those of other runs; 0 before it has fetched any.
    run: u32,
    /// The number of pages that it fetched ahead last.
    pages: usize,
    /// How many reads in order it has had.
    steps: u32,
}

impl Window {
    /// How many pages to fetch ahead now.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Its number, for [`Ahead::fetched`].
    pub fn run(&self) -> u32 {
        self.run
    }
}

struct Fetched {
    page: u32,
    run: u32,
    /// How many reads there were before.
    at: u64,
}

/// The pages fetched ahead that nobody has read yet, and the outcomes of earlier ones.
pub struct Ahead {
    waiting: VecDeque<Fetched>,
    window_max: usize,
    reads: u64,
    runs: u32,
    used: u32,
    wasted: u32,
}

impl Ahead {
    /// Nothing is fetched yet; no run fetches more than `window_max` pages ahead.
    pub fn new(window_max: usize) -> Self {
        Self { waiting: VecDeque::new(), window_max, reads: 0, runs: 0, used: 0, wasted: 0 }
    }

    /// The next window of a run that was read in order once more.
    pub fn next(&mut self, mut window: Window) -> Window {
        if window.run == 0 {
            self.runs = self.runs.wrapping_add(1).max(1);
            window.run = self.runs;
        }
        let unread = self.waiting.iter().filter(|fetched| fetched.run == window.run).count();
        window.steps = window.steps.saturating_add(1);
        let trusted = self.is_trusted();
        let most = if trusted { self.window_max } else { self.window_max.min(WINDOW_DISTRUSTED) };
        window.pages = match window.pages {
            pages if unread * 2 > pages => pages / 4,
            0 if trusted || window.steps >= PROOF_STEPS => WINDOW_FIRST.min(most),
            pages => (pages * 2).min(most),
        };
        window
    }

    fn is_trusted(&self) -> bool {
        self.wasted <= self.used + GRACE_PAGES
    }

    /// Records pages that a run fetches ahead.
    pub fn fetched(&mut self, run: u32, pages: impl IntoIterator<Item = u32>) {
        let at = self.reads;
        self.waiting.extend(pages.into_iter().map(|page| Fetched { page, run, at }));
    }

    /// The pages that were fetched ahead and wait to be read, ascending.
    pub fn waiting(&self) -> Vec<u32> {
        let mut pages: Vec<u32> = self.waiting.iter().map(|fetched| fetched.page).collect();
        pages.sort_unstable();
        pages
    }

    /// Records a read, and the pages that were wasted.
    pub fn read(&mut self, page: u32) {
        self.reads += 1;
        if let Some(index) = self.waiting.iter().position(|fetched| fetched.page == page) {
            self.waiting.remove(index);
            self.judge(true);
        }
        let patience = PATIENCE_WINDOWS * self.window_max;
        while self.waiting.len() > patience || self.oldest_is_late(patience) {
            self.waiting.pop_front();
            self.judge(false);
        }
    }

    fn oldest_is_late(&self, patience: usize) -> bool {
        self.waiting.front().is_some_and(|oldest| oldest.at + (patience as u64) < self.reads)
    }

    fn judge(&mut self, used: bool) {
        *(if used { &mut self.used } else { &mut self.wasted }) += 1;
        if self.used + self.wasted > VERDICTS_MAX {
            self.used /= 2;
            self.wasted /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(ahead: &mut Ahead, window: Window, first: u32) -> Vec<u32> {
        let pages: Vec<u32> = (first..).take(window.pages()).collect();
        ahead.fetched(window.run(), pages.iter().copied());
        pages
    }

    #[test]
    fn a_run_that_is_used_doubles_up_to_the_most() {
        let mut ahead = Ahead::new(64);
        let (mut window, mut windows) = (Window::default(), Vec::new());
        for round in 0..8 {
            window = ahead.next(window);
            windows.push(window.pages());
            for page in fetch(&mut ahead, window, 1_000 * round) {
                ahead.read(page);
            }
        }
        assert_eq!(windows, [2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn a_run_that_is_not_used_falls_to_nothing() {
        let mut ahead = Ahead::new(64);
        let mut window = ahead.next(Window::default());
        for round in 0..3 {
            for page in fetch(&mut ahead, window, 1_000 * round) {
                ahead.read(page);
            }
            window = ahead.next(window);
        }
        assert_eq!(window.pages(), 16);
        let mut windows = Vec::new();
        for round in 3..6 {
            fetch(&mut ahead, window, 1_000 * round);
            window = ahead.next(window);
            windows.push(window.pages());
        }
        assert_eq!(windows, [4, 1, 0]);
    }

    #[test]
    fn after_much_waste_a_run_must_prove_itself_and_stays_short() {
        let mut ahead = Ahead::new(64);
        for round in 0..20 {
            let window = ahead.next(Window::default());
            fetch(&mut ahead, window, 1_000 * round);
            (0..300).for_each(|page| ahead.read(500_000 + page));
        }
        assert_eq!((ahead.used, ahead.wasted), (0, 18), "nine guesses, and then no more");
        let (mut window, mut windows) = (Window::default(), Vec::new());
        for round in 0..7 {
            window = ahead.next(window);
            windows.push(window.pages());
            for page in fetch(&mut ahead, window, 100_000 + 1_000 * round) {
                ahead.read(page);
            }
        }
        // Enough pages were used by then to tolerate the ninth wrong guess.
        assert_eq!(windows, [0, 0, 0, 2, 4, 8, 16]);
    }

    #[test]
    fn without_a_budget_nothing_is_fetched() {
        let mut ahead = Ahead::new(0);
        let mut window = Window::default();
        for _ in 0..9 {
            window = ahead.next(window);
            assert_eq!(window.pages(), 0);
        }
    }
}
