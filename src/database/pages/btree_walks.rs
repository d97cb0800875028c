//! Walks through b-trees: the last interior pages seen, and how far their children were requested in order.

use crate::types::PageNumber;

use super::interior;
use super::window::{Ahead, Window};

/// The maximum number of interior pages remembered, and of the children of all of them together: 32 KiB.
const PAGES_MAX: usize = 16;
const CHILDREN_MAX: usize = 8_192;
/// The maximum number of interior pages fetched ahead: each of them displaces another one here.
const INNER_WINDOW_MAX: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forwards,
    Backwards,
}

/// Where a missed page is in the known trees.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// It is not a child of a remembered page.
    Unknown,
    /// It is a child, but not the next one of a walk.
    OutOfOrder,
    /// It is the next one of a walk, which continues with these pages.
    InOrder(Window, Vec<u32>),
}

struct Walk {
    page: u32,
    children: Vec<u32>,
    /// Whether the children are interior pages themselves.
    inner: bool,
    /// The child that was requested or fetched last.
    end: Option<usize>,
    direction: Direction,
    window: Window,
}

/// The interior pages seen last; the most recently used one is at the end.
#[derive(Default)]
pub struct BtreeWalks {
    walks: Vec<Walk>,
    /// A walk that has reached the end of its page. It continues with the first child of the next page.
    unfinished: Option<(Direction, Window)>,
}

impl BtreeWalks {
    /// Remembers the page if it is an interior page.
    pub fn remember(&mut self, page: PageNumber, bytes: &[u8]) {
        let Some(children) = interior::children(page, bytes) else { return };
        let children: Vec<u32> = children.into_iter().map(PageNumber::get).collect();
        let page = page.get();
        for walk in &mut self.walks {
            walk.inner |= walk.children.contains(&page);
        }
        if let Some(index) = self.walks.iter().position(|walk| walk.page == page) {
            if self.walks[index].children == children {
                return;
            }
            self.walks.remove(index);
        }
        let window = Window::default();
        self.walks.push(Walk {
            page,
            children,
            inner: false,
            end: None,
            direction: Direction::Forwards,
            window,
        });
        while self.walks.len() > PAGES_MAX
            || self.walks.iter().map(|walk| walk.children.len()).sum::<usize>() > CHILDREN_MAX
        {
            self.walks.remove(0);
        }
    }

    /// A requested page has to be fetched. `run` is the sequence of page numbers that it continues, if any;
    /// `was_read` says which pages were requested recently.
    pub fn step(
        &mut self,
        missed: u32,
        run: Option<Window>,
        was_read: impl Fn(u32) -> bool,
        ahead: &mut Ahead,
    ) -> Step {
        let found = self.walks.iter().enumerate().rev().find_map(|(index, walk)| {
            Some((index, walk.children.iter().position(|child| *child == missed)?))
        });
        let Some((index, at)) = found else { return Step::Unknown };
        let mut walk = self.walks.remove(index);
        let goes_on = walk.goes_on_at(at, was_read).or_else(|| {
            let of_former_page = self.unfinished.take_if(|(direction, _)| walk.begins_at(*direction, at));
            let by_number = run.filter(|_| walk.end.is_none()).map(|window| (Direction::Forwards, window));
            of_former_page.or(by_number)
        });
        let step = if let Some((direction, window)) = goes_on {
            (walk.direction, walk.window) = (direction, ahead.next(window));
            let batch = walk.advance(at);
            if walk.is_at_end() && !walk.inner {
                self.unfinished = Some((direction, walk.window));
            }
            Step::InOrder(walk.window, batch)
        } else {
            (walk.end, walk.window) = (Some(at), Window::default());
            if !walk.inner {
                // A lookup: any earlier scan is over.
                self.unfinished = None;
            }
            Step::OutOfOrder
        };
        self.walks.push(walk);
        step
    }
}

impl Walk {
    /// The direction and window of the walk, if the child at `at` is its next one. Children in between that
    /// were read from a cache do not end it.
    fn goes_on_at(&self, at: usize, was_read: impl Fn(u32) -> bool) -> Option<(Direction, Window)> {
        let end = self.end?;
        let (direction, between) = match at {
            _ if at > end => (Direction::Forwards, end + 1..at),
            _ if at < end => (Direction::Backwards, at + 1..end),
            _ => return None,
        };
        if !self.children[between].iter().all(|child| was_read(*child)) {
            return None;
        }
        let window = if direction == self.direction { self.window } else { Window::default() };
        Some((direction, window))
    }

    fn begins_at(&self, direction: Direction, at: usize) -> bool {
        match direction {
            Direction::Forwards => at == 0,
            Direction::Backwards => at + 1 == self.children.len(),
        }
    }

    fn is_at_end(&self) -> bool {
        self.end.is_some_and(|end| match self.direction {
            Direction::Forwards => end + 1 == self.children.len(),
            Direction::Backwards => end == 0,
        })
    }

    /// The next children after the one at `at`, as many as the window allows.
    fn advance(&mut self, at: usize) -> Vec<u32> {
        let pages = if self.inner { INNER_WINDOW_MAX } else { usize::MAX }.min(self.window.pages());
        let (batch, end) = match self.direction {
            Direction::Forwards => {
                let end = (at + pages).min(self.children.len() - 1);
                (at + 1..end + 1, end)
            }
            Direction::Backwards => {
                let end = at.saturating_sub(pages);
                (end..at, end)
            }
        };
        self.end = Some(end);
        self.children[batch].to_vec()
    }
}
