//! Which events are sent to people, under what subject, and with what advice: one row for each. An event that is not here is only shown.

/// How an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The event's word.
    pub event: &'static str,
    /// What happened, in a few words.
    pub subject: &'static str,
    /// What to do now.
    pub advice: &'static str,
    /// Whether it is sent once a day at most for the same service or project, because it comes again while nothing changes.
    pub daily: bool,
}

/// The event of a letter that could not be delivered.
pub const UNDELIVERED: &str = "project_mail_failed";
/// The event of an invitation; it goes to whoever is invited.
pub const INVITED: &str = "project_user_invite";

/// Where people see the runs of a service.
const SEE_RUNS: &str =
    "See what was done, and why it failed: farshore run list SERVICE. What it had begun was taken back.";
/// What is to be done about a run that is stuck.
const SEND_ON: &str = "It was to be taken back, and could not be. Remove what stands in its way (farshore run list SERVICE), then send it on: farshore run retry ID.";

/// All rows.
pub const ROWS: &[Row] = &[
    sent(
        "service_node_lost",
        "its node is lost, and is rebuilt",
        "Nothing has to be done now. If it happens again, look at the disks of its host.",
    ),
    daily(
        "service_rebuild_again",
        "it cannot be rebuilt",
        "It is tried again every few minutes. See why: farshore run list SERVICE.",
    ),
    sent(
        "service_log_gap",
        "its log has a gap",
        "Moments inside the gap cannot be restored; a backup is being taken, and from its end on every moment can.",
    ),
    sent(
        "service_backup_flagged",
        "a backup holds damaged pages",
        "Look at the disk of its host, and check the tables: the damage is in the server's own files.",
    ),
    sent(
        "service_backup_late",
        "its newest backup is too old",
        "See what became of the last ones: farshore run list SERVICE.",
    ),
    sent("service_backup_on_time", "its backups are on time again", "Nothing has to be done."),
    sent("service_copy_lag", "its copy in another region is late", "See where it stands: farshore backup lag SERVICE."),
    sent("service_copy_caught_up", "its copy in another region has caught up", "Nothing has to be done."),
    sent(
        "service_shredded",
        "its keys and backups were destroyed",
        "The time in which it could come back is over. Nothing can be done.",
    ),
    sent(
        "service_disk_full",
        "its disk is full",
        "It answers queries and takes no writes. Give it more: avn service update --disk-space-gib.",
    ),
    sent(
        "service_node_crashing",
        "its server crashes again and again",
        "See why in its log: avn service logs. If an option was changed before it began, change it back.",
    ),
    sent("service_node_steady", "its server does not crash any more", "Nothing has to be done."),
    daily(
        "service_run_waits",
        "what was asked for cannot be done yet",
        "It is tried again for a day. See what stands in its way: farshore run list SERVICE.",
    ),
    sent("service_disk_room", "its disk has room again", "Nothing has to be done."),
    sent(
        "region_down",
        "a region does not answer",
        "See what it means for each service, and what can be restored elsewhere: farshore region list.",
    ),
    sent("region_up", "a region answers again", "Nothing has to be done: copies go on by themselves."),
    daily(
        UNDELIVERED,
        "a letter could not be delivered",
        "Correct the address: avn project update --tech-email, or tech_emails of the service in the API.",
    ),
    sent(
        INVITED,
        "you are invited",
        "Ask whoever runs the platform for a login under this address; with it you are a member at once.",
    ),
    daily("service_create_failed", "it could not be made", SEE_RUNS),
    daily("service_restore_failed", "it could not be restored", SEE_RUNS),
    daily("service_backup_failed", "a backup failed", SEE_RUNS),
    daily("service_power_off_failed", "it could not be powered off", SEE_RUNS),
    daily("service_move_failed", "it could not be moved to another region", SEE_RUNS),
    daily("service_configure_failed", "a change failed", SEE_RUNS),
    daily("service_terminate_failed", "it could not be terminated", SEE_RUNS),
    sent("service_create_stuck", "making it is stuck", SEND_ON),
    sent("service_restore_stuck", "restoring it is stuck", SEND_ON),
    sent("service_backup_stuck", "a backup is stuck", SEND_ON),
    sent("service_power_off_stuck", "powering it off is stuck", SEND_ON),
    sent("service_move_stuck", "moving it to another region is stuck", SEND_ON),
    sent("service_configure_stuck", "a change is stuck", SEND_ON),
    sent("service_terminate_stuck", "terminating it is stuck", SEND_ON),
];

const fn sent(event: &'static str, subject: &'static str, advice: &'static str) -> Row {
    Row { event, subject, advice, daily: false }
}

const fn daily(event: &'static str, subject: &'static str, advice: &'static str) -> Row {
    Row { event, subject, advice, daily: true }
}

/// The row of an event.
pub fn row(event: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.event == event)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_stands_once_with_words_that_make_sentences() {
        let events: BTreeSet<&str> = ROWS.iter().map(|row| row.event).collect();
        assert_eq!(events.len(), ROWS.len());
        assert!(ROWS.iter().all(|row| row.advice.ends_with('.') && !row.subject.ends_with('.')));
    }
}
