//! `farshore backup list`: the backups of a service, and which moments can be restored.

use std::collections::BTreeMap;
use std::process::ExitCode;

use farshore_types::{Error, Result, units};

use crate::client::answers::{Backup, BackupRegion, Backups};
use crate::client::caller::Client;
use crate::client::service::ask::service;
use crate::client::text::{count, moment, phase_line, plain, window};
use crate::output::table;

/// Lists them, the newest last.
pub fn run(client: &Client, name: &str) -> Result<ExitCode> {
    let answer = client.api.get(&client.path(&["service", name, "backups"])?)?;
    client.answer(&answer, || {
        let unreadable = |error| Error::invalid(format!("the platform's answer cannot be read: {error}"));
        let (_, service) = service(client, name)?;
        Ok(sentences(name, &serde_json::from_value(answer.clone()).map_err(unreadable)?, service.backups_away()))
    })
}

fn sentences(service: &str, backups: &Backups, away: Option<&str>) -> String {
    let mut lines = vec![format!("Service {service} has {}.", count(backups.backups.len(), "backup"))];
    lines.extend(window(backups, away));
    lines.extend(rests(&backups.backups));
    lines.extend(
        backups.backup_progress.iter().filter_map(|phase| {
            phase_line(&format!("A backup of {service} is being taken"), std::slice::from_ref(phase))
        }),
    );
    if !backups.backups.is_empty() {
        let row = |backup: &Backup| {
            let kind = match backup.incremental {
                Some(true) => "incremental",
                Some(false) => "full",
                None => "",
            };
            let (size, place) = (units::bytes(backup.data_size), plain(&backup.storage_location));
            let further = backup.additional_regions.iter().map(further).collect::<Vec<_>>().join(", ");
            vec![plain(&backup.backup_name), moment(&backup.backup_time), size, kind.to_string(), place, further]
        };
        let rows: Vec<Vec<String>> = backups.backups.iter().map(row).collect();
        lines.push(table(&["name", "taken (UTC)", "data", "kind", "region", "further regions"], &rows));
    }
    lines.join("\n")
}

fn further(region: &BackupRegion) -> String {
    let name = plain(&region.cloud);
    if region.paused { format!("{name} (paused)") } else { name }
}

/// Where copying rests, and why: once for each region, whatever the number of backups.
fn rests(backups: &[Backup]) -> Vec<String> {
    let paused = backups.iter().flat_map(|backup| &backup.additional_regions).filter(|region| region.paused);
    let why: BTreeMap<&str, Option<&str>> =
        paused.map(|region| (region.cloud.as_str(), region.pause_reason.as_deref())).collect();
    let line = |(region, why): (&str, Option<&str>)| match why {
        Some(why) => format!("Copying to {} rests: {}.", plain(region), plain(why).trim_end_matches('.')),
        None => format!("Copying to {} rests.", plain(region)),
    };
    why.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn backups_stand_in_a_table_below_what_can_be_restored() {
        let backups = serde_json::from_value(json!({
            "backups": [
                {"backup_name": "b-1", "backup_time": "2026-11-20T03:07:00Z", "data_size": 23_000_000,
                 "storage_location": "local-north", "additional_regions": [], "incremental": false},
                {"backup_name": "b-2", "backup_time": "2026-11-21T03:07:00Z", "data_size": 24_000_000,
                 "storage_location": "local-north", "additional_regions": [], "incremental": true},
            ],
            "pitr": {"primary_region": {"pitr_range_start": "2026-11-20T03:07:00Z", "pitr_range_end": null},
                     "additional_regions": []},
            "scheduled_backup_time": {"backup_hour": 3, "backup_minute": 7, "backup_interval_hours": 24},
            "backup_progress": {"phase": "basebackup", "min": 0, "max": 2000, "current": 1000,
                                "unit": "bytes_uncompressed", "completed": false},
        }))
        .unwrap();
        assert_eq!(
            sentences("pg-1", &backups, None),
            "Service pg-1 has 2 backups.\n\
             Every moment from 2026-11-20 03:07:00 UTC until now can be restored.\n\
             Backups are due at 03:07 UTC every day.\n\
             A backup of pg-1 is being taken: basebackup: 1.00 kB of 2.00 kB (50 %)\n\
             name  taken (UTC)             data  kind         region       further regions\n\
             b-1   2026-11-20 03:07:00  23.0 MB  full         local-north\n\
             b-2   2026-11-21 03:07:00  24.0 MB  incremental  local-north"
        );
        assert_eq!(sentences("pg-1", &Backups::default(), None), "Service pg-1 has no backups.");
    }

    #[test]
    fn what_further_regions_hold_is_told_with_what_rests_there() {
        let region = |name: &str, paused: bool| {
            let reason = paused.then_some("the store of local-east is full.");
            json!({"cloud": name, "region": name, "paused": paused, "pause_reason": reason})
        };
        let backup = |name: &str, regions: serde_json::Value| {
            json!({"backup_name": name, "backup_time": "2026-11-20T03:07:00Z", "data_size": 23_000_000,
                   "storage_location": "local-north", "additional_regions": regions})
        };
        let both = json!([region("local-south", false), region("local-east", true)]);
        let range = json!({"cloud": "local-south", "region": "local-south",
            "pitr_range_start": "2026-11-20T03:07:00Z", "pitr_range_end": "2026-11-21T10:15:00Z"});
        let backups = serde_json::from_value(json!({
            "backups": [backup("b-1", both.clone()), backup("b-2", both), backup("b-3", json!([]))],
            "pitr": {"primary_region": {"pitr_range_start": "2026-11-20T03:07:00Z", "pitr_range_end": null},
                     "additional_regions": [range]},
        }))
        .unwrap();
        assert_eq!(
            sentences("pg-1", &backups, None),
            "Service pg-1 has 3 backups.\n\
             Every moment from 2026-11-20 03:07:00 UTC until now can be restored.\n\
             From local-south: every moment from 2026-11-20 03:07:00 to 2026-11-21 10:15:00 UTC.\n\
             Copying to local-east rests: the store of local-east is full.\n\
             name  taken (UTC)             data  kind  region       further regions\n\
             b-1   2026-11-20 03:07:00  23.0 MB        local-north  local-south, local-east (paused)\n\
             b-2   2026-11-20 03:07:00  23.0 MB        local-north  local-south, local-east (paused)\n\
             b-3   2026-11-20 03:07:00  23.0 MB        local-north"
        );
    }
}
