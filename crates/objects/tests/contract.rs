//! Every store and every layer passes the contract.
#![allow(clippy::unwrap_used, reason = "the helpers of a test file are test code")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::ManualClock;
use farshore_objects::{
    Bucket, Budget, Dated, Deadline, Faults, Gate, Limit, Local, Meter, ObjectStore, Retry, Scoped, Shutter, Throttle,
    contract, open_or_create,
};

/// Longer than any call of a test on a busy machine takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::default())
}

#[test]
fn memory_keeps_the_contract() {
    contract::run(&memory);
    contract::run(&|| open_or_create("memory:").unwrap());
}

#[test]
fn a_directory_keeps_the_contract() {
    let home = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    contract::run(&|| {
        let path = home.path().join(next.fetch_add(1, Ordering::Relaxed).to_string());
        Arc::new(Local::open_or_create(&path).unwrap())
    });
}

#[test]
fn a_scoped_store_keeps_the_contract_and_shows_nothing_else() {
    contract::run(&|| {
        let inner = memory();
        inner.put_new("other/object", "x".into()).unwrap();
        inner.put_new("scope-not/object", "x".into()).unwrap();
        Arc::new(Scoped::new(inner, "scope/").unwrap())
    });
}

#[test]
fn retry_keeps_the_contract() {
    contract::run(&|| Arc::new(Retry::new(memory(), clock())));
}

#[test]
fn limit_keeps_the_contract_even_with_one_slot() {
    for calls_max in [1, 3] {
        contract::run(&|| Arc::new(Limit::new(memory(), NonZeroUsize::new(calls_max).unwrap())));
    }
}

#[test]
fn meter_keeps_the_contract() {
    contract::run(&|| Arc::new(Meter::new(memory())));
}

#[test]
fn throttle_keeps_the_contract() {
    for rate in [None, Some(0), Some(1000)] {
        contract::run(&|| Arc::new(Throttle::new(memory(), clock(), rate)));
    }
}

#[test]
fn throttles_of_both_kinds_that_share_a_budget_keep_the_contract() {
    let budget = Arc::new(Budget::new(clock(), Some(1000)));
    contract::run(&|| Arc::new(Throttle::urgent(memory(), clock(), budget.clone())));
    let clock = clock();
    let budget = Arc::new(Budget::new(clock.clone(), Some(1000)));
    contract::run(&|| Arc::new(Throttle::sharing(memory(), clock.clone(), budget.clone())));
}

#[test]
fn an_open_gate_keeps_the_contract() {
    let shutter = Arc::new(Shutter::new("north".parse().unwrap()));
    contract::run(&|| Arc::new(Gate::new(memory(), shutter.clone())));
}

#[test]
fn deadline_keeps_the_contract() {
    contract::run(&|| Arc::new(Deadline::new(memory(), clock(), PATIENCE)));
}

#[test]
fn faults_without_a_fault_and_dated_keep_the_contract() {
    contract::run(&|| Arc::new(Faults::new(memory())));
    contract::run(&|| Arc::new(Dated::new(memory(), clock())));
}

#[test]
fn all_layers_together_keep_the_contract_on_a_directory() {
    let home = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    contract::run(&|| {
        let path = home.path().join(next.fetch_add(1, Ordering::Relaxed).to_string());
        let store: Arc<dyn ObjectStore> = Arc::new(Local::open_or_create(&path).unwrap());
        let store = Arc::new(Faults::new(Arc::new(Dated::new(store, clock()))));
        let store = Arc::new(Gate::new(store, Arc::new(Shutter::new("north".parse().unwrap()))));
        let store = Arc::new(Deadline::new(store, clock(), PATIENCE));
        let store = Arc::new(Limit::new(store, NonZeroUsize::MIN));
        let store = Arc::new(Throttle::new(store, clock(), Some(1 << 30)));
        let store = Arc::new(Meter::new(Arc::new(Retry::new(store, clock()))));
        Arc::new(Scoped::new(store, "region/service/").unwrap())
    });
}
