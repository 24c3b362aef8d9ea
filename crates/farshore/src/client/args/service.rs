//! What can be typed about services.

use clap::{Args, Subcommand, ValueEnum};

use super::common::{ApiArgs, WaitArgs};

/// Services of a project.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    #[command(flatten)]
    pub api: ApiArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: ServiceVerb,
}

/// What can be done with services.
#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// List the services of the project, or those that were terminated and can be brought back.
    #[command(after_help = "Examples:\n  farshore service list\n  farshore service list --deleted")]
    List {
        /// Those that were terminated and can still be brought back.
        #[arg(long)]
        deleted: bool,
    },
    /// Say how a service is: what it is, how much data is at risk, which moments can be restored, what is wrong.
    #[command(
        after_help = "Examples:\n  farshore service get pg-1\n  psql \"$(farshore service get pg-1 --uri)\"\n  farshore service get pg-1 --json"
    )]
    Get {
        /// The service.
        name: String,
        /// Print nothing but the address to connect to. It holds the password.
        #[arg(long)]
        uri: bool,
    },
    /// Make a service: a new one, or a fork of another at an exact moment.
    #[command(
        after_help = "Examples:\n  farshore service create pg-1 --type pg --plan startup-4 --wait\n  farshore service create pg-2 --type pg --plan startup-4 --cloud local-south -c work_mem=8 -c pg.jit=false\n  farshore service create before --fork-from pg-1 --at 2026-11-21T10:15:00Z --cloud local-south --wait\n\nA fork has the type and plan of its source unless others are given, and new passwords. Its source is not touched."
    )]
    Create(CreateArgs),
    /// Change a service: plan, options, power, protection. What is not named stays.
    #[command(
        after_help = "Examples:\n  farshore service update pg-1 -c backup_hour=3 -c backup_minute=30\n  farshore service update pg-1 --reset backup_hour\n  farshore service update pg-1 --plan startup-8 --wait\n  farshore service update pg-1 --power-off --wait\n  farshore service update pg-1 --protect"
    )]
    Update(UpdateArgs),
    /// Wait until a service runs, and show how far it is.
    #[command(
        after_help = "Examples:\n  farshore service wait pg-1\n  farshore service wait pg-1 --state poweroff --timeout-s 600"
    )]
    Wait {
        /// The service.
        name: String,
        /// Until it is like this.
        #[arg(long, value_enum, default_value_t = State::Running)]
        state: State,
        /// Wait no longer than this, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
        timeout_s: u64,
    },
    /// End a service. Its name is free at once; its backups are kept for 30 days.
    #[command(after_help = "Examples:\n  farshore service terminate pg-1\n  farshore service terminate pg-1 --force")]
    Terminate {
        /// The service.
        name: String,
        /// Do not ask.
        #[arg(long)]
        force: bool,
    },
    /// Bring a terminated service back, with its data, name and passwords.
    #[command(
        after_help = "Examples:\n  farshore service list --deleted\n  farshore service undelete pg-1-0123456789abcdef --wait"
    )]
    Undelete {
        /// The id of the service; `farshore service list --deleted` shows it.
        id: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Print the newest lines that a service's server and agent wrote.
    #[command(after_help = "Examples:\n  farshore service logs pg-1\n  farshore service logs pg-1 -n 500 --follow")]
    Logs {
        /// The service.
        name: String,
        /// How many lines.
        #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
        lines: u32,
        /// Go on with new lines, until interrupted.
        #[arg(short, long)]
        follow: bool,
    },
}

/// What a service can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// It answers.
    Running,
    /// It is powered off.
    Poweroff,
}

impl State {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            State::Running => "RUNNING",
            State::Poweroff => "POWEROFF",
        }
    }
}

/// A service to be made.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// Its name: small letters, digits and hyphens.
    pub name: String,
    /// Its type, for example pg.
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "fork_from")]
    pub service_type: Option<String>,
    /// Its plan, for example startup-4.
    #[arg(long, required_unless_present = "fork_from")]
    pub plan: Option<String>,
    /// Its region; the project's default if none is given. `farshore cloud list` shows them.
    #[arg(long, value_name = "REGION")]
    pub cloud: Option<String>,
    /// Make it from this service's backups.
    #[arg(long, value_name = "SERVICE")]
    pub fork_from: Option<String>,
    /// The moment that the fork shows; UTC if no offset is given. Without it: the newest archived transaction.
    #[arg(long, value_name = "TIME", requires = "fork_from")]
    pub at: Option<String>,
    /// The backup that the fork begins with; without it, the best one.
    #[arg(long, value_name = "NAME", requires = "fork_from")]
    pub backup: Option<String>,
    /// The project of the source, if it is another one.
    #[arg(long, value_name = "PROJECT", requires = "fork_from")]
    pub fork_project: Option<String>,
    /// Set an option; a dot leads into a group of options.
    #[arg(short = 'c', value_name = "KEY=VALUE")]
    pub config: Vec<String>,
    /// Disk, in GiB; the plan's least if none is given.
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub disk_gib: Option<u64>,
    /// Refuse to terminate or power it off until this is taken back.
    #[arg(long)]
    pub protect: bool,
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// A service to be changed.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// The service.
    pub name: String,
    /// Its new plan.
    #[arg(long)]
    pub plan: Option<String>,
    /// Its new region. It is stopped, and made there from its newest backup and log; its backups stay where they are. Where the region
    /// of its backups is lost, it is made from the copy there.
    #[arg(long, value_name = "REGION")]
    pub cloud: Option<String>,
    /// Make its node again, from its newest backup and log.
    #[arg(long)]
    pub power_on: bool,
    /// Take a last backup, then remove its node. Its data stay in the store.
    #[arg(long, conflicts_with = "power_on")]
    pub power_off: bool,
    /// Set an option; a dot leads into a group of options.
    #[arg(short = 'c', value_name = "KEY=VALUE")]
    pub config: Vec<String>,
    /// Set an option back to its default.
    #[arg(long, value_name = "KEY")]
    pub reset: Vec<String>,
    /// Disk, in GiB.
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub disk_gib: Option<u64>,
    /// Refuse to terminate or power it off until this is taken back.
    #[arg(long)]
    pub protect: bool,
    /// Take the protection back.
    #[arg(long, conflicts_with = "protect")]
    pub unprotect: bool,
    /// The day on which it may be maintained, for example sunday.
    #[arg(long, value_name = "DAY")]
    pub maintenance_day: Option<String>,
    /// The time from which it may be maintained, HH:MM:SS in UTC.
    #[arg(long, value_name = "TIME")]
    pub maintenance_time: Option<String>,
    #[command(flatten)]
    pub wait: WaitArgs,
}
