//! That these tests find anything: each of the bugs that they are for is planted in the processes of a test, which must then
//! fail, in the way that the bug has it fail.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use batondb::kv::embedded::planted::SharingBug;

use super::process::{Own, is_here};
use super::storm::{FEW, MANY, Member, storm};
use super::{containers, copies, is_linux, place};

/// A storm with a bug ends as soon as there is damage, which takes seconds.
const STORM: Duration = Duration::from_secs(120);

/// Expects a test to fail, and one of some words in what it says.
#[track_caller]
fn expect_failure(words: &[&str], test: impl FnOnce()) {
    let failure = catch_unwind(AssertUnwindSafe(test)).expect_err("the bug was not found");
    let said = words_of(&*failure);
    assert!(words.iter().any(|word| said.contains(word)), "it failed in another way: {said}");
}

fn words_of(failure: &(dyn Any + Send)) -> String {
    let text = failure.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| failure.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn with(bug: SharingBug, members: &[Member]) -> Vec<Member> {
    members.iter().map(|&member| Member { bug: Some(bug), ..member }).collect()
}

#[test]
fn with_locks_of_the_process_alone_a_copy_ends_the_state_of_a_read() {
    if is_linux("sharing::controls::with_locks_of_the_process_alone_a_copy_ends_the_state_of_a_read") {
        expect_failure(&["were used again"], || {
            copies::read_amid_a_copy(Some(SharingBug::ProcessLocksOnly));
        });
    }
}

#[test]
fn with_process_ids_there_is_one_container_that_is_number_one() {
    let test = "sharing::controls::with_process_ids_there_is_one_container_that_is_number_one";
    if is_here(test, Own::Pids(1)) {
        let bug = Some(SharingBug::ProcessIds);
        expect_failure(&["ERR_UNAVAILABLE"], || containers::both_open(bug));
        expect_failure(&["the dead had read are kept", "ERR_UNAVAILABLE"], || {
            containers::killed_while_it_reads(bug);
        });
    }
}

#[test]
fn with_a_turn_that_is_let_go_early_the_death_of_one_who_waits_loses_a_commit() {
    let test =
        "sharing::controls::with_a_turn_that_is_let_go_early_the_death_of_one_who_waits_loses_a_commit";
    if is_here(test, Own::Pids(1)) {
        let bug = Some(SharingBug::TurnLetGoEarly);
        expect_failure(&["two processes wrote at once"], || containers::death_of_one_who_waits(bug));
    }
}

#[test]
fn with_a_turn_that_is_let_go_early_storms_of_containers_do_damage() {
    let test = "sharing::controls::with_a_turn_that_is_let_go_early_storms_of_containers_do_damage";
    if is_here(test, Own::Pids(1)) {
        for pages in [FEW, MANY] {
            let (_scratch, path) = place();
            let members = with(SharingBug::TurnLetGoEarly, &containers::three_apart(pages));
            println!("{}", storm(&path, &members, STORM).expect_err("the bug was not found"));
        }
    }
}
