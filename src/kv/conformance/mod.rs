//! What every backend must do, as functions that panic where a backend does not.
//!
//! Each property of the contract in [`kv`](super) is one function, which gets a fresh, empty store. A test
//! module names its backend once and gets one test for each property:
//!
//! ```ignore
//! batondb::kv_conformance!(|| async { Fixture::new() });
//! ```
//!
//! The closure returns something that derefs to `Arc<dyn Kv>` and may own whatever the store lives in. A
//! backend that is not available everywhere has a closure that takes the name of the test and may return
//! `None`; the test is skipped then:
//!
//! ```ignore
//! batondb::kv_conformance!(if there is one: |test| async move { Fixture::new(test) });
//! ```
//!
//! Properties about conflicts apply to optimistic backends. On others they return at once.

mod atomicity;
mod conflicts;
mod harness;
mod lifecycle;
mod model;
mod ordering;
mod rows;

pub use atomicity::{
    a_failed_body_writes_nothing_and_delivers_its_error, a_refusal_writes_nothing,
    a_too_large_value_leaves_the_store_usable, writes_of_one_decision_appear_together,
    writes_of_one_decision_apply_in_order,
};
pub use conflicts::{
    a_serializable_read_conflicts_with_declared_writes_only, a_snapshot_read_never_conflicts,
    writes_outside_what_was_read_do_not_conflict,
};
pub use lifecycle::{a_closed_store_says_so, closing_finishes_what_was_queued};
pub use model::random_operations_match_a_sorted_map;
pub use ordering::{
    a_read_sees_what_was_acknowledged_before, a_read_stays_on_its_state, increments_are_never_lost,
};
pub use rows::{
    a_scan_ends_where_it_is_told, a_scan_visits_its_range_in_order, clearing_a_range_clears_exactly_it,
    empty_ranges_hold_nothing, keys_that_prefix_each_other_stay_apart, values_of_every_size_come_back,
};

/// Creates one asynchronous test for each property, on the store that the closure creates.
#[macro_export]
macro_rules! kv_conformance {
    (if there is one: $fresh:expr) => {
        $crate::kv_conformance!(@each $fresh;
            values_of_every_size_come_back,
            keys_that_prefix_each_other_stay_apart,
            a_scan_visits_its_range_in_order,
            a_scan_ends_where_it_is_told,
            empty_ranges_hold_nothing,
            clearing_a_range_clears_exactly_it,
            a_refusal_writes_nothing,
            a_failed_body_writes_nothing_and_delivers_its_error,
            writes_of_one_decision_apply_in_order,
            writes_of_one_decision_appear_together,
            a_too_large_value_leaves_the_store_usable,
            a_read_sees_what_was_acknowledged_before,
            a_read_stays_on_its_state,
            increments_are_never_lost,
            a_serializable_read_conflicts_with_declared_writes_only,
            a_snapshot_read_never_conflicts,
            writes_outside_what_was_read_do_not_conflict,
            random_operations_match_a_sorted_map,
            a_closed_store_says_so,
            closing_finishes_what_was_queued,
        );
    };
    ($fresh:expr) => {
        $crate::kv_conformance!(if there is one: |_: &str| async { Some(($fresh)().await) });
    };
    (@each $fresh:expr; $($property:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() {
                let test = concat!(module_path!(), "::", stringify!($property));
                if let Some(store) = ($fresh)(test).await {
                    $crate::kv::conformance::$property(&store).await;
                }
            }
        )*
    };
}
