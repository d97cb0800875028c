//! Those who read the past or hold it, beside others who drop it: each through a handle of its own, as in another
//! process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use batondb::codec::ActorKeys;
use batondb::engine::{
    Engine, PinRequest, PointRef, PointsRequest, Problem, RowKind, Sent, StoreError, VerifyScope,
};
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::{ActorId, Generation, HistoryPolicy, PageCount, PageNumber, Token, Txid};

use super::world::Clock;
use crate::support::{Place, commit, content, id, on_every_backend, start};

on_every_backend!(
    a_reader_keeps_its_point_while_another_handle_thins,
    an_owner_that_commits_all_the_time_is_exported,
    an_export_reads_each_page_once_whatever_is_committed,
    an_owner_that_commits_all_the_time_is_copied,
    an_owner_that_commits_all_the_time_is_streamed,
    an_owner_that_commits_all_the_time_is_verified,
    an_owner_commits_while_another_handle_thins,
    a_reader_that_was_killed_holds_its_state_for_a_minute,
    a_restore_comes_between_two_steps_of_a_flattening,
    a_fork_and_the_deletion_of_its_source_meet,
);

async fn a_reader_keeps_its_point_while_another_handle_thins(place: Place) {
    let (owner, reader) = (place.open().await, place.open().await);
    let actor = id("a");
    let generation = start(&owner, &actor).await.meta.generation;
    let first = commit(&owner, &actor, generation, Txid(0), 1..=5, 1).await.unwrap();
    owner.set_history(&actor, Some(Some(HistoryPolicy { keep_all_ms: 0, then: vec![] }))).await.unwrap();
    let token = Token([9; 16]);
    assert_eq!(reader.hold_for_reader(&actor, PointRef::Head, token).await.unwrap(), first);
    let mut head = first;
    for tag in 2..40 {
        head = commit(&owner, &actor, generation, head, [1, 5], tag).await.unwrap();
        owner.thin(&actor).await.unwrap();
        let page = PageNumber::new(5).unwrap();
        let read = reader.get_pages_at(&actor, first, &[page]).await.unwrap();
        assert_eq!(read.get(page), Some(content(5, 1).as_slice()));
    }
    let kept = |points: Vec<batondb::engine::PointInfo>| -> Vec<Txid> {
        points.into_iter().map(|point| point.txid).collect()
    };
    let points = owner.points(&actor, &PointsRequest::default()).await.unwrap();
    assert_eq!(kept(points), [head, first]);
    reader.release_reader(&actor, first, token).await.unwrap();
    owner.thin(&actor).await.unwrap();
    let points = reader.points(&actor, &PointsRequest::default()).await.unwrap();
    assert_eq!(kept(points), [head]);
    let gone = reader.get_pages_at(&actor, first, &[PageNumber::FIRST]).await.unwrap_err();
    assert!(
        matches!(gone, StoreError::NotRetained { oldest: Some(oldest), .. } if oldest == head),
        "{gone:?}"
    );
}

/// It does not renew its pin any more, and whoever thins the actor next removes it.
async fn a_reader_that_was_killed_holds_its_state_for_a_minute(place: Place) {
    let clock = Clock::at(1_000_000);
    let engine = Engine::open(place.kv(), Arc::new(clock.clone())).await.unwrap();
    let actor = id("a");
    let generation = start(&engine, &actor).await.meta.generation;
    let first = commit(&engine, &actor, generation, Txid(0), 1..=3, 1).await.unwrap();
    engine.set_history(&actor, Some(Some(HistoryPolicy { keep_all_ms: 0, then: vec![] }))).await.unwrap();
    engine.hold_for_reader(&actor, PointRef::Head, Token([9; 16])).await.unwrap();
    commit(&engine, &actor, generation, first, 1..=3, 2).await.unwrap();
    let mut held = Vec::new();
    for ms in [0, 59_999, 1] {
        clock.advance(ms);
        engine.thin(&actor).await.unwrap();
        let rows = engine.inspect(&actor).await.unwrap().unwrap();
        held.push((rows.past.pins, rows.rows.superseded.rows));
    }
    assert_eq!(held, [(1, 3), (1, 3), (0, 0)]);
}

/// Also where no state of the store lasts as long as the export: its head is a point.
async fn an_owner_that_commits_all_the_time_is_exported(place: Place) {
    let (owner, other) = (place.open().await, place.open().await);
    let actor = id("busy");
    let generation = start(&owner, &actor).await.meta.generation;
    let mut head = commit(&owner, &actor, generation, Txid(0), 1..=3_000, 1).await.unwrap();
    owner.set_history(&actor, Some(Some(HistoryPolicy { keep_all_ms: 0, then: vec![] }))).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("busy.sqlite");
    let exporting = {
        let (actor, file) = (actor.clone(), file.clone());
        tokio::spawn(async move { other.export_to(&actor, &file).await })
    };
    let mut tag = 1;
    while !exporting.is_finished() {
        tag += 1;
        head = commit(&owner, &actor, generation, head, [1, 2_999, 3_000], tag).await.unwrap();
    }
    let meta = exporting.await.unwrap().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!((meta.size_pages.0, bytes.len()), (3_000, 3_000 * 4_096));
    // All pages are of one commit.
    let tag_of = |page: u32| {
        let end = usize::try_from(page).unwrap() * 4_096;
        crate::support::tag_of(page, &bytes[end - 4_096..end])
    };
    assert_eq!((tag_of(1), tag_of(1)), (tag_of(2_999), tag_of(3_000)));
}

/// An export, a copy and a stream that cannot begin again read the state at one head, and pin it from the start.
async fn an_export_reads_each_page_once_whatever_is_committed(place: Place) {
    let (_, mut busy) = busy(&place).await;
    let directory = tempfile::tempdir().unwrap();
    for way in ["export", "copy", "stream"] {
        let is_open = Arc::new(AtomicBool::new(false));
        let holds = Arc::clone(&is_open);
        let held = FaultyKv::new(place.kv(), Arc::new(SystemEnv), move |_| {
            holds.load(Ordering::SeqCst).then_some(Fault::HoldBefore)
        });
        let held = Arc::new(held);
        let other = Engine::open(Arc::clone(&held) as _, Arc::new(SystemEnv)).await.unwrap();
        is_open.store(true, Ordering::SeqCst);
        let (actor, file) = (busy.actor.clone(), directory.path().join(way));
        let reading = tokio::spawn(async move {
            match way {
                "export" => other.export_to(&actor, &file).await.map(|meta| meta.head_txid),
                "copy" => copied(&other, &actor).await,
                _ => streamed(&other, &actor).await,
            }
        });
        // A commit before each of its operations.
        let (begun, mut operations) = (busy.head, 0);
        while !reading.is_finished() {
            let next = tokio::time::timeout(std::time::Duration::from_millis(20), held.held(operations + 1));
            if next.await.is_ok() {
                operations += 1;
                busy.commit().await;
                held.release();
            }
        }
        // Fence and head are read, then the pin is set.
        let read = reading.await.unwrap().unwrap();
        assert!(read.0 - begun.0 <= 3, "{way}: the state after {} commits", read.0 - begun.0);
        assert_eq!(busy.pins().await, 0, "{way}");
    }
    let exported = std::fs::read(directory.path().join("export")).unwrap();
    let tag_of = |page: u32| {
        let end = usize::try_from(page).unwrap() * 4_096;
        crate::support::tag_of(page, &exported[end - 4_096..end])
    };
    assert_eq!((tag_of(1), tag_of(2)), (tag_of(busy.pages), 1));
}

async fn copied(engine: &Engine, actor: &ActorId) -> Result<Txid, StoreError> {
    let mut copying = engine.begin_copy(actor, (engine, &id("copy")), false).await?;
    loop {
        if let Some(copied) = copying.next().await? {
            return Ok(copied.source.head_txid);
        }
    }
}

async fn streamed(engine: &Engine, actor: &ActorId) -> Result<Txid, StoreError> {
    let mut sending = engine.send(actor, false).await?;
    while !matches!(sending.next().await?, Sent::End) {}
    Ok(sending.meta().head_txid)
}

/// A database of many slices whose owner keeps history. Its first and last pages are always of one commit.
async fn busy(place: &Place) -> (Engine, Busy) {
    let owner = place.open().await;
    let (actor, pages) = (id("busy"), 1_500);
    let generation = start(&owner, &actor).await.meta.generation;
    let head = commit(&owner, &actor, generation, Txid(0), 1..=pages, 1).await.unwrap();
    owner.set_history(&actor, Some(Some(HistoryPolicy { keep_all_ms: 0, then: vec![] }))).await.unwrap();
    (place.open().await, Busy { owner, actor, generation, head, pages, tag: 1 })
}

struct Busy {
    owner: Engine,
    actor: ActorId,
    generation: Generation,
    head: Txid,
    pages: u32,
    tag: u64,
}

impl Busy {
    async fn commit(&mut self) {
        self.tag += 1;
        let (first, last) = (1, self.pages);
        let committed =
            commit(&self.owner, &self.actor, self.generation, self.head, [first, last], self.tag).await;
        self.head = committed.unwrap();
    }

    /// What is dropped of the past meanwhile does not matter.
    async fn commit_and_thin(&mut self) {
        self.commit().await;
        self.owner.thin(&self.actor).await.unwrap();
    }

    async fn pins(&self) -> u64 {
        self.owner.inspect(&self.actor).await.unwrap().unwrap().past.pins
    }
}

/// A commit before each step of the copy, as often as it takes steps.
async fn an_owner_that_commits_all_the_time_is_copied(place: Place) {
    let (source, mut busy) = busy(&place).await;
    let copy = id("copy");
    let mut copying = source.begin_copy(&busy.actor, (&source, &copy), false).await.unwrap().verified();
    let copied = loop {
        busy.commit_and_thin().await;
        if let Some(copied) = copying.next().await.unwrap() {
            break copied;
        }
    };
    assert_eq!(copied.target.size_pages, PageCount(busy.pages));
    let copied = crate::support::tags(&source, &copy, copied.target.generation, busy.pages).await;
    assert_eq!(
        (copied[0], &copied[1..busy.pages as usize - 1]),
        (copied[busy.pages as usize - 1], &[1; 1_498][..])
    );
    // Nothing is kept for it any more.
    drop(copying);
    assert_eq!(busy.pins().await, 0);

    // Nor if it is given up.
    let mut copying = source.begin_copy(&busy.actor, (&source, &copy), true).await.unwrap();
    for _ in 0..3 {
        busy.commit().await;
        copying.next().await.unwrap();
    }
    drop(copying);
    for _ in 0..200 {
        if busy.pins().await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(busy.pins().await, 0);
}

/// Also if what the stream was given cannot be taken back.
async fn an_owner_that_commits_all_the_time_is_streamed(place: Place) {
    let (source, mut busy) = busy(&place).await;
    for may_begin_again in [true, false] {
        let mut sending = source.send(&busy.actor, may_begin_again).await.unwrap();
        let mut bytes = Vec::new();
        loop {
            busy.commit_and_thin().await;
            match sending.next().await.unwrap() {
                Sent::Bytes(more) => bytes.extend(more),
                Sent::Again => {
                    assert!(may_begin_again);
                    bytes.clear();
                }
                Sent::End => break,
            }
        }
        let last = (busy.pages as usize - 1) * 4_096;
        assert_eq!(bytes.len(), last + 4_096);
        let tag = crate::support::tag_of(1, &bytes[..4_096]);
        assert_eq!(tag, crate::support::tag_of(busy.pages, &bytes[last..]));
        drop(sending);
        assert_eq!(busy.pins().await, 0);
    }
}

/// It is never called busy, and what is wrong with it is found.
async fn an_owner_that_commits_all_the_time_is_verified(place: Place) {
    let (other, mut busy) = busy(&place).await;
    let pinned = other.pin(&busy.actor, PointRef::Head, PinRequest::default()).await.unwrap();
    let verify = async |busy: &mut Busy| -> Vec<Problem> {
        let mut verification = other.verify(VerifyScope::Actor(busy.actor.clone()));
        let (mut problems, mut steps) = (Vec::new(), 0);
        while let Some(step) = verification.next().await.unwrap() {
            (problems, steps) = ([problems, step.problems.told].concat(), steps + 1);
            if let Some(verified) = step.actor {
                let audited = verified.audited.expect("it keeps history and is never busy");
                assert_eq!(audited.rows.live.rows, u64::from(busy.pages));
            }
            busy.commit_and_thin().await;
            if steps % 2 == 0 && steps < 12 {
                other.restore(&busy.actor, PointRef::Txid(pinned)).await.unwrap();
                let meta = start(&busy.owner, &busy.actor).await.meta;
                (busy.generation, busy.head) = (meta.generation, meta.head_txid);
            }
        }
        problems
    };
    assert_eq!(verify(&mut busy).await, []);
    let keys = ActorKeys::new(&busy.actor);
    crate::support::remove_row(&place.kv(), &keys.point(pinned)).await;
    let problems = {
        let mut verification = other.verify(VerifyScope::Actor(busy.actor.clone()));
        let mut problems = Vec::new();
        while let Some(step) = verification.next().await.unwrap() {
            problems.extend(step.problems.told);
            busy.commit().await;
        }
        problems
    };
    let told: Vec<RowKind> = problems.iter().map(|problem| problem.kind).collect();
    assert!(told.contains(&RowKind::Pin), "{problems:?}");
}

/// Where each page is a read of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_slices_all_of_it_is_the_same() {
    an_owner_that_commits_all_the_time_is_copied(Place::cut()).await;
    an_owner_that_commits_all_the_time_is_streamed(Place::cut()).await;
    an_owner_that_commits_all_the_time_is_verified(Place::cut()).await;
}

/// Whatever becomes the head between two looks of a thinning is not dropped.
async fn an_owner_commits_while_another_handle_thins(place: Place) {
    let (owner, other) = (place.open().await, place.open().await);
    let actor = id("busy");
    let generation = start(&owner, &actor).await.meta.generation;
    let mut head = commit(&owner, &actor, generation, Txid(0), 1..=6, 0).await.unwrap();
    owner.set_history(&actor, Some(Some(HistoryPolicy { keep_all_ms: 0, then: vec![] }))).await.unwrap();
    let thinning = {
        let actor = actor.clone();
        let thins = place.rounds(400, 60);
        tokio::spawn(async move {
            for _ in 0..thins {
                other.thin(&actor).await.unwrap();
            }
        })
    };
    let mut tag = 0;
    let mut latest = [0; 6];
    while !thinning.is_finished() {
        tag += 1;
        let page = u32::try_from(tag % 5).unwrap() + 1;
        head = commit(&owner, &actor, generation, head, [page, 6], tag).await.unwrap();
        (latest[page as usize - 1], latest[5]) = (tag, tag);
        assert_eq!(crate::support::tags(&owner, &actor, generation, 6).await, latest);
    }
    thinning.await.unwrap();
}

/// A restore in the middle of a flattening begins another line: the copies go on into the first one, and the other
/// still shows all of its pages.
async fn a_restore_comes_between_two_steps_of_a_flattening(place: Place) {
    let engine = place.open().await;
    let (source, fork) = (id("source"), id("fork"));
    engine.keep_history(Some(HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] }));
    let generation = start(&engine, &source).await.meta.generation;
    commit(&engine, &source, generation, Txid(0), 1..=900, 7).await.unwrap();
    engine.fork(&source, &fork, PointRef::Head).await.unwrap();
    let first = engine.find_point(&fork, PointRef::Head).await.unwrap().txid;
    // Every transaction waits, from the second one on.
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), {
        let writes = AtomicU64::new(0);
        move |operation| {
            let later = operation.writes && writes.fetch_add(1, Ordering::SeqCst) > 0;
            later.then_some(Fault::HoldBefore)
        }
    }));
    let slow = Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap();
    let flattening = {
        let fork = fork.clone();
        tokio::spawn(async move { slow.flatten(&fork).await })
    };
    kv.held(1).await;
    engine.restore(&fork, PointRef::Txid(first)).await.unwrap();
    for _ in 0..100 {
        kv.release();
    }
    flattening.await.unwrap().unwrap();
    engine.flatten(&fork).await.unwrap();
    engine.delete(&source).await.unwrap();
    engine.idle().await;
    let generation = start(&engine, &fork).await.meta.generation;
    assert_eq!(crate::support::tags(&engine, &fork, generation, 900).await, [7; 900]);
}

/// Either the fork is first, and keeps what it shows, or the deletion, and there is nothing to fork.
async fn a_fork_and_the_deletion_of_its_source_meet(place: Place) {
    let (one, other) = (Arc::new(place.open().await), Arc::new(place.open().await));
    let policy = HistoryPolicy { keep_all_ms: u64::MAX, then: vec![] };
    one.keep_history(Some(policy.clone()));
    other.keep_history(Some(policy));
    for round in 0..place.rounds(300, 30) {
        let (source, fork) = (id(&format!("source {round}")), id(&format!("fork {round}")));
        let generation = start(&one, &source).await.meta.generation;
        commit(&one, &source, generation, Txid(0), 1..=4, 7).await.unwrap();
        let deleting = {
            let (other, source) = (Arc::clone(&other), source.clone());
            tokio::spawn(async move { other.delete(&source).await.unwrap() })
        };
        let forked = one.fork(&source, &fork, PointRef::Head).await;
        assert!(deleting.await.unwrap());
        other.delete(&source).await.unwrap();
        match forked {
            Ok(_) => {
                let generation = start(&one, &fork).await.meta.generation;
                assert_eq!(crate::support::tags(&one, &fork, generation, 4).await, [7; 4], "round {round}");
            }
            Err(StoreError::NotFound { .. } | StoreError::NotRetained { .. }) => {}
            Err(error) => panic!("round {round}: {error}"),
        }
    }
}
