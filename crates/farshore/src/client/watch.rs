//! Waiting for what the platform does, with a line that says how far it is.
//!
//! Nothing is asked for here: whoever stops waiting, or dies, changes nothing about the work. A platform that is started again meanwhile
//! is waited for, because it goes on with its runs.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use farshore_types::{Clock, Error, ErrorKind, Result, units};

/// From one look to the next.
const POLL: Duration = Duration::from_millis(500);
/// Nothing is shown before this.
const SILENCE: Duration = Duration::from_secs(2);
/// How often a line is written where no terminal is.
const LINES: Duration = Duration::from_secs(5);
/// How long a platform may not answer before that is an error.
const OUTAGE_MAX: Duration = Duration::from_secs(60);

/// What a look found.
pub enum Seen<T> {
    /// It is over.
    Done(T),
    /// It goes on; this is how far it is.
    Going(String),
}

/// Looks until it is over, `timeout` is reached, or a look fails for good. `what` names it in the error of a timeout.
pub fn until<T>(
    clock: &dyn Clock,
    timeout: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Seen<T>>,
) -> Result<T> {
    let began = clock.monotonic();
    let mut line = Line::new(began);
    let mut answered = began;
    loop {
        let now = match look() {
            Ok(Seen::Done(found)) => return Ok(found),
            Ok(Seen::Going(text)) => {
                let now = clock.monotonic();
                answered = now;
                line.show(&text, began, now);
                now
            }
            Err(error) => {
                let now = clock.monotonic();
                let passes = matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy);
                if !passes || now.saturating_sub(answered) >= OUTAGE_MAX {
                    return Err(error);
                }
                line.show(&format!("{what}: the platform does not answer, waiting for it"), began, now);
                now
            }
        };
        if now.saturating_sub(began) >= timeout {
            let error = Error::busy(format!("{what} is not over after {}", units::span(timeout)));
            return Err(error.hint("it goes on; wait again, or give a longer --timeout-s"));
        }
        clock.pause(POLL);
    }
}

/// A line on a terminal that is drawn anew, or a line now and then where no terminal is.
struct Line {
    terminal: bool,
    drawn: bool,
    written: Duration,
    last: String,
}

impl Line {
    fn new(now: Duration) -> Line {
        Line { terminal: std::io::stderr().is_terminal(), drawn: false, written: now, last: String::new() }
    }

    fn show(&mut self, text: &str, began: Duration, now: Duration) {
        if now.saturating_sub(began) < SILENCE {
            return;
        }
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K{text}");
            self.drawn = true;
        } else if text != self.last && now.saturating_sub(self.written) >= LINES.min(SILENCE) {
            let _ = writeln!(std::io::stderr(), "{text}");
            (self.written, self.last) = (now, text.to_string());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.drawn {
            let _ = std::io::stderr().write_all(b"\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use farshore_types::Timestamp;

    use super::*;

    /// Moves on when somebody waits.
    #[derive(Default)]
    struct Manual(Mutex<Duration>);

    impl Clock for Manual {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
        fn monotonic(&self) -> Duration {
            *self.0.lock().unwrap()
        }
        fn pause(&self, length: Duration) {
            *self.0.lock().unwrap() += length;
        }
    }

    #[test]
    fn looks_go_on_until_it_is_over() {
        let mut looks = 0;
        let found = until(&Manual::default(), Duration::from_secs(60), "create pg-1", || {
            looks += 1;
            Ok(if looks < 20 { Seen::Going("going".to_string()) } else { Seen::Done(looks) })
        });
        assert_eq!(found.unwrap(), 20);
    }

    #[test]
    fn a_timeout_says_that_the_work_goes_on() {
        let clock = Manual::default();
        let end = until::<()>(&clock, Duration::from_secs(30), "create pg-1", || Ok(Seen::Going(String::new())));
        let error = end.unwrap_err();
        assert_eq!(error.message(), "create pg-1 is not over after 30 s");
        assert_eq!((error.kind(), clock.monotonic()), (ErrorKind::Busy, Duration::from_secs(30)));
    }

    #[test]
    fn a_platform_that_comes_back_is_waited_for_and_one_that_does_not_is_an_error() {
        for (silent_s, good) in [(30, true), (90, false)] {
            let clock = Manual::default();
            let end = until(&clock, Duration::from_secs(3600), "create pg-1", || {
                match clock.monotonic() < Duration::from_secs(silent_s) {
                    true => Err(Error::transient("nobody answers")),
                    false => Ok(Seen::Done(())),
                }
            });
            assert_eq!(end.is_ok(), good, "{silent_s}");
        }
    }

    #[test]
    fn what_fails_for_good_ends_the_wait_at_once() {
        let clock = Manual::default();
        let end = until::<()>(&clock, Duration::from_secs(60), "x", || Err(Error::missing("service pg-1 is gone")));
        assert_eq!((end.unwrap_err().kind(), clock.monotonic()), (ErrorKind::Missing, Duration::ZERO));
    }
}
