//! `farshore service logs`: lines of a service's server and agent. Nothing in a line steers the terminal.

use std::process::ExitCode;
use std::time::Duration;

use farshore_types::{ErrorKind, Result};
use serde_json::{Value, json};

use crate::client::answers::{LogLine, part};
use crate::client::caller::Client;
use crate::client::text::plain;
use crate::output;

/// From one look for new lines to the next.
const POLL: Duration = Duration::from_secs(1);
/// Lines of one answer while following.
const PAGE_LINES: u32 = 500;

/// Prints the newest lines, and goes on with new ones if that was typed.
pub fn run(client: &Client, name: &str, lines: u32, follow: bool) -> Result<ExitCode> {
    let path = client.path(&["service", name, "logs"])?;
    let answer = client.api.post(&path, &json!({"limit": lines, "sort_order": "asc"}))?;
    show(client, &answer)?;
    let mut offset = answer.get("offset").cloned().unwrap_or(Value::Null);
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        client.clock.pause(POLL);
        let asked = json!({"limit": PAGE_LINES, "sort_order": "asc", "offset": offset});
        let answer = match client.api.post(&path, &asked) {
            Err(error) if matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy) => continue,
            answer => answer?,
        };
        if !part::<Vec<LogLine>>(&answer, "logs")?.is_empty() {
            show(client, &answer)?;
        }
        offset = answer.get("offset").cloned().unwrap_or(offset);
    }
}

fn show(client: &Client, answer: &Value) -> Result<()> {
    match client.as_json {
        true => output::json(answer),
        false => part::<Vec<LogLine>>(answer, "logs")?.iter().for_each(|line| output::say(&rendered(line))),
    }
    Ok(())
}

fn rendered(line: &LogLine) -> String {
    let [time, host, unit, message] = [&line.time, &line.hostname, &line.unit, &line.msg].map(|text| plain(text));
    format!("{time} {host} {unit}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_where_and_who() {
        let line: LogLine = serde_json::from_value(json!({
            "time": "2026-11-21T10:15:00Z", "hostname": "pg-1-1", "unit": "postgresql", "msg": "LOG:  ready\u{1b}[31m",
        }))
        .unwrap();
        assert_eq!(rendered(&line), "2026-11-21T10:15:00Z pg-1-1 postgresql: LOG:  ready[31m");
    }
}
