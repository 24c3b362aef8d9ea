//! Statistics of queries as they are asked for: which columns an answer has, under the names of the public API ("PGServiceQueryStatistics"),
//! which rows of it are wanted, and in which order. Pure: what is counted, and how it is read, belongs to an engine.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The columns of an answer. Times are in milliseconds; `total_time` and its kin are those of `total_exec_time` under their older names.
pub const COLUMNS: [&str; 37] = [
    "blk_read_time",
    "blk_write_time",
    "calls",
    "database_name",
    "local_blks_dirtied",
    "local_blks_hit",
    "local_blks_read",
    "local_blks_written",
    "max_exec_time",
    "max_plan_time",
    "max_time",
    "mean_exec_time",
    "mean_plan_time",
    "mean_time",
    "min_exec_time",
    "min_plan_time",
    "min_time",
    "plans",
    "query",
    "queryid",
    "rows",
    "shared_blks_dirtied",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_written",
    "stddev_exec_time",
    "stddev_plan_time",
    "stddev_time",
    "temp_blks_read",
    "temp_blks_written",
    "total_exec_time",
    "total_plan_time",
    "total_time",
    "user_name",
    "wal_bytes",
    "wal_fpi",
    "wal_records",
];
/// Rows of an answer, at most.
const ROWS_MAX: u32 = 500;
/// Rows of an answer, if nobody says how many.
const ROWS: u32 = 100;
/// Longest part of a wrong order that is shown.
const SHOWN_CHARS_MAX: usize = 64;

/// Rows of an answer about queries when so many are asked for.
pub fn rows(asked: Option<u32>) -> u32 {
    asked.unwrap_or(ROWS).min(ROWS_MAX)
}

/// Which way an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// The order of rows: a column that exists, and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    column: &'static str,
    direction: Direction,
}

impl Order {
    /// One of [`COLUMNS`].
    pub fn column(&self) -> &'static str {
        self.column
    }

    /// Which way.
    pub fn direction(&self) -> Direction {
        self.direction
    }
}

impl Default for Order {
    /// What ran most often first, as the client `avn` asks for it.
    fn default() -> Self {
        Order { column: "calls", direction: Direction::Descending }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        write!(f, "{}:{direction}", self.column)
    }
}

impl FromStr for Order {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            let hint = format!("give COLUMN:asc or COLUMN:desc, with one of {}", COLUMNS.join(", "));
            Error::invalid(format!("order_by {shown:?} is not an order of query statistics")).hint(hint)
        };
        let (column, direction) = text.split_once(':').ok_or_else(wrong)?;
        let direction = match direction {
            "asc" => Direction::Ascending,
            "desc" => Direction::Descending,
            _ => return Err(wrong()),
        };
        let column = COLUMNS.into_iter().find(|known| *known == column).ok_or_else(wrong)?;
        Ok(Order { column, direction })
    }
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    limit: u32,
    offset: u32,
    order: Order,
}

impl Page {
    /// At most `limit` rows, bounded as [`rows`] says, after so many others.
    pub fn new(limit: Option<u32>, offset: Option<u32>, order: Order) -> Page {
        Page { limit: rows(limit), offset: offset.unwrap_or(0), order }
    }

    /// Rows at most.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Rows that are left out before the first one.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// In which order.
    pub fn order(&self) -> Order {
        self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_known_column_with_a_direction_and_nothing_else() {
        for column in COLUMNS {
            for direction in ["asc", "desc"] {
                let text = format!("{column}:{direction}");
                assert_eq!(text.parse::<Order>().unwrap().to_string(), text);
            }
        }
        let sly =
            ["", "calls", "calls:", "calls:DESC", ":desc", "query_duration:desc", "calls:desc; drop table t", "1:asc"];
        for text in sly {
            let error = text.parse::<Order>().unwrap_err().to_string();
            assert!(
                error.contains("order_by") && error.contains("COLUMN:asc") && error.contains("total_time"),
                "{error}"
            );
        }
        let long = "x".repeat(5000).parse::<Order>().unwrap_err().to_string();
        assert!(long.len() < 1000, "{long}");
    }

    #[test]
    fn a_page_has_an_end_whatever_is_asked_for() {
        let page = |limit| Page::new(limit, None, Order::default()).limit();
        assert_eq!((page(None), page(Some(0)), page(Some(7)), page(Some(u32::MAX))), (ROWS, 0, 7, ROWS_MAX));
    }
}
