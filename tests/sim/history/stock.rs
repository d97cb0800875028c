//! The end: every state that is kept reads as it was, and when nobody wants anything of it any more, nothing is left.

use std::collections::BTreeSet;
use std::time::Duration;

use batondb::engine::{Engine, Preload, StoreError};
use batondb::types::{ActorId, PageNumber, Txid};

use crate::world::{What, World};

/// More pages than there are.
const PAGES_MAX: u32 = 1_000;

/// Reads every state of an actor that is kept.
pub async fn read_everything(world: &World, owner: u32, (actor, name): (usize, &ActorId), engine: &Engine) {
    let kept = {
        let world = world.lock();
        world.actors[actor].lives.kept_at(world.moment)
    };
    let wanted: BTreeSet<u32> = (1..PAGES_MAX).collect();
    let numbers: Vec<PageNumber> = wanted.iter().filter_map(|page| PageNumber::new(*page)).collect();
    for txid in kept {
        let id = world.begin(owner, actor, What::Other("read the past"));
        let answer = engine.get_pages_at(name, Txid(txid), &numbers).await;
        world.end(id, &format!("{txid}: {:?}", answer.as_ref().map(|pages| pages.pages.len())));
        let verdict = world.lock().judge_past(id, txid, &answer, &wanted);
        world.judge(&format!("the last look at {txid} of actor {actor}"), verdict);
        world.count("points read at the end");
    }
}

/// Ends the history of all actors.
pub async fn end_history(
    world: &World,
    owner: u32,
    actors: &[ActorId],
    engine: &Engine,
) -> Result<(), String> {
    for (actor, name) in actors.iter().enumerate() {
        let pinned: BTreeSet<u64> = {
            let world = world.lock();
            world.shadow.actors[actor].past.pins.keys().map(|(txid, _)| *txid).collect()
        };
        for txid in pinned {
            let id = world.begin(owner, actor, What::Unpin);
            let answer = engine.unpin_point(name, Txid(txid)).await;
            world.end(id, &format!("{answer:?}"));
            answer.map_err(|error| error.to_string())?;
        }
        engine.set_history(name, Some(None)).await.map_err(|error| format!("no history: {error}"))?;
        // It gives up where a thinning drops its line's oldest state in many steps, each of which it conflicts with: then
        // a caller tries again.
        let mut flattened = engine.flatten(name).await;
        for _ in 0..5 {
            if !matches!(flattened, Err(StoreError::Unavailable(_))) {
                break;
            }
            world.count("flattenings tried again");
            engine.idle().await;
            flattened = engine.flatten(name).await;
        }
        flattened.map_err(|error| format!("flattening: {error}"))?;
    }
    // Readers that have died hold their states for a minute, by whatever clock.
    let scheduler = world.lock().scheduler.clone();
    scheduler.sleep(Duration::from_secs(200)).await;
    for _ in 0..3 {
        for name in actors {
            engine.thin(name).await.map_err(|error| format!("thinning: {error}"))?;
        }
    }
    // A start finds what is still to be done.
    for (actor, name) in actors.iter().enumerate() {
        let start = world.begin(owner, actor, What::Start);
        let answer = engine.load_startup(name, &Preload::default()).await;
        world.end(start, &format!("{:?}", answer.as_ref().map(|started| started.meta)));
        answer.map_err(|error| format!("the last start: {error}"))?;
    }
    engine.idle().await;
    Ok(())
}
