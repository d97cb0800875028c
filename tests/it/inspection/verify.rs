//! verify and inspect: every kind of damage is told with its place, and nothing sound is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use batondb::codec::{self, ActorKeys, Fence, FenceState, Head, Hints, OpenStage, StagePart};
use batondb::engine::{
    Audited, Commit, Engine, LargeCommit, PageWrite, Problem, RowKind, Severity, VerifyScope,
};
use batondb::kv::Kv;
use batondb::types::{ActorId, Generation, PageCount, PageNumber, PageSize, Token, Txid};

use crate::support::{Place, commit, content, id, on_every_backend, page, put_row, remove_row, rows, start};

on_every_backend!(
    a_sound_store_has_no_problem_whatever_was_done_with_it,
    every_flipped_byte_of_every_row_is_found,
    each_kind_of_damage_is_told_with_its_place,
    keys_that_are_of_nobody_are_told,
    a_damaged_actor_does_not_hide_the_others,
    a_prefix_and_an_actor_are_looked_at_alone,
    an_owner_who_commits_meanwhile_is_never_told_to_be_damaged,
    an_inspection_counts_rows_by_what_they_are,
);

/// What a verification finds: problems, actors, and those that were busy.
async fn verify(engine: &Engine, scope: VerifyScope) -> (Vec<Problem>, Vec<String>, Vec<String>) {
    let (mut problems, mut actors, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    let mut verification = engine.verify(scope);
    while let Some(step) = verification.next().await.unwrap() {
        assert_eq!(step.problems.omitted, 0);
        problems.extend(step.problems.told);
        if let Some(verified) = step.actor {
            let list = if verified.audited.is_some() { &mut actors } else { &mut busy };
            list.push(verified.actor.to_string());
        }
    }
    (problems, actors, busy)
}

async fn problems(engine: &Engine) -> Vec<Problem> {
    verify(engine, VerifyScope::Everything).await.0
}

/// An actor with three pages in one commit.
async fn made(engine: &Engine, actor: &ActorId) -> (Generation, Txid) {
    let generation = start(engine, actor).await.meta.generation;
    (generation, commit(engine, actor, generation, Txid(0), [1, 2, 3], 1).await.unwrap())
}

async fn put<R: codec::Row>(kv: &Arc<dyn Kv>, key: &[u8], row: &R) {
    put_row(kv, key, &codec::encode(key, row)).await;
}

async fn a_sound_store_has_no_problem_whatever_was_done_with_it(place: Place) {
    let engine = place.open().await;
    assert_eq!(verify(&engine, VerifyScope::Everything).await, (vec![], vec![], vec![]));
    let (generation, head) = made(&engine, &id("a")).await;
    made(&engine, &id("a\0")).await;
    made(&engine, &id("gone")).await;
    start(&engine, &id("empty")).await;
    let run = PageNumber::new(2).unwrap();
    let hints = [batondb::types::PageRange { first: run, last: run }];
    engine.store_hints(&id("a"), generation, &hints).await.unwrap();
    // A large commit, a shrink that leaves rows to trim, an open stage of an owner that is gone, and a deletion.
    let head = commit(&engine, &id("a"), generation, head, 1..=3_000, 2).await.unwrap();
    let data = content(1, 3);
    let pages = vec![PageWrite { page: page(1), data: &data }];
    let shrink = Commit { generation, head_txid: head, size_pages: PageCount(1), pages };
    let head = engine.commit(&id("a"), shrink).await.unwrap();
    let request = LargeCommit { generation, head_txid: head, page_size: PageSize::DEFAULT };
    let mut stage = engine.begin_large_commit(&id("a"), request).await.unwrap();
    stage.write((1..=500).map(|n| (page(n), content(n, 4).into_boxed_slice())).collect()).await.unwrap();
    engine.delete(&id("gone")).await.unwrap();
    let expected: Vec<String> = ["a", "a\0", "empty", "gone"].map(str::to_owned).into();
    assert_eq!(verify(&engine, VerifyScope::Everything).await, (vec![], expected.clone(), vec![]));
    std::mem::forget(stage);
    start(&engine, &id("a")).await;
    assert_eq!(verify(&engine, VerifyScope::Everything).await, (vec![], expected.clone(), vec![]));
    engine.idle().await;
    assert_eq!(verify(&engine, VerifyScope::Everything).await, (vec![], expected, vec![]));
}

async fn every_flipped_byte_of_every_row_is_found(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    let (generation, _) = made(&engine, &actor).await;
    let runs = [batondb::types::PageRange { first: page(1), last: page(2) }];
    engine.store_hints(&actor, generation, &runs).await.unwrap();
    let stored = rows(&kv).await;
    assert_eq!(stored.len(), 7);
    for (key, good) in stored {
        for position in (0..good.len()).step_by(place.rounds(7, 191)) {
            let mut damaged = good.clone();
            damaged[position] ^= 1 << (position % 8);
            put_row(&kv, &key, &damaged).await;
            let found = problems(&engine).await;
            assert!(!found.is_empty(), "byte {position} of row {key:02x?}");
        }
        put_row(&kv, &key, &good).await;
    }
    assert_eq!(problems(&engine).await, []);
}

/// Rows to put or to remove.
type Rows = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Where a problem is, what it means, and a part of what it says.
type Expected = (RowKind, Option<u32>, Option<u64>, Severity, &'static str);

#[track_caller]
fn assert_told(case: &str, found: &[Problem], expected: Expected) {
    let (kind, at_page, txid, severity, part) = expected;
    let told = found.iter().any(|problem| {
        problem.kind == kind
            && problem.page.map(PageNumber::get) == at_page
            && problem.txid.map(|txid| txid.0) == txid
            && problem.severity == severity
            && problem.actor == Some(id("a"))
            && problem.detail.contains(part)
    });
    assert!(told, "{case}: {found:#?}");
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_kind_of_damage_is_told_with_its_place(place: Place) {
    use RowKind as Kind;
    use Severity::{Error, Warning};
    let actor = id("a");
    let keys = ActorKeys::new(&actor);
    let page_row = |number, txid| keys.page(page(number), Txid(txid));
    let mut old_format = codec::encode(&keys.fence(), &Hints::default());
    old_format[0] = 0;
    let head = |change: fn(&mut Head)| {
        let mut head = Head { txid: Txid(1), next_txid: Txid(9), size_pages: PageCount(3), ..Head::empty() };
        change(&mut head);
        codec::encode(&keys.head(), &head)
    };
    let sealed = |key: &[u8], number: u32, size: PageSize| {
        let data = content(number, 7);
        let page = codec::PreparedPage::new(page(number), size, &data[..size.bytes()]);
        page.seal(key)
    };
    let full = |number, txid| {
        let key = page_row(number, txid);
        (key.clone(), Some(sealed(&key, number, PageSize::DEFAULT)))
    };
    let manifest = |txid| {
        let key = keys.stage_part(Txid(txid), 0);
        (key.clone(), Some(codec::encode(&key, &StagePart::of([page(1)]))))
    };
    let small = sealed(&page_row(2, 1), 2, PageSize::new(512).unwrap());
    let staged = |head: &mut Head| {
        head.open_stage = Some(OpenStage { txid: Txid(5), token: Token([9; 16]), aborted: false });
    };
    let odd_key = [keys.head(), vec![7]].concat();
    let fence = |change: fn(&mut Fence)| {
        let mut fence = Fence {
            lease_until_ms: 0,
            generation: Generation(2),
            owner_token: Token([1; 16]),
            state: FenceState::Live,
            origin: batondb::types::Origin::Native,
            created_at_ms: 1,
            first_generation: Generation(1),
        };
        change(&mut fence);
        codec::encode(&keys.fence(), &fence)
    };
    let cases: Vec<(&str, Rows, Expected)> = vec![
        ("no fence", vec![(keys.fence(), None)], (Kind::Fence, None, None, Error, "no fence")),
        (
            "old fence",
            vec![(keys.fence(), Some(old_format))],
            (Kind::Fence, None, None, Error, "format version 0"),
        ),
        (
            "fence of generation 0",
            vec![(keys.fence(), Some(fence(|fence| fence.generation = Generation(0))))],
            (Kind::Fence, None, None, Error, "generation 0"),
        ),
        (
            "deleted actor with pages",
            vec![(keys.fence(), Some(fence(|fence| fence.state = FenceState::Deleted)))],
            (Kind::Head, None, None, Error, "deleted actor of 3 pages"),
        ),
        (
            "stage behind the head",
            vec![(
                keys.head(),
                Some(head(|head| {
                    head.open_stage =
                        Some(OpenStage { txid: Txid(1), token: Token([9; 16]), aborted: false });
                })),
            )],
            (Kind::Head, None, None, Error, "open stage 1"),
        ),
        (
            "size over untrimmed rows",
            vec![(keys.head(), Some(head(|head| head.untrimmed_above = Some(PageCount(2)))))],
            (Kind::Head, None, None, Error, "3 pages over rows left above page 2"),
        ),
        (
            "page of another size",
            vec![(page_row(2, 1), Some(small))],
            (Kind::Page, Some(2), Some(1), Error, "512"),
        ),
        ("page above the head", vec![full(2, 7)], (Kind::Page, Some(2), Some(7), Error, "of no open stage")),
        ("page beyond the size", vec![full(9, 1)], (Kind::Page, Some(9), Some(1), Error, "beyond the size")),
        ("older version", vec![full(2, 0)], (Kind::Page, Some(2), Some(0), Warning, "older version")),
        (
            "manifest above the head",
            vec![manifest(7)],
            (Kind::Stage, None, Some(7), Error, "of no open stage"),
        ),
        (
            "manifest below the head",
            vec![manifest(1)],
            (Kind::Stage, None, Some(1), Warning, "going to sweep"),
        ),
        (
            "staged page that no manifest names",
            vec![(keys.head(), Some(head(staged))), full(2, 5)],
            (Kind::Page, Some(2), Some(5), Error, "no manifest names it"),
        ),
        (
            "damaged hints",
            vec![(keys.hints(), Some(vec![1; 20]))],
            (Kind::Hints, None, None, Warning, "checksum"),
        ),
        ("odd key", vec![(odd_key, Some(vec![1; 20]))], (Kind::Unknown, None, None, Error, "not a key")),
    ];
    for (case, changes, expected) in cases {
        let place = place.afresh();
        let (engine, kv) = (place.open().await, place.kv());
        made(&engine, &actor).await;
        assert_eq!(problems(&engine).await, []);
        for (key, value) in &changes {
            match value {
                Some(value) => put_row(&kv, key, value).await,
                None => remove_row(&kv, key).await,
            }
        }
        assert_told(case, &problems(&engine).await, expected);
    }
}

async fn keys_that_are_of_nobody_are_told(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    made(&engine, &id("a")).await;
    let strange: [&[u8]; 6] =
        [b"\x00\x01", b"\x01\x01a\x00", b"\x01\x02no end", b"\x02\x02\xff\x00\x01", b"\x02\x03a", b"\x03"];
    for key in strange {
        put_row(&kv, key, b"row").await;
    }
    let (found, actors, _) = verify(&engine, VerifyScope::Everything).await;
    assert_eq!(actors, ["a"]);
    assert_eq!(found.len(), strange.len(), "{found:#?}");
    assert!(found.iter().all(|problem| problem.kind == RowKind::Unknown && problem.actor.is_none()));
    remove_row(&kv, &codec::key::store()).await;
    assert_eq!(problems(&engine).await[0].kind, RowKind::Store);
}

async fn a_damaged_actor_does_not_hide_the_others(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    for name in ["a", "b", "c", "d"] {
        made(&engine, &id(name)).await;
    }
    // A fence that a listing stumbles over, rows without a fence, and a head that cannot be read.
    put_row(&kv, &ActorKeys::new(&id("a")).fence(), b"damage").await;
    remove_row(&kv, &ActorKeys::new(&id("b")).fence()).await;
    put_row(&kv, &ActorKeys::new(&id("c")).head(), b"damage").await;
    let (found, actors, busy) = verify(&engine, VerifyScope::Everything).await;
    assert_eq!((actors, busy), (["a", "b", "c", "d"].map(str::to_owned).into(), vec![]));
    let places: Vec<_> = found.iter().map(|one| (one.actor.clone().unwrap().to_string(), one.kind)).collect();
    let expected = [("a", RowKind::Fence), ("b", RowKind::Fence), ("c", RowKind::Head)];
    assert_eq!(places, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

async fn a_prefix_and_an_actor_are_looked_at_alone(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    for name in ["a", "room-1", "room-2", "s"] {
        made(&engine, &id(name)).await;
        put_row(&kv, &ActorKeys::new(&id(name)).head(), b"damage").await;
    }
    let prefix = verify(&engine, VerifyScope::Prefix("room-".to_owned())).await;
    assert_eq!((prefix.0.len(), prefix.1), (2, vec!["room-1".to_owned(), "room-2".to_owned()]));
    let alone = verify(&engine, VerifyScope::Actor(id("s"))).await;
    assert_eq!((alone.0.len(), alone.1), (1, vec!["s".to_owned()]));
    let nobody = verify(&engine, VerifyScope::Actor(id("nobody"))).await;
    assert_eq!(nobody.0, []);
}

async fn an_owner_who_commits_meanwhile_is_never_told_to_be_damaged(place: Place) {
    let (engine, owner) = (place.open().await, Arc::new(place.open().await));
    let actor = id("a");
    let (generation, mut head) = made(&engine, &actor).await;
    let commits = Arc::new(AtomicU64::new(0));
    let (stop, committed) = (Arc::new(AtomicBool::new(false)), Arc::clone(&commits));
    let stopped = Arc::clone(&stop);
    let committing = tokio::spawn(async move {
        for tag in 2.. {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            // Large and small ones in turn, so that stages open, shrink and sweep under the reader.
            let pages = if tag % 3 == 0 { 1..=700 } else { 1..=3 };
            head = commit(&owner, &id("a"), generation, head, pages, tag).await.unwrap();
            committed.fetch_add(1, Ordering::Relaxed);
        }
    });
    while commits.load(Ordering::Relaxed) < place.rounds(60, 12) {
        let (found, ..) = verify(&engine, VerifyScope::Everything).await;
        assert_eq!(found, []);
    }
    stop.store(true, Ordering::Relaxed);
    committing.await.unwrap();
    assert_eq!(verify(&engine, VerifyScope::Everything).await, (vec![], vec!["a".to_owned()], vec![]));
}

/// Where nearly every actor takes several reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_slices_all_of_it_is_the_same() {
    a_sound_store_has_no_problem_whatever_was_done_with_it(Place::cut()).await;
    each_kind_of_damage_is_told_with_its_place(Place::cut()).await;
    an_owner_who_commits_meanwhile_is_never_told_to_be_damaged(Place::cut()).await;
}

async fn an_inspection_counts_rows_by_what_they_are(place: Place) {
    let (engine, kv) = (place.open().await, place.kv());
    let actor = id("a");
    assert_eq!(engine.inspect(&actor).await, Ok(None));
    let generation = start(&engine, &actor).await.meta.generation;
    let fresh = engine.inspect(&actor).await.unwrap().unwrap();
    assert_eq!((fresh.rows.fence.rows, fresh.rows.head.rows), (1, 0));
    let head = commit(&engine, &actor, generation, Txid(0), [1, 2, 9], 1).await.unwrap();
    let request = LargeCommit { generation, head_txid: head, page_size: PageSize::DEFAULT };
    let mut stage = engine.begin_large_commit(&actor, request).await.unwrap();
    stage.write(vec![(page(2), content(2, 2).into_boxed_slice())]).await.unwrap();
    let _ = stage.read(&[page(2)]).await.unwrap();
    let Audited { fence, head, rows: counts, never_written, problems, past: _ } =
        engine.inspect(&actor).await.unwrap().unwrap();
    assert_eq!(fence.found().unwrap().generation, generation);
    assert_eq!(head.found().unwrap().open_stage.unwrap().txid, Txid(2));
    assert_eq!((counts.live.rows, counts.staged.rows, counts.manifests.rows), (3, 1, 1));
    assert_eq!((never_written, problems.told), (6, vec![]));
    let stored: u64 =
        rows(&kv).await.iter().skip(1).map(|(key, value)| (key.len() + value.len()) as u64).sum();
    let kinds = [counts.fence, counts.head, counts.live, counts.staged, counts.manifests];
    assert_eq!(kinds.iter().map(|kind| kind.key_bytes + kind.value_bytes).sum::<u64>(), stored);
    drop(stage);
    engine.idle().await;
    engine.delete(&actor).await.unwrap();
    let tombstone = engine.inspect(&actor).await.unwrap().unwrap();
    assert_eq!(tombstone.fence.found().unwrap().state, FenceState::Deleted);
    put(&kv, &ActorKeys::new(&id("b")).hints(), &Hints::default()).await;
    assert!(!engine.inspect(&id("b")).await.unwrap().unwrap().problems.told.is_empty());
}
