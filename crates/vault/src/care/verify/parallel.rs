//! Work that is listed by one thread, done by several, and told to the caller's thread. Queues are bounded; nothing is kept.

use crossbeam_channel::{Receiver, Sender, bounded};
use farshore_types::{Error, Result};

/// Items that may wait for a worker.
const QUEUE_ITEMS: usize = 256;

/// Runs `list`, which sends items, and `workers` threads of `work`, which send answers; `take` gets these here. Ends with the
/// first error of any of them, when all have stopped.
pub fn run<T: Send, A: Send>(
    workers: usize,
    list: impl FnOnce(&Sender<T>) -> Result<()> + Send,
    work: impl Fn(&Receiver<T>, &Sender<A>) -> Result<()> + Sync,
    take: &mut dyn FnMut(A) -> Result<()>,
) -> Result<()> {
    let (items_in, items) = bounded(QUEUE_ITEMS);
    let (answers_in, answers) = bounded(QUEUE_ITEMS);
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..workers.max(1))
            .map(|_| (items.clone(), answers_in.clone()))
            .map(|(items, answers_in)| scope.spawn(move || work(&items, &answers_in)))
            .collect();
        drop((items, answers_in));
        let lister = scope.spawn(move || list(&items_in));
        let taken = answers.iter().try_for_each(take);
        // From here on nobody can send an answer: workers that are still at it end with an error that `taken` explains.
        drop(answers);
        let panicked = |_| Error::bug("a thread of the verification panicked");
        let worked = threads
            .into_iter()
            .map(|thread| thread.join().map_err(panicked).and_then(|done| done))
            .fold(Ok(()), Result::and);
        let listed = lister.join().map_err(panicked).and_then(|done| done);
        taken.and(worked).and(listed)
    })
}

/// Sends, or says that the other side has stopped.
pub fn send<T>(to: &Sender<T>, item: T) -> Result<()> {
    to.send(item).map_err(|_| Error::transient("the other threads of the verification have stopped"))
}
