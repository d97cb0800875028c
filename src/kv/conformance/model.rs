//! Random operations against the simplest store there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::harness::{Random, Row, everything, get, rows, value, write};
use super::rows::SIZES;
use crate::kv::{KeyRange, Kv, Mutations, Scan};

/// Few letters, so that keys often coincide or are prefixes of each other.
const LETTERS: [u8; 4] = [0, 1, b'a', 0xFD];

fn key(random: &mut Random) -> Vec<u8> {
    let length = 1 + random.below(3);
    (0..length).map(|_| LETTERS[random.below(LETTERS.len())]).collect()
}

fn range(random: &mut Random) -> KeyRange {
    match random.below(4) {
        0 => KeyRange::single(key(random)),
        1 => KeyRange::prefix([key(random), vec![1]].concat()),
        _ => KeyRange::new(key(random), key(random)),
    }
}

/// A sequence of random decisions, reads and scans gives the same results as a sorted map. The sequence is
/// the same in each run.
pub async fn random_operations_match_a_sorted_map(kv: &Arc<dyn Kv>) {
    const ROUNDS: u64 = 400;
    let mut random = Random::new(42);
    let mut model = BTreeMap::<Vec<u8>, Vec<u8>>::new();
    for round in 0..ROUNDS {
        let mut mutations = Mutations::new();
        for _ in 0..random.below(6) {
            mutate(&mut random, round, &mut mutations, &mut model);
        }
        write(kv, mutations).await.expect("a small write succeeds");

        let key = key(&mut random);
        assert!(get(kv, &key).await.as_ref() == model.get(&key), "round {round}, key {key:?}");
        let scan = Scan::snapshot(range(&mut random)).rows(random.below(4));
        let shown = rows(kv, scan.clone()).await;
        assert!(shown == expected(&model, &scan), "round {round}, {scan:?}");
    }
    let all = Scan::snapshot(everything());
    assert!(rows(kv, all.clone()).await == expected(&model, &all));
    let mut mutations = Mutations::new();
    mutations.clear_range(everything());
    write(kv, mutations).await.expect("a small clear succeeds");
    assert_eq!(rows(kv, all).await, []);
}

/// Adds one write to a decision and applies it to the model.
fn mutate(
    random: &mut Random,
    round: u64,
    mutations: &mut Mutations,
    model: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) {
    match random.below(8) {
        0..5 => {
            let (key, value) = (key(random), value(SIZES[random.below(SIZES.len())], round));
            mutations.put(key.clone(), value.clone());
            model.insert(key, value);
        }
        5..7 => {
            let key = key(random);
            model.remove(&key);
            mutations.delete(key);
        }
        _ => {
            let range = range(random);
            model.retain(|key, _| !range.contains(key));
            mutations.clear_range(range);
        }
    }
}

fn expected(model: &BTreeMap<Vec<u8>, Vec<u8>>, scan: &Scan) -> Vec<Row> {
    let rows_max = if scan.rows_max == 0 { usize::MAX } else { scan.rows_max };
    let rows = model.iter().filter(|(key, _)| scan.range.contains(key));
    rows.take(rows_max).map(|(key, value)| (key.clone(), value.clone())).collect()
}
