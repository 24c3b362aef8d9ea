//! Words, moments and counts as people read them. What came over the network is never printed with control characters: a line of a log
//! must not steer the terminal.

use std::time::Duration;

use farshore_types::units;

use super::answers::{Backups, Phase, PitrRegion, Run, Service};

/// Work of less than this is none.
const LOSS_MIN: Duration = Duration::from_millis(50);

/// The text on one line, without anything that steers a terminal.
pub fn plain(text: &str) -> String {
    let kept = text.chars().map(|letter| if letter == '\n' || letter == '\t' { ' ' } else { letter });
    kept.filter(|letter| !letter.is_control()).collect::<String>().trim_end().to_string()
}

/// A moment of the API to the second; always UTC.
pub fn moment(text: &str) -> String {
    match text.parse::<farshore_types::Timestamp>() {
        Ok(moment) => {
            plain(&moment.to_string()).chars().take("2026-11-21T10:15:00".len()).collect::<String>().replace('T', " ")
        }
        Err(_) => plain(text),
    }
}

/// A word of a shell's command line: what is printed for a shell may be evaluated.
pub fn word(text: &str) -> String {
    match !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter)) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// How much work that is; `None`: so little that it is none.
pub fn loss(seconds: f64) -> Option<String> {
    let length = Duration::try_from_secs_f64(seconds).ok().filter(|length| *length >= LOSS_MIN)?;
    Some(units::span(length))
}

/// `1 backup`, `2 backups`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// The name of a type out of its description: `PostgreSQL - relational database` is PostgreSQL.
pub fn kind_name(description: &str) -> String {
    plain(description.split(" - ").next().unwrap_or_default())
}

/// What a state of the API means.
pub fn state(word: &str) -> String {
    match word {
        "RUNNING" => "running".to_string(),
        "POWEROFF" => "powered off".to_string(),
        "REBUILDING" => "being made".to_string(),
        "REBALANCING" => "running, and being changed".to_string(),
        other => plain(other).to_lowercase(),
    }
}

/// The same of a service that may be out of reach.
pub fn state_of(service: &Service) -> String {
    match &service.metadata.region_down_since {
        Some(_) => "out of reach".to_string(),
        None if is_down(service) => "down".to_string(),
        None => state(&service.state),
    }
}

/// Whether it should run, and its server does not.
pub fn is_down(service: &Service) -> bool {
    let nodes = &service.node_states;
    service.state == "RUNNING" && !nodes.is_empty() && nodes.iter().all(|node| node.state == "timing_out")
}

/// Where a service is and what it does, in a sentence.
pub fn headline(service: &Service) -> String {
    let (name, state, region) = (plain(&service.service_name), state(&service.state), plain(&service.cloud_name));
    match &service.metadata.region_down_since {
        Some(since) => {
            format!("Service {name} cannot be reached: {region} has not answered since {} UTC.", moment(since))
        }
        None if is_down(service) => format!("Service {name} does not answer: its server in {region} is down."),
        None => format!("Service {name} is {state} in {region}."),
    }
}

/// How far a run is, on one line.
pub fn run_line(run: &Run) -> String {
    let what = format!("{} {}", plain(&run.kind), plain(&run.service_name));
    match run.state.as_str() {
        "waiting" => format!("{what}: waits for its turn"),
        "running" | "undoing" => {
            let how = if run.state == "undoing" { "taking back " } else { "" };
            let at = run.steps_done.saturating_add(1).min(run.steps.max(1));
            let step = if run.step.is_empty() { String::new() } else { format!(", {}", plain(&run.step)) };
            format!("{what}: {how}step {at} of {}{step}{}", run.steps, counted(run))
        }
        other => format!("{what}: {}", plain(other)),
    }
}

fn counted(run: &Run) -> String {
    let progress = &run.progress;
    let expected = progress.bytes_expected.unwrap_or(0);
    if progress.bytes_done == 0 && expected == 0 {
        return String::new();
    }
    let mut text = format!(": {}", units::bytes(progress.bytes_done));
    if expected > 0 {
        text.push_str(&format!(" of {} ({} %)", units::bytes(expected), percent(progress.bytes_done, expected)));
    }
    text.push_str(&format!(", {}/s", units::bytes(progress.bytes_per_second)));
    if let Some(seconds) = progress.seconds_left {
        text.push_str(&format!(", {} left", units::span(Duration::from_secs(seconds))));
    }
    text
}

fn percent(done: u64, all: u64) -> u64 {
    u64::try_from(u128::from(done) * 100 / u128::from(all.max(1))).unwrap_or(100).min(100)
}

/// How far the phases of a node's making are: the first that is not over.
pub fn phase_line(name: &str, phases: &[Phase]) -> Option<String> {
    let phase = phases.iter().find(|phase| !phase.completed)?;
    let (done, all) = (phase.current.saturating_sub(phase.min), phase.max.saturating_sub(phase.min));
    let far = match phase.unit.starts_with("bytes") && all > 1 {
        true => format!(": {} of {} ({} %)", units::bytes(done), units::bytes(all), percent(done, all)),
        false => String::new(),
    };
    Some(format!("{}: {}{far}", plain(name), plain(&phase.phase)))
}

/// Several names in a sentence: `a`, `a and b`, `a, b and c`.
pub fn together(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Which moments can be restored, and when the next backup is due; empty where nothing is known. `away`: the first region, while it does
/// not answer.
pub fn window(backups: &Backups, away: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(pitr) = &backups.pitr {
        let range = &pitr.primary_region;
        lines.push(match (&range.pitr_range_start, &range.pitr_range_end) {
            (Some(from), to) if away.is_some() => {
                let region = plain(away.unwrap_or_default());
                let to = to.as_deref().map(|to| format!(" to {}", moment(to))).unwrap_or_default();
                format!("Once {region} answers again: every moment from {}{to} UTC.", moment(from))
            }
            (None, _) => "No moment can be restored yet: there is no backup.".to_string(),
            (Some(from), None) => format!("Every moment from {} UTC until now can be restored.", moment(from)),
            (Some(from), Some(to)) => {
                format!("Every moment from {} to {} UTC can be restored.", moment(from), moment(to))
            }
        });
        lines.extend(pitr.additional_regions.iter().map(further));
    }
    if let Some(due) = &backups.scheduled_backup_time {
        let (hour, minute, hours) = (due.backup_hour, due.backup_minute, due.backup_interval_hours);
        lines.push(match hours {
            24 => format!("Backups are due at {hour:02}:{minute:02} UTC every day."),
            _ => format!("Backups are due every {hours} h, counted from {hour:02}:{minute:02} UTC."),
        });
    }
    lines
}

/// The same for a further region.
fn further(range: &PitrRegion) -> String {
    let region = plain(&range.cloud);
    match (&range.pitr_range_start, &range.pitr_range_end) {
        (None, _) => format!("From {region}: no moment yet."),
        (Some(from), None) => format!("From {region}: every moment from {} UTC until now.", moment(from)),
        (Some(from), Some(to)) if moment(from) == moment(to) => format!("From {region}: {} UTC alone.", moment(from)),
        (Some(from), Some(to)) => format!("From {region}: every moment from {} to {} UTC.", moment(from), moment(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::{Counted, Pitr, Range, Schedule};
    use super::*;

    #[test]
    fn nothing_from_the_network_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\td\u{7f}"), "a[2Jb c d");
    }

    #[test]
    fn a_shell_takes_a_name_for_one_word_whatever_it_is() {
        for (name, expect) in [
            ("main", "main"),
            ("/srv/far-shore", "/srv/far-shore"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(word(name), expect);
        }
    }

    #[test]
    fn moments_are_shown_to_the_second_in_utc() {
        for (text, expect) in [
            ("2026-11-21T10:15:00.123456Z", "2026-11-21 10:15:00"),
            ("2026-11-21T10:15:00+02:00", "2026-11-21 08:15:00"),
            ("soon", "soon"),
        ] {
            assert_eq!(moment(text), expect);
        }
    }

    fn run(state: &str, bytes: (u64, Option<u64>, u64, Option<u64>)) -> Run {
        let (bytes_done, bytes_expected, bytes_per_second, seconds_left) = bytes;
        Run {
            kind: "restore".to_string(),
            service_name: "pg-1".to_string(),
            state: state.to_string(),
            step: "files".to_string(),
            steps_done: 1,
            steps: 4,
            progress: Counted { bytes_done, bytes_expected, bytes_per_second, seconds_left },
            ..Run::default()
        }
    }

    #[test]
    fn a_run_says_step_bytes_rate_and_time_left() {
        let far = (500_000_000, Some(2_000_000_000), 100_000_000, Some(15));
        for (run, expect) in [
            (run("waiting", far), "restore pg-1: waits for its turn"),
            (run("running", far), "restore pg-1: step 2 of 4, files: 500 MB of 2.00 GB (25 %), 100 MB/s, 15 s left"),
            (run("running", (1000, None, 10, None)), "restore pg-1: step 2 of 4, files: 1.00 kB, 10 B/s"),
            (run("running", (0, None, 0, None)), "restore pg-1: step 2 of 4, files"),
            (run("undoing", (0, None, 0, None)), "restore pg-1: taking back step 2 of 4, files"),
            (run("done", far), "restore pg-1: done"),
        ] {
            assert_eq!(run_line(&run), expect);
        }
    }

    #[test]
    fn the_first_phase_that_is_not_over_is_shown() {
        let phase = |name: &str, current, completed| Phase {
            phase: name.to_string(),
            min: 0,
            max: 2_000_000,
            current,
            unit: "bytes_uncompressed".to_string(),
            completed,
        };
        let phases = [phase("prepare", 2_000_000, true), phase("basebackup", 1_000_000, false)];
        assert_eq!(phase_line("pg-1-1", &phases).unwrap(), "pg-1-1: basebackup: 1.00 MB of 2.00 MB (50 %)");
        assert_eq!(phase_line("pg-1-1", &[phase("finalize", 1, true)]), None);
    }

    #[test]
    fn the_window_is_said_in_whole_sentences() {
        let told = |start: Option<&str>, end: Option<&str>, hours, away| {
            let range = Range { pitr_range_start: start.map(str::to_string), pitr_range_end: end.map(str::to_string) };
            window(
                &Backups {
                    pitr: Some(Pitr { primary_region: range, ..Pitr::default() }),
                    scheduled_backup_time: Some(Schedule {
                        backup_hour: 3,
                        backup_minute: 7,
                        backup_interval_hours: hours,
                    }),
                    ..Backups::default()
                },
                away,
            )
            .join(" ")
        };
        let of = |start, end, hours| told(start, end, hours, None);
        let (from, to) = (Some("2026-11-20T03:07:00Z"), Some("2026-11-21T10:15:00Z"));
        assert_eq!(
            of(from, to, 24),
            "Every moment from 2026-11-20 03:07:00 to 2026-11-21 10:15:00 UTC can be restored. Backups are due at 03:07 UTC every day."
        );
        assert!(of(from, None, 6).starts_with("Every moment from 2026-11-20 03:07:00 UTC until now can be restored."));
        assert!(of(from, None, 6).ends_with("Backups are due every 6 h, counted from 03:07 UTC."));
        assert!(of(None, None, 24).starts_with("No moment can be restored yet"));
        let away = told(from, to, 24, Some("local-north"));
        assert!(away.starts_with(
            "Once local-north answers again: every moment from 2026-11-20 03:07:00 to 2026-11-21 10:15:00 UTC. "
        ));
        assert!(told(None, None, 24, Some("local-north")).starts_with("No moment can be restored yet"));
        assert!(window(&Backups::default(), None).is_empty());
    }

    #[test]
    fn the_window_of_a_further_region_is_said_with_its_name() {
        let of = |start: Option<&str>, end: Option<&str>| {
            let (pitr_range_start, pitr_range_end) = (start.map(str::to_string), end.map(str::to_string));
            further(&PitrRegion { cloud: "local-south".to_string(), pitr_range_start, pitr_range_end })
        };
        let (from, to) = (Some("2026-11-20T03:07:00Z"), Some("2026-11-21T10:15:00Z"));
        let whole = "From local-south: every moment from 2026-11-20 03:07:00 to 2026-11-21 10:15:00 UTC.";
        assert_eq!(of(from, to), whole);
        assert_eq!(of(from, None), "From local-south: every moment from 2026-11-20 03:07:00 UTC until now.");
        assert_eq!(of(from, from), "From local-south: 2026-11-20 03:07:00 UTC alone.");
        assert_eq!(of(None, None), "From local-south: no moment yet.");
    }

    #[test]
    fn names_stand_together_as_in_a_sentence() {
        for (names, expect) in
            [(&[][..], ""), (&["a"], "a"), (&["a", "b"], "a and b"), (&["a", "b", "c"], "a, b and c")]
        {
            let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
            assert_eq!(together(&names), expect);
        }
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(
            (count(0, "run"), count(1, "run"), count(2, "run")),
            ("no runs".into(), "1 run".into(), "2 runs".into())
        );
    }
}
