//! `farshore service terminate`: the end of a service. Who types it at a terminal is asked; a script says `--force`.

use std::process::ExitCode;

use farshore_types::Result;

use crate::client::answers::{Deleted, part};
use crate::client::caller::Client;
use crate::client::question::Question;
use crate::client::text::{moment, plain};

/// Asks, ends it, and says how it comes back.
pub fn run(client: &Client, name: &str, force: bool) -> Result<ExitCode> {
    if !force {
        Question { noun: "service", name, done: "ended", flag: "--force" }.ask()?;
    }
    let answer = client.api.delete(&client.path(&["service", name])?)?;
    client.answer(&answer, || {
        let kept = client.api.get(&client.path(&["deleted-services"])?)?;
        Ok(sentences(name, &part::<Vec<Deleted>>(&kept, "services")?))
    })
}

/// The newest of that name is the one that was ended just now.
fn sentences(name: &str, deleted: &[Deleted]) -> String {
    let mut text = format!("Service {name} is terminated; its name is free.");
    let of_name = deleted.iter().filter(|service| service.service_name == name);
    if let Some(kept) = of_name.max_by(|a, b| a.delete_time.cmp(&b.delete_time)) {
        let (until, id) = (moment(&kept.kept_until), plain(&kept.service_id));
        text.push_str(&format!(" Its backups are kept until {until} UTC:\n  farshore service undelete {id}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_that_of_the_service_that_was_ended_last() {
        let one = |id: &str, name: &str, at: &str| Deleted {
            service_id: id.to_string(),
            service_name: name.to_string(),
            delete_time: at.to_string(),
            kept_until: "2026-12-21T10:15:00Z".to_string(),
            ..Deleted::default()
        };
        let all = [
            one("other-1", "other", "2026-11-21T11:00:00Z"),
            one("pg-1-old", "pg-1", "2026-11-20T10:00:00Z"),
            one("pg-1-new", "pg-1", "2026-11-21T10:00:00Z"),
        ];
        assert_eq!(
            sentences("pg-1", &all),
            "Service pg-1 is terminated; its name is free. Its backups are kept until 2026-12-21 10:15:00 UTC:\n  farshore service undelete pg-1-new"
        );
        assert_eq!(sentences("x", &all), "Service x is terminated; its name is free.");
    }
}
