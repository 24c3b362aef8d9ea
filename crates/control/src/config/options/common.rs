//! Options that several service types share: who may connect, backups, forks.

use super::super::check::Check;
use super::super::definition::{Definition, Fallback, Kind};
use super::super::pattern::Pattern;

/// Networks that can be listed: as many as a server's door takes.
const NETWORKS_MAX: usize = 200;
/// Characters of the longest network: an IPv6 address with its prefix.
const NETWORK_LENGTH_MAX: usize = 43;
/// Days that backups can be kept: as many as the largest plans keep them by themselves, and clients know as the bound.
const RETENTION_DAYS_MAX: i64 = 30;
/// Hours between backups: those that divide a day.
const INTERVAL_HOURS: &[i64] = &[3, 4, 6, 8, 12, 24];
/// Characters of the longest name of a backup.
const BACKUP_NAME_LENGTH_MAX: usize = 128;
/// Characters of the longest written moment.
const MOMENT_LENGTH_MAX: usize = 32;
/// What a name of a service or project looks like; the empty text stands for none.
const NAME: Pattern = Pattern::starting("a-z", "-a-z0-9").or_empty();

/// A service by its name, given once.
pub const fn service_to_fork_from(name: &'static str) -> Definition {
    Definition::new(
        name,
        Kind::text(64, NAME),
        "Service to fork from",
        "The service of which the new one becomes a copy. It is not touched.",
    )
    .create_only()
}

/// Who may connect.
pub const ACCESS: &[Definition] = &[
    Definition::new(
        "ip_filter",
        Kind::List {
            items: &Kind::checked(NETWORK_LENGTH_MAX, Pattern::of("0-9a-fA-F:./"), Check::Network),
            items_min: 1,
            items_max: NETWORKS_MAX,
        },
        "Networks that may connect",
        "Addresses and networks in CIDR notation from which clients may connect: [\"0.0.0.0/0\", \"::/0\"] for everybody, \
         which is also what is taken if it is left out. A list is not empty.",
    )
    .or(Fallback::Words(&["0.0.0.0/0", "::/0"])),
    Definition::new("static_ips", Kind::Boolean, "Static addresses", "Whether the service keeps fixed addresses.")
        .recorded(),
];

/// How often, how long and where backups are kept.
pub const BACKUPS: &[Definition] = &[
    Definition::new(
        "additional_backup_regions",
        Kind::List { items: &Kind::text(256, Pattern::of("-a-z0-9")), items_min: 0, items_max: 1 },
        "Additional regions for backups",
        "Regions to which every backup is copied. An empty list or null ends it.",
    ),
    Definition::new(
        "backup_interval_hours",
        Kind::IntegerChoice(INTERVAL_HOURS),
        "Hours between backups",
        "Hours from one scheduled backup to the next. What the plan says if it is left out.",
    ),
    Definition::new(
        "backup_retention_days",
        Kind::integer(1, RETENTION_DAYS_MAX),
        "Days that backups are kept",
        "Every moment (or backup) of the last so many days can be restored. What the plan says if it is left out.",
    ),
];

/// At which time of the day a backup is taken.
pub const HOUR: &[Definition] = &[
    Definition::new(
        "backup_hour",
        Kind::integer(0, 23),
        "Hour of the backup",
        "The hour of the day (UTC) in which the backup starts. If one was just taken, the change takes one more cycle.",
    ),
    Definition::new(
        "backup_minute",
        Kind::integer(0, 59),
        "Minute of the backup",
        "The minute of the hour in which the backup starts.",
    ),
];

/// From what a new service is made.
pub const FORKS: &[Definition] = &[
    service_to_fork_from("service_to_fork_from"),
    Definition::new(
        "project_to_fork_from",
        Kind::text(63, NAME),
        "Project to fork from",
        "The project of the service to fork from, if it is another one. It takes the right to recover there too.",
    )
    .create_only(),
    Definition::new(
        "recovery_basebackup_name",
        Kind::text(BACKUP_NAME_LENGTH_MAX, Pattern::of("-a-zA-Z0-9_:.+")),
        "Backup to start from",
        "The name of the backup from which the fork is made. The newest suitable one if it is left out.",
    )
    .create_only(),
];

/// To which moment a new service is brought.
pub const MOMENT: &[Definition] = &[Definition::new(
    "recovery_target_time",
    Kind::checked(MOMENT_LENGTH_MAX, Pattern::starting("0-9", "-0-9T:.+Z "), Check::Moment),
    "Moment to recover to",
    "The moment that the fork shows; UTC if no offset is given. The newest archived transaction if it is left out.",
)
.create_only()];
