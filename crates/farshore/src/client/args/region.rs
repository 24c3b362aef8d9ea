//! What can be typed about the loss of regions.

use clap::{Args, Subcommand};

use super::common::{ApiArgs, WaitArgs};

/// Regions, and what their loss means.
#[derive(Debug, Args)]
pub struct RegionArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: RegionVerb,
}

/// What can be done with regions.
#[derive(Debug, Subcommand)]
pub enum RegionVerb {
    /// Say which regions are up and which are down, and what can be restored elsewhere.
    #[command(after_help = "Examples:\n  farshore region list\n  farshore region list --json")]
    List,
    /// Fork all services of a region into another one, from the copies there. May be repeated: what is there already stays.
    #[command(
        after_help = "Examples:\n  farshore region fork-all local-north --to local-south\n  farshore region fork-all local-north --to local-south --suffix -again --wait\n\nEach fork shows the newest moment that the other region holds. The region itself is not needed, and never touched.\nExit status 0 only if every service has its fork; with --wait, if all of them run."
    )]
    ForkAll(ForkAllArgs),
    /// Take a region down, as a drill: whoever reaches for its store or its hosts gets errors and no answers until it returns.
    #[command(
        after_help = "Examples:\n  farshore region fail local-north --data /srv/farshore\n  farshore region fail local-north --data /srv/farshore --yes\n\nA drill is asked for in the platform's own folder, never over the network. Nothing in the region is deleted:\n  farshore region return local-north --data /srv/farshore"
    )]
    Fail {
        /// The region.
        region: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// End a drill: the region comes back as it was.
    #[command(after_help = "Example:\n  farshore region return local-north --data /srv/farshore")]
    Return {
        /// The region.
        region: String,
    },
}

/// The forks of all services of a region.
#[derive(Debug, Clone, Args)]
pub struct ForkAllArgs {
    /// The region whose services are forked.
    pub region: String,
    /// The region that gets the forks, and whose copies they are made from.
    #[arg(long, value_name = "REGION")]
    pub to: String,
    /// What is put behind the name of a service for the name of its fork; a hyphen and the other region if nothing is given.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub suffix: Option<String>,
    #[command(flatten)]
    pub wait: WaitArgs,
}
