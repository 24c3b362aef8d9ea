//! When a crashed server is started again: at once, and with growing pauses if it crashes again and again, so that it takes neither the
//! machine's time nor its disk. Decides only; the pauses begin anew with the process.

use std::time::Duration;

/// A server that ran for so long is started again at once when it has crashed.
const RESTART_CALM: Duration = Duration::from_secs(300);
/// Pause before the second start in a row; each further one is twice as long.
const RESTART_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two starts.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(60);

/// When a crashed server is started again.
#[derive(Debug, Default)]
pub struct Restarts {
    last: Option<Duration>,
    pause: Duration,
}

impl Restarts {
    /// Whether a crashed server may be started now; moments of the monotonic clock.
    pub fn is_due(&self, now: Duration) -> bool {
        self.last.is_none_or(|last| now.saturating_sub(last) >= self.pause)
    }

    /// It is being started. The next pause is longer, unless all was well for long before this crash.
    pub fn note(&mut self, now: Duration) {
        let calm = self.last.is_none_or(|last| now.saturating_sub(last) >= RESTART_CALM);
        self.pause = match calm {
            true => RESTART_PAUSE_FIRST,
            false => self.pause.saturating_mul(2).min(RESTART_PAUSE_MAX),
        };
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_crashes_again_and_again_is_started_with_growing_pauses() {
        let mut restarts = Restarts::default();
        let (mut now, mut pauses) = (Duration::from_secs(1000), Vec::new());
        for _ in 0..9 {
            let begun = now;
            while !restarts.is_due(now) {
                now += Duration::from_secs(1);
            }
            pauses.push((now - begun).as_secs());
            restarts.note(now);
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        now += RESTART_CALM;
        assert!(restarts.is_due(now), "it ran for long");
        restarts.note(now);
        assert!(!restarts.is_due(now) && restarts.is_due(now + RESTART_PAUSE_FIRST));
    }
}
