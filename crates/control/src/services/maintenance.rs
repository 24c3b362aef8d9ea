//! When a service is maintained: the same rules for a new one and for a change.

use farshore_types::{Error, Result};
use serde_json::Value;

/// Words of a day.
const DAYS: [&str; 8] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "never"];

/// What was given, on top of what a service has. `dow` is a weekday or `never`, `time` is `HH:MM:SS`; other keys are left out.
pub fn merged(has: Option<&Value>, given: &Value) -> Result<Value> {
    let Value::Object(given) = given else {
        return Err(Error::invalid(format!("maintenance: {given} is no object")).hint("give dow and time"));
    };
    let mut kept = has.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in given {
        let text = value.as_str().unwrap_or_default();
        let good = match key.as_str() {
            "dow" => DAYS.contains(&text),
            "time" => is_time(text),
            _ => continue,
        };
        if !good {
            let what = format!("maintenance.{key}: {value} is not allowed");
            return Err(Error::invalid(what).hint("dow is monday to sunday or never, time is HH:MM:SS in UTC"));
        }
        kept.insert(key.clone(), value.clone());
    }
    Ok(Value::Object(kept))
}

fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|c| c.is_ascii_digit());
    let below = |part: &str, bound: u8| digits(part) && part.parse::<u8>().is_ok_and(|number| number < bound);
    matches!(parts.as_slice(), [hour, minute, second] if below(hour, 24) && below(minute, 60) && below(second, 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_is_a_day_and_a_time_that_exist() {
        for (has, given, expected) in [
            (
                json!({}),
                json!({"dow": "sunday", "time": "23:59:59"}),
                Some(json!({"dow": "sunday", "time": "23:59:59"})),
            ),
            (
                json!({"dow": "monday", "time": "01:00:00"}),
                json!({"dow": "never"}),
                Some(json!({"dow": "never", "time": "01:00:00"})),
            ),
            (json!({"dow": "monday"}), json!({"colour": 1}), Some(json!({"dow": "monday"}))),
            (json!({}), json!({"time": "24:00:00"}), None),
            (json!({}), json!({"time": "1:00:00"}), None),
            (json!({}), json!({"time": "+1:00:00"}), None),
            (json!({}), json!({"time": "01:00"}), None),
            (json!({}), json!({"dow": "someday"}), None),
            (json!({}), json!({"dow": null}), None),
            (json!({}), json!("sunday"), None),
        ] {
            assert_eq!(merged(Some(&has), &given).ok(), expected, "{has} {given}");
        }
    }
}
