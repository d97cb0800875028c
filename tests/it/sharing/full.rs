//! A disk without room: a small one that the test mounts. The kernel kills who touches a page of a mapped file for which
//! there is no room, so there must be room before.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::place;
use super::process::{Own, is_here};
use super::remote::Remote;

const PAGE: u64 = 4_096;

/// A process that sees a small disk at the path. Others see an empty directory there.
fn on_a_small_disk(bytes: u64) -> (TempDir, PathBuf, Remote) {
    let (scratch, path) = place();
    std::fs::create_dir(&path).unwrap();
    let mut remote = Remote::start(Own::Mounts);
    remote.shell(&format!("mount -t tmpfs -o size={bytes} none {}", path.display()));
    (scratch, path, remote)
}

/// Leaves so many bytes of room.
fn fill(remote: &mut Remote, path: &Path, but: u64) {
    let filler = path.join("filler");
    let filler = filler.display();
    remote.shell(&format!("cat /dev/zero >{filler} 2>&1 || true"));
    if but > 0 {
        remote.shell(&format!("truncate -s -{but} {filler}"));
    }
}

fn make_room(remote: &mut Remote, path: &Path) {
    remote.shell(&format!("rm {}", path.join("filler").display()));
}

#[track_caller]
fn expect_full<T: std::fmt::Debug>(answer: Result<T, super::remote::Refusal>) {
    answer.expect_err("there was room").expect("ERR_QUOTA_EXCEEDED", false, &["disk"]);
}

#[test]
fn a_store_opens_on_a_full_disk_without_its_lock_file_or_says_why_not() {
    let test = "sharing::full::a_store_opens_on_a_full_disk_without_its_lock_file_or_says_why_not";
    if !is_here(test, Own::Mounts) {
        return;
    }
    let (_scratch, path, mut remote) = on_a_small_disk(4 << 20);
    remote.open("s", "-", &path).unwrap();
    remote.ask("commit s 20").unwrap();
    remote.ask("close s").unwrap();
    remote.shell(&format!("rm {}", path.join("lock.mdb").display()));
    fill(&mut remote, &path, 0);
    expect_full(remote.open("s", "-", &path));
    make_room(&mut remote, &path);
    remote.open("s", "-", &path).unwrap();
    assert_eq!(remote.number("check s"), 1);
}

/// One page of room after the other, until there is enough.
#[test]
fn a_store_is_made_on_a_full_disk_or_says_why_not() {
    if !is_here("sharing::full::a_store_is_made_on_a_full_disk_or_says_why_not", Own::Mounts) {
        return;
    }
    let (_scratch, path, mut remote) = on_a_small_disk(1 << 20);
    let store = path.join("store");
    remote.shell(&format!("mkdir {}", store.display()));
    let mut refused = 0;
    for pages in 0..100 {
        fill(&mut remote, &path, pages * PAGE);
        let opened = remote.open("s", "-", &store);
        if opened.is_ok() {
            // There is room for the files, and it is theirs: readers need no more.
            for _ in 0..200 {
                remote.ask("keep s").unwrap();
            }
            for _ in 0..200 {
                assert_eq!(remote.number("end"), 0);
            }
            break;
        }
        refused += 1;
        expect_full(opened);
        remote.shell(&format!("rm -f {}/*", store.display()));
        make_room(&mut remote, &path);
    }
    assert!((2..100).contains(&refused), "{refused} refused");
    make_room(&mut remote, &path);
    assert_eq!(remote.number("commit s 3"), 1);
}

#[test]
fn a_disk_that_fills_up_refuses_commits_and_loses_nothing() {
    if !is_here("sharing::full::a_disk_that_fills_up_refuses_commits_and_loses_nothing", Own::Mounts) {
        return;
    }
    let (_scratch, path, mut remote) = on_a_small_disk(8 << 20);
    remote.open("s", "-", &path).unwrap();
    remote.ask("commit s 20").unwrap();
    fill(&mut remote, &path, 0);
    expect_full(remote.ask("commit s 300"));
    assert_eq!(remote.number("check s"), 1);
    // Many at once: each needs a place in the lock file, which has its room.
    for _ in 0..200 {
        remote.ask("keep s").unwrap();
    }
    for _ in 0..200 {
        assert_eq!(remote.number("end"), 1);
    }
    remote.ask("close s").unwrap();
    remote.open("s", "-", &path).unwrap();
    assert_eq!(remote.number("check s"), 1);
    make_room(&mut remote, &path);
    assert_eq!(remote.number("commit s 300"), 2);
    assert_eq!(remote.number("check s"), 2);
}
