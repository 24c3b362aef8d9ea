//! Verifying a repository at three levels, each including the ones before it.
//!
//! * [`Level::Listing`]: every object that a backup needs is listed with the right size.
//! * [`Level::Scrub`]: the SHA-256 of every stored object, its header against its name, signatures; without any key.
//! * [`Level::Content`]: every frame opens, every file has its digests, every page its checksum. Needs the keys.
//!
//! Nothing is written. Damage is named and passed over, so that one run names all of it; only a store that no longer answers
//! ends the run with an error. Memory: the names that backups need, and per worker one object and one content reader.

mod content;
mod finding;
mod listing;
mod object;
mod pages;
mod parallel;
mod scrub;

use farshore_types::{Error, Result};

pub use finding::{Count, Finding, Gravity, Level, Request, Verified, Which};

use crate::repository::{Repository, Vault};

/// Verifies a repository and gives every finding to `report` as it is made. `vault` is needed for [`Level::Content`] only;
/// without it that level is `Invalid`.
pub fn verify(
    repository: &Repository,
    vault: Option<&Vault>,
    request: &Request,
    report: &mut dyn FnMut(Finding),
) -> Result<Verified> {
    let vault = match (request.level, vault) {
        (Level::Content, None) => {
            return Err(Error::invalid("content can be verified only with the keys")
                .hint("give an identity, or verify at the level scrub"));
        }
        (Level::Content, vault) => vault,
        _ => None,
    };
    let mut verified = Verified::default();
    let mut broken = Vec::new();
    let mut damages = 0;
    let mut note = |finding: Finding| {
        if finding.gravity == Gravity::Damage {
            damages += 1;
            broken.extend(finding.breaks.iter().copied());
        }
        report(finding);
    };
    let inventory = listing::take(repository, request, &mut verified, &mut note)?;
    if request.level >= Level::Scrub {
        scrub::run(repository, vault, &inventory, request, &mut verified, &mut note)?;
    }
    if let Some(vault) = vault {
        content::run(vault, &inventory, request, &mut verified, &mut note)?;
    }
    verified.damages = damages;
    verified.broken.extend(broken);
    Ok(verified)
}
