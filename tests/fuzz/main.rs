//! The fuzz targets without a fuzzer: what `fuzz/corpus` has of each, and inputs from seeds. `npm run fuzz` is the
//! real thing; `BATON_FUZZ_SEED=n cargo test --test fuzz <target>` runs one seed, `BATON_FUZZ_SEEDS=n` so many.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test says which input it failed with")]

mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::{env, fs};

/// Runs one input, and says which it was if it fails.
fn run_one(name: &str, target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        println!("failed with {name}");
        resume_unwind(panic);
    }
}

/// Bytes of a seed, in lengths from nothing to some hundreds.
fn bytes_of(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 24
    };
    let length = step() % (1 << (step() % 11));
    (0..length).map(|_| step().to_be_bytes()[7]).collect()
}

fn replay(name: &str, target: fn(&[u8]), seeds: u64) {
    let number = |name: &str| env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    if let Some(seed) = number("BATON_FUZZ_SEED") {
        return run_one(&format!("seed {seed}"), target, &bytes_of(seed));
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there is no corpus of {name}");
    for file in files {
        run_one(&file.display().to_string(), target, &fs::read(&file).unwrap());
    }
    for seed in 0..number("BATON_FUZZ_SEEDS").unwrap_or(seeds) {
        run_one(&format!("BATON_FUZZ_SEED={seed}"), target, &bytes_of(seed));
    }
}

#[test]
fn decoders() {
    replay("decoders", targets::decoders::run, 4_000);
}

#[test]
fn plans() {
    replay("plans", targets::plans::run, 4_000);
}

#[test]
fn arguments() {
    replay("arguments", targets::arguments::run, 4_000);
}

#[test]
fn vfs() {
    replay("vfs", targets::vfs::run, 600);
}

#[test]
fn sql() {
    replay("sql", targets::sql::run, 200);
}

#[test]
fn changesets() {
    replay("changesets", targets::changesets::run, 200);
}
