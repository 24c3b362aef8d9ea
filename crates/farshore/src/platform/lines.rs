//! The lines that a PostgreSQL server writes, as lines of a service's log.

use farshore_control::hosts::LogLine;
use farshore_types::Timestamp;

/// Every message with its moment; what stands before the first one is left out.
pub fn of_server(text: &str) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    for line in text.lines() {
        match (stamp(line), lines.last_mut()) {
            (Some((at, text)), _) => {
                lines.push(LogLine { at, unit: "postgresql".to_string(), text: text.to_string() });
            }
            // A message goes on over several lines.
            (None, Some(last)) => {
                last.text.push('\n');
                last.text.push_str(line.trim_end());
            }
            (None, None) => {}
        }
    }
    lines
}

/// `2026-11-21 10:15:00.123 UTC [4711] LOG:  ...`: when, and the rest behind the process id.
fn stamp(line: &str) -> Option<(Timestamp, &str)> {
    let (head, rest) = line.split_once(" UTC [")?;
    let at = format!("{}Z", head.replace(' ', "T")).parse().ok()?;
    let (_, text) = rest.split_once("] ")?;
    Some((at, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_server_are_read_with_their_moment() {
        let (at, text) = stamp("2026-11-21 10:15:00.123 UTC [4711] LOG:  ready [x] y").unwrap();
        assert_eq!((at.to_string().as_str(), text), ("2026-11-21T10:15:00.123000Z", "LOG:  ready [x] y"));
        for other in ["", "\tSELECT 1", "2026-11-21 10:15:00.123 CET [1] x", "yesterday UTC [1] x"] {
            assert!(stamp(other).is_none(), "{other}");
        }
    }
}
