//! Sweeping: the only place where anything is deleted. Two phases with a tombstone between them, without any key.
//!
//! One call does, in this order:
//! 1. put its own session, list sessions, then manifests (a writer that ends between the two listings is seen in the second);
//! 2. fence every expired session that has not committed, before anything is deleted;
//! 3. bury: for each tombstone that is old enough, delete what is still not needed, then the tombstone;
//! 4. condemn: put a tombstone that names everything that nobody needs and the manifests that go, then delete these manifests.
//!
//! What a call condemns is buried by a later call, which sees the sessions and manifests that came in between. Sweeps exclude each other by
//! their sessions. If we die anywhere, the next call goes on: a tombstone alone deletes nothing, and a manifest is gone before
//! its packs. What remains is a sweep that is stopped inside a single delete for longer than its deadline, while that one name is put
//! again: the deadline is checked before every delete.

mod bury;
mod condemn;
mod live;
mod scene;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use farshore_types::{Clock, Entropy, Error, Result};

use self::scene::Scene;
pub use self::settings::{Settings, Swept};
use crate::format::notes::Purpose;
use crate::names::BackupId;
use crate::repository::Repository;
use crate::session::{Announcement, Session};

/// A sweep ends by itself after this long; the next one goes on.
pub const SWEEP_DEADLINE: Duration = Duration::from_secs(2 * 3600);

/// Sweeps once. `expire` are the backups that retention gives up. `Busy` while another sweep runs; `Corrupt` where a manifest or session
/// cannot be read, because then nobody knows what is needed.
pub fn sweep(
    repository: &Repository,
    expire: &[BackupId],
    settings: &Settings,
    (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
) -> Result<Swept> {
    let mut announcement = Announcement::new(Purpose::Sweep, None);
    announcement.deadline = SWEEP_DEADLINE;
    let session = Session::begin(repository, repository.next_generation()?, announcement, clock, entropy)?;
    let outcome = run(repository, expire, settings, &session);
    let ended = session.end();
    let swept = outcome?;
    ended?;
    Ok(swept)
}

fn run(repository: &Repository, expire: &[BackupId], settings: &Settings, session: &Session) -> Result<Swept> {
    let scene = Scene::read(repository, session, settings)?;
    if scene.sessions.iter().any(|other| other.note.purpose == Purpose::Sweep && !other.expired) {
        return Err(Error::busy("another sweep is running, or died a short while ago").hint("try again later"));
    }
    let mut swept = Swept { fenced: scene.fence(repository)?, ..Swept::default() };
    let live = live::find(repository, &scene, expire)?;
    swept.kept = live.kept_although;
    scene.delete_expired(repository, session)?;
    let buried = bury::run(repository, &scene, &live, settings, session, &mut swept)?;
    condemn::run(repository, &scene, &live, &buried, (settings, session), &mut swept)?;
    Ok(swept)
}
