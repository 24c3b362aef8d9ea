//! Rings of samples: the same figures at five resolutions, each for its own period. A point is the mean of what was measured in its
//! stretch of time; the newest stretch is shown while it still fills.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use farshore_types::Timestamp;

/// Seconds from one look at a node to the next.
pub const SAMPLE_S: u64 = 10;
/// Figures of one service that are kept; further ones are ignored.
pub const FIGURES_MAX: usize = 32;
/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// How far back a chart goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Period; 5] = [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year];

    /// Seconds of the whole period, and of one point.
    const fn seconds(self) -> (i64, i64) {
        match self {
            Period::Hour => (3600, 10),
            Period::Day => (24 * 3600, 300),
            Period::Week => (7 * 24 * 3600, 1800),
            Period::Month => (30 * 24 * 3600, 2 * 3600),
            Period::Year => (365 * 24 * 3600, 24 * 3600),
        }
    }

    /// The most points that are kept.
    pub(super) fn points(self) -> usize {
        let (whole_s, step_s) = self.seconds();
        usize::try_from(whole_s / step_s).unwrap_or(usize::MAX)
    }
}

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The beginning of its stretch of time.
    pub at: Timestamp,
    /// The mean of what was measured; `None` where this figure was not.
    pub value: Option<f64>,
}

/// One figure over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub figure: String,
    /// In order of time.
    pub points: Vec<Point>,
}

/// The samples of all services.
#[derive(Default)]
pub struct Samples {
    inner: Mutex<HashMap<String, Kept>>,
}

/// What is kept of one service.
#[derive(Default)]
pub(super) struct Kept {
    pub figures: Vec<String>,
    pub rings: [VecDeque<Stretch>; Period::ALL.len()],
}

/// Sums and counts by the place of a figure.
pub(super) struct Stretch {
    pub at: i64,
    pub sums: Vec<(f64, u32)>,
}

impl Samples {
    /// Adds one look at a service. Values that are no number are left out.
    pub fn add(&self, service: &str, now: Timestamp, figures: &[(String, f64)]) {
        let mut inner = self.lock();
        let kept = inner.entry(service.to_string()).or_default();
        for (name, value) in figures.iter().filter(|(_, value)| value.is_finite()) {
            if let Some(place) = kept.place(name) {
                kept.add(place, now, *value);
            }
        }
    }

    /// The figures of a service over a period, in the order of their names.
    pub fn series(&self, service: &str, period: Period, now: Timestamp) -> Vec<Series> {
        let inner = self.lock();
        let Some(kept) = inner.get(service) else { return Vec::new() };
        let since = now.micros().saturating_sub(period.seconds().0 * MICROS);
        let empty = VecDeque::new();
        let ring = Period::ALL.iter().position(|one| *one == period).and_then(|at| kept.rings.get(at));
        let stretches = || ring.unwrap_or(&empty).iter().filter(|stretch| stretch.at >= since);
        let point = |stretch: &Stretch, place: usize| {
            let sum = stretch.sums.get(place).filter(|(_, count)| *count > 0);
            Point { at: Timestamp::from_micros(stretch.at), value: sum.map(|(sum, count)| sum / f64::from(*count)) }
        };
        let one = |(place, figure): (usize, &String)| {
            let points = stretches().map(|stretch| point(stretch, place)).collect();
            Series { figure: figure.clone(), points }
        };
        let mut series: Vec<Series> = kept.figures.iter().enumerate().map(one).collect();
        series.sort_by(|one, other| one.figure.cmp(&other.figure));
        series
    }

    /// Forgets all services but these.
    pub fn keep_only(&self, services: &[String]) {
        self.lock().retain(|service, _| services.contains(service));
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn place(&mut self, figure: &str) -> Option<usize> {
        let known = self.figures.iter().position(|name| name == figure);
        known.or_else(|| {
            (self.figures.len() < FIGURES_MAX).then(|| {
                self.figures.push(figure.to_string());
                self.figures.len() - 1
            })
        })
    }

    fn add(&mut self, place: usize, now: Timestamp, value: f64) {
        for (period, ring) in Period::ALL.into_iter().zip(&mut self.rings) {
            let step = period.seconds().1 * MICROS;
            let at = now.micros().div_euclid(step) * step;
            // A clock that was set back begins the ring anew: points stay in order of time.
            while ring.back().is_some_and(|last| last.at > at) {
                ring.pop_back();
            }
            if ring.back().is_none_or(|last| last.at < at) {
                ring.push_back(Stretch { at, sums: Vec::new() });
            }
            if let Some(last) = ring.back_mut() {
                if last.sums.len() <= place {
                    last.sums.resize(place + 1, (0.0, 0));
                }
                if let Some((sum, count)) = last.sums.get_mut(place) {
                    (*sum, *count) = (*sum + value, count.saturating_add(1));
                }
            }
            while ring.len() > period.points() {
                ring.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * MICROS)
    }

    fn one(name: &str, value: f64) -> Vec<(String, f64)> {
        vec![(name.to_string(), value)]
    }

    #[test]
    fn one_sample_is_a_point_in_every_period() {
        let samples = Samples::default();
        samples.add("pg", at(1_000_000), &one("cpu", 7.0));
        for period in Period::ALL {
            let series = samples.series("pg", period, at(1_000_000));
            assert_eq!(series.len(), 1, "{period:?}");
            assert_eq!((series[0].figure.as_str(), series[0].points[0].value), ("cpu", Some(7.0)), "{period:?}");
        }
        assert_eq!(samples.series("other", Period::Hour, at(0)), vec![]);
    }

    #[test]
    fn a_point_is_the_mean_of_its_stretch_and_a_gap_is_no_point_of_the_figure() {
        let samples = Samples::default();
        for (second, value) in [(0, 1.0), (5, 3.0), (10, 5.0)] {
            samples.add("pg", at(1000 + second), &one("cpu", value));
        }
        samples.add("pg", at(1020), &one("late", 9.0));
        samples.add("pg", at(1021), &one("late", f64::NAN));
        let values = |figure: &str, period: Period| -> Vec<Option<f64>> {
            let all = samples.series("pg", period, at(1030));
            let found = all.iter().find(|series| series.figure == figure).unwrap();
            found.points.iter().map(|point| point.value).collect()
        };
        assert_eq!(values("cpu", Period::Hour), [Some(2.0), Some(5.0), None]);
        assert_eq!(values("late", Period::Hour), [None, None, Some(9.0)]);
        assert_eq!(values("cpu", Period::Day), [Some(3.0)]);
    }

    #[test]
    fn rings_are_bounded_and_old_points_are_not_shown() {
        let samples = Samples::default();
        for step in 0..1000 {
            samples.add("pg", at(step * 10), &one("cpu", 1.0));
        }
        let shown = |period, now| samples.series("pg", period, at(now))[0].points.len();
        assert_eq!(shown(Period::Hour, 9990), 360);
        assert_eq!(shown(Period::Hour, 9990 + 3600), 1);
        assert_eq!(shown(Period::Day, 9990), 34);
        samples.add("pg", at(100), &one("cpu", 1.0));
        assert_eq!(shown(Period::Hour, 100), 1, "a clock that was set back");
        let many: Vec<(String, f64)> = (0..100).map(|number| (format!("figure {number}"), 1.0)).collect();
        samples.add("pg", at(100), &many);
        assert_eq!(samples.series("pg", Period::Hour, at(100)).len(), FIGURES_MAX);
        samples.keep_only(&[]);
        assert_eq!(samples.series("pg", Period::Hour, at(100)), vec![]);
    }
}
