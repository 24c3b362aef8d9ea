//! Promises under concurrency. Nothing is kept between checks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use farshore_types::{Error, ErrorKind, Result};

use crate::contract::probe::{body, listed};
use crate::store::ObjectStore;

/// Threads that put at once.
const WRITERS: usize = 8;

/// Names they race for.
const RACES: usize = 5;

/// Objects put while another thread lists.
const PUT_WHILE_LISTED: usize = 60;

pub(super) fn one_of_many_concurrent_puts_wins(store: &dyn ObjectStore) -> Result<()> {
    for race in 0..RACES {
        let name = format!("race/{race}/same/name");
        let content = |writer: usize| body(&format!("written by {writer} ").repeat(1000 + writer));
        let outcomes: Vec<(usize, Result<()>)> = thread::scope(|scope| {
            let put = |writer| {
                (
                    writer,
                    scope.spawn({
                        let name = &name;
                        move || store.put_new(name, content(writer))
                    }),
                )
            };
            let threads: Vec<_> = (0..WRITERS).map(put).collect();
            let ended = |thread: thread::ScopedJoinHandle<'_, Result<()>>| {
                thread.join().unwrap_or_else(|_| Err(Error::bug("a putting thread panicked")))
            };
            threads.into_iter().map(|(writer, thread)| (writer, ended(thread))).collect()
        });
        let winners: Vec<usize> = outcomes.iter().filter(|(_, put)| put.is_ok()).map(|(writer, _)| *writer).collect();
        assert_eq!(winners.len(), 1, "winners of {name}: {outcomes:?}");
        for (writer, put) in outcomes {
            match put {
                Ok(()) => assert!(store.get(&name)? == content(writer), "the winner's bytes are there"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
            }
        }
    }
    assert_eq!(listed(store, "")?.len(), RACES);
    Ok(())
}

pub(super) fn a_listing_during_puts_shows_whole_objects_once(store: &dyn ObjectStore) -> Result<()> {
    let content = |at: usize| body(&format!("{at} ").repeat(5000));
    store.put_new("d/before", content(0))?;
    let done = AtomicBool::new(false);
    let put = |done: &AtomicBool| {
        let put = (0..PUT_WHILE_LISTED).try_for_each(|at| store.put_new(&format!("d/{}/{at}", at % 7), content(at)));
        done.store(true, Ordering::Release);
        put
    };
    thread::scope(|scope| {
        let writer = scope.spawn(|| put(&done));
        loop {
            let last = done.load(Ordering::Acquire);
            let seen = listed(store, "d/")?;
            let distinct: BTreeSet<&str> = seen.iter().map(|object| object.name.as_str()).collect();
            assert_eq!(distinct.len(), seen.len(), "an object was listed twice");
            assert!(distinct.contains("d/before"), "an object that was there all along was not listed");
            for object in seen.iter().filter(|object| object.name != "d/before") {
                let at = object.name.rsplit('/').next().and_then(|at| at.parse().ok()).unwrap_or_default();
                assert_eq!(object.size, content(at).len() as u64, "{} was listed before it was whole", object.name);
            }
            if last {
                assert_eq!(seen.len(), PUT_WHILE_LISTED + 1);
                break;
            }
        }
        writer.join().unwrap_or_else(|_| Err(Error::bug("the putting thread panicked")))
    })
}
