//! A takeover storm with an auditor: owners commit at random pace, takeovers come at random, readers read all
//! along, for a minute, in one process and across processes. The system that this project started from loses
//! acknowledged commits and mixes commits under this test.
//!
//! Every commit rewrites the same few pages (now and then many, which takes a stage). Each page says how many
//! commits there were and a hash chained over their tags, so the last state proves the whole lineage: had one
//! acknowledged commit been lost, reordered or slipped in unacknowledged, the chain would not fit.

mod audit;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};
use tokio::sync::mpsc::unbounded_channel;

use crate::ownership::storm::audit::Audit;
use crate::ownership::storm::worker::{Event, Worker};
use crate::support::{Child, Place, across_processes, child_arguments, on_every_backend, tell_parent};

const PROCESSES: u64 = 4;
const SECONDS: u64 = 60;
const SECONDS_ON_A_CLUSTER: u64 = 20;
/// Enough to meet every fault many times.
const FAULTY_SECONDS: u64 = 15;

on_every_backend!(
    a_minute_of_takeovers_in_one_process_loses_and_mixes_nothing,
    takeovers_with_faults_lose_and_mix_nothing,
);

across_processes!(a_minute_of_takeovers_across_processes_loses_and_mixes_nothing);

async fn a_minute_of_takeovers_in_one_process_loses_and_mixes_nothing(place: Place) {
    let seconds = place.rounds(SECONDS, SECONDS_ON_A_CLUSTER);
    storm(&place, seconds, audit_of(&place), |_, kv| kv).await;
}

fn audit_of(place: &Place) -> Audit {
    match place {
        Place::Memory(_) | Place::FoundationDb(_) => Audit::default(),
        Place::Embedded(..) | Place::At(_) => Audit::of_single_transactions(),
    }
}

async fn takeovers_with_faults_lose_and_mix_nothing(place: Place) {
    storm(&place, FAULTY_SECONDS, Audit::default(), |seed, kv| {
        // One operation in 16 goes wrong, each in its own way, the same for the same seed.
        Arc::new(FaultyKv::new(kv, Arc::new(SystemEnv), move |operation| {
            let draw = operation.number.wrapping_add(seed << 20).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            match draw % 64 {
                0 => Some(Fault::LostAfter),
                1 => Some(Fault::LostBefore),
                2 => Some(Fault::Conflict),
                3 => Some(Fault::DelayAfter(Duration::from_millis(draw % 7))),
                _ => None,
            }
        }))
    })
    .await;
}

async fn storm(
    place: &Place,
    seconds: u64,
    mut audit: Audit,
    wrap: impl Fn(u64, Arc<dyn Kv>) -> Arc<dyn Kv>,
) {
    drop(place.open().await);
    let (events, mut heard) = unbounded_channel();
    let mut workers = tokio::task::JoinSet::new();
    for seed in 1..=PROCESSES {
        let kv = wrap(seed, place.kv());
        let events = events.clone();
        let worker = Worker::new(seed, kv, move |event| events.send(event).unwrap()).await;
        workers.spawn(worker.run(Duration::from_secs(seconds)));
    }
    drop(events);
    while let Some(event) = heard.recv().await {
        audit.hear(event);
    }
    workers.join_all().await;
    audit.finish(&place.open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_in_the_storm() {
    let Some(arguments) = child_arguments() else { return };
    let [address, seed] = arguments.as_slice() else { panic!("{arguments:?}") };
    let place = Place::at(address);
    let worker =
        Worker::new(seed.parse().unwrap(), place.kv(), |event| tell_parent(&event.to_string())).await;
    worker.run(Duration::from_secs(place.rounds(SECONDS, SECONDS_ON_A_CLUSTER))).await;
    tell_parent("end");
}

async fn a_minute_of_takeovers_across_processes_loses_and_mixes_nothing(place: Place) {
    let address = place.address();
    let listeners: Vec<_> = (1..=PROCESSES)
        .map(|seed| {
            let mut child =
                Child::start("ownership::storm::a_child_in_the_storm", &[&address, &seed.to_string()]);
            std::thread::spawn(move || {
                let mut events: Vec<Event> = Vec::new();
                loop {
                    match child.hear().expect("a child ends by saying so").as_str() {
                        "end" => break,
                        event => events.push(event.parse().unwrap()),
                    }
                }
                child.finish();
                events
            })
        })
        .collect();
    let mut audit = audit_of(&place);
    for listener in listeners {
        listener.join().unwrap().into_iter().for_each(|event| audit.hear(event));
    }
    audit.finish(&place.open().await).await;
}
