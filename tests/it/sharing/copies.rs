//! An application reads or copies the files of its store, in its own process. A process that closes any descriptor of a file
//! loses all POSIX locks that it has on it, and with them LMDB's.

use super::process::Own;
use super::remote::Remote;
use super::storm::{FEW, MANY, Member, seconds, sound, storm};
use super::{a_while, is_linux, place};
use std::time::Duration;

use batondb::kv::embedded::planted::SharingBug;

#[test]
fn a_copy_made_amid_a_commit_lets_nobody_else_write() {
    if !is_linux("sharing::copies::a_copy_made_amid_a_commit_lets_nobody_else_write") {
        return;
    }
    let (_scratch, path) = place();
    let mut owner = Remote::with(Own::Nothing, &path);
    owner.ask("commit s 20").unwrap();
    owner.ask("hold s 20").unwrap();
    owner.ask(&format!("copy {}", path.display())).unwrap();
    let mut other = Remote::with(Own::Nothing, &path);
    other.ask("begin s 20").unwrap();
    a_while(Duration::from_millis(500));
    assert_eq!(owner.number("end"), 2);
    assert_eq!(other.number("end"), 3, "two processes wrote at once, and one of the commits is gone");
    assert_eq!(owner.number("check s"), 3);
}

#[test]
fn a_copy_made_amid_a_read_does_not_end_its_state() {
    if !is_linux("sharing::copies::a_copy_made_amid_a_read_does_not_end_its_state") {
        return;
    }
    read_amid_a_copy(None);
}

/// A reader's process copies the files, and a writer opens the store and commits again and again.
pub fn read_amid_a_copy(bug: Option<SharingBug>) {
    let (_scratch, path) = place();
    let mut reader = Remote::start_with(Own::Nothing, bug);
    reader.open("s", "-", &path).unwrap();
    reader.ask("many s 3 300").unwrap();
    reader.ask("keep s").unwrap();
    reader.ask(&format!("copy {}", path.display())).unwrap();
    let mut writer = Remote::start_with(Own::Nothing, bug);
    writer.open("s", "-", &path).unwrap();
    writer.ask("many s 20 300").unwrap();
    let kept = reader.ask("end");
    assert_eq!(kept.as_deref(), Ok("3"), "the pages of a state that is being read were used again");
    assert_eq!(writer.number("check s"), 23);
}

#[test]
fn a_storm_beside_an_application_that_copies_its_directory_loses_nothing() {
    if !is_linux("sharing::copies::a_storm_beside_an_application_that_copies_its_directory_loses_nothing") {
        return;
    }
    let (_scratch, path) = place();
    let application = Member { copies: true, ..Member::new(Own::Nothing, MANY) };
    // One alone, so that it is often the only other one, and then the first after a copy.
    let visitor = Member { visits: true, actor: 1, ..Member::new(Own::Nothing, FEW) };
    sound(storm(&path, &[application, visitor], seconds(8)));
}
