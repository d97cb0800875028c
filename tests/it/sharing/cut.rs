//! A store's file that is too short, as a copy leaves it that ran out of disk. What is not there must not be mapped: who
//! touches it is killed by the system.
#![expect(clippy::host_endian_bytes, reason = "LMDB's files are of the machine that wrote them")]

use std::fs::{self, File};
use std::path::Path;

use super::place;
use super::process::Own;
use super::remote::Remote;

const PAGE: u64 = 4_096;

/// A directory with so much of a store's file, and with its lock file if `with_lock`.
fn cut(whole: &Path, bytes: u64, with_lock: bool) -> (tempfile::TempDir, std::path::PathBuf) {
    let (scratch, path) = place();
    fs::create_dir(&path).unwrap();
    fs::copy(whole.join("data.mdb"), path.join("data.mdb")).unwrap();
    File::options().write(true).open(path.join("data.mdb")).unwrap().set_len(bytes).unwrap();
    if with_lock {
        fs::copy(whole.join("lock.mdb"), path.join("lock.mdb")).unwrap();
    }
    (scratch, path)
}

/// A store of some MB.
fn whole() -> (tempfile::TempDir, std::path::PathBuf, u64) {
    let (scratch, path) = place();
    let mut maker = Remote::with(Own::Nothing, &path);
    // In one commit, so that every page that it wrote is in use.
    maker.ask("commit s 1800").unwrap();
    maker.ask("close s").unwrap();
    let data = path.join("data.mdb");
    let bytes = fs::metadata(&data).unwrap().len();
    assert!(bytes > 7_000_000 && bytes == bytes_by_meta(&data), "{bytes}");
    (scratch, path, bytes)
}

/// Expects that the file is told to be damaged, with its size and the one that it must have, and left as it is.
#[track_caller]
fn expect_damage(path: &Path, bytes: u64, options: &str) {
    let before = fs::read(path.join("data.mdb")).unwrap();
    let mut remote = Remote::start(Own::Nothing);
    let Err(refused) = remote.open("s", options, path) else {
        panic!("{bytes} bytes were opened, and read as {:?}", remote.ask("check s"));
    };
    refused.expect("ERR_CORRUPT", false, &[&bytes.to_string(), "data.mdb"]);
    let numbers = refused.message.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    let more: Vec<u64> = numbers.filter(|&number| number > bytes).collect();
    assert!(!more.is_empty(), "how large it must be: {}", refused.message);
    assert!(before == fs::read(path.join("data.mdb")).unwrap(), "the file is another one");
}

#[test]
fn a_file_that_is_too_short_is_damage_and_not_the_end_of_the_process() {
    let (_scratch, whole, bytes) = whole();
    let half = bytes / 2 / PAGE * PAGE;
    for short in [half, half + 100, bytes - 1, 2 * PAGE, 2 * PAGE - 1, PAGE, 100] {
        for with_lock in [true, false] {
            let (_scratch, path) = cut(&whole, short, with_lock);
            expect_damage(&path, short, "-");
        }
    }
}

#[test]
fn an_empty_file_beside_the_lock_file_of_a_store_with_commits_is_damage() {
    let (_scratch, whole, _) = whole();
    let (_scratch, path) = cut(&whole, 0, true);
    expect_damage(&path, 0, "-");
}

/// Where LMDB's meta pages have their fields.
const META: usize = 16;
const LAST_PAGE: usize = META + 120;
const TXN: usize = META + 128;

/// How large the newest meta page says that the file is.
fn bytes_by_meta(file: &Path) -> u64 {
    let bytes = fs::read(file).unwrap();
    let field = |page: usize, at: usize| {
        let at = page * 4_096 + at;
        u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
    };
    let newest = (0..2).max_by_key(|&page| field(page, TXN)).unwrap();
    (field(newest, LAST_PAGE) + 1) * PAGE
}

/// LMDB does not write a page that a transaction has taken from the end of the file and freed again. It counts it, and
/// lists it as free.
#[test]
fn a_file_whose_last_pages_were_never_written_is_whole() {
    let (_scratch, path) = place();
    let mut maker = Remote::with(Own::Nothing, &path);
    maker.ask("many s 3 20").unwrap();
    let data = path.join("data.mdb");
    let is_short = |churn: usize| {
        maker.ask(&format!("churn s {churn}")).unwrap();
        fs::metadata(&data).unwrap().len() < bytes_by_meta(&data)
    };
    assert!((50..1_000).step_by(50).any(is_short), "the test is of no use");
    let mut beside = Remote::with(Own::Nothing, &path);
    assert_eq!(beside.number("check s"), 3);
    maker.0.kill();
    beside.0.kill();
    let mut after = Remote::with(Own::Nothing, &path);
    assert_eq!(after.number("commit s 600"), 4);
    assert_eq!(after.number("check s"), 4);
}

/// What was not written past the last page is not missed.
#[test]
fn a_file_that_is_longer_than_it_must_be_is_whole() {
    let (_scratch, whole, bytes) = whole();
    for long in [bytes + 1, bytes + 10 * PAGE] {
        let (_scratch, path) = cut(&whole, long, true);
        assert_eq!(Remote::with(Own::Nothing, &path).number("check s"), 1);
    }
}
