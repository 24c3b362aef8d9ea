//! The journal of a run: what was done and undone, each once.

use farshore_types::{Error, Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A step that is done or undone.
#[derive(Debug, Clone, PartialEq)]
pub struct Journaled {
    /// Whether it was done or undone.
    pub direction: Direction,
    /// Its place in its kind, from 0.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// What it returned.
    pub output: serde_json::Value,
    /// In which epoch.
    pub epoch: u64,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it was recorded.
    pub finished_at: Timestamp,
}

/// Done or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Done.
    Act,
    /// Undone.
    Undo,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::Act => "act",
            Direction::Undo => "undo",
        }
    }
}

/// Writes down that a step is done or undone. A second time is a `Conflict`.
pub fn journal(tx: &mut Tx<'_>, run_id: &str, step: &Journaled) -> Result<()> {
    tx.execute(
        "INSERT INTO run_steps (run_id, direction, position, name, output, epoch, started_at, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        values![
            run_id,
            step.direction.word(),
            step.position,
            &step.name,
            &step.output,
            step.epoch,
            step.started_at,
            step.finished_at,
        ],
    )
    .map(drop)
}

/// Steps that a run may have, done and undone together.
const STEPS_MAX: u32 = 1000;

/// What is written down of a run, in the order of the steps; what was done before what was undone.
pub fn steps(tx: &mut Tx<'_>, run_id: &str) -> Result<Vec<Journaled>> {
    let rows = tx.query(
        "SELECT direction, position, name, output, epoch, started_at, finished_at FROM run_steps
         WHERE run_id = $1 ORDER BY direction, position LIMIT $2",
        values![run_id, STEPS_MAX],
    )?;
    let step = |row: &Row| {
        let direction = match row.text("direction")?.as_str() {
            "act" => Direction::Act,
            "undo" => Direction::Undo,
            other => return Err(Error::corrupt(format!("column direction holds {other:?}"))),
        };
        Ok(Journaled {
            direction,
            position: row.count("position")?,
            name: row.text("name")?,
            output: row.json("output")?,
            epoch: row.count("epoch")?,
            started_at: row.time_or_null("started_at")?,
            finished_at: row.time("finished_at")?,
        })
    };
    rows.iter().map(step).collect()
}
