//! Samples as text, so that charts outlive the process. What is kept is what is shown: a version, names, and sums with counts.

use std::collections::VecDeque;

use farshore_types::{Error, Result};
use serde::{Deserialize, Serialize};

use super::series::{FIGURES_MAX, Kept, Period, Samples, Stretch};

/// Of the form below.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    figures: Vec<String>,
    /// By period, in order of time.
    rings: Vec<Vec<SavedStretch>>,
}

/// A stretch of time by its beginning in microseconds, with the sum and count of each figure.
type SavedStretch = (i64, Vec<(f64, u32)>);

impl Samples {
    /// The services of which something is kept.
    pub fn services(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Everything that is kept of a service.
    pub fn save(&self, service: &str) -> Result<Option<String>> {
        let saved = {
            let inner = self.lock();
            let Some(kept) = inner.get(service) else { return Ok(None) };
            let ring =
                |ring: &VecDeque<Stretch>| ring.iter().map(|stretch| (stretch.at, stretch.sums.clone())).collect();
            Saved { version: VERSION, figures: kept.figures.clone(), rings: kept.rings.iter().map(ring).collect() }
        };
        serde_json::to_string(&saved).map(Some).map_err(|error| Error::bug(format!("samples are no JSON: {error}")))
    }

    /// Takes up what was saved of a service, in place of what is kept. `Corrupt`: it is not what [`Samples::save`] gave; nothing is taken.
    pub fn load(&self, service: &str, text: &str) -> Result<()> {
        let wrong = |what: String| Error::corrupt(format!("the saved charts of {service}: {what}"));
        let saved: Saved = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if saved.version != VERSION || saved.figures.len() > FIGURES_MAX || saved.rings.len() != Period::ALL.len() {
            return Err(wrong(format!("version {} is not known here, or has too much in it", saved.version)));
        }
        let mut kept = Kept { figures: saved.figures, ..Kept::default() };
        for ((period, ring), stretches) in Period::ALL.into_iter().zip(&mut kept.rings).zip(saved.rings) {
            let too_long = stretches.len() > period.points();
            let in_order = stretches.is_sorted_by(|one, next| one.0 < next.0);
            let fits = |sums: &[(f64, u32)]| sums.len() <= FIGURES_MAX && sums.iter().all(|(sum, _)| sum.is_finite());
            if too_long || !in_order || !stretches.iter().all(|(_, sums)| fits(sums)) {
                return Err(wrong(format!("the points of {period:?} are too many, or in no order")));
            }
            *ring = stretches.into_iter().map(|(at, sums)| Stretch { at, sums }).collect();
        }
        self.lock().insert(service.to_string(), kept);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use farshore_types::{ErrorKind, Timestamp};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn filled() -> Samples {
        let samples = Samples::default();
        for step in 0..1000_i64 {
            let figures = [("cpu".to_string(), step as f64 / 4.0), ("at_risk_s".to_string(), 0.25)];
            samples.add("pg", at(step * 10), &figures);
        }
        samples
    }

    #[test]
    fn what_was_saved_is_shown_as_before_and_goes_on() {
        let (before, after) = (filled(), Samples::default());
        after.load("pg", &before.save("pg").unwrap().unwrap()).unwrap();
        assert_eq!((after.services(), before.save("other").unwrap()), (vec!["pg".to_string()], None));
        for samples in [&before, &after] {
            samples.add("pg", at(10_000), &[("cpu".to_string(), 9.0), ("new".to_string(), 1.0)]);
        }
        for period in Period::ALL {
            let shown = after.series("pg", period, at(10_000));
            assert_eq!(shown, before.series("pg", period, at(10_000)), "{period:?}");
            assert_eq!(shown.len(), 3);
        }
    }

    #[test]
    fn what_is_not_ours_is_refused_and_changes_nothing() {
        let samples = filled();
        let good = samples.save("pg").unwrap().unwrap();
        let long = format!("[{}]", (0..400).map(|at| format!("[{at},[]]")).collect::<Vec<_>>().join(","));
        let with = |ring: &str| format!(r#"{{"version":1,"figures":[],"rings":[{ring},[],[],[],[]]}}"#);
        let none = with("[]");
        samples.load("other", &none).unwrap();
        for wrong in [
            String::new(),
            "{}".to_string(),
            good.replace("\"version\":1", "\"version\":2"),
            none.replace(",[]]", "]"),
            with("[[2,[]],[1,[]]]"),
            with(&long),
            good[..good.len() / 2].to_string(),
        ] {
            let error = samples.load("pg", &wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        }
        assert_eq!(samples.save("pg").unwrap().unwrap(), good);
    }
}
