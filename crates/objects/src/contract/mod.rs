//! What every [`ObjectStore`] promises, as checks that a test runs against it: each store and each layer passes all.
//!
//! A check asserts and so panics with the broken promise; call [`run`] from tests only. Each check gets a store of its own
//! from `make`, empty. Nothing here waits by time. Dying in the middle of a put is tested where it can be done, in `tests/`.

mod listing;
mod objects;
mod probe;
mod threads;

use std::sync::Arc;

use farshore_types::Result;

use crate::store::ObjectStore;

/// Runs all checks; `make` gives a new empty store each time. Panics at the first broken promise.
pub fn run(make: &dyn Fn() -> Arc<dyn ObjectStore>) {
    for (promise, check) in CHECKS {
        let store = make();
        if let Err(error) = check(store.as_ref()) {
            assert_eq!(format!("{error:?}"), "no error", "broken promise: {promise}");
        }
    }
}

type Check = fn(&dyn ObjectStore) -> Result<()>;

const CHECKS: [(&str, Check); 17] = [
    ("what was put can be read whole and in parts", objects::what_was_put_can_be_read_whole_and_in_parts),
    ("a range beyond the end is corrupt", objects::a_range_beyond_the_end_is_corrupt),
    ("what does not exist is missing", objects::what_does_not_exist_is_missing),
    ("a taken name keeps its first bytes", objects::a_taken_name_keeps_its_first_bytes),
    ("names outside the alphabet are invalid in every verb", objects::names_outside_the_alphabet_are_invalid),
    ("the longest names work", objects::the_longest_names_work),
    ("a deleted object is gone and its name is free", objects::a_deleted_object_is_gone_and_its_name_is_free),
    ("pieces make one object", objects::pieces_make_one_object),
    ("pieces never replace an object", objects::pieces_never_replace_an_object),
    ("pieces that end early put nothing", objects::pieces_that_end_early_put_nothing),
    ("pieces may come from the same store", objects::pieces_may_come_from_the_same_store),
    ("modified tells ages", objects::modified_tells_ages),
    ("a listing gives exactly what is below its prefix", listing::a_listing_gives_exactly_what_is_below_its_prefix),
    ("a listing stops at the first error of its caller", listing::a_listing_stops_at_the_first_error_of_its_caller),
    ("a listing's caller may use the store", listing::a_listings_caller_may_use_the_store),
    ("one of many concurrent puts wins", threads::one_of_many_concurrent_puts_wins),
    ("a listing during puts shows whole objects once", threads::a_listing_during_puts_shows_whole_objects_once),
];
