//! Copies and imports: a copy has the pages of one head, whatever the owner commits meanwhile, and of an actor that was
//! not there nothing is seen before all of it is there.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use batondb::codec::{ActorKeys, PreparedPage};
use batondb::engine::{Commit, Copied, Copying, Engine, ListRequest, PageWrite, StoreError, VerifyScope};
use batondb::env::SystemEnv;
use batondb::kv::Kv;
use batondb::kv::faulty::{Fault, FaultyKv};
use batondb::types::{ActorId, Generation, Meta, PageCount, PageNumber, PageSize, Txid};

use crate::support::{Place, commit, content, id, on_every_backend, page, put_row, rows, start, tags};

on_every_backend!(
    a_copy_has_the_pages_of_the_source_and_replaces_only_when_told,
    a_source_that_moves_is_copied_at_one_head,
    a_copy_that_gives_up_shows_nothing,
    a_copy_whose_process_was_killed_shows_nothing,
    a_start_ends_the_copy_that_it_comes_before,
    a_copy_that_is_compared_finds_what_differs_before_anybody_sees_it,
    an_actor_is_not_copied_onto_itself,
    an_actor_is_copied_to_another_id_of_its_store,
    one_fault_at_any_operation_changes_no_answer,
    an_import_cut_off_at_any_operation_shows_nothing,
    an_import_in_pieces_cut_off_at_any_operation_shows_nothing,
);

async fn nothing_is_wrong(engine: &Engine) {
    let mut verification = engine.verify(VerifyScope::Everything);
    while let Some(step) = verification.next().await.unwrap() {
        assert_eq!((step.problems.told, step.problems.omitted), (vec![], 0));
    }
}

async fn listed(engine: &Engine) -> Vec<String> {
    let actors = engine.list(&ListRequest::default()).await.unwrap();
    actors.iter().map(ToString::to_string).collect()
}

/// A copy that has written some of its pages, and not all.
async fn half_way(source: &Engine, target: &Engine, actor: &ActorId) -> Copying {
    let mut copying = source.begin_copy(actor, (target, actor), false).await.unwrap();
    assert_eq!(copying.next().await, Ok(None));
    assert!(copying.pages_done() > PageCount(0) && copying.pages_done() < copying.source().size_pages);
    copying
}

async fn finish(copying: &mut Copying) -> Result<Copied, StoreError> {
    loop {
        if let Some(copied) = copying.next().await? {
            return Ok(copied);
        }
    }
}

async fn copy(source: &Engine, target: &Engine, actor: &ActorId, replace: bool) -> Copied {
    finish(&mut source.begin_copy(actor, (target, actor), replace).await.unwrap().verified()).await.unwrap()
}

/// An actor that takes several steps to copy.
async fn large(engine: &Engine, actor: &ActorId, tag: u64) -> (Generation, Txid) {
    let generation = start(engine, actor).await.meta.generation;
    (generation, commit(engine, actor, generation, Txid(0), 1..=1_500, tag).await.unwrap())
}

async fn a_copy_has_the_pages_of_the_source_and_replaces_only_when_told(place: Place) {
    let (source, target_place) = (place.open().await, place.afresh());
    let target = target_place.open().await;
    let actor = id("a");
    assert_eq!(
        source.begin_copy(&actor, (&target, &actor), false).await.err().unwrap().code(),
        "ERR_NOT_FOUND"
    );
    let generation = start(&source, &actor).await.meta.generation;
    // Never committed to: made there as well, without a page.
    let copied = copy(&source, &target, &actor, false).await;
    assert_eq!(copied.target.size_pages, PageCount(0));
    // With holes, and larger than one transaction.
    let pages = (1..=1_200).filter(|number| number % 5 != 0);
    let head = commit(&source, &actor, generation, Txid(0), pages, 1).await.unwrap();
    let copied = copy(&source, &target, &actor, false).await;
    assert_eq!((copied.source.head_txid, copied.target.size_pages), (head, PageCount(1_199)));
    same_pages(&source, &target, &actor).await;
    let inspected = target.inspect(&actor).await.unwrap().unwrap();
    assert_eq!((inspected.never_written, inspected.problems.told), (239, vec![]), "holes stay holes");

    let refused = source.begin_copy(&actor, (&target, &actor), false).await.err().unwrap();
    assert_eq!(refused.code(), "ERR_INVALID_ARG");
    assert_eq!(target.stat(&actor).await.unwrap().unwrap().generation, copied.target.generation);
    // Smaller, with holes where the target has pages, which must read as zeros afterwards.
    let data = content(1, 2);
    let pages = vec![PageWrite { page: page(1), data: &data }];
    let shrink = Commit { generation, head_txid: head, size_pages: PageCount(1), pages };
    let head = source.commit(&actor, shrink).await.unwrap();
    source.idle().await;
    commit(&source, &actor, generation, head, [7], 3).await.unwrap();
    copy(&source, &target, &actor, true).await;
    same_pages(&source, &target, &actor).await;
    nothing_is_wrong(&target).await;
    nothing_is_wrong(&source).await;
}

async fn same_pages(one: &Engine, other: &Engine, actor: &ActorId) {
    let pages: Vec<PageNumber> = (1..=2_000).map(page).collect();
    let mut sets = Vec::new();
    for engine in [one, other] {
        let generation = engine.stat(actor).await.unwrap().unwrap().generation;
        sets.push(engine.get_pages(actor, generation, None, &pages).await.unwrap());
    }
    assert!(sets[0].pages == sets[1].pages && sets[0].data == sets[1].data);
}

/// Where nearly every actor takes several reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_slices_all_of_it_is_the_same() {
    a_copy_has_the_pages_of_the_source_and_replaces_only_when_told(Place::cut()).await;
    a_source_that_moves_is_copied_at_one_head(Place::cut()).await;
    a_copy_that_is_compared_finds_what_differs_before_anybody_sees_it(Place::cut()).await;
}

/// Where a state is kept, the copy is of the one that it began with; elsewhere it begins again, and gives up in the end.
async fn a_source_that_moves_is_copied_at_one_head(place: Place) {
    let (source, target_place) = (place.open().await, place.afresh());
    let target = target_place.open().await;
    let actor = id("a");
    let (generation, begun) = large(&source, &actor, 2).await;
    let keeps_states = place.kv().limits().read_bytes.is_none();
    let mut copying = source.begin_copy(&actor, (&target, &actor), false).await.unwrap().verified();
    assert_eq!(copying.next().await.unwrap(), None);
    let mut head = commit(&source, &actor, generation, begun, [1, 2], 3).await.unwrap();
    let copied = finish(&mut copying).await.unwrap();
    let expected = if keeps_states { (begun, PageCount(1_500)) } else { (head, PageCount(2)) };
    assert_eq!((copied.source.head_txid, copied.target.size_pages), expected);
    let tag = if keeps_states { 2 } else { 3 };
    assert_eq!(tags(&target, &actor, copied.target.generation, 2).await, [tag; 2]);

    // What comes in one read is of one head.
    let mut copying = source.begin_copy(&actor, (&target, &actor), true).await.unwrap().verified();
    let begun = head;
    head = commit(&source, &actor, generation, head, [1, 1_500], 3).await.unwrap();
    assert_eq!(finish(&mut copying).await.unwrap().source.head_txid, begun);

    let mut copying = source.begin_copy(&actor, (&target, &actor), true).await.unwrap().verified();
    let ended = loop {
        head = commit(&source, &actor, generation, head, [1, 1_500], 4).await.unwrap();
        match copying.next().await {
            Ok(None) => {}
            Ok(Some(copied)) => break Ok(copied.source.size_pages),
            Err(error) => break Err(error.code()),
        }
    };
    assert_eq!(ended, if keeps_states { Ok(PageCount(1_500)) } else { Err("ERR_UNAVAILABLE") });
    assert_eq!(tags(&target, &actor, copying.target().generation, 2).await, [3, 3]);
}

/// An owner that commits between any two steps, far more often than a copy would begin again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_never_rests_is_copied_and_compared() {
    let (place, target_place) = (Place::embedded(), Place::embedded());
    let (source, target, actor) = (place.open().await, target_place.open().await, id("a"));
    let generation = start(&source, &actor).await.meta.generation;
    let mut head = commit(&source, &actor, generation, Txid(0), 1..=24_000, 1).await.unwrap();
    let mut copying = source.begin_copy(&actor, (&target, &actor), false).await.unwrap().verified();
    let (begun, mut steps) = (copying.source(), 0);
    let copied = loop {
        steps += 1;
        head = commit(&source, &actor, generation, head, [7, 8, 9], 2).await.unwrap();
        if let Some(copied) = copying.next().await.unwrap() {
            break copied;
        }
    };
    assert!(steps > 30, "{steps}");
    assert_eq!((copied.source, copied.target.size_pages), (begun, PageCount(24_000)));
    assert_eq!(tags(&target, &actor, copied.target.generation, 9).await, [1; 9]);
    assert_eq!(tags(&source, &actor, generation, 9).await[..1], [1]);
    drop(copying);
    // Nothing keeps the state any more: the directory closes.
    source.close().await;
}

async fn a_copy_that_gives_up_shows_nothing(place: Place) {
    let (source, target_place) = (place.open().await, place.afresh());
    let target = target_place.open().await;
    let actor = id("a");
    large(&source, &actor, 2).await;
    // Before anything is written, half way, and in the middle of the comparison.
    drop(source.begin_copy(&actor, (&target, &actor), false).await.unwrap());
    drop(half_way(&source, &target, &actor).await);
    let mut copying = source.begin_copy(&actor, (&target, &actor), false).await.unwrap().verified();
    while copying.pages_verified() == PageCount(0) {
        assert_eq!(copying.next().await, Ok(None));
    }
    assert_eq!((listed(&target).await, target.stat(&actor).await), (vec![], Ok(None)));
    drop(copying);
    target.idle().await;
    assert_eq!((listed(&target).await, target.stat(&actor).await), (vec![], Ok(None)));
    let left = target.inspect(&actor).await.unwrap().unwrap();
    assert_eq!((left.rows.staged.rows, left.rows.manifests.rows, left.problems.told.len()), (0, 0, 0));
    let pages = target.get_pages(&actor, Generation(1), None, &[page(1)]).await.unwrap_err();
    assert_eq!(pages.code(), "ERR_NOT_FOUND");
    assert_eq!(copy(&source, &target, &actor, false).await.target.generation, Generation(4));
    same_pages(&source, &target, &actor).await;

    // One that was there is as it was, but for its owner.
    start(&target, &id("empty")).await;
    let generation = start(&source, &id("empty")).await.meta.generation;
    commit(&source, &id("empty"), generation, Txid(0), 1..=1_500, 3).await.unwrap();
    drop(half_way(&source, &target, &id("empty")).await);
    let left = target.stat(&id("empty")).await.unwrap().unwrap();
    assert_eq!((left.generation, left.head_txid, left.size_pages), (Generation(2), Txid(0), PageCount(0)));
}

/// Nothing is dropped, so nothing is tidied up, as after kill -9.
async fn a_copy_whose_process_was_killed_shows_nothing(place: Place) {
    let (source, target_place) = (place.open().await, place.afresh());
    let (target, other) = (target_place.open().await, target_place.open().await);
    let (killed, again) = (id("killed"), id("again"));
    for actor in [&killed, &again] {
        large(&source, actor, 2).await;
        // Its former life has more pages than a deletion clears at once.
        large(&target, actor, 1).await;
        assert_eq!(target.delete(actor).await, Ok(true));
        std::mem::forget(half_way(&source, &target, actor).await);
    }
    assert_eq!((listed(&other).await, other.stat(&killed).await), (vec![], Ok(None)));
    nothing_is_wrong(&other).await;
    // The next copy, a deletion and a start clear what is left.
    let copied = copy(&source, &other, &again, false).await;
    assert_eq!((copied.target.generation, listed(&other).await), (Generation(4), vec!["again".to_owned()]));
    same_pages(&source, &other, &again).await;
    assert_eq!(other.delete(&killed).await, Ok(false));
    let left = other.inspect(&killed).await.unwrap().unwrap();
    assert_eq!((left.rows.staged.rows, left.rows.manifests.rows, left.rows.beyond.rows), (0, 0, 0));
    std::mem::forget(half_way(&source, &target, &killed).await);
    let started = start(&other, &killed).await.meta;
    assert_eq!((started.generation, started.size_pages), (Generation(5), PageCount(0)));
    let head = commit(&other, &killed, started.generation, started.head_txid, 1..=3, 9).await.unwrap();
    assert!(head > started.head_txid);
    assert_eq!(tags(&other, &killed, started.generation, 3).await, [9; 3]);
    other.idle().await;
    assert_eq!(rows(&target_place.kv()).await.len(), 1 + 2 * 2 + 1_500 + 3);
    nothing_is_wrong(&other).await;
}

async fn a_start_ends_the_copy_that_it_comes_before(place: Place) {
    let (source, target_place) = (place.open().await, place.afresh());
    let target = target_place.open().await;
    let actor = id("a");
    large(&source, &actor, 2).await;
    let mut copying = half_way(&source, &target, &actor).await;
    // Another copy, a start, and a deletion: each ends the one before.
    let mut other = half_way(&source, &target, &actor).await;
    let error = finish(&mut copying).await.unwrap_err();
    assert_eq!(error.code(), "ERR_CONCURRENT_TAKEOVER", "{error}");
    assert_eq!(copying.next().await, Err(error), "nobody knows which of its pages are in");
    let started = start(&target, &actor).await.meta;
    assert_eq!((started.generation, started.size_pages), (Generation(3), PageCount(0)));
    let error = finish(&mut other).await.unwrap_err();
    assert_eq!(error.code(), "ERR_FENCE_MISMATCH", "{error}");
    drop((copying, other));
    assert_eq!(target.delete(&actor).await, Ok(true));
    let mut copying = half_way(&source, &target, &actor).await;
    assert_eq!(target.delete(&actor).await, Ok(false));
    assert_eq!(finish(&mut copying).await.unwrap_err().code(), "ERR_CONCURRENT_TAKEOVER");
    assert_eq!(target.stat(&actor).await, Ok(None));
    // One that was not there when the copy asked for it.
    let generation = start(&target, &actor).await.meta.generation;
    let mut copying = half_way(&source, &target, &actor).await;
    assert_eq!(copying.target().generation, generation.next());
    assert_eq!(finish(&mut copying).await.unwrap().target.generation, generation.next());
    nothing_is_wrong(&target).await;
}

async fn a_copy_that_is_compared_finds_what_differs_before_anybody_sees_it(place: Place) {
    let (source, target_place) = (place.open().await, place.afresh());
    let target = target_place.open().await;
    let actor = id("a");
    large(&source, &actor, 2).await;
    let mut copying = source.begin_copy(&actor, (&target, &actor), false).await.unwrap().verified();
    while copying.pages_verified() == PageCount(0) {
        assert_eq!(copying.next().await, Ok(None));
    }
    // A row that is sound in itself, and of another page.
    let data = content(1_400, 3);
    let other = PreparedPage::new(page(1_400), PageSize::DEFAULT, &data);
    let key = ActorKeys::new(&actor).page(page(1_400), Txid(1));
    put_row(&target_place.kv(), &key, &other.seal(&key)).await;
    let error = finish(&mut copying).await.unwrap_err();
    assert_eq!(error.code(), "ERR_CORRUPT");
    assert!(error.to_string().contains("pages 1281 to 1536 differ"), "{error}");
    assert_eq!(target.stat(&actor).await, Ok(None));
    drop(copying);
    target.idle().await;
    copy(&source, &target, &actor, false).await;
    same_pages(&source, &target, &actor).await;
}

/// The same store by another handle.
async fn an_actor_is_not_copied_onto_itself(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let actor = id("a");
    let (generation, head) = large(&one, &actor, 1).await;
    assert!(one.is_same_store(&other) && !one.is_same_store(&place.afresh().open().await));
    for replace in [false, true] {
        let refused = one.begin_copy(&actor, (&other, &actor), replace).await.err().unwrap();
        assert_eq!(refused.code(), "ERR_INVALID_ARG");
        assert!(refused.to_string().contains("onto itself"), "{refused}");
    }
    commit(&one, &actor, generation, head, [1], 2).await.unwrap();
}

/// A longer id, too, whose keys take more room in each part.
async fn an_actor_is_copied_to_another_id_of_its_store(place: Place) {
    let store = place.open().await;
    let (actor, other) = (id("a"), id(&"b".repeat(256)));
    let (generation, head) = large(&store, &actor, 1).await;
    let mut copying = store.begin_copy(&actor, (&store, &other), false).await.unwrap().verified();
    let copied = finish(&mut copying).await.unwrap();
    drop(copying);
    assert_eq!((copied.source.head_txid, copied.target.size_pages), (head, PageCount(1_500)));
    let owned = start(&store, &other).await.meta;
    assert_eq!(tags(&store, &other, owned.generation, 1_500).await, [1; 1_500]);
    commit(&store, &other, owned.generation, owned.head_txid, [1_500], 2).await.unwrap();
    assert_eq!(tags(&store, &actor, generation, 1_500).await, [1; 1_500], "it was only read");
    let refused = store.begin_copy(&actor, (&store, &other), false).await.err().unwrap();
    assert!(refused.to_string().contains("has 1500 pages already"), "{refused}");
    nothing_is_wrong(&store).await;
}

/// A store of which the operation `number` fails like this.
async fn faulty(place: &Place, number: u64, fault: Fault) -> (Engine, Arc<FaultyKv>) {
    // The operations of opening are not counted.
    drop(place.open().await);
    let script =
        move |operation: batondb::kv::faulty::Operation| (operation.number == number + 1).then_some(fault);
    let kv = Arc::new(FaultyKv::new(place.kv(), Arc::new(SystemEnv), script));
    (Engine::open(Arc::clone(&kv) as Arc<dyn Kv>, Arc::new(SystemEnv)).await.unwrap(), kv)
}

/// Does something in a fresh place, once for each operation of the store, which goes wrong like this.
async fn at_every_operation<Done: Future<Output = ()>>(
    place: &Place,
    fault: Fault,
    work: impl Fn(Engine, Place) -> Done,
) {
    let mut number = 1;
    loop {
        let target = place.afresh();
        let (engine, kv) = faulty(&target, number, fault).await;
        work(engine, target).await;
        if kv.operations() <= number {
            break;
        }
        // Not every one of the hundred parts on a cluster, where each fault takes a while.
        number += place.rounds(1, 3);
    }
    assert!(number > 6, "{number} operations");
}

async fn one_fault_at_any_operation_changes_no_answer(place: Place) {
    let (source, actor) = (&place.open().await, &id("a"));
    large(source, actor, 2).await;
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Conflict, Fault::Busy] {
        at_every_operation(&place, fault, |target, place| async move {
            let copied = copy(source, &target, actor, false).await;
            assert_eq!(copied.target.generation, Generation(1));
            target.idle().await;
            same_pages(source, &target, actor).await;
            assert_eq!(rows(&place.kv()).await.len(), 1 + 2 + 1_500);
        })
        .await;
    }
}

async fn an_import_cut_off_at_any_operation_shows_nothing(place: Place) {
    imports_cut_off(place, false).await;
}

async fn an_import_in_pieces_cut_off_at_any_operation_shows_nothing(place: Place) {
    imports_cut_off(place, true).await;
}

async fn import(engine: &Engine, actor: &ActorId, file: &Path, in_pieces: bool) -> Result<Meta, StoreError> {
    if !in_pieces {
        return engine.import_from(actor, file, false).await;
    }
    let mut receiving = engine.receive(actor, false);
    // No whole number of pages, and more than one transaction takes.
    for piece in std::fs::read(file).unwrap().chunks(1_500_000) {
        receiving.take(piece).await?;
    }
    receiving.finish().await
}

async fn imports_cut_off(place: Place, in_pieces: bool) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("one.sqlite");
    let fill = "CREATE TABLE t (v BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
        INSERT INTO t SELECT randomblob(3000) FROM n;";
    rusqlite::Connection::open(&file).unwrap().execute_batch(fill).unwrap();
    let (file, actor) = (&file, &id("a"));
    at_every_operation(&place, Fault::Unavailable, |target, place| async move {
        let other = place.open().await;
        match import(&target, actor, file, in_pieces).await {
            Ok(meta) => assert_eq!(other.stat(actor).await, Ok(Some(meta))),
            Err(error) => {
                assert_eq!(error.code(), "ERR_UNAVAILABLE");
                assert_eq!((listed(&other).await, other.stat(actor).await), (vec![], Ok(None)));
                target.idle().await;
                other.import_from(actor, file, false).await.unwrap();
            }
        }
        target.idle().await;
        other.idle().await;
        let exported = file.with_extension("exported");
        other.export_to(actor, &exported).await.unwrap();
        assert!(std::fs::read(&exported).unwrap() == std::fs::read(file).unwrap());
        nothing_is_wrong(&other).await;
    })
    .await;
}
