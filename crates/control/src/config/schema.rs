//! All options of one service type, and what follows from them: what is accepted, which settings a server gets, what has
//! to be kept secret, whether a change needs a restart.

use farshore_types::{Error, Result, ServiceType};
use serde_json::{Map, Value};

use super::definition::{Applies, Definition, Kind};
use super::merge::merge;
use super::options;
use super::validate::{PROBLEMS_MAX, Problem, problem, problems};
use super::value::Config;

/// Limits of options that an operator of the platform sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items of `additional_backup_regions` at most.
    pub additional_backup_regions_max: usize,
}

impl Default for Limits {
    /// What the public API documents.
    fn default() -> Self {
        Limits { additional_backup_regions_max: 1 }
    }
}

/// What the options are for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// A new service.
    Create,
    /// A service that has options. Its secrets are among them: who keeps them apart joins them first.
    Update {
        /// What it has.
        current: &'a Config,
    },
    /// A new service that takes over the options of another one, except for those that only a creation can set.
    Fork {
        /// What the other one has.
        source: &'a Config,
    },
}

/// All options of one service type.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    service_type: ServiceType,
    definitions: Vec<Definition>,
}

impl Schema {
    /// The options of a type under these limits.
    pub fn of(service_type: ServiceType, limits: &Limits) -> Schema {
        let mut definitions = options::of(service_type);
        for definition in &mut definitions {
            if let ("additional_backup_regions", Kind::List { items_max, .. }) = (definition.name, &mut definition.kind)
            {
                *items_max = limits.additional_backup_regions_max;
            }
        }
        Schema { service_type, definitions }
    }

    /// The type.
    pub fn service_type(&self) -> ServiceType {
        self.service_type
    }

    /// The options in the order in which they are listed.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The options that the service has afterwards: those given, and those that it had or takes over.
    ///
    /// # Errors
    /// `invalid`, and names every option that is wrong with its value and with what is allowed.
    pub fn validate(&self, given: &Value, purpose: Purpose) -> Result<Config> {
        self.examine(given, purpose).map_err(|problems| {
            let shown: Vec<String> = problems.iter().take(PROBLEMS_MAX).map(Problem::to_string).collect();
            let more = match problems.len() - shown.len() {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            Error::invalid(format!("{}{more}", shown.join("; ")))
        })
    }

    /// Like [`Schema::validate`], with each problem on its own.
    pub fn examine(&self, given: &Value, purpose: Purpose) -> Result<Config, Vec<Problem>> {
        let Value::Object(given) = given else {
            let what = "must be an object".to_string();
            return Err(vec![Problem { path: "user_config".to_string(), what }]);
        };
        let (current, base) = match purpose {
            Purpose::Create => (None, Map::new()),
            Purpose::Update { current } => (Some(current.map()), current.map().clone()),
            Purpose::Fork { source } => (None, inherited(&self.definitions, source.map())),
        };
        let mut found = problems(&self.definitions, given, current);
        let merged = Config::from_map(merge(&base, given));
        if found.is_empty() {
            found = contradictions(&merged);
        }
        if found.is_empty() { Ok(merged) } else { Err(found) }
    }

    /// The server's settings: name and value, without quotes. Options that are left out are not among them.
    pub fn settings(&self, config: &Config) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        collect(&self.definitions, config.map(), &mut |_, definition, value| {
            if let Applies::Setting { name, unit } = definition.applies
                && let Some(text) = setting_text(value, unit)
            {
                settings.push((name.to_string(), text));
            }
        });
        settings
    }

    /// The options, as paths, whose change from `before` to `after` takes effect only when the server starts again.
    pub fn restarts(&self, before: &Config, after: &Config) -> Vec<String> {
        let mut changed = Vec::new();
        for config in [before, after] {
            collect(&self.definitions, config.map(), &mut |path, definition, _| {
                let differs = before.get(path) != after.get(path);
                if definition.restart && differs && !changed.iter().any(|known| known == path) {
                    changed.push(path.to_string());
                }
            });
        }
        changed
    }

    /// The options that may be shown, and the secret ones, to be kept sealed. [`Config::joined`] puts them together.
    pub fn secrets_apart(&self, config: &Config) -> (Config, Config) {
        let mut open = config.map().clone();
        let mut secret = Map::new();
        // Secrets stand at the top only; a test holds that.
        for definition in self.definitions.iter().filter(|definition| definition.secret) {
            if let Some(value) = open.remove(definition.name) {
                secret.insert(definition.name.to_string(), value);
            }
        }
        (Config::from_map(open), Config::from_map(secret))
    }

    /// The options with what is taken for those that are left out, as clients expect to read them.
    pub fn with_fallbacks(&self, config: &Config) -> Config {
        let mut filled = fallbacks(&self.definitions);
        filled = merge(&filled, config.map());
        Config::from_map(filled)
    }
}

/// What a fork takes over: all that is not about the creation of its source.
fn inherited(definitions: &[Definition], source: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for definition in definitions.iter().filter(|definition| !definition.create_only && !definition.secret) {
        let value = match (definition.kind, source.get(definition.name)) {
            (Kind::Object(inner), Some(Value::Object(values))) => {
                Some(inherited(inner, values)).filter(|values| !values.is_empty()).map(Value::Object)
            }
            (_, value) => value.cloned(),
        };
        if let Some(value) = value {
            kept.insert(definition.name.to_string(), value);
        }
    }
    kept
}

/// What the options say together that cannot be.
fn contradictions(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    if config.fork_source().is_none() {
        for name in ["project_to_fork_from", "recovery_target_time", "recovery_basebackup_name"] {
            if config.text(name).is_some_and(|text| !text.is_empty()) {
                found.push(problem(name, "needs service_to_fork_from: it says how a fork is made"));
            }
        }
    }
    let both = (config.text("service_to_fork_from"), config.text("pg_service_to_fork_from"));
    if let (Some(one), Some(other)) = both
        && !one.is_empty()
        && !other.is_empty()
        && one != other
    {
        found.push(problem("pg_service_to_fork_from", "names another service than service_to_fork_from"));
    }
    found
}

/// Calls `visit` with path, definition and value of every option that is set.
fn collect(definitions: &[Definition], config: &Map<String, Value>, visit: &mut dyn FnMut(&str, &Definition, &Value)) {
    for definition in definitions {
        match (definition.kind, config.get(definition.name)) {
            (Kind::Object(inner), Some(Value::Object(values))) => {
                let prefix = definition.name;
                collect(inner, values, &mut |path, definition, value| {
                    visit(&format!("{prefix}.{path}"), definition, value);
                });
            }
            (_, Some(value)) => visit(definition.name, definition, value),
            (_, None) => {}
        }
    }
}

fn fallbacks(definitions: &[Definition]) -> Map<String, Value> {
    let mut map = Map::new();
    for definition in definitions {
        let value = match definition.kind {
            Kind::Object(inner) => Some(fallbacks(inner)).filter(|inner| !inner.is_empty()).map(Value::Object),
            _ => definition.fallback.value(),
        };
        if let Some(value) = value {
            map.insert(definition.name.to_string(), value);
        }
    }
    map
}

/// A value as the server reads it. Zero and below stand for "off", "never" or "no limit", which have no unit.
fn setting_text(value: &Value, unit: &str) -> Option<String> {
    match value {
        Value::Bool(true) => Some("on".to_string()),
        Value::Bool(false) => Some("off".to_string()),
        Value::Number(number) if number.as_f64().is_some_and(|number| number > 0.0) => Some(format!("{number}{unit}")),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
