//! The queue of one database: calls run first come, first served. While a transaction is open, only its own
//! calls run.
//!
//! A call belongs to a *scope*: 0 is the database itself, and every transaction has its own number. Scopes
//! are nested, and only calls of the innermost one run.

use std::collections::VecDeque;

use crate::database::interrupt::CallNumber;

/// The scope of calls on the database itself.
pub(crate) const DATABASE: u32 = 0;

/// A call in the queue.
pub(crate) struct Waiting<T> {
    pub(crate) number: CallNumber,
    /// The number by which the caller can cancel it; 0 if it cannot be cancelled.
    pub(crate) job: u32,
    pub(crate) scope: u32,
    pub(crate) item: T,
}

/// The queue of one database.
pub(crate) struct Queue<T> {
    waiting: VecDeque<Waiting<T>>,
    /// The open transactions, the innermost last.
    open: Vec<u32>,
    last_scope: u32,
    last_number: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), open: Vec::new(), last_scope: DATABASE, last_number: 0 }
    }
}

impl<T> Queue<T> {
    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many nested transactions are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether calls of this scope can ever run.
    pub(crate) fn is_open(&self, scope: u32) -> bool {
        scope == DATABASE || self.open.contains(&scope)
    }

    /// Whether no transaction is open inside this scope.
    pub(crate) fn is_innermost(&self, scope: u32) -> bool {
        self.open.last().copied().unwrap_or(DATABASE) == scope
    }

    /// A number for a call, larger than all before.
    pub(crate) fn number(&mut self) -> CallNumber {
        self.last_number += 1;
        CallNumber(self.last_number)
    }

    /// Adds a call at the end.
    pub(crate) fn push(&mut self, job: u32, scope: u32, item: T) {
        let number = self.number();
        self.waiting.push_back(Waiting { number, job, scope, item });
    }

    /// The next call that may run.
    pub(crate) fn next(&mut self) -> Option<Waiting<T>> {
        let scope = self.open.last().copied().unwrap_or(DATABASE);
        let index = self.waiting.iter().position(|waiting| waiting.scope == scope)?;
        self.waiting.remove(index)
    }

    /// The call that [`Self::next`] would return.
    pub(crate) fn peek(&self) -> Option<&T> {
        let scope = self.open.last().copied().unwrap_or(DATABASE);
        self.waiting.iter().find(|waiting| waiting.scope == scope).map(|waiting| &waiting.item)
    }

    /// Whether a call may run.
    pub(crate) fn has_next(&self) -> bool {
        let scope = self.open.last().copied().unwrap_or(DATABASE);
        self.waiting.iter().any(|waiting| waiting.scope == scope)
    }

    /// Takes the call with this job out of the queue.
    pub(crate) fn take(&mut self, job: u32) -> Option<Waiting<T>> {
        let index = self.waiting.iter().position(|waiting| waiting.job == job)?;
        self.waiting.remove(index)
    }

    /// Opens a transaction inside the innermost one.
    pub(crate) fn open(&mut self) -> u32 {
        // Scopes are numbers within this process; after 2^32 transactions the oldest ended long ago.
        self.last_scope = self.last_scope.checked_add(1).unwrap_or(1);
        self.open.push(self.last_scope);
        self.last_scope
    }

    /// The transactions from this depth on, and the calls that wait for them to end.
    pub(super) fn inside(&self, depth: usize) -> (&[u32], impl Iterator<Item = &Waiting<T>>) {
        let scopes = self.open.get(depth..).unwrap_or_default();
        (scopes, self.waiting.iter().filter(|waiting| !scopes.contains(&waiting.scope)))
    }

    /// How many transactions enclose this one; `None` if it has ended.
    pub(crate) fn depth_of(&self, scope: u32) -> Option<usize> {
        self.open.iter().position(|open| *open == scope)
    }

    /// Ends the transactions from this depth on. Returns the calls that waited for them.
    pub(crate) fn close_from(&mut self, depth: usize) -> Vec<Waiting<T>> {
        let closed: Vec<u32> = self.open.drain(depth.min(self.open.len())..).collect();
        if closed.is_empty() {
            return Vec::new();
        }
        let (left, kept) = self.waiting.drain(..).partition(|waiting| closed.contains(&waiting.scope));
        self.waiting = kept;
        let left: VecDeque<Waiting<T>> = left;
        left.into()
    }

    /// Takes everything that waits. Open transactions stay open.
    pub(crate) fn take_all(&mut self) -> Vec<Waiting<T>> {
        self.waiting.drain(..).collect()
    }

    /// Takes everything that waits, and ends all open transactions.
    pub(crate) fn drain(&mut self) -> Vec<Waiting<T>> {
        self.open.clear();
        self.waiting.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(line: &mut Queue<&'static str>) -> Option<&'static str> {
        line.next().map(|waiting| waiting.item)
    }

    #[test]
    fn calls_run_in_the_order_in_which_they_came() {
        let mut line = Queue::default();
        for item in ["a", "b", "c"] {
            line.push(0, DATABASE, item);
        }
        let order: Vec<_> = std::iter::from_fn(|| next(&mut line)).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }

    #[test]
    fn an_open_transaction_lets_only_its_own_calls_forward() {
        let mut line = Queue::default();
        let outer = line.open();
        line.push(0, DATABASE, "database");
        line.push(0, outer, "outer");
        let inner = line.open();
        assert!(!line.has_next());
        line.push(0, inner, "inner");
        assert_eq!(next(&mut line), Some("inner"));
        assert_eq!(next(&mut line), None);
        assert!(line.close_from(line.depth_of(inner).unwrap()).is_empty());
        assert_eq!(next(&mut line), Some("outer"));
        line.close_from(0);
        assert_eq!(next(&mut line), Some("database"));
        assert!(!line.is_open(outer) && line.is_open(DATABASE));
    }

    #[test]
    fn calls_of_a_transaction_that_ends_are_handed_back_with_those_inside_it() {
        let mut line = Queue::default();
        let outer = line.open();
        let inner = line.open();
        line.push(0, DATABASE, "database");
        line.push(0, inner, "inner");
        line.push(0, outer, "outer");
        let left: Vec<_> = line.close_from(0).into_iter().map(|waiting| waiting.item).collect();
        assert_eq!(left, ["inner", "outer"]);
        assert_eq!((next(&mut line), line.depth()), (Some("database"), 0));
    }

    #[test]
    fn a_waiting_call_can_be_taken_out() {
        let mut line = Queue::default();
        line.push(7, DATABASE, "seven");
        line.push(8, DATABASE, "eight");
        assert_eq!(line.take(8).map(|waiting| waiting.item), Some("eight"));
        assert!(line.take(8).is_none());
        assert_eq!(line.len(), 1);
    }
}
