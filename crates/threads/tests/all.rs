//! Every scenario is a test: `cargo test -p batondb-threads`.
//!
//! A run that fails names a file with its schedule; `BATON_SCHEDULE=file cargo test -p batondb-threads NAME`
//! runs exactly that one again. `BATON_RUNS` and `BATON_SEED` ask for more runs and for others.

macro_rules! scenarios {
    ($($group:ident: $($name:ident),+;)+) => {
        $(mod $group {
            $(#[test]
            fn $name() {
                let scenario = batondb_threads::check::$group::$name;
                let schedules = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
                batondb_threads::check::explore(scenario, schedules);
            })+
        })+
    };
}

scenarios! {
    embedded:
        every_transaction_is_answered_once_and_not_before_its_commit,
        of_a_batch_that_is_undone_only_the_guilty_one_fails,
        a_directory_is_open_once_however_many_open_and_close_it,
        whoever_closes_last_finds_the_directory_closed,
        closing_waits_for_what_its_handle_has_queued,
        a_caller_that_is_alone_leads,
        who_is_in_a_hurry_leaves_and_takes_nobody_along,
        what_an_abandoned_caller_has_queued_takes_effect,
        a_batch_that_waits_for_others_hears_that_they_have_come,
        a_batch_that_waits_for_others_begins_when_they_have_come_or_time_is_up,
        a_leader_that_panics_leaves_nobody_waiting;
    database:
        calls_run_one_at_a_time_in_the_order_in_which_they_came,
        calls_on_their_callers_thread_take_turns_with_the_pool,
        only_the_call_that_was_cancelled_is_interrupted,
        a_transaction_is_alone_until_it_ends_or_its_time_is_up,
        closing_lets_earlier_calls_through_and_refuses_later_ones,
        a_database_that_is_abandoned_closes_itself_and_answers_all,
        a_transaction_of_statements_is_whole_or_its_loss_is_told,
        databases_that_hold_much_give_it_back,
        a_thread_that_cannot_begin_refuses_calls_and_loses_none,
        answers_come_once_and_after_their_commits,
        commits_of_many_databases_share_batches_and_all_are_answered,
        a_database_that_is_alone_commits_on_its_own_thread;
    cache:
        an_owner_sees_its_own_head_alone;
    engine:
        background_work_has_one_worker_and_ends_with_the_store;
    node:
        every_answer_is_taken_once_in_order;
}
