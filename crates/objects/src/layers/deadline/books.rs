//! Who may call a store that may have fallen silent: which calls are under way, which were left behind, who goes next.
//!
//! Decides and does nothing: the desk asks under its lock. Everything is lost with the process, as are the calls.

use std::collections::BTreeMap;

use farshore_types::Timestamp;

/// Calls under way at most, listings apart, those included that were left behind. Each may hold one object's bytes.
pub const DEADLINE_CALLS_MAX: usize = 16;

/// Listings under way at most. They have places of their own, because their `each` may call the store.
pub const DEADLINE_LISTINGS_MAX: usize = 32;

/// What a call counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Call,
    Listing,
}

/// What is said to somebody who wants to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Go,
    /// All places are taken by calls that the store may still answer in time.
    Wait,
    /// The store is silent and somebody is trying it already.
    Silent(Timestamp),
    /// The store is silent and all places are taken: no further call is risked.
    Full(Timestamp),
    /// Too many listings: waiting could mean to wait for oneself.
    Crowded,
}

/// Whether what a call came back with shows that the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    Answered,
    Nothing,
}

/// What became of a call whose caller's patience was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It is still inside the store.
    Behind,
    /// It had just ended: its answer is there or comes at once.
    Ended,
}

/// The calls under way.
#[derive(Debug, Default)]
pub(super) struct Books {
    next: u64,
    running: BTreeMap<u64, Running>,
    /// Since when the store has not answered: a call was left behind, and no trial has succeeded since.
    silent: Option<Timestamp>,
    /// The one call that is let through to a silent store.
    trial: Option<u64>,
}

#[derive(Debug)]
struct Running {
    sort: Sort,
    begun: Timestamp,
    left: bool,
}

impl Books {
    /// Whether one more may call now.
    pub(super) fn judge(&self, sort: Sort) -> Answer {
        let room = self.running.values().filter(|call| call.sort == sort).count() < sort.places();
        match (self.silent, self.trial, room, sort) {
            (Some(since), Some(_), _, _) => Answer::Silent(since),
            (Some(since), None, false, _) => Answer::Full(since),
            (_, _, true, _) => Answer::Go,
            (None, _, false, Sort::Call) => Answer::Wait,
            (None, _, false, Sort::Listing) => Answer::Crowded,
        }
    }

    /// Notes a call that was told to go; to a silent store it is the trial.
    pub(super) fn begin(&mut self, sort: Sort, begun: Timestamp) -> u64 {
        let id = self.next;
        self.next += 1;
        self.running.insert(id, Running { sort, begun, left: false });
        if self.silent.is_some() {
            self.trial = Some(id);
        }
        id
    }

    /// A call that goes on has shown that the store answers.
    pub(super) fn answered(&mut self, id: u64) {
        if self.trial == Some(id) {
            (self.silent, self.trial) = (None, None);
        }
    }

    /// A call has returned from the store, in time or not.
    pub(super) fn end(&mut self, id: u64, evidence: Evidence) {
        if evidence == Evidence::Answered {
            self.answered(id);
        }
        if self.trial == Some(id) {
            self.trial = None;
        }
        self.running.remove(&id);
        if self.stuck() == 0 {
            (self.silent, self.trial) = (None, None);
        }
    }

    /// The patience of a call's caller is over.
    pub(super) fn leave(&mut self, id: u64) -> Left {
        let Some(call) = self.running.get_mut(&id) else { return Left::Ended };
        call.left = true;
        let begun = call.begun;
        self.silent = Some(self.silent.map_or(begun, |since| since.min(begun)));
        if self.trial == Some(id) {
            self.trial = None;
        }
        Left::Behind
    }

    /// Calls that were left behind and have not returned.
    pub(super) fn stuck(&self) -> usize {
        self.running.values().filter(|call| call.left).count()
    }

    /// Since when the store has not answered, if it does not.
    pub(super) fn silent_since(&self) -> Option<Timestamp> {
        self.silent
    }
}

impl Sort {
    fn places(self) -> usize {
        match self {
            Sort::Call => DEADLINE_CALLS_MAX,
            Sort::Listing => DEADLINE_LISTINGS_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn begin(books: &mut Books, sort: Sort, count: usize) -> Vec<u64> {
        (0..count).map(|_| books.begin(sort, at(1))).collect()
    }

    #[test]
    fn places_and_silence_decide_who_goes() {
        use Answer::{Crowded, Full, Go, Silent, Wait};
        let (calls, listings) = (DEADLINE_CALLS_MAX, DEADLINE_LISTINGS_MAX);
        // calls and listings under way, how many of the calls were left behind, then the answers to a call and a listing
        let table = [
            (0, 0, 0, Go, Go),
            (calls - 1, listings - 1, 0, Go, Go),
            (calls, 0, 0, Wait, Go),
            (0, listings, 0, Go, Crowded),
            (calls, listings, 0, Wait, Crowded),
            (1, 0, 1, Go, Go),
            (calls - 1, 0, 1, Go, Go),
            (calls, 0, 1, Full(at(1)), Go),
            (calls, listings, calls, Full(at(1)), Full(at(1))),
        ];
        for (calls, listings, left, call, listing) in table {
            let mut books = Books::default();
            let ids = begin(&mut books, Sort::Call, calls);
            begin(&mut books, Sort::Listing, listings);
            for id in ids.iter().take(left) {
                assert_eq!(books.leave(*id), Left::Behind);
            }
            let got = [Sort::Call, Sort::Listing].map(|sort| books.judge(sort));
            assert_eq!(got, [call, listing], "{calls} calls, {listings} listings, {left} left");
            assert_eq!(books.stuck(), left);
            if left > 0 && call == Go {
                let trial = books.begin(Sort::Call, at(2));
                let got = [Sort::Call, Sort::Listing].map(|sort| books.judge(sort));
                assert_eq!(got, [Silent(at(1)); 2], "one tries, the others are refused");
                books.end(trial, Evidence::Answered);
            }
        }
    }

    #[test]
    fn what_becomes_of_the_trial_decides_whether_all_flows_again() {
        type Event = fn(&mut Books, u64);
        let table: [(&str, Event, Answer, usize); 5] = [
            ("answered", |books, trial| books.end(trial, Evidence::Answered), Answer::Go, 1),
            ("answered in part", |books, trial| books.answered(trial), Answer::Go, 1),
            ("failed", |books, trial| books.end(trial, Evidence::Nothing), Answer::Go, 1),
            ("left behind", |books, trial| assert_eq!(books.leave(trial), Left::Behind), Answer::Go, 2),
            ("under way", |_, _| {}, Answer::Silent(at(1)), 1),
        ];
        for (what, event, next, stuck) in table {
            let mut books = Books::default();
            let first = books.begin(Sort::Call, at(1));
            books.leave(first);
            let trial = books.begin(Sort::Call, at(2));
            event(&mut books, trial);
            assert_eq!((books.judge(Sort::Call), books.stuck()), (next, stuck), "{what}");
            // Only an answer lets more than one go.
            let again = books.judge(Sort::Call) == Answer::Go && {
                books.begin(Sort::Call, at(3));
                books.judge(Sort::Call) == Answer::Go
            };
            assert_eq!(again, what.starts_with("answered"), "{what}");
        }
    }

    #[test]
    fn all_flows_again_when_all_that_were_left_have_returned() {
        let mut books = Books::default();
        let ids = begin(&mut books, Sort::Call, 3);
        for id in ids.iter().take(2) {
            books.leave(*id);
        }
        let trial = books.begin(Sort::Call, at(5));
        for (id, expect) in ids.iter().zip([Answer::Silent(at(1)), Answer::Go, Answer::Go]) {
            books.end(*id, Evidence::Nothing);
            assert_eq!(books.judge(Sort::Call), expect);
        }
        assert_eq!((books.leave(ids[0]), books.silent_since()), (Left::Ended, None));
        books.leave(trial);
        assert_eq!(books.silent_since(), Some(at(5)), "a new silence has a beginning of its own");
    }
}
