//! What can be typed about backups, projects, regions, accounts and runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::{ApiArgs, WaitArgs};

/// What can be done with the backups of a service.
#[derive(Debug, Subcommand)]
pub enum BackupVerb {
    /// List the backups of a service, and say which moments can be restored.
    #[command(after_help = "Examples:\n  farshore backup list pg-1\n  farshore backup list pg-1 --json")]
    List {
        /// The service.
        service: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Say how much work would be lost with a service's region now, and what its copies in other regions wait for.
    #[command(
        after_help = "Examples:\n  farshore backup lag\n  farshore backup lag pg-1\n  farshore backup lag --json\n\nA service gets copies with: farshore service update pg-1 -c additional_backup_regions=local-south"
    )]
    Lag {
        /// The service; all of the project if none is named.
        service: Option<String>,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Take a backup of a service now, beside its schedule.
    #[command(after_help = "Examples:\n  farshore backup create pg-1\n  farshore backup create pg-1 --wait")]
    Create {
        /// The service.
        service: String,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Print the usual tool for a copy of the data that needs no Farshore, and its exact command line.
    #[command(
        after_help = "Examples:\n  farshore backup access pg-1\n  farshore backup access pg-1 --to /srv/keys\n\nThe command reads the password from a file that only you can read; it is never an argument."
    )]
    Access {
        /// The service.
        service: String,
        /// Folder for the password file and the CA; made if it does not exist. Else one below ~/.config/farshore.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        #[command(flatten)]
        api: ApiArgs,
    },
}

/// Projects.
#[derive(Debug, Args)]
pub struct ProjectArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: ProjectVerb,
}

/// What can be done with projects.
#[derive(Debug, Subcommand)]
pub enum ProjectVerb {
    /// List your projects.
    #[command(after_help = "Example:\n  farshore project list")]
    List,
    /// Show a project.
    #[command(after_help = "Examples:\n  farshore project get\n  farshore project get main --json")]
    Get {
        /// The project; the present one if none is named.
        name: Option<String>,
    },
    /// Make a project. You become its owner.
    #[command(after_help = "Example:\n  farshore project create test --cloud local-south")]
    Create {
        /// Its name.
        name: String,
        /// The region of services that name none.
        #[arg(long, value_name = "REGION")]
        cloud: Option<String>,
    },
    /// Print the line that makes a project the present one of a shell.
    #[command(after_help = "Example:\n  eval \"$(farshore project use test)\"")]
    Use {
        /// The project.
        name: String,
    },
}

/// Regions.
#[derive(Debug, Args)]
pub struct CloudArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: CloudVerb,
}

/// What can be done with regions.
#[derive(Debug, Subcommand)]
pub enum CloudVerb {
    /// List the regions where services can be.
    #[command(after_help = "Example:\n  farshore cloud list")]
    List,
}

/// Accounts inside services.
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: UserVerb,
}

/// What can be done with the accounts of a service.
#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// List the accounts of a service, without their passwords.
    #[command(after_help = "Example:\n  farshore user list pg-1")]
    List {
        /// The service.
        service: String,
    },
    /// Make an account, and print its password.
    #[command(after_help = "Example:\n  farshore user create pg-1 dora")]
    Create {
        /// The service.
        service: String,
        /// The account.
        user: String,
    },
    /// Give an account a new password, and print it.
    #[command(
        after_help = "Examples:\n  farshore user password-reset pg-1 dora\n  farshore user password-reset pg-1 dora --password-file new"
    )]
    PasswordReset {
        /// The service.
        service: String,
        /// The account.
        user: String,
        /// A file with the new password; without it, a random one is made.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove an account.
    #[command(after_help = "Example:\n  farshore user delete pg-1 dora")]
    Delete {
        /// The service.
        service: String,
        /// The account.
        user: String,
    },
}

/// Runs: what the platform is doing, and has done.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: RunVerb,
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub enum RunVerb {
    /// List the newest runs of a service.
    #[command(after_help = "Example:\n  farshore run list pg-1")]
    List {
        /// The service.
        service: String,
    },
    /// Send on a run that is stuck, once what stood in its way is gone: it tries again to take back what it did.
    #[command(after_help = "Example:\n  farshore run retry 0123456789abcdef")]
    Retry {
        /// The run.
        id: String,
    },
    /// Show how far a run is until it ends. Exit status 0 only if it ended well.
    #[command(after_help = "Examples:\n  farshore run list pg-1\n  farshore run watch 0123456789abcdef")]
    Watch {
        /// The run.
        id: String,
        /// Watch no longer than this, in seconds. The run goes on.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=604_800))]
        timeout_s: u64,
    },
}
