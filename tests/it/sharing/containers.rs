//! Containers that share a directory. Each has process ids of its own, so two processes can be number 1, and threads of two of
//! them have the same number; the kernel, which frees the mutex of a thread that dies, takes the one for the other.

use std::time::Duration;

use batondb::kv::embedded::planted::SharingBug;

use super::process::{Own, is_here};
use super::remote::Remote;
use super::storm::{FEW, MANY, Member, seconds, sound, storm};
use super::{a_while, place};

#[test]
fn two_processes_that_are_number_one_open_one_store() {
    if !is_here("sharing::containers::two_processes_that_are_number_one_open_one_store", Own::Pids(1)) {
        return;
    }
    both_open(None);
}

pub fn both_open(bug: Option<SharingBug>) {
    let (_scratch, path) = place();
    let mut one = Remote::start_with(Own::Pids(1), bug);
    one.open("s", "-", &path).unwrap();
    let mut two = Remote::start_with(Own::Pids(1), bug);
    let opened = two.open("s", "-", &path);
    assert_eq!(opened.as_deref(), Ok(""));
    assert_eq!((one.number("commit s 3"), two.number("commit s 3")), (1, 2));
    // Each may read while the other does.
    one.ask("keep s").unwrap();
    two.ask("keep s").unwrap();
    one.ask("many s 5 300").unwrap();
    assert_eq!((one.number("end"), two.number("end")), (2, 2));
    assert_eq!((one.number("check s"), two.number("check s")), (7, 7));
}

#[test]
fn the_death_of_one_who_waits_to_write_lets_nobody_in_beside_the_one_who_writes() {
    let test =
        "sharing::containers::the_death_of_one_who_waits_to_write_lets_nobody_in_beside_the_one_who_writes";
    if !is_here(test, Own::Pids(1)) {
        return;
    }
    death_of_one_who_waits(None);
}

pub fn death_of_one_who_waits(bug: Option<SharingBug>) {
    let (_scratch, path) = place();
    let mut writer = Remote::start_with(Own::Pids(100), bug);
    writer.open("s", "thread=1000", &path).unwrap();
    let mut others = Remote::start_with(Own::Nothing, bug);
    others.open("s", "-", &path).unwrap();
    others.ask("commit s 20").unwrap();
    for round in 0..4 {
        let mut waiting = Remote::start_with(Own::Pids(200), bug);
        waiting.open("s", "thread=1000", &path).unwrap();
        writer.ask("hold s 20").unwrap();
        waiting.ask("begin s 20").unwrap();
        a_while(Duration::from_millis(100));
        waiting.0.kill();
        others.ask("begin s 20").unwrap();
        a_while(Duration::from_millis(300));
        assert_eq!(writer.number("end"), 2 + 2 * round);
        let next = others.number("end");
        assert_eq!(next, 3 + 2 * round, "two processes wrote at once, and one of the commits is gone");
    }
    assert_eq!(writer.number("check s"), 9);
}

/// Two whose threads that commit have one number, of which one is killed, for the most part while it waits; and another.
fn three(pages: u32) -> [Member; 3] {
    let writer = Member { thread: 1_000, ..Member::new(Own::Pids(100), pages) };
    let killed = Member { own: Own::Pids(200), killed_within: 150, ..writer };
    let another = Member { own: Own::Pids(300), thread: 2_000, ..writer };
    [writer, killed, another]
}

/// The same, each with an actor of its own, so that commits are not refused.
pub fn three_apart(pages: u32) -> [Member; 3] {
    let mut members = three(pages);
    for (member, actor) in members.iter_mut().zip(0..) {
        member.actor = actor;
    }
    members
}

#[test]
fn a_storm_of_three_containers_loses_nothing_with_small_commits() {
    let test = "sharing::containers::a_storm_of_three_containers_loses_nothing_with_small_commits";
    if is_here(test, Own::Pids(1)) {
        let (_scratch, path) = place();
        sound(storm(&path, &three(FEW), seconds(8)));
    }
}

#[test]
fn a_storm_of_three_containers_loses_nothing_with_large_commits() {
    let test = "sharing::containers::a_storm_of_three_containers_loses_nothing_with_large_commits";
    if is_here(test, Own::Pids(1)) {
        let (_scratch, path) = place();
        let members = three_apart(MANY);
        sound(storm(&path, &members, seconds(8)));
    }
}

#[test]
fn a_storm_in_which_every_container_is_killed_again_and_again_loses_nothing() {
    let test =
        "sharing::containers::a_storm_in_which_every_container_is_killed_again_and_again_loses_nothing";
    if is_here(test, Own::Pids(1)) {
        let (_scratch, path) = place();
        let killed = Member { killed_within: 300, ..Member::new(Own::Pids(1), MANY) };
        let small = Member { pages: FEW, visits: true, ..killed };
        sound(storm(&path, &[killed, small, killed], seconds(8)));
    }
}

/// Bytes of the store's file.
fn file_bytes(path: &std::path::Path) -> u64 {
    std::fs::metadata(path.join("data.mdb")).unwrap().len()
}

#[test]
fn a_container_that_is_killed_while_it_reads_and_comes_back_keeps_no_state() {
    let test = "sharing::containers::a_container_that_is_killed_while_it_reads_and_comes_back_keeps_no_state";
    if !is_here(test, Own::Pids(1)) {
        return;
    }
    killed_while_it_reads(None);
}

pub fn killed_while_it_reads(bug: Option<SharingBug>) {
    let (_scratch, path) = place();
    let mut sidecar = Remote::start_with(Own::Nothing, bug);
    sidecar.open("s", "relaxed", &path).unwrap();
    sidecar.ask("many s 3 20").unwrap();
    let mut container = Remote::start_with(Own::Pids(1), bug);
    for _ in 0..3 {
        container.open("s", "relaxed", &path).unwrap();
        container.ask("keep s").unwrap();
        container.0.kill();
        // The container comes back, and is number 1 again.
        container = Remote::start_with(Own::Pids(1), bug);
    }
    container.open("s", "relaxed", &path).unwrap();
    // Dead readers are looked for every thousand commits.
    sidecar.ask("many s 1100 20").unwrap();
    let after_check = file_bytes(&path);
    sidecar.ask("many s 1100 20").unwrap();
    let grown = file_bytes(&path) - after_check;
    // What was replaced since the last checkpoint cannot be used yet. If their states were kept, the file would grow as
    // much as before.
    assert!(
        grown <= after_check / 2,
        "the states that the dead had read are kept: {after_check} bytes and {grown}"
    );
    assert_eq!(container.number("check s"), 2_203);
}
