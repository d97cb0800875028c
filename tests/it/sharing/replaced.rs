//! The files of a store are removed or replaced while it is open. Its process must not acknowledge what it writes to files that
//! have no name any more, and who opens the directory again must not meet the old store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::Own;
use super::remote::{Refusal, Remote};
use super::{a_while, is_linux, place};

/// Files are looked at once a second at most, and before the first commit after a pause.
const PAUSE: Duration = Duration::from_millis(1_300);

#[track_caller]
fn expect_gone(answer: Result<String, Refusal>) {
    let refusal = answer.expect_err("it acknowledged a commit to files that are gone");
    refusal.expect("ERR_UNAVAILABLE", false, &["the store's files were deleted or replaced"]);
}

/// The names of a store's files.
fn files(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn after_a_pause_nothing_is_acknowledged_into_a_deleted_directory() {
    if !is_linux("sharing::replaced::after_a_pause_nothing_is_acknowledged_into_a_deleted_directory") {
        return;
    }
    let (_scratch, path) = place();
    let mut owner = Remote::with(Own::Nothing, &path);
    owner.ask("commit s 5").unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    a_while(PAUSE);
    expect_gone(owner.ask("commit s 5"));
    // And from then on, also where the directory is there again.
    let mut other = Remote::with(Own::Nothing, &path);
    assert_eq!(other.number("commit s 5"), 1);
    expect_gone(owner.ask("commit s 5"));
    assert_eq!(other.number("commit s 5"), 2);
    owner.ask("close s").unwrap();
    owner.open("s", "-", &path).unwrap();
    assert_eq!(owner.number("commit s 5"), 3);
}

#[test]
fn who_commits_without_a_pause_learns_of_it_too() {
    if !is_linux("sharing::replaced::who_commits_without_a_pause_learns_of_it_too") {
        return;
    }
    let (_scratch, path) = place();
    let mut owner = Remote::with(Own::Nothing, &path);
    owner.ask("commit s 5").unwrap();
    std::fs::remove_file(path.join("data.mdb")).unwrap();
    // Far more than any machine commits in a second.
    expect_gone(owner.ask("many s 1000000 1"));
}

#[test]
fn each_file_of_a_store_is_missed() {
    if !is_linux("sharing::replaced::each_file_of_a_store_is_missed") {
        return;
    }
    let (_scratch, first) = place();
    drop(Remote::with(Own::Nothing, &first));
    for file in files(&first) {
        let (_scratch, path) = place();
        let mut owner = Remote::with(Own::Nothing, &path);
        owner.ask("commit s 5").unwrap();
        std::fs::remove_file(path.join(file.file_name().unwrap())).unwrap();
        a_while(PAUSE);
        let answer = owner.ask("commit s 5");
        assert!(answer.is_err(), "nobody misses {}", file.display());
        expect_gone(answer);
        // A read says so too, or answers from the state that it was.
        match owner.ask("check s") {
            Ok(count) => assert_eq!(count, "1"),
            refused => expect_gone(refused),
        }
    }
}

#[test]
fn a_second_opening_in_the_process_does_not_join_a_store_that_is_gone() {
    if !is_linux("sharing::replaced::a_second_opening_in_the_process_does_not_join_a_store_that_is_gone") {
        return;
    }
    let (_scratch, path) = place();
    let mut owner = Remote::with(Own::Nothing, &path);
    owner.ask("commit s 5").unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    let mut other = Remote::with(Own::Nothing, &path);
    assert_eq!(other.number("commit s 5"), 1);
    // Without a pause: whether two stores are one is asked when they are opened.
    match owner.open("two", "-", &path) {
        Ok(_) => {
            assert_eq!(owner.number("commit two 5"), 2, "it joined the store that was deleted");
            assert_eq!(other.number("commit s 5"), 3);
        }
        refused => expect_gone(refused),
    }
}

#[test]
fn a_directory_that_was_put_in_place_of_a_store_is_another_store() {
    if !is_linux("sharing::replaced::a_directory_that_was_put_in_place_of_a_store_is_another_store") {
        return;
    }
    let (scratch, path) = place();
    let restored = scratch.path().join("restored");
    let mut maker = Remote::with(Own::Nothing, &restored);
    maker.ask("many s 7 5").unwrap();
    maker.ask("close s").unwrap();
    let mut owner = Remote::with(Own::Nothing, &path);
    owner.ask("commit s 5").unwrap();
    std::fs::rename(&path, scratch.path().join("old")).unwrap();
    std::fs::rename(&restored, &path).unwrap();
    a_while(PAUSE);
    expect_gone(owner.ask("commit s 5"));
    match owner.open("two", "-", &path) {
        Ok(_) => assert_eq!(owner.number("check two"), 7),
        refused => expect_gone(refused),
    }
}

/// Whichever file goes, in the worst moment: no commit that is acknowledged after another process has opened the
/// directory is lost, and nothing is damaged.
#[test]
fn a_file_that_is_removed_amid_a_commit_lets_nobody_write_beside_it() {
    if !is_linux("sharing::replaced::a_file_that_is_removed_amid_a_commit_lets_nobody_write_beside_it") {
        return;
    }
    let (_scratch, first) = place();
    drop(Remote::with(Own::Nothing, &first));
    for file in files(&first) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name == "data.mdb" {
            continue;
        }
        let (_scratch, path) = place();
        let mut owner = Remote::with(Own::Nothing, &path);
        owner.ask("commit s 20").unwrap();
        owner.ask("hold s 20").unwrap();
        std::fs::remove_file(path.join(name)).unwrap();
        let mut other = Remote::start(Own::Nothing);
        let opened = other.open("s", "-", &path);
        if opened.is_ok() {
            other.ask("begin s 20").unwrap();
            a_while(Duration::from_millis(300));
        }
        let mine = owner.ask("end");
        let theirs = if opened.is_ok() { other.ask("end") } else { opened };
        drop(owner);
        let mut last = Remote::with(Own::Nothing, &path);
        let acknowledged = 1 + u64::from(mine.is_ok()) + u64::from(theirs.is_ok());
        let count = last.number("check s");
        assert_eq!(count, acknowledged, "without {name}: {mine:?} beside {theirs:?}");
    }
}
