//! What can be typed about a region's store, which needs no server of ours.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which store, with which key.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// The region's store, or one service's folder in it: file:///path or a plain path.
    #[arg(long, value_name = "URL")]
    pub store: String,
    /// Key file: the region's, or the recovery identity (lines AGE-SECRET-KEY-1…).
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Which service, if the store holds several.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

/// Commands on a store.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// List services and their backups.
    #[command(after_help = "Example:\n  farshore vault list --store file:///srv/north")]
    List {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show one backup: what it is of, what it needs, which moments it reaches.
    #[command(after_help = "Example:\n  farshore vault show newest --store file:///srv/north --identity north.key")]
    Show {
        #[command(flatten)]
        store: StoreArgs,
        /// `newest`, a sequence number, or the start of a name.
        #[arg(default_value = "newest")]
        backup: String,
        /// Also list the files.
        #[arg(long)]
        files: bool,
    },
    /// Check that backups can be restored. Level 0 lists, 1 hashes every object without a key, 2 decrypts and checks all content.
    #[command(
        after_help = "Examples:\n  farshore vault verify --store file:///srv/north --identity north.key\n  farshore vault verify --store file:///srv/north --level 1"
    )]
    Verify {
        #[command(flatten)]
        store: StoreArgs,
        /// Only this backup.
        #[arg(long, value_name = "BACKUP")]
        backup: Option<String>,
        /// How deep.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
        level: u8,
    },
    /// Write a backup's files into a folder, with the log that makes them consistent: a server can be started on it.
    #[command(
        after_help = "Example:\n  farshore vault restore newest --store file:///srv/south --identity south.key --to /srv/data"
    )]
    Restore {
        #[command(flatten)]
        store: StoreArgs,
        /// `newest`, a sequence number, or the start of a name.
        #[arg(default_value = "newest")]
        backup: String,
        /// The folder: new, empty, or of an earlier run of the same restore.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Write only this path of the backup, to standard output if DIR is `-`.
        #[arg(long, value_name = "PATH")]
        file: Option<String>,
    },
    /// Write a backup's files as they are, without encryption: into a folder, or as a tar archive (`-` is standard output).
    #[command(
        after_help = "Examples:\n  farshore vault export newest --store file:///srv/south --identity south.key --to out/\n  farshore vault export 3 --store file:///srv/south --identity south.key --to backup.tar"
    )]
    Export {
        #[command(flatten)]
        store: StoreArgs,
        /// `newest`, a sequence number, or the start of a name.
        #[arg(default_value = "newest")]
        backup: String,
        /// A folder, a name that ends in `.tar`, or `-`.
        #[arg(long, value_name = "DIR|FILE.tar|-")]
        to: String,
    },
}
