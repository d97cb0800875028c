//! Processes that stand still (SIGSTOP, a debugger, a container that is frozen). Who holds the turn to write stops the writes of
//! the others, nothing else, and they are told who it is.

use std::path::Path;
use std::time::Duration;

use batondb::env::{Env, SystemEnv};

use super::process::{Own, Process, is_here};
use super::remote::{Refusal, Remote};
use super::storm::{FEW, Member, rounds};
use super::{a_while, is_linux, place};

/// A process that stands still in the middle of its second commit.
fn stopped_amid_a_commit(own: Own, path: &Path) -> Remote {
    let mut holder = Remote::with(own, path);
    holder.ask("commit s 20").unwrap();
    holder.ask("hold s 20").unwrap();
    holder.0.stop();
    holder
}

/// A commit that could not have its turn: nothing was done, trying again may help, and it says who is in the way.
#[track_caller]
fn expect_turned_away(answer: Result<String, Refusal>, pid: i32) {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let refusal = answer.expect_err("it committed beside another one");
    refusal.expect("ERR_UNAVAILABLE", true, &[&pid.to_string(), host.trim()]);
}

#[test]
fn a_writer_that_stands_still_stops_neither_openings_nor_reads_and_is_named() {
    if !is_linux("sharing::stopped::a_writer_that_stands_still_stops_neither_openings_nor_reads_and_is_named")
    {
        return;
    }
    let (_scratch, path) = place();
    let mut holder = stopped_amid_a_commit(Own::Nothing, &path);
    let mut other = Remote::with(Own::Nothing, &path);
    assert_eq!(other.number("check s"), 1);
    let refused = other.ask("commit s 20");
    expect_turned_away(refused, holder.0.pid());
    assert_eq!(other.number("check s"), 1);
    // Closing does not wait for the turn, also not with a commit that does. It may call the commit off.
    other.ask("begin s 20").unwrap();
    other.ask("close s").unwrap();
    let refused = other.ask("end");
    if !refused.as_ref().is_err_and(|refusal| refusal.code == "ERR_CLOSED") {
        expect_turned_away(refused, holder.0.pid());
    }
    other.open("s", "-", &path).unwrap();
    holder.0.go_on();
    assert_eq!(holder.number("end"), 2, "what was turned away was not done");
    assert_eq!(other.number("commit s 20"), 3);
    assert_eq!(holder.number("check s"), 3);
}

#[test]
fn a_commit_that_waits_goes_on_when_the_writer_does() {
    if !is_linux("sharing::stopped::a_commit_that_waits_goes_on_when_the_writer_does") {
        return;
    }
    let (_scratch, path) = place();
    let mut other = Remote::with(Own::Nothing, &path);
    let mut holder = stopped_amid_a_commit(Own::Nothing, &path);
    other.ask("begin s 20").unwrap();
    a_while(Duration::from_millis(300));
    holder.0.go_on();
    assert_eq!(holder.number("end"), 2);
    assert_eq!(other.number("end"), 3);
}

/// It has noted nothing yet: it was stopped on the way to its turn. It is among those who have the store open.
#[test]
fn whoever_stands_still_before_its_turn_is_named() {
    if !is_linux("sharing::stopped::whoever_stands_still_before_its_turn_is_named") {
        return;
    }
    let (_scratch, path) = place();
    let mut idle = Remote::with(Own::Nothing, &path);
    idle.ask("commit s 20").unwrap();
    let mut other = Remote::with(Own::Nothing, &path);
    assert_eq!(other.number("check s"), 1);
    let gate = std::fs::File::open(path.join("turnstile")).unwrap();
    gate.lock().unwrap();
    expect_turned_away(other.ask("commit s 20"), idle.0.pid());
    drop(gate);
    assert_eq!(other.number("commit s 20"), 2);
}

#[test]
fn a_container_that_stands_still_is_named() {
    if !is_here("sharing::stopped::a_container_that_stands_still_is_named", Own::Pids(1)) {
        return;
    }
    let (_scratch, path) = place();
    let mut holder = stopped_amid_a_commit(Own::Pids(1), &path);
    let mut other = Remote::with(Own::Pids(1), &path);
    expect_turned_away(other.ask("commit s 20"), 1);
    holder.0.kill();
    assert_eq!(other.number("commit s 20"), 2, "the turn of the dead is free");
}

#[test]
fn a_reader_that_stands_still_stops_nobody() {
    if !is_linux("sharing::stopped::a_reader_that_stands_still_stops_nobody") {
        return;
    }
    let (_scratch, path) = place();
    let mut reader = Remote::with(Own::Nothing, &path);
    reader.ask("commit s 20").unwrap();
    reader.ask("keep s").unwrap();
    reader.0.stop();
    let mut other = Remote::with(Own::Nothing, &path);
    assert_eq!(other.number("many s 50 100"), 51);
    other.ask("close s").unwrap();
    other.open("s", "-", &path).unwrap();
    assert_eq!(other.number("check s"), 51);
    reader.0.go_on();
    assert_eq!(reader.number("end"), 1);
    assert_eq!(reader.number("commit s 20"), 52);
}

/// In whichever moment: while it opens, commits, reads, closes.
#[test]
fn a_process_that_stands_still_at_any_moment_hangs_nobody() {
    if !is_linux("sharing::stopped::a_process_that_stands_still_at_any_moment_hangs_nobody") {
        return;
    }
    let (_scratch, path) = place();
    let mut other = Remote::with(Own::Nothing, &path);
    other.ask("commit s 20").unwrap();
    other.ask("close s").unwrap();
    for _ in 0..rounds(4) {
        let mut member = Member { visits: true, ..Member::new(Own::Nothing, FEW) }.start(&path);
        assert!(member.hear().is_some(), "it has opened the store");
        a_while(Duration::from_micros(SystemEnv.random_below(60_000)));
        member.stop();
        use_it(&mut other, &path, &member);
        member.kill();
    }
    other.open("s", "-", &path).unwrap();
    other.ask("commit s 20").unwrap();
}

/// Everything comes to an end; whoever is in the way is named.
fn use_it(other: &mut Remote, path: &Path, member: &Process) {
    if let Err(refused) = other.open("s", "-", path) {
        return expect_turned_away(Err(refused), member.pid());
    }
    other.number("check s");
    if let Err(refused) = other.ask("commit s 20") {
        expect_turned_away(Err(refused), member.pid());
    }
    other.ask("close s").unwrap();
}
