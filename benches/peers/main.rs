//! Baton against bare LMDB, the engine under it, as ratios measured in one run.
//!
//! LMDB stands for what the machine allows. It is asked, through `heed` and from one thread, for the same
//! rows under the same keys, of the sizes that Baton stores, in one database with the same flags and map
//! size. It does nothing else: no fence, no checksum, no compression or decompression, no tasks, no queue.
//!
//! - **startup**: Baton's loadStartup of an actor of 1,024 pages with 1 or 256 of them preloaded. The peer:
//!   one write transaction that puts a row of the fence's size, goes over the rows with a cursor, copies
//!   them into one buffer, and commits. Goal: at most 1.5 times the peer's time, with 256 pages.
//! - **commit**: 1, 16 or 64 actors, each of which commits 4 pages, waits for the answer and goes on. The
//!   peer: transactions of exactly that width, one after the other; each writes what Baton writes for its
//!   clients, a head and 4 page rows at new keys, and deletes the 4 that they replace. "in place" is a peer
//!   that keeps no versions: the 4 rows are overwritten. Goal: at 64 actors at least 0.75 of its rate.
//!
//! Both sides run in turn, round by round, the first one changing; a round's figure is the ratio inside it,
//! and the table shows the medians of the rounds. `strict` flushes, `relaxed` does not and so shows what
//! Baton costs in processor time. `cargo bench --bench peers -- --rounds 31 --only
//! "strict commit"` measures longer, and only that; `--json FILE` writes the figures to a file as well.

mod bare;
mod commit;
mod json;
mod measure;
mod startup;
#[path = "../support/stores.rs"]
mod stores;
#[path = "../support/mod.rs"]
mod support;

use stores::Backend;
use tokio::runtime::Runtime;

const ROUNDS_DEFAULT: usize = 15;
const PEER: &str = "bare LMDB";

fn main() {
    let rounds = argument("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS_DEFAULT);
    let only = argument("--only").unwrap_or_default();
    let runtime = support::runtime();
    let mut lines = Vec::new();
    for backend in Backend::ALL.into_iter().filter(|backend| *backend != Backend::Memory) {
        for (kind, compare) in [("startup", startup::compare as Compare), ("commit", commit::compare)] {
            if format!("{} {kind}", backend.name()).contains(&only) {
                lines.extend(compare(&runtime, backend, rounds));
            }
        }
    }
    measure::print_table(PEER, &lines);
    if let Some(file) = argument("--json") {
        json::write(&file, PEER, &lines).unwrap_or_else(|error| panic!("cannot write {file}: {error}"));
    }
}

type Compare = fn(&Runtime, Backend, usize) -> Vec<measure::Line>;

/// What follows `name` on the command line. Cargo adds arguments of its own, which are passed over.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}
