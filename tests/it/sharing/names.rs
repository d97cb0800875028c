//! One process opens one directory under two names. Two LMDB environments in it would share locks that each thinks are its
//! own: they share one environment, or the second is refused.

use std::path::Path;
use std::time::Duration;

use super::process::{Own, is_here};
use super::remote::Remote;
use super::{a_while, is_linux, place};

/// Opens the same store as `two`, under another name, and expects one environment.
#[track_caller]
fn expect_one_environment(remote: &mut Remote, path: &Path, other_name: &Path) {
    remote.ask("commit s 5").unwrap();
    let refused = remote.open("two", "-", other_name).err();
    for file in ["lock.mdb", "data.mdb"] {
        let mappings = remote.number(&format!("mappings {}", path.join(file).display()));
        assert_eq!(mappings, 1, "{file} is opened twice as {} and {}", path.display(), other_name.display());
    }
    if let Some(refused) = refused {
        // Somebody who opens it once more under that name will be refused again.
        assert!(!refused.retryable && refused.message.contains(other_name.to_str().unwrap()), "{refused:?}");
    } else {
        assert_eq!(remote.number("check two"), remote.number("check s"));
        // Whose end must not take the locks of the other along.
        remote.ask("close two").unwrap();
    }
    expect_nobody_beside(remote, path);
}

/// Another process does not get in beside a commit that stands still.
#[track_caller]
fn expect_nobody_beside(remote: &mut Remote, path: &Path) {
    remote.ask("hold s 5").unwrap();
    let mut other = Remote::with(Own::Nothing, path);
    other.ask("begin s 5").unwrap();
    a_while(Duration::from_millis(300));
    let held = remote.number("end");
    assert_eq!(other.number("end"), held + 1, "two processes wrote at once");
    assert_eq!(remote.number("check s"), held + 1);
}

#[test]
fn other_spellings_and_links_are_the_same_store() {
    if !is_linux("sharing::names::other_spellings_and_links_are_the_same_store") {
        return;
    }
    let (scratch, path) = place();
    let link = scratch.path().join("link");
    let mut remote = Remote::with(Own::Nothing, &path);
    std::os::unix::fs::symlink(&path, &link).unwrap();
    std::os::unix::fs::symlink(".", path.join("itself")).unwrap();
    let spelled = |text: String| Path::new(&text).to_owned();
    let text = path.to_str().unwrap();
    let names = [
        link.clone(),
        link.join("itself"),
        spelled(format!("{text}/")),
        spelled(format!("{text}/.")),
        spelled(format!("{text}/../store")),
        spelled(text.replacen('/', "//", 1)),
        spelled(format!("/proc/self/root{text}")),
    ];
    for name in names {
        expect_one_environment(&mut remote, &path, &name);
    }
}

#[test]
fn two_mounts_of_a_directory_are_one_store() {
    if !is_here("sharing::names::two_mounts_of_a_directory_are_one_store", Own::Mounts) {
        return;
    }
    let (scratch, path) = place();
    let mount = scratch.path().join("mount");
    std::fs::create_dir(&mount).unwrap();
    let mut remote = Remote::with(Own::Mounts, &path);
    remote.shell(&format!("mount --bind {} {}", path.display(), mount.display()));
    expect_one_environment(&mut remote, &path, &mount);
    if remote.number("check s") == 1 {}
}

#[test]
fn hard_links_of_the_files_in_another_directory_are_no_second_store() {
    if !is_linux("sharing::names::hard_links_of_the_files_in_another_directory_are_no_second_store") {
        return;
    }
    let (scratch, path) = place();
    let other = scratch.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let mut remote = Remote::with(Own::Nothing, &path);
    for file in ["data.mdb", "lock.mdb"] {
        std::fs::hard_link(path.join(file), other.join(file)).unwrap();
    }
    expect_one_environment(&mut remote, &path, &other);
    // With a lock file of its own it is in nobody's turn.
    std::fs::remove_file(other.join("lock.mdb")).unwrap();
    let mut second = Remote::start(Own::Nothing);
    let refused = second.open("s", "-", &other).unwrap_err();
    refused.expect("ERR_UNAVAILABLE", false, &["data.mdb", "hard link"]);
}
