//! The engine of the main crate, and its list of background work on the scheduler of a test.

pub(crate) use batondb::engine::*;

#[path = "../../../src/engine/runtime/background.rs"]
pub(crate) mod background;

/// What must hold for background work.
pub mod scenarios {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, PoisonError};

    use shuttle::rand::Rng;
    use shuttle::thread;

    use super::background::{Background, Task};
    use crate::plan::PendingCleanup;
    use crate::sync::{block_on, point};
    use crate::types::{ActorId, Generation};

    const TASKS: u64 = 5;

    /// One actor's list of work, and what its workers do with it.
    struct Actor {
        id: ActorId,
        background: Background,
        /// The task at which a worker gives up, if there is one.
        breaks_at: u64,
        runs: AtomicBool,
        settled: std::sync::Mutex<Vec<u64>>,
    }

    fn task(number: u64) -> Task {
        Task::CleanUp(Generation(number), PendingCleanup::Sweep)
    }

    /// Works the list off, as a worker of the engine does.
    fn work(actor: &Actor) {
        while let Some(Task::CleanUp(Generation(number), _)) = actor.background.next(&actor.id) {
            assert!(!actor.runs.swap(true, Ordering::SeqCst), "two workers for one actor");
            point();
            actor.runs.store(false, Ordering::SeqCst);
            if number == actor.breaks_at {
                return actor.background.give_up(&actor.id);
            }
            actor.settled.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        }
    }

    fn add(actor: &Arc<Actor>, number: u64) {
        if actor.background.add(&actor.id, [task(number)]) {
            let actor = Arc::clone(actor);
            thread::spawn(move || work(&actor));
        }
    }

    /// Owners add work for one actor; a worker may give up, and the store may close at any moment.
    pub fn background_work_has_one_worker_and_ends_with_the_store() {
        let mut random = shuttle::rand::thread_rng();
        let (closes, gives_up) = (random.gen_bool(0.4), random.gen_bool(0.4));
        let actor = Arc::new(Actor {
            id: ActorId::new("a").expect("an id"),
            background: Background::default(),
            breaks_at: if gives_up { 3 } else { TASKS + 1 },
            runs: AtomicBool::new(false),
            settled: std::sync::Mutex::default(),
        });
        let owners: Vec<_> = [vec![1, 2], vec![3], vec![4, 5]]
            .into_iter()
            .map(|numbers| {
                let actor = Arc::clone(&actor);
                thread::spawn(move || numbers.into_iter().for_each(|number| add(&actor, number)))
            })
            .collect();
        if closes {
            actor.background.begin_closing();
        } else {
            for owner in owners {
                owner.join().expect("no panic");
            }
        }
        // Ends however the workers end, and when it has ended none of them runs.
        block_on(actor.background.idle());
        assert!(!actor.runs.load(Ordering::SeqCst), "a worker runs, and all is said to be idle");
        let mut settled = actor.settled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        settled.sort_unstable();
        assert!(settled.windows(2).all(|two| two[0] < two[1]), "done twice: {settled:?}");
        if closes {
            assert!(actor.background.is_closing());
            assert!(!actor.background.add(&actor.id, [task(9)]), "work begins in a store that closes");
        } else if !gives_up {
            assert_eq!(settled, (1..=TASKS).collect::<Vec<_>>(), "work was lost");
        }
    }
}
