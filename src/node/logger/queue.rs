//! The queue of one logger: bounded, because logging must neither wait nor fill the memory.

use std::collections::VecDeque;

/// An item for a logger.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<T> {
    /// A record.
    Record(T),
    /// At this place, this many records are missing.
    Gap(u64),
}

/// Records in the order in which they arrived, with gaps where records were dropped for lack of room.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<Item<T>>,
    capacity: usize,
    /// Dropped since the last record that was queued.
    missing: u64,
    /// Dropped in total.
    dropped: u64,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), capacity, missing: 0, dropped: 0 }
    }

    /// Adds a record, or counts it as dropped. Returns whether the reader has to be woken: once woken, it
    /// takes records until it gets fewer than it asked for.
    pub(super) fn put(&mut self, record: T) -> bool {
        if self.waiting.len() >= self.capacity {
            self.missing += 1;
            self.dropped += 1;
            return false;
        }
        let was_empty = self.waiting.is_empty();
        self.close_gap();
        self.waiting.push_back(Item::Record(record));
        was_empty
    }

    /// Takes up to `count`.
    pub(super) fn take(&mut self, count: usize) -> Vec<Item<T>> {
        if self.waiting.len() < count {
            // The next record may never come, so the gap is reported now.
            self.close_gap();
        }
        let count = count.min(self.waiting.len());
        self.waiting.drain(..count).collect()
    }

    fn close_gap(&mut self) {
        if self.missing > 0 {
            self.waiting.push_back(Item::Gap(std::mem::take(&mut self.missing)));
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::Item::{Gap, Record};
    use super::*;

    #[test]
    fn the_reader_is_woken_for_the_first_record_only() {
        let mut queue = Queue::new(4);
        assert_eq!([queue.put(1), queue.put(2)], [true, false]);
        assert_eq!(queue.take(9), [Record(1), Record(2)]);
        assert!(queue.put(3));
    }

    #[test]
    fn what_has_no_room_is_counted_and_told_where_it_is_missing() {
        let mut queue = Queue::new(2);
        for record in 1..=5 {
            queue.put(record);
        }
        assert_eq!(queue.take(1), [Record(1)]);
        queue.put(6);
        assert_eq!(queue.take(9), [Record(2), Gap(3), Record(6)]);
        assert_eq!(queue.dropped(), 3);
    }

    #[test]
    fn a_gap_is_told_without_waiting_for_the_next_record() {
        let mut queue = Queue::new(1);
        queue.put(1);
        queue.put(2);
        assert_eq!(queue.take(2), [Record(1), Gap(1)]);
        assert_eq!(queue.take(2), []);
    }
}
