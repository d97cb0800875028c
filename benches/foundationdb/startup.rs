//! Starts of databases of several sizes, each beside the bare transaction.

use batondb::engine::Preload;
use tokio::runtime::Runtime;

use crate::Place;
use crate::measure::{Goal, Line, Unit, in_turn, median, time};
use crate::support::{Content, Holder, actor};

const STARTS_PER_ROUND: usize = 100;
/// The pages of the peer's actor: enough for the largest preload.
const BARE_PAGES: u32 = 256;
const PAGES_PER_MIB: u32 = 256;

pub fn compare(runtime: &Runtime, place: &Place, rounds: usize, sizes_mib: &[u32]) -> Vec<Line> {
    let rows = runtime.block_on(place.bare.fill("bare", Content::Noise, BARE_PAGES));
    let mut lines = Vec::new();
    for mib in sizes_mib {
        let name = format!("{mib} MiB");
        runtime.block_on(Holder::fill(&place.engine, &name, Content::Noise, mib * PAGES_PER_MIB));
        let actor = actor(&name);
        for preload in [1, BARE_PAGES] {
            let wanted = Preload { ranges: vec![(1, preload + 1)], bytes_max: 4 << 20, ..Preload::default() };
            let start = || {
                let started = runtime.block_on(place.engine.load_startup(&actor, &wanted));
                assert_eq!(started.expect("an actor starts").pages.pages.len(), preload as usize);
            };
            let bare = || runtime.block_on(place.bare.start(&rows, preload));
            lines.push(Line {
                name: format!("startup, {name}, {preload} pages"),
                unit: Unit::Microseconds,
                pairs: in_turn(rounds, || middle(start), || middle(bare)),
                goal: Some(Goal::AtMost(1.3)),
            });
        }
    }
    lines
}

/// The median of a round, in microseconds.
fn middle(mut work: impl FnMut()) -> f64 {
    median((0..STARTS_PER_ROUND).map(|_| time(&mut work).as_secs_f64() * 1e6).collect())
}
