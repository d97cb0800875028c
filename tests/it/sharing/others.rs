//! What is not this release's: another LMDB, another C library, a newer store.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::process::Own;
use super::remote::Remote;
use super::{is_linux, place};

/// Where LMDB's lock file says how it is laid out, and the notes which C library it is for.
const LOCK_FORMAT_AT: u64 = 4;
const LIBRARY_AT: u64 = 8;

#[test]
fn another_lmdb_and_another_c_library_are_told_by_name() {
    if !is_linux("sharing::others::another_lmdb_and_another_c_library_are_told_by_name") {
        return;
    }
    let (_scratch, path) = place();
    let _holder = Remote::with(Own::Nothing, &path);
    let mut other = Remote::start(Own::Nothing);
    for (name, at, word) in
        [("lock.mdb", LOCK_FORMAT_AT, "another LMDB"), ("processes", LIBRARY_AT, "another C library")]
    {
        let file = File::options().read(true).write(true).open(path.join(name)).unwrap();
        let mut before = [0; 4];
        file.read_exact_at(&mut before, at).unwrap();
        file.write_all_at(&[before[0] ^ 0x40, 0, 0, 0], at).unwrap();
        let refused = other.open("s", "-", &path).unwrap_err();
        refused.expect("ERR_UNAVAILABLE", false, &[word]);
        file.write_all_at(&before, at).unwrap();
    }
    other.open("s", "-", &path).unwrap();
}

#[test]
fn a_newer_store_says_which_it_is() {
    let (_scratch, path) = place();
    let mut maker = Remote::with(Own::Nothing, &path);
    maker.ask("commit s 3").unwrap();
    maker.ask("close s").unwrap();
    let data = path.join("data.mdb");
    let mut bytes = fs::read(&data).unwrap();
    let key = b"baton-format";
    let places: Vec<usize> =
        (0..bytes.len() - key.len()).filter(|&at| bytes[at..].starts_with(key)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + key.len()] = b'7';
    }
    fs::write(&data, &bytes).unwrap();
    for options in ["-", "readOnly"] {
        let refused = Remote::start(Own::Nothing).open("s", options, &path).unwrap_err();
        refused.expect("ERR_INVALID_ARG", false, &["format \"7\"", "reads formats \"1\" and \"2\""]);
    }
    assert!(fs::read(&data).unwrap() == bytes, "the file is another one");
}
