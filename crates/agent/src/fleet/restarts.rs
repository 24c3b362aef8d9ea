//! When a crashed server is started again: at once, and with growing pauses if it crashes again and again, so that it takes neither the
//! machine's time nor its disk. Decides only; what was seen begins anew with the process.

use std::time::Duration;

/// A server that answered for so long is well: it is started again at once when it has crashed.
const RESTART_CALM: Duration = Duration::from_secs(300);
/// Pause before the second start in a row; each further one is twice as long.
const RESTART_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause between two starts.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(60);
/// After so many starts in a row a server counts as one that crashes again and again. The pauses before them make up 7 seconds.
const RESTARTS_LOOP: u32 = 4;

/// When a crashed server is started again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Restarts {
    last: Option<Duration>,
    pause: Duration,
    /// Starts after crashes since it was well.
    in_a_row: u32,
    /// Since when it answers.
    answers_since: Option<Duration>,
}

impl Restarts {
    /// Whether a crashed server may be started now; moments of the monotonic clock.
    pub fn is_due(&self, now: Duration) -> bool {
        self.last.is_none_or(|last| now.saturating_sub(last) >= self.pause)
    }

    /// It is being started. The next pause is longer, unless all was well for long before this crash.
    pub fn note(&mut self, now: Duration) {
        let calm = self.last.is_none() || self.is_calm(now);
        (self.pause, self.in_a_row) = match calm {
            true => (RESTART_PAUSE_FIRST, 1),
            false => (self.pause.saturating_mul(2).min(RESTART_PAUSE_MAX), self.in_a_row.saturating_add(1)),
        };
        (self.last, self.answers_since) = (Some(now), None);
    }

    /// It answers.
    pub fn note_answer(&mut self, now: Duration) {
        self.answers_since.get_or_insert(now);
    }

    /// Whether it crashes again and again; `None` until it has crashed so often, or has answered for so long, that this can be said.
    pub fn is_loop(&self, now: Duration) -> Option<bool> {
        match self.is_calm(now) {
            true => Some(false),
            false => (self.in_a_row >= RESTARTS_LOOP).then_some(true),
        }
    }

    fn is_calm(&self, now: Duration) -> bool {
        self.answers_since.is_some_and(|since| now.saturating_sub(since) >= RESTART_CALM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_server_that_crashes_again_and_again_is_started_with_growing_pauses_and_counts_as_such_until_it_answers_for_long()
     {
        let mut restarts = Restarts::default();
        let (mut now, mut seen) = (Duration::from_secs(1000), Vec::new());
        for _ in 0..9 {
            let begun = now;
            while !restarts.is_due(now) {
                now += SECOND;
            }
            restarts.note(now);
            seen.push(((now - begun).as_secs(), restarts.is_loop(now)));
            // That it answers in between, for as long as the pause is, proves nothing.
            restarts.note_answer(now);
        }
        let pauses: Vec<u64> = seen.iter().map(|(pause, _)| *pause).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        let loops = seen.iter().map(|(_, is_loop)| *is_loop);
        assert_eq!(loops.collect::<Vec<_>>(), [&[None; 3][..], &[Some(true); 6][..]].concat());

        for _ in 0..2 {
            now += RESTART_CALM - SECOND;
            restarts.note_answer(now);
            assert_eq!(restarts.is_loop(now), Some(true), "it has not answered for long enough");
            assert!(!restarts.is_calm(now));
            restarts.note(now);
            restarts.note_answer(now);
        }
        now += RESTART_CALM;
        assert_eq!(restarts.is_loop(now), Some(false), "it answered for long");
        assert!(restarts.is_due(now));
        restarts.note(now);
        assert_eq!(restarts.is_loop(now), None, "one crash is no loop, and nothing is known of the next start");
        assert!(!restarts.is_due(now) && restarts.is_due(now + RESTART_PAUSE_FIRST));
    }

    #[test]
    fn a_start_that_takes_longer_than_a_server_must_be_well_is_no_calm() {
        let mut restarts = Restarts::default();
        let mut now = Duration::from_secs(1000);
        for _ in 0..RESTARTS_LOOP {
            restarts.note(now);
            now += RESTART_CALM * 2;
        }
        assert_eq!(restarts.is_loop(now), Some(true));
    }
}
