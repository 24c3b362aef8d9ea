//! Whether given options are what their definitions allow, and what is wrong with each that is not.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::definition::{Applies, Definition, Fallback, Kind, Text};
use super::nearest::nearest;

/// Problems that one answer names; of more it says how many.
pub const PROBLEMS_MAX: usize = 10;
/// Characters of a refused value that are shown.
const SHOWN_CHARACTERS: usize = 80;
/// The name under which clients give options; every path begins with it.
const ROOT: &str = "user_config";

/// What is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which option, for example `user_config.pg.jit`.
    pub path: String,
    /// What is wrong and what is allowed, to be read behind the path.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.what)
    }
}

/// All that is wrong with what was given. `current` is what an update changes; without it the service is created.
pub fn problems(
    definitions: &[Definition],
    given: &Map<String, Value>,
    current: Option<&Map<String, Value>>,
) -> Vec<Problem> {
    let mut walk = Walk { problems: Vec::new() };
    walk.object(ROOT, definitions, given, current);
    walk.problems
}

/// A problem of an option at the top.
pub fn problem(name: &str, what: impl Into<String>) -> Problem {
    Problem { path: format!("{ROOT}.{name}"), what: what.into() }
}

struct Walk {
    problems: Vec<Problem>,
}

impl Walk {
    fn found(&mut self, path: &str, what: String) {
        self.problems.push(Problem { path: path.to_string(), what });
    }

    fn object(
        &mut self,
        path: &str,
        definitions: &[Definition],
        given: &Map<String, Value>,
        current: Option<&Map<String, Value>>,
    ) {
        for (key, value) in given {
            let Some(definition) = definitions.iter().find(|definition| definition.name == key) else {
                self.unknown(path, key, definitions);
                continue;
            };
            let path = format!("{path}.{key}");
            let before = current.map(|map| map.get(key).unwrap_or(&Value::Null));
            self.option(&path, definition, value, before);
        }
    }

    fn unknown(&mut self, path: &str, key: &str, definitions: &[Definition]) {
        let shown = cut(key);
        let object = definitions.iter().find(|outer| match outer.kind {
            Kind::Object(inner) => inner.iter().any(|definition| definition.name == key),
            _ => false,
        });
        let what = match (object, nearest(key, definitions.iter().map(|definition| definition.name))) {
            (Some(object), _) => format!("is not an option, it stands in {}", object.name),
            (None, Some(known)) => format!("is not an option, the nearest one is {known}"),
            (None, None) => "is not an option".to_string(),
        };
        self.found(&format!("{path}.{shown}"), what);
    }

    /// `before` is null for an option that an updated service does not have, and `None` for a new service.
    fn option(&mut self, path: &str, definition: &Definition, value: &Value, before: Option<&Value>) {
        if definition.create_only && before.is_some_and(|before| before != value) {
            let shown = if definition.secret { "the value".to_string() } else { shown(value) };
            let what = format!("cannot become {shown}, it can be set only when the service is created");
            return self.found(path, what);
        }
        match (definition.kind, value) {
            (_, Value::Null) => {}
            (Kind::Object(inner), Value::Object(given)) => {
                let empty = Map::new();
                let before = before.map(|before| before.as_object().unwrap_or(&empty));
                self.object(path, inner, given, before);
            }
            (kind, value) if !self.is_allowed(path, &kind, value) => {
                let shown = if definition.secret { "the value".to_string() } else { shown(value) };
                self.found(path, format!("cannot be {shown}, allowed is {} or null", kind.allowed()));
            }
            (_, value) => self.not_yet(path, definition, value),
        }
    }

    fn not_yet(&mut self, path: &str, definition: &Definition, value: &Value) {
        let Applies::NotYet(sentence) = definition.applies else { return };
        let harmless = definition.fallback != Fallback::None && definition.fallback.value().as_ref() == Some(value);
        if !harmless {
            self.found(path, format!("cannot be {}: {sentence}", shown(value)));
        }
    }

    /// Whether a value is of its kind. What is wrong inside an item of a list is found on its own path.
    fn is_allowed(&mut self, path: &str, kind: &Kind, value: &Value) -> bool {
        match (kind, value) {
            (Kind::Text(text), Value::String(given)) => is_text(text, given),
            (Kind::Choice(_) | Kind::Version(_), Value::String(given)) => {
                kind.choices().unwrap_or_default().contains(&given.as_str())
            }
            (Kind::Integer { min, max, also }, Value::Number(given)) => {
                given.as_i64().is_some_and(|given| (*min..=*max).contains(&given) || Some(given) == *also)
            }
            (Kind::IntegerChoice(numbers), Value::Number(given)) => {
                given.as_i64().is_some_and(|given| numbers.contains(&given))
            }
            (Kind::Number { min, max }, Value::Number(given)) => {
                given.as_f64().is_some_and(|given| (*min..=*max).contains(&given))
            }
            (Kind::Boolean, Value::Bool(_)) => true,
            (Kind::List { items, items_min, items_max }, Value::Array(given)) => {
                self.is_list(path, items, *items_min..=*items_max, given)
            }
            _ => false,
        }
    }

    fn is_list(&mut self, path: &str, items: &Kind, count: RangeInclusive<usize>, given: &[Value]) -> bool {
        if !count.contains(&given.len()) {
            return false;
        }
        let mut good = true;
        for (at, item) in given.iter().enumerate() {
            let repeated = given.iter().take(at).any(|earlier| earlier == item);
            good &= !repeated;
            match (items, item) {
                (Kind::Object(inner), Value::Object(given)) => {
                    self.object(&format!("{path}.{at}"), inner, given, None);
                }
                _ => good &= self.is_allowed(path, items, item),
            }
        }
        good
    }
}

fn is_text(text: &Text, given: &str) -> bool {
    let length = given.chars().count();
    (text.length_min..=text.length_max).contains(&length)
        && text.pattern.matches(given)
        && text.check.is_none_or(|check| check.accepts(given))
}

/// A value as JSON, cut where it gets long.
fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

/// A text without control characters, cut where it gets long.
fn cut(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut cut: String = visible.take(SHOWN_CHARACTERS).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        cut.push_str("...");
    }
    cut
}
