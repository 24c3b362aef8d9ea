//! Lines of a log, in pages. Where a line is, is its moment and its place among the lines of that moment: pages stay right while new
//! lines come.

use farshore_control::hosts::LogLine;
use farshore_types::{Error, Result, Timestamp};

use crate::wire::service::log::{LogAnswer, LogEntry, LogRequest, SortOrder};

/// Lines of an answer, at most.
pub(crate) const LINES_MAX: usize = 500;
/// Lines of an answer, if nobody says how many.
const LINES: usize = 100;

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(i64, u64);

impl Place {
    fn text(self) -> String {
        format!("{}.{}", self.0, self.1)
    }

    fn parse(text: &str) -> Result<Place> {
        let parts = text.split_once('.').and_then(|(at, number)| Some(Place(at.parse().ok()?, number.parse().ok()?)));
        let shown: String = text.chars().take(40).collect();
        parts.ok_or_else(|| Error::invalid(format!("offset: {shown:?} was not given by an answer before")))
    }
}

/// A page of lines that come oldest first. Without an offset it holds the newest ones; with one what lies behind it in the order that
/// is asked for.
pub(crate) fn page(lines: Vec<LogLine>, host: &str, asked: &LogRequest) -> Result<LogAnswer> {
    let order = asked.sort_order.unwrap_or(SortOrder::Asc);
    let limit = asked.limit.map_or(LINES, |limit| usize::try_from(limit).unwrap_or(LINES_MAX)).clamp(1, LINES_MAX);
    let offset = asked.offset.as_deref().filter(|text| !text.is_empty()).map(Place::parse).transpose()?;
    let mut placed = placed(lines);
    match (offset, order) {
        (Some(offset), SortOrder::Asc) => {
            placed.retain(|(place, _)| *place > offset);
            placed.truncate(limit);
        }
        (Some(offset), SortOrder::Desc) => placed.retain(|(place, _)| *place < offset),
        (None, _) => {}
    }
    let mut placed = placed.split_off(placed.len().saturating_sub(limit));
    if order == SortOrder::Desc {
        placed.reverse();
    }
    let kept = || asked.offset.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| Place(0, 0).text());
    let place = |found: Option<&(Place, LogLine)>| found.map_or_else(kept, |(place, _)| place.text());
    let (offset, first_log_offset) = (place(placed.last()), place(placed.first()));
    let entry = |(_, line): (Place, LogLine)| LogEntry {
        time: line.at.to_string(),
        hostname: host.to_string(),
        unit: line.unit,
        msg: line.text,
    };
    Ok(LogAnswer { logs: placed.into_iter().map(entry).collect(), offset, first_log_offset })
}

fn placed(mut lines: Vec<LogLine>) -> Vec<(Place, LogLine)> {
    lines.sort_by_key(|line| line.at);
    let mut before = Place(i64::MIN, 0);
    let place = |line: LogLine| {
        let at: Timestamp = line.at;
        before = if before.0 == at.micros() { Place(before.0, before.1 + 1) } else { Place(at.micros(), 1) };
        (before, line)
    };
    lines.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: i64, text: &str) -> LogLine {
        LogLine { at: Timestamp::from_micros(at), unit: "unit".to_string(), text: text.to_string() }
    }

    fn asked(limit: u32, order: Option<SortOrder>, offset: Option<&str>) -> LogRequest {
        LogRequest { limit: Some(limit), sort_order: order, offset: offset.map(str::to_string) }
    }

    fn lines() -> Vec<LogLine> {
        vec![line(1, "a"), line(2, "b"), line(2, "c"), line(3, "d"), line(4, "e")]
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition_in_both_orders() {
        let texts = |answer: &LogAnswer| answer.logs.iter().map(|entry| entry.msg.clone()).collect::<String>();
        let check = |order, offset: Option<&str>, expect: &str| {
            let answer = page(lines(), "pg-1", &asked(2, order, offset)).unwrap();
            assert_eq!(texts(&answer), expect, "{order:?} {offset:?}");
            answer.offset
        };
        let next = check(Some(SortOrder::Desc), None, "ed");
        let next = check(Some(SortOrder::Desc), Some(&next), "cb");
        let next = check(Some(SortOrder::Desc), Some(&next), "a");
        check(Some(SortOrder::Desc), Some(&next), "");
        let next = check(None, None, "de");
        assert_eq!(check(None, Some(&next), ""), next);
        let next = check(Some(SortOrder::Asc), Some("0.0"), "ab");
        let next = check(Some(SortOrder::Asc), Some(&next), "cd");
        check(Some(SortOrder::Asc), Some(&next), "e");
    }

    #[test]
    fn an_offset_that_nobody_gave_is_refused() {
        for text in ["x", "1", "1.x", ".", "1.1.1"] {
            let error = page(lines(), "pg-1", &asked(2, None, Some(text))).unwrap_err().to_string();
            assert!(error.starts_with("offset: "), "{text}: {error}");
        }
    }
}
