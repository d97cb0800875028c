//! A process may end while its transactions are under way: the client's network thread is stopped first, since one that
//! runs while the process is torn down crashes it.

use std::sync::Arc;
use std::time::Duration;

use batondb::engine::Engine;
use batondb::types::Txid;

use crate::support::{Child, Place, child_arguments, commit, id, start};

const RUNS: i32 = 30;
const ACTORS: u32 = 8;

/// In a child: ends at some moment while eight actors are started and commit.
#[test]
fn a_child_that_ends_while_it_is_busy() {
    let Some(arguments) = child_arguments() else { return };
    let [address, code, pause_ms] = arguments.as_slice() else { panic!("{arguments:?}") };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = Arc::new(runtime.block_on(Place::at(address).open()));
    for number in 0..ACTORS {
        runtime.spawn(be_busy(Arc::clone(&engine), number));
    }
    let pause = Duration::from_millis(pause_ms.parse().unwrap());
    runtime.block_on(async { tokio::time::sleep(pause).await });
    match code.parse().unwrap() {
        // Its threads go on while main returns.
        0 => std::mem::forget(runtime),
        code => std::process::exit(code),
    }
}

async fn be_busy(engine: Arc<Engine>, number: u32) {
    let actor = id(&format!("actor {number}"));
    loop {
        let meta = start(&engine, &actor).await.meta;
        let mut head: Txid = meta.head_txid;
        for tag in 0..10 {
            let Ok(txid) = commit(&engine, &actor, meta.generation, head, 1..=20, tag).await else { break };
            head = txid;
        }
    }
}

#[test]
fn a_process_that_ends_while_it_is_busy_ends_as_it_was_told() {
    let test = "foundationdb::exit::a_process_that_ends_while_it_is_busy_ends_as_it_was_told";
    let Some(place) = Place::foundationdb(test) else { return };
    for run in 0..RUNS {
        // By exit() with a code, and by returning from main.
        let code = if run % 2 == 0 { run + 10 } else { 0 };
        let arguments = [place.address(), code.to_string(), (run * 3).to_string()];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let child = Child::start("foundationdb::exit::a_child_that_ends_while_it_is_busy", &arguments);
        assert_eq!(child.code(), Some(code), "run {run}");
    }
}
