//! Files that grow, by whoever's hand, and many of them.

use super::place;
use super::process::Own;
use super::remote::Remote;

const MIB: u64 = 1 << 20;

#[test]
fn a_process_with_a_smaller_size_maps_what_another_one_has_written() {
    let (_scratch, path) = place();
    let mut small = Remote::start(Own::Nothing);
    small.open("s", &format!("size={}", 4 * MIB), &path).unwrap();
    assert_eq!(small.number("commit s 20"), 1);
    let mut large = Remote::start(Own::Nothing);
    large.open("s", &format!("size={}", 64 * MIB), &path).unwrap();
    // 8 MB, twice what the first has mapped.
    assert_eq!(large.number("commit s 2000"), 2);
    assert_eq!(small.number("check s"), 2);
    // It has no room of its own for that, but says so, and goes on.
    small.ask("commit s 2000").unwrap_err().expect("ERR_QUOTA_EXCEEDED", false, &["maxSizeBytes"]);
    assert_eq!(small.number("check s"), 2);
    assert_eq!(large.number("commit s 20"), 3);
    assert_eq!(small.number("check s"), 3);
}

#[test]
fn a_size_is_taken_over_by_those_who_are_told_none() {
    let (_scratch, path) = place();
    let mut told = Remote::start(Own::Nothing);
    told.open("s", &format!("size={}", 4 * MIB), &path).unwrap();
    assert_eq!(told.number("commit s 20"), 1);
    let mut untold = Remote::with(Own::Nothing, &path);
    untold.ask("commit s 2000").unwrap_err().expect("ERR_QUOTA_EXCEEDED", false, &["maxSizeBytes"]);
    assert_eq!(untold.number("commit s 20"), 2);
}

#[test]
fn a_process_opens_hundreds_of_stores() {
    let scratch = tempfile::tempdir().unwrap();
    let mut remote = Remote::start(Own::Nothing);
    for number in 0..200 {
        let path = scratch.path().join(number.to_string());
        remote.open(&format!("s{number}"), "relaxed", &path).unwrap();
    }
    for number in 0..200 {
        assert_eq!(remote.number(&format!("commit s{number} 1")), 1);
    }
}
