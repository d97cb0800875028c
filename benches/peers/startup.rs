//! loadStartup against a cursor over the same rows and one commit.

use std::ops::Bound;

use batondb::engine::Preload;
use batondb::types::{PageRange, Txid};
use tokio::runtime::Runtime;

use crate::bare::{Bare, FENCE_BYTES, Rows};
use crate::measure::{Goal, Line, Unit, in_turn, median, time};
use crate::stores::{Backend, Store};
use crate::support::{Content, Holder, page};

const PAGES: u32 = 1_024;
const STARTS_PER_ROUND: usize = 15;

pub fn compare(runtime: &Runtime, backend: Backend, rounds: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for content in [Content::Half, Content::Noise] {
        let store = Store::open(backend, runtime);
        let holder = runtime.block_on(Holder::fill(&store.engine, "actor", content, PAGES));
        let bare = Bare::open(backend);
        let rows = Rows::new("actor", content, PAGES, 1);
        bare.write(|txn| {
            for (page, value) in &rows.values {
                bare.put(txn, &rows.keys.page(*page, Txid(1)), value);
            }
        });
        for pages in [1, 256] {
            let preload = Preload { ranges: vec![(1, pages + 1)], bytes_max: 1 << 20, ..Preload::default() };
            let baton = || {
                median_us(|| {
                    let start = store.engine.load_startup(&holder.actor, &preload);
                    let startup = runtime.block_on(start).expect("an actor starts");
                    assert_eq!(startup.pages.pages.len(), pages as usize);
                })
            };
            let peer = || median_us(|| assert_eq!(take_over(&bare, &rows, pages).0, pages as usize));
            lines.push(Line {
                name: format!("{} startup, {pages} pages {content:?}", backend.name()),
                unit: Unit::Microseconds,
                pairs: in_turn(rounds, baton, peer),
                goal: (backend == Backend::Strict && pages > 1).then_some(Goal::AtMost(1.5)),
            });
        }
    }
    lines
}

/// What a start does with rows and nothing else.
fn take_over(bare: &Bare, rows: &Rows, pages: u32) -> (usize, Vec<u8>) {
    let run = PageRange { first: page(1), last: page(pages) };
    let range = rows.keys.pages(run, Txid(u64::MAX));
    let mut count = 0;
    let mut data = Vec::new();
    bare.write(|txn| {
        let bounds = (Bound::Included(range.start()), Bound::Excluded(range.end()));
        for entry in bare.rows.range(txn, &bounds).expect("a cursor opens") {
            let (_, value) = entry.expect("a row is read");
            count += 1;
            data.extend_from_slice(value);
        }
        bare.put(txn, &rows.keys.fence(), &[7; FENCE_BYTES]);
    });
    (count, data)
}

fn median_us(mut work: impl FnMut()) -> f64 {
    median((0..STARTS_PER_ROUND).map(|_| time(&mut work).as_secs_f64() * 1e6).collect())
}
