//! Stores that are only read: where nothing can be written, beside those who write, and through the ordinary files.

use std::fs;
use std::path::Path;

use super::place;
use super::process::{Own, is_here};
use super::remote::Remote;

/// Who has no rights but those of everybody.
const NOBODY: u32 = 65_534;

#[track_caller]
fn expect_only_reads(remote: &mut Remote, path: &Path, count: u64) {
    remote.open("r", "readOnly", path).unwrap();
    assert_eq!(remote.number("check r"), count);
    remote.ask("commit r 3").unwrap_err().expect("ERR_READ_ONLY", false, &["read-only"]);
    assert_eq!(remote.number("check r"), count);
    remote.ask("close r").unwrap();
}

/// A store of one commit, closed.
fn made(path: &Path) {
    let mut maker = Remote::with(Own::Nothing, path);
    assert_eq!(maker.number("commit s 20"), 1);
    maker.ask("close s").unwrap();
}

#[test]
fn a_store_is_read_only_beside_one_that_writes_and_in_one_process() {
    let (_scratch, path) = place();
    let mut writer = Remote::with(Own::Nothing, &path);
    assert_eq!(writer.number("commit s 20"), 1);
    expect_only_reads(&mut Remote::start(Own::Nothing), &path, 1);
    expect_only_reads(&mut writer, &path, 1);
    assert_eq!(writer.number("commit s 20"), 2);
}

#[test]
fn nothing_is_made_where_there_is_no_store() {
    let (_scratch, path) = place();
    let mut remote = Remote::start(Own::Nothing);
    remote.open("s", "readOnly", &path).unwrap_err().expect("ERR_INVALID_ARG", false, &["no store"]);
    assert!(!path.exists());
    fs::create_dir(&path).unwrap();
    remote.open("s", "readOnly", &path).unwrap_err().expect("ERR_INVALID_ARG", false, &["no store"]);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn a_copy_on_a_read_only_mount_is_read() {
    if !is_here("sharing::read_only::a_copy_on_a_read_only_mount_is_read", Own::Mounts) {
        return;
    }
    let (scratch, path) = place();
    made(&path);
    let snapshot = scratch.path().join("snapshot");
    fs::create_dir(&snapshot).unwrap();
    // As a backup has it: the data alone.
    fs::copy(path.join("data.mdb"), snapshot.join("data.mdb")).unwrap();
    let mut remote = Remote::start(Own::Mounts);
    let at = snapshot.display();
    remote.shell(&format!("mount --bind {at} {at} && mount -o remount,ro,bind {at}"));
    expect_only_reads(&mut remote, &snapshot, 1);
    let refused = remote.open("s", "-", &snapshot).unwrap_err();
    refused.expect("ERR_UNAVAILABLE", false, &["Read-only file system"]);
}

/// The state of a read that LMDB does not know of stays whole while others write and use pages again.
#[test]
fn a_read_only_mount_of_a_store_that_is_written_shows_whole_states() {
    if !is_here(
        "sharing::read_only::a_read_only_mount_of_a_store_that_is_written_shows_whole_states",
        Own::Mounts,
    ) {
        return;
    }
    let (_scratch, path) = place();
    let mut writer = Remote::with(Own::Nothing, &path);
    assert_eq!(writer.number("commit s 50"), 1);
    let mut reader = Remote::start(Own::Mounts);
    let at = path.display();
    reader.shell(&format!("mount --bind {at} {at} && mount -o remount,ro,bind {at}"));
    reader.open("r", "readOnly", &path).unwrap();
    assert_eq!(reader.number("check r"), 1);
    reader.ask("keep r").unwrap();
    // Each of them rewrites every page that the read sees.
    assert_eq!(writer.number("many s 200 50"), 201);
    assert_eq!(reader.number("end"), 1);
    let bytes = fs::metadata(path.join("data.mdb")).unwrap().len();
    for count in 202..=260 {
        assert_eq!(writer.number("commit s 50"), count);
        assert_eq!(reader.number("check r"), count);
    }
    assert_eq!(writer.number("many s 300 50"), 560);
    let after = fs::metadata(path.join("data.mdb")).unwrap().len();
    assert!(after <= bytes + bytes / 2, "{bytes} bytes became {after}: what was read is kept for ever");
}

#[test]
fn another_users_directory_is_read_and_not_written() {
    if !is_here("sharing::read_only::another_users_directory_is_read_and_not_written", Own::Mounts) {
        return;
    }
    let (scratch, path) = place();
    made(&path);
    let mut remote = Remote::start(Own::Nothing);
    remote.shell(&format!("chmod 755 {} {}", scratch.path().display(), path.display()));
    remote.ask(&format!("act {NOBODY}")).unwrap();
    expect_only_reads(&mut remote, &path, 1);
    let refused = remote.open("s", "-", &path).unwrap_err();
    refused.expect("ERR_UNAVAILABLE", false, &["data.mdb", "Permission denied"]);
}
