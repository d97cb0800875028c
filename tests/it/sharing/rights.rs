//! Whose the files are, and who may use them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::place;
use super::process::{Own, is_here};
use super::remote::Remote;

/// A service that is not root.
const SERVICE: u32 = 12_345;

#[track_caller]
fn expect_files(path: &Path, mode: u32, owner: u32) {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(metadata.mode() & 0o777, mode, "{name}");
        assert_eq!((metadata.uid(), metadata.gid()), (owner, owner), "{name}");
        names.push(name);
    }
    names.sort();
    let all = [
        "checkpoint",
        "data.mdb",
        "journal-0",
        "journal-1",
        "lock.mdb",
        "processes",
        "readers",
        "turnstile",
        "writer",
    ];
    assert_eq!(names, all);
}

#[test]
fn what_root_makes_in_the_directory_of_a_service_is_the_services() {
    if !is_here("sharing::rights::what_root_makes_in_the_directory_of_a_service_is_the_services", Own::Mounts)
        || std::env::var_os("USER").is_some_and(|user| user != "root")
    {
        return;
    }
    let (scratch, path) = place();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    std::os::unix::fs::chown(&path, Some(SERVICE), Some(SERVICE)).unwrap();
    let mut root = Remote::with(Own::Nothing, &path);
    root.ask("commit s 3").unwrap();
    expect_files(&path, 0o640, SERVICE);
    let mut service = Remote::start(Own::Nothing);
    service.ask(&format!("act {SERVICE}")).unwrap();
    service.open("s", "-", &path).unwrap();
    assert_eq!(service.number("commit s 3"), 2);
    assert_eq!(root.number("commit s 3"), 3);
}

#[test]
fn a_mode_is_that_of_every_file() {
    let (scratch, path) = place();
    let mut remote = Remote::start(Own::Nothing);
    // Whatever the process's mask is.
    remote.open("s", "mode=660", &path).unwrap();
    remote.ask("commit s 3").unwrap();
    let owner = fs::metadata(scratch.path()).unwrap().uid();
    expect_files(&path, 0o660, owner);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o770);
    let refused = remote.open("t", "mode=440", &scratch.path().join("t")).unwrap_err();
    refused.expect("ERR_INVALID_ARG", false, &["mode = 0o440"]);
}

#[test]
fn a_directory_that_may_not_be_entered_is_told_as_such() {
    if !is_here("sharing::rights::a_directory_that_may_not_be_entered_is_told_as_such", Own::Mounts) {
        return;
    }
    let (scratch, path) = place();
    drop(Remote::with(Own::Nothing, &path));
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let mut other = Remote::start(Own::Nothing);
    other.ask(&format!("act {SERVICE}")).unwrap();
    for options in ["-", "readOnly"] {
        let refused = other.open("s", options, &path).unwrap_err();
        refused.expect("ERR_UNAVAILABLE", false, &["data.mdb", "Permission denied"]);
    }
}
