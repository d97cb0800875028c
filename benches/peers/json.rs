//! The figures in the shape that `bench/report` reads, whose `results.js` says what each field means.

use std::{fs, io};

use serde_json::{Value, json};

use crate::measure::{Goal, Line, Unit, quarters};

pub fn write(file: &str, peer: &str, lines: &[Line]) -> io::Result<()> {
    let lmdb = heed::lmdb_version();
    let results: Vec<Value> = lines.iter().map(|line| result(peer, line)).collect();
    let report = json!({
        "bench": "peers",
        "versions": { "LMDB": format!("{}.{}.{}", lmdb.major, lmdb.minor, lmdb.patch) },
        "notes": [],
        "results": results,
    });
    fs::write(file, format!("{report:#}\n"))
}

fn result(peer: &str, line: &Line) -> Value {
    let [baton_low, baton, baton_high] = quarters(line.pairs.baton());
    let [peer_low, middle, peer_high] = quarters(line.pairs.peer());
    let [ratio_low, ratio, ratio_high] = quarters(line.pairs.ratios());
    json!({
        "bench": "peers",
        "case": line.name,
        "unit": line.unit.name(),
        "better": if line.unit == Unit::PerSecond { "higher" } else { "lower" },
        "baton": baton,
        "peers": { peer: middle },
        "ratio": { peer: ratio },
        "samples": line.pairs.rounds(),
        "spread": { "baton": [baton_low, baton_high], peer: [peer_low, peer_high] },
        "ratioSpread": { peer: [ratio_low, ratio_high] },
        "goal": match line.goal {
            None => Value::Null,
            Some(Goal::AtLeast(least)) => json!({ "peer": peer, "atLeast": least }),
            Some(Goal::AtMost(most)) => json!({ "peer": peer, "atMost": most }),
        },
    })
}
