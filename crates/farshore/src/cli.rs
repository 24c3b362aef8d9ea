//! The command line: what can be typed, with examples. No logic here.

mod person;
mod vault;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use person::PersonCommand;
pub use vault::{StoreArgs, VaultCommand};

use crate::client::args::{BackupVerb, CloudArgs, ProjectArgs, RunArgs, ServiceArgs, UserArgs};

/// Databases on your own machines that survive the loss of a region.
#[derive(Debug, Parser)]
#[command(name = "farshore", version, propagate_version = true)]
pub struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Log what is being done.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a platform on this machine: the API, schedules, and the databases of all services, until interrupted.
    #[command(
        after_help = "Examples:\n  farshore up\n  farshore up --data /srv/farshore --listen 127.0.0.1:8321 --config farshore.toml\n\nIt prints the lines with which `avn` finds it. Databases run on when it stops; the next start finds them."
    )]
    Up(UpArgs),
    /// Who may log in to a platform, made on its machine.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Tokens of a platform, made on its machine.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Services of a platform: make, fork, look at, change, end.
    Service(ServiceArgs),
    /// Projects of a platform.
    Project(ProjectArgs),
    /// Regions of a platform.
    Cloud(CloudArgs),
    /// The loss of a region: what it means, drills of it, and all its services again in another region.
    Region(crate::client::args::RegionArgs),
    /// Accounts inside the services of a platform.
    User(UserArgs),
    /// What a platform is doing, and has done.
    Run(RunArgs),
    /// Look into a region's store: list, show, verify, restore and export backups. Needs nothing but the store and a key.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Make a key file, for a region or for recovery.
    #[command(after_help = "Example:\n  farshore keygen north.key")]
    Keygen {
        /// Where to write it; must not exist. Only you can read it.
        file: PathBuf,
    },
    /// Backups of a platform's services; or one backup of a running server, without a platform.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Protect a running server: archive its log without pause and back it up on time, until interrupted.
    #[command(subcommand)]
    Attach(AttachCommand),
    /// Run a server of our own: make it or find it again, start it, and protect it until interrupted.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Follow a region's backups and log into another region's store, without any key, until interrupted.
    #[command(
        after_help = "Examples:\n  farshore copy --from file:///srv/north --to file:///srv/south\n  farshore copy --from file:///srv/north --to file:///srv/south --once --json"
    )]
    Copy(CopyArgs),
    /// Make a new server from a region's backups, at an exact moment. The source is not needed, and never touched.
    #[command(subcommand)]
    Fork(ForkCommand),
    /// Stop the databases below a folder, cleanly.
    #[command(
        after_help = "Examples:\n  farshore down --data /var/lib/farshore/fork-1\n  farshore down --data /srv/farshore    # all services of a platform\n  farshore down --data /srv/farshore --forget-users && rm -r /srv/farshore"
    )]
    Down {
        /// A fork's folder, one that holds several, or the folder of a platform that is stopped.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Also remove the operating system users that a platform has made for its services: for a folder that is to be deleted next. Where
        /// it is started again they are made anew.
        #[arg(long)]
        forget_users: bool,
    },
    /// Give the archived log to a server that you recover yourself.
    #[command(
        after_help = "Example:\n  farshore log-serve --store file:///srv/south --identity south.key --socket /run/log.sock --staging /srv/staging\nand in the server's postgresql.conf:\n  restore_command = 'farshore log-fetch /run/log.sock \"%f\" \"%p\"'"
    )]
    LogServe {
        #[command(flatten)]
        store: StoreArgs,
        /// The Unix socket that `farshore log-fetch` asks.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// A folder on the data directory's file system, for nothing else; it is removed at the end.
        #[arg(long, value_name = "DIR")]
        staging: PathBuf,
        /// Threads that open segments ahead.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
        workers: u16,
    },
    /// Send a letter through the mail server of a settings file, now, and say what it answered.
    #[command(
        after_help = "Example:\n  farshore mail-test --config farshore.toml --to dora@example.org\n\nThe settings:\n  [smtp]\n  host = \"mail.example.org\"\n  port = 587\n  from = \"farshore@example.org\"\n  user = \"farshore\"                      # with password_file, if the server wants a login\n  password_file = \"/etc/farshore/mail\"   # mode 0600\n  encryption = \"starttls\"                # or \"tls\", or \"none\"; chosen by port and host if it is not given\n  ca_file = \"/etc/farshore/mail.pem\"     # trusted in place of what the machine trusts"
    )]
    MailTest {
        /// The settings of the platform.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Who gets it.
        #[arg(long, value_name = "EMAIL")]
        to: String,
    },
    /// Say what is usable on this machine, and how to install what is missing.
    #[command(after_help = "Examples:\n  farshore doctor\n  farshore doctor --data /srv/farshore")]
    Doctor {
        /// Also look at the folder of a platform.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// The main job on a real PostgreSQL: two regions, a mistake, the first region lost, forks from the second, all checked.
    #[command(
        after_help = "Examples:\n  farshore demo\n  farshore demo --small --json\n  farshore demo --keep /var/lib/farshore/demo\n\nAbout two minutes on two cores, and 3 GB of disk. Exit status 0 only if everything matched."
    )]
    Demo(DemoArgs),
}

/// Where a platform lives and listens.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// Its folder, made at the first start: /var/lib/farshore for root, else ~/.local/share/farshore.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address and port of the API.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8321")]
    pub listen: SocketAddr,
    /// Settings: regions, plans, limits (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Certificate of the API with its chain, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Allow plain HTTP beyond this machine, where something in front of it encrypts.
    #[arg(long)]
    pub insecure: bool,
}

/// Commands on tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once. The platform may be running.
    #[command(
        after_help = "Examples:\n  farshore token create --data /srv/farshore\n  farshore token create --user dora@example.org --description laptop"
    )]
    Create {
        /// The platform's folder.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Whose token; the administrator's if nobody is named.
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
        /// What it is for.
        #[arg(long, value_name = "TEXT", default_value = "made on the machine")]
        description: String,
    },
}

/// Which server, and where its backups go.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// Directory of the server's Unix socket, or 127.0.0.1.
    #[arg(long, value_name = "DIR|ADDRESS", default_value = "/var/run/postgresql")]
    pub host: String,
    /// The server's port.
    #[arg(long, default_value_t = 5432)]
    pub port: u16,
    /// The role to log in as; `farshore attach pg --rights` prints what it needs.
    #[arg(long, default_value = "postgres")]
    pub user: String,
    /// A file that holds the role's password; never on the command line.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The data directory as this host sees it, if it differs from what the server says.
    #[arg(long, value_name = "DIR")]
    pub data_directory: Option<PathBuf>,
    #[command(flatten)]
    pub region: RegionArgs,
}

/// Where a service's backups go, and who may open them.
#[derive(Debug, Clone, Args)]
pub struct RegionArgs {
    /// The service's name in the store.
    #[arg(long, value_name = "NAME", default_value = "pg-1")]
    pub service: String,
    /// The region's store; made if it does not exist.
    #[arg(long, value_name = "URL")]
    pub store: String,
    /// The region's key file (`farshore keygen`).
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Further public keys (age1…) that may open the backups: the recovery key, other regions' keys.
    #[arg(long, value_name = "KEY")]
    pub recipient: Vec<String>,
    /// Threads that read, compress and encrypt.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Bound on bytes read per second, for example 50000000.
    #[arg(long, value_name = "BYTES")]
    pub rate: Option<u64>,
}

/// How a server is protected.
#[derive(Debug, Clone, Args)]
pub struct ProtectArgs {
    /// Ship the log at least this often, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(100..=3_600_000))]
    pub interval_ms: u64,
    /// Take a backup this often, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(10..=31_536_000))]
    pub every_s: u64,
    /// A Unix socket that answers `status`, `backup` and `backup full`.
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
}

/// Backups of services, and servers that can be backed up without a platform.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    #[command(flatten)]
    OfService(BackupVerb),
    /// Take one backup of a running server that no platform knows: PostgreSQL 13 to 18.
    #[command(
        after_help = "Example:\n  farshore backup pg --host /run/postgresql --store file:///srv/north --identity north.key"
    )]
    Pg {
        #[command(flatten)]
        source: SourceArgs,
        /// Read and put every byte, even if there is a backup to build on.
        #[arg(long)]
        full: bool,
    },
}

/// Servers that can be protected.
#[derive(Debug, Subcommand)]
pub enum AttachCommand {
    /// PostgreSQL 13 to 18.
    #[command(
        after_help = "Example:\n  farshore attach pg --host /run/postgresql --store file:///srv/north --identity north.key --recipient age1…"
    )]
    Pg {
        #[command(flatten)]
        source: SourceArgs,
        /// Print the SQL and the lines of pg_hba.conf that give the role (`--user`) the rights it needs, and stop.
        #[arg(long)]
        rights: bool,
        #[command(flatten)]
        protect: ProtectArgs,
    },
}

/// Servers that the agent can run.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// PostgreSQL 13 to 18. The server runs on when the agent stops, and is found again when it comes back.
    #[command(
        after_help = "Example:\n  farshore agent pg --data /var/lib/farshore/pg-1 --store file:///srv/north --identity north.key --recipient age1…"
    )]
    Pg {
        /// The server's own folder: made if it does not exist.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        #[command(flatten)]
        region: RegionArgs,
        #[command(flatten)]
        protect: ProtectArgs,
        /// TCP port on 127.0.0.1 of a new server; a free one is picked if none is given.
        #[arg(long)]
        port: Option<u16>,
        /// The folder of postgres, initdb and pg_ctl, if not the newest installed ones.
        #[arg(long, value_name = "DIR")]
        bin: Option<PathBuf>,
    },
}

/// From where to where.
#[derive(Debug, Clone, Args)]
pub struct CopyArgs {
    /// The store that is followed.
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The store that gets the copies; made if it does not exist.
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Only this service; without it, every service that is found.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Look for new log and new backups this often, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    pub interval_ms: u64,
    /// Copy what is there now, and stop.
    #[arg(long)]
    pub once: bool,
    /// Threads that read and put.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Bound on bytes of backups read per second, for example 50000000.
    #[arg(long, value_name = "BYTES")]
    pub rate: Option<u64>,
}

/// What the demo shall do.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// A twelfth of the data, for tests.
    #[arg(long)]
    pub small: bool,
    /// Leave everything in this folder (new or empty), a fork running, and a README.txt that says how to go on.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// The folder of postgres, pgbench and pg_amcheck, if not the newest installed ones.
    #[arg(long, value_name = "DIR")]
    pub bin: Option<PathBuf>,
}

/// What to fork.
#[derive(Debug, Subcommand)]
pub enum ForkCommand {
    /// PostgreSQL 13 to 18.
    #[command(
        after_help = "Examples:\n  farshore fork pg --store file:///srv/south --identity south.key --data /var/lib/farshore/fork-1\n  farshore fork pg --store file:///srv/south --identity recovery.key --data /var/lib/farshore/fork-2 --at 2026-11-21T10:15:00Z"
    )]
    Pg {
        #[command(flatten)]
        store: StoreArgs,
        /// The fork's own folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Up to this moment (RFC 3339 with offset). Without any target: the newest archived moment.
        #[arg(long, value_name = "TIME", group = "target")]
        at: Option<String>,
        /// Up to this log position.
        #[arg(long, value_name = "LSN", group = "target")]
        position: Option<String>,
        /// Up to this transaction.
        #[arg(long, value_name = "XID", group = "target")]
        transaction: Option<u64>,
        /// Up to this named point (`pg_create_restore_point`).
        #[arg(long, value_name = "NAME", group = "target")]
        point: Option<String>,
        /// Only what makes the newest backup consistent.
        #[arg(long, group = "target")]
        immediate: bool,
        /// Stop just before the target instead of just after it.
        #[arg(long)]
        exclusive: bool,
        /// TCP port on 127.0.0.1; a free one is picked if none is given.
        #[arg(long)]
        port: Option<u16>,
        /// Name of the fork as a service of its own, in the same store. Its first backup is taken at once.
        #[arg(long, value_name = "NAME")]
        new_service: Option<String>,
        /// Further public keys that may open the fork's backups.
        #[arg(long, value_name = "KEY")]
        recipient: Vec<String>,
        /// The source's superuser.
        #[arg(long, default_value = "postgres")]
        superuser: String,
        /// The folder of postgres, initdb and pg_ctl, if not the installed ones.
        #[arg(long, value_name = "DIR")]
        bin: Option<PathBuf>,
        /// Threads that read and write.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
        workers: u16,
    },
}
