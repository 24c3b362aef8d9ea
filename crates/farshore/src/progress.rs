//! A line on the terminal for work that takes longer than two seconds: bytes, rate, time left.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_types::{Clock, Progress, units};

/// Nothing is shown before this.
const SILENCE: Duration = Duration::from_secs(2);
/// How often the line is drawn anew on a terminal; elsewhere a line is written every [`LINES`].
const REDRAW: Duration = Duration::from_millis(250);
/// How often a line is written where no terminal is.
const LINES: Duration = Duration::from_secs(5);

/// Shows progress until dropped.
pub struct Shown {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to show `progress` as `what`.
pub fn show(what: &str, progress: Arc<Progress>, clock: Arc<dyn Clock>) -> Shown {
    let (done, end) = channel::<()>();
    let what = what.to_string();
    let thread = std::thread::spawn(move || {
        let terminal = std::io::stderr().is_terminal();
        let began = clock.monotonic();
        let mut pause = SILENCE;
        while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let line = line(&what, progress.bytes(), clock.monotonic().saturating_sub(began));
            let text = if terminal { format!("\r\x1b[2K{line}") } else { format!("{line}\n") };
            let _ = std::io::stderr().write_all(text.as_bytes());
            pause = if terminal { REDRAW } else { LINES };
        }
        if terminal && pause == REDRAW {
            let _ = std::io::stderr().write_all(b"\r\x1b[2K");
        }
    });
    Shown { done: Some(done), thread: Some(thread) }
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn line(what: &str, (done, total): (u64, u64), took: Duration) -> String {
    if (done, total) == (0, 0) {
        return format!("{what}: {}", units::span(took));
    }
    let rate = done as f64 / took.as_secs_f64().max(0.001);
    let mut line = format!("{what}: {}", units::bytes(done));
    if total > 0 {
        line.push_str(&format!(" of {} ({} %)", units::bytes(total), (done * 100 / total).min(100)));
    }
    line.push_str(&format!(", {}/s", units::bytes(rate as u64)));
    if total > done && rate > 1.0 {
        let left = Duration::from_secs_f64((total - done) as f64 / rate);
        line.push_str(&format!(", {} left", units::span(left)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_bytes_rate_and_time_left() {
        let text = line("restore", (500_000_000, 2_000_000_000), Duration::from_secs(5));
        assert_eq!(text, "restore: 500 MB of 2.00 GB (25 %), 100 MB/s, 15 s left");
        assert_eq!(line("check", (0, 0), Duration::from_secs(5)), "check: 5.0 s");
    }
}
