//! Rows: what was written can be read back, in order, and nothing else can.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::future::FutureExt;

use super::harness::{Row, delete, everything, get, put, read, rows, value, write};
use crate::kv::{KeyRange, Kv, Mutations, Scan};

/// The sizes at which a backend starts to split values, and their neighbours.
pub(super) const SIZES: [usize; 14] =
    [0, 1, 100, 3_998, 3_999, 4_000, 4_001, 4_002, 4_105, 7_999, 8_000, 8_001, 65_600, 100_000];

/// A value of any size is read back completely, replaces one of any other size, and is deleted without a
/// trace.
pub async fn values_of_every_size_come_back(kv: &Arc<dyn Kv>) {
    assert_eq!(get(kv, b"key").await, None);
    for before in SIZES {
        for after in SIZES {
            put(kv, b"key", &value(before, 1)).await;
            put(kv, b"key", &value(after, 2)).await;
            let found = get(kv, b"key").await;
            assert!(found.as_deref() == Some(&*value(after, 2)), "{before} bytes replaced by {after}");
            let shown = rows(kv, Scan::snapshot(everything())).await;
            assert!(shown == [(b"key".to_vec(), value(after, 2))], "{before} bytes replaced by {after}");
        }
        delete(kv, b"key").await;
        assert_eq!(get(kv, b"key").await, None, "deleted after {before} bytes");
        assert_eq!(rows(kv, Scan::snapshot(everything())).await, []);
    }
    delete(kv, b"key").await;
}

/// Keys that are prefixes of each other have separate large values, even while one of them changes.
pub async fn keys_that_prefix_each_other_stay_apart(kv: &Arc<dyn Kv>) {
    let keys: [&[u8]; 7] = [b"a", b"a\0", b"a\0\x01", b"a\x01", b"a\x01\x01", b"a\x02", b"b"];
    let mut expected: Vec<Row> = Vec::new();
    for (seed, key) in (0..).zip(keys) {
        put(kv, key, &value(9_000, seed)).await;
        expected.push((key.to_vec(), value(9_000, seed)));
    }
    assert!(rows(kv, Scan::snapshot(everything())).await == expected);
    for removed in keys {
        let mut mutations = Mutations::new();
        mutations.clear_range(KeyRange::single(removed));
        write(kv, mutations).await.expect("a small clear succeeds");
        let left: Vec<_> = expected.iter().filter(|(key, _)| key != removed).cloned().collect();
        assert!(rows(kv, Scan::snapshot(everything())).await == left, "without {removed:?}");
        let (_, value) = expected.iter().find(|(key, _)| key == removed).expect("it is one of them");
        put(kv, removed, value).await;
        delete(kv, removed).await;
        assert!(rows(kv, Scan::snapshot(everything())).await == left, "without {removed:?}");
        put(kv, removed, value).await;
    }
}

/// A scan shows the rows from its start up to but not including its end, in byte order.
pub async fn a_scan_visits_its_range_in_order(kv: &Arc<dyn Kv>) {
    let keys: [&[u8]; 8] = [b"b\xFF", b"a", b"c", b"b", b"\0", b"b\0", b"a\xFF\xFF", b"\xFD"];
    for key in keys {
        put(kv, key, key).await;
    }
    let mut sorted = keys.map(<[u8]>::to_vec);
    sorted.sort();
    for start in &sorted {
        for end in &sorted {
            let range = KeyRange::new(start.clone(), end.clone());
            let expected: Vec<_> = sorted.iter().filter(|key| range.contains(key)).collect();
            let shown = rows(kv, Scan::snapshot(range.clone())).await;
            assert_eq!(shown.iter().map(|(key, _)| key).collect::<Vec<_>>(), expected, "{range:?}");
            assert!(shown.iter().all(|(key, value)| key == value), "{range:?}");
        }
    }
    let prefixed = rows(kv, Scan::snapshot(KeyRange::prefix(b"b"))).await;
    assert_eq!(prefixed.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [&b"b"[..], b"b\0", b"b\xFF"]);
}

/// A scan stops after `rows_max` rows, and at once when the visitor breaks.
pub async fn a_scan_ends_where_it_is_told(kv: &Arc<dyn Kv>) {
    for number in 0..10_u8 {
        put(kv, &[b'k', number], &value(usize::from(number) * 1_000, 3)).await;
    }
    for rows_max in 0..12 {
        let shown = rows(kv, Scan::snapshot(everything()).rows(rows_max)).await;
        assert_eq!(shown.len(), if rows_max == 0 { 10 } else { rows_max.min(10) }, "rows_max {rows_max}");
    }
    for stop in 1..=10 {
        let visited = read(kv, move |view| {
            async move {
                let mut visited = 0;
                let mut visitor = |_: &[u8], _: &[u8]| {
                    visited += 1;
                    if visited == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                };
                view.scan(Scan::snapshot(everything()), &mut visitor).await?;
                Ok(visited)
            }
            .boxed()
        });
        assert_eq!(visited.await, Ok(stop));
    }
}

/// A range that ends at or before its start has no rows to show or to clear.
pub async fn empty_ranges_hold_nothing(kv: &Arc<dyn Kv>) {
    for key in [b"a", b"b", b"c"] {
        put(kv, key, key).await;
    }
    for (start, end) in [("b", "b"), ("c", "a"), ("z", "a"), ("", ""), ("a", "")] {
        let range = KeyRange::new(start, end);
        assert_eq!(rows(kv, Scan::snapshot(range.clone())).await, [], "{range:?}");
        assert_eq!(rows(kv, Scan::snapshot(range.clone()).serializable()).await, [], "{range:?}");
        let mut mutations = Mutations::new();
        mutations.clear_range(range.clone());
        mutations.clear_range_guarded(range.clone());
        write(kv, mutations).await.expect("clearing nothing succeeds");
        assert_eq!(rows(kv, Scan::snapshot(everything())).await.len(), 3, "{range:?}");
    }
}

/// Clearing a range removes its first key, keeps its end, and removes large values completely.
pub async fn clearing_a_range_clears_exactly_it(kv: &Arc<dyn Kv>) {
    let keys: Vec<Vec<u8>> = (0..12_u8).map(|number| vec![b'k', number]).collect();
    for (from, to) in [(0, 12), (3, 4), (0, 5), (7, 12), (2, 9)] {
        for (key, size) in keys.iter().zip(SIZES) {
            put(kv, key, &value(size, 4)).await;
        }
        let end = keys.get(to).cloned().unwrap_or_else(|| vec![b'l']);
        let range = KeyRange::new(keys[from].clone(), end);
        let mut mutations = Mutations::new();
        mutations.clear_range(range.clone());
        write(kv, mutations).await.expect("a small clear succeeds");
        let left: Vec<_> = rows(kv, Scan::snapshot(everything())).await;
        let expected: Vec<Row> = keys
            .iter()
            .zip(SIZES)
            .filter(|(key, _)| !range.contains(key))
            .map(|(key, size)| (key.clone(), value(size, 4)))
            .collect();
        assert!(left == expected, "after clearing {from} to {to}");
    }
    let mut mutations = Mutations::new();
    mutations.clear_range_guarded(everything());
    write(kv, mutations).await.expect("a small clear succeeds");
    assert_eq!(rows(kv, Scan::snapshot(everything())).await, []);
}
