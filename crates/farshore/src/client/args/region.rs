//! What can be typed about the loss of regions.

use clap::{Args, Subcommand};

use super::common::ApiArgs;

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
