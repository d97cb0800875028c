//! Commits of many actors beside those of the bare client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::FutureExt;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::bare::Rows;
use crate::measure::{Line, Unit, in_turn, time};
use crate::support::{Content, Holder, pages_of};
use crate::{Place, side_by_side};

const PAGES: u32 = 64;
const PAGES_PER_COMMIT: u32 = 4;
/// How many commits a round asks of all actors together, at least.
const COMMITS_PER_ROUND: usize = 1_024;

pub fn compare(runtime: &Runtime, place: &Place, rounds: usize, actors: &[u32]) -> Vec<Line> {
    let pages = Arc::new(pages_of(Content::Half, PAGES_PER_COMMIT, 2));
    let mut lines = Vec::new();
    for &actors in actors {
        let actors = actors as usize;
        let turns = (COMMITS_PER_ROUND / actors).clamp(4, 128);
        let peers = fill_bare(runtime, place, actors);
        let holders: Vec<_> = (0..actors)
            .map(|number| {
                let name = format!("{actors}-{number}");
                let fill = Holder::fill(&place.engine, &name, Content::Half, PAGES);
                Arc::new(Mutex::new(runtime.block_on(fill)))
            })
            .collect();
        let baton = || {
            side_by_side(runtime, actors, |number| {
                let (holder, engine) = (Arc::clone(&holders[number]), Arc::clone(&place.engine));
                let pages = Arc::clone(&pages);
                async move {
                    let mut holder = holder.lock().await;
                    for _ in 0..turns {
                        holder.commit(&engine, &pages).await;
                    }
                }
                .boxed()
            });
        };
        let bare = || {
            bare_commits(runtime, place, &peers, Until::Turns(turns));
        };
        let rate = |work: &dyn Fn()| f64_of(actors * turns) / time(work).as_secs_f64();
        lines.push(Line {
            name: format!("commit of {PAGES_PER_COMMIT} pages, {actors} actors"),
            unit: Unit::PerSecond,
            pairs: in_turn(rounds, || rate(&baton), || rate(&bare)),
            goal: None,
        });
    }
    lines
}

/// Prints how many commits a second the bare client makes for this many actors.
#[expect(clippy::print_stdout, reason = "the caller reads it")]
pub fn print_bare_rate(runtime: &Runtime, place: &Place, actors: usize, seconds: u64) {
    let peers = fill_bare(runtime, place, actors);
    bare_commits(runtime, place, &peers, Until::Turns(4));
    let mut commits = 0;
    let took =
        time(|| commits = bare_commits(runtime, place, &peers, Until::After(Duration::from_secs(seconds))));
    println!("{:.1}", f64_of(commits) / took.as_secs_f64());
}

#[derive(Clone, Copy)]
enum Until {
    Turns(usize),
    After(Duration),
}

fn fill_bare(runtime: &Runtime, place: &Place, actors: usize) -> Vec<Arc<Mutex<Rows>>> {
    let fill = |number| async move {
        let rows = place.bare.fill(&format!("{actors}-{number}"), Content::Half, PAGES).await;
        Arc::new(Mutex::new(rows))
    };
    (0..actors).map(|number| runtime.block_on(fill(number))).collect()
}

/// How many commits all peers made together.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn bare_commits(runtime: &Runtime, place: &Place, peers: &[Arc<Mutex<Rows>>], until: Until) -> usize {
    let made = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let start = Instant::now();
    side_by_side(runtime, peers.len(), |number| {
        let (rows, bare, made) = (Arc::clone(&peers[number]), Arc::clone(&place.bare), Arc::clone(&made));
        async move {
            let mut rows = rows.lock().await;
            let mut turns = 0;
            while match until {
                Until::Turns(wanted) => turns < wanted,
                Until::After(time) => start.elapsed() < time,
            } {
                bare.commit(&mut rows).await;
                turns += 1;
            }
            made.fetch_add(turns, std::sync::atomic::Ordering::Relaxed);
        }
        .boxed()
    });
    made.load(std::sync::atomic::Ordering::Relaxed)
}

fn f64_of(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
