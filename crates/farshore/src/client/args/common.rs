//! What can be typed with several nouns.

use std::path::PathBuf;

use clap::Args;

/// How the platform is reached, and as which project.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// The folder of a platform on this machine. Else AIVEN_WEB_URL and AIVEN_AUTH_TOKEN say where and who.
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The project. Else AIVEN_PROJECT, or the only one there is.
    #[arg(long, global = true, value_name = "NAME")]
    pub project: Option<String>,
}

/// Whether to wait until it is done.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// Wait until it is done, and show how far it is.
    #[arg(long)]
    pub wait: bool,
    /// Wait no longer than this, in seconds. What was begun goes on.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub timeout_s: u64,
}
