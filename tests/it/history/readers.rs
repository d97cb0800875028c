//! Those who read the past or hold it, beside others who drop it: each through a handle of its own, as in another
//! process.

use batondb::engine::{PointRef, PointsRequest, StoreError};
use batondb::types::{HistoryPolicy, PageNumber, Token, Txid};

use crate::support::{Place, commit, content, id, on_every_backend, start};

on_every_backend!(
    a_reader_keeps_its_point_while_another_handle_thins,
    an_owner_that_commits_all_the_time_is_exported,
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
