//! Where the answers of databases wait for JavaScript.

#[path = "../../../src/node/wake_queue.rs"]
pub(crate) mod wake_queue;

/// What must hold for answers on their way to JavaScript.
pub mod scenarios {
    use std::sync::Arc;

    use shuttle::sync::mpsc::{Sender, channel};
    use shuttle::thread;

    use super::wake_queue::WakeQueue;

    /// As in `lib/addon/answer-queue.js`.
    const ANSWERS_A_TURN: usize = 2;

    fn put(wake_queue: &WakeQueue<(u8, u8)>, wake: &Sender<()>, item: (u8, u8)) {
        if wake_queue.put(item) {
            let _gone = wake.send(());
        }
    }

    /// Threads put answers in; the reader sleeps until it is woken, and takes until it gets less than it asked
    /// for, with other turns in between.
    pub fn every_answer_is_taken_once_in_order() {
        let wake_queue = Arc::new(WakeQueue::default());
        let (wake, woken) = channel();
        let threads: Vec<_> = (0..3u8)
            .map(|thread| {
                let (wake_queue, wake) = (Arc::clone(&wake_queue), wake.clone());
                thread::spawn(move || (0..3).for_each(|item| put(&wake_queue, &wake, (thread, item))))
            })
            .collect();
        drop(wake);
        let mut taken: Vec<(u8, u8)> = Vec::new();
        while taken.len() < 9 {
            woken.recv().expect("answers wait, and nobody wakes the reader");
            loop {
                let some = wake_queue.take(ANSWERS_A_TURN);
                let is_last = some.len() < ANSWERS_A_TURN;
                taken.extend(some);
                if is_last {
                    break;
                }
            }
        }
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!(wake_queue.take(1).is_empty());
        for thread in 0..3 {
            let items: Vec<u8> =
                taken.iter().filter(|(by, _)| *by == thread).map(|(_, item)| *item).collect();
            assert_eq!(items, [0, 1, 2]);
        }
    }
}
