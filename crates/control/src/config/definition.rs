//! One option of a service: what it may be, what is taken if it is left out, and what it does.

use farshore_types::ServiceType;
use serde_json::Value;

use super::check::Check;
use super::pattern::Pattern;

/// Choices that a message lists; of longer lists it shows the beginning.
const CHOICES_SHOWN_MAX: usize = 12;

/// One option. All of it is fixed when the program is built, except for limits that are settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Definition {
    /// The key.
    pub name: &'static str,
    /// A few words for lists.
    pub title: &'static str,
    /// A sentence or two.
    pub description: &'static str,
    /// What it may be. Null is accepted on top of it and resets the option.
    pub kind: Kind,
    /// What is taken if it is left out.
    pub fallback: Fallback,
    /// Whether it can be set only when the service is created.
    pub create_only: bool,
    /// Whether its value must not be shown or kept in the open.
    pub secret: bool,
    /// Whether a change takes effect only when the server starts again.
    pub restart: bool,
    /// What it does.
    pub applies: Applies,
}

/// What an option may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A text.
    Text(Text),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// The name of a version of that type.
    Version(ServiceType),
    /// A whole number from `min` to `max`, or `also`.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
        /// One more that is allowed, mostly 0 for "never".
        also: Option<i64>,
    },
    /// One of some whole numbers.
    IntegerChoice(&'static [i64]),
    /// A number from `min` to `max`.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// True or false.
    Boolean,
    /// A list without repetitions.
    List {
        /// What each item may be; null is none of it.
        items: &'static Kind,
        /// Items at least.
        items_min: usize,
        /// Items at most.
        items_max: usize,
    },
    /// Further options.
    Object(&'static [Definition]),
}

/// Length in characters and look of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// At least so many characters.
    pub length_min: usize,
    /// At most so many characters.
    pub length_max: usize,
    /// What it looks like.
    pub pattern: Pattern,
    /// What it must mean, if its look does not decide.
    pub check: Option<Check>,
}

/// What is taken if an option is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing that could be named: a setting of the server, or a choice of ours.
    None,
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A word.
    Word(&'static str),
    /// A list of words.
    Words(&'static [&'static str]),
}

/// What an option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// It is a setting of the server, with a unit behind numbers above zero.
    Setting {
        /// The server's name for it.
        name: &'static str,
        /// The server's name of the unit; empty for none.
        unit: &'static str,
    },
    /// Farshore itself acts on it.
    Ours,
    /// It is kept and shown, and has no effect yet.
    Recorded,
    /// Nothing but its fallback is accepted; the sentence says why.
    NotYet(&'static str),
}

impl Definition {
    /// An option that Farshore acts on.
    pub const fn new(name: &'static str, kind: Kind, title: &'static str, description: &'static str) -> Definition {
        Definition {
            name,
            title,
            description,
            kind,
            fallback: Fallback::None,
            create_only: false,
            secret: false,
            restart: false,
            applies: Applies::Ours,
        }
    }

    /// An option that is the server's setting of the same name.
    pub const fn setting(name: &'static str, kind: Kind, title: &'static str) -> Definition {
        let mut definition = Definition::new(name, kind, title, "");
        definition.applies = Applies::Setting { name, unit: "" };
        definition
    }

    /// The unit behind the server's numbers.
    pub const fn in_unit(mut self, of: &'static str) -> Definition {
        if let Applies::Setting { name, .. } = self.applies {
            self.applies = Applies::Setting { name, unit: of };
        }
        self
    }

    /// A change takes effect only when the server starts again.
    pub const fn after_restart(mut self) -> Definition {
        self.restart = true;
        self
    }

    /// It can be set only when the service is created.
    pub const fn create_only(mut self) -> Definition {
        self.create_only = true;
        self
    }

    /// Its value must not be shown.
    pub const fn secret(mut self) -> Definition {
        self.secret = true;
        self
    }

    /// It is kept, and has no effect yet.
    pub const fn recorded(mut self) -> Definition {
        self.applies = Applies::Recorded;
        self
    }

    /// Nothing but the fallback is accepted, with the reason.
    pub const fn not_yet(mut self, sentence: &'static str) -> Definition {
        self.applies = Applies::NotYet(sentence);
        self
    }

    /// What is taken if it is left out.
    pub const fn or(mut self, fallback: Fallback) -> Definition {
        self.fallback = fallback;
        self
    }

    /// What the option does, in sentences for people, with what they must know about its effect.
    pub fn explanation(&self) -> String {
        let effect = match self.applies {
            Applies::Recorded => "It is kept and shown, and has no effect yet.",
            Applies::NotYet(_) => "Other values than the default are refused for now.",
            Applies::Setting { .. } | Applies::Ours if self.restart => {
                "A change takes effect when the server restarts."
            }
            Applies::Setting { .. } | Applies::Ours => "",
        };
        let create = if self.create_only { "It can be set only when the service is created." } else { "" };
        let sentences = [self.description, create, effect];
        sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Fallback {
    /// As JSON.
    pub fn value(&self) -> Option<Value> {
        match self {
            Fallback::None => None,
            Fallback::Integer(number) => Some(Value::from(*number)),
            Fallback::Boolean(flag) => Some(Value::from(*flag)),
            Fallback::Word(word) => Some(Value::from(*word)),
            Fallback::Words(words) => Some(Value::from(words.to_vec())),
        }
    }
}

impl Kind {
    /// A whole number from `min` to `max`.
    pub const fn integer(min: i64, max: i64) -> Kind {
        Kind::Integer { min, max, also: None }
    }

    /// A text of at most `length_max` characters; whether it may be empty says the pattern.
    pub const fn text(length_max: usize, pattern: Pattern) -> Kind {
        Kind::Text(Text { length_min: 0, length_max, pattern, check: None })
    }

    /// A text of at most `length_max` characters that must mean something.
    pub const fn checked(length_max: usize, pattern: Pattern, check: Check) -> Kind {
        Kind::Text(Text { length_min: 0, length_max, pattern, check: Some(check) })
    }

    /// The words of a choice or the names of versions.
    pub fn choices(&self) -> Option<Vec<&'static str>> {
        match self {
            Kind::Choice(words) => Some(words.to_vec()),
            Kind::Version(service_type) => Some(service_type.versions().iter().map(|version| version.name).collect()),
            _ => None,
        }
    }

    /// What is accepted, for messages.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Text(text) => text.allowed(),
            Kind::Choice(_) | Kind::Version(_) => one_of(&self.choices().unwrap_or_default()),
            Kind::Integer { min, max, also: None } => format!("an integer from {min} to {max}"),
            Kind::Integer { min, max, also: Some(also) } => format!("an integer from {min} to {max}, or {also}"),
            Kind::IntegerChoice(numbers) => {
                let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
                one_of(&words.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Kind::Number { min, max } => format!("a number from {min} to {max}"),
            Kind::Boolean => "true or false".to_string(),
            Kind::List { items, items_min: 0, items_max } => {
                format!("a list of at most {items_max}, without repetitions, each {}", items.allowed())
            }
            Kind::List { items, items_min, items_max } => {
                format!("a list of {items_min} to {items_max}, without repetitions, each {}", items.allowed())
            }
            Kind::Object(_) => "an object".to_string(),
        }
    }
}

impl Text {
    fn allowed(&self) -> String {
        let Text { length_min, length_max, pattern, check } = self;
        let length = match length_min {
            0 => format!("at most {length_max} characters"),
            min => format!("{min} to {length_max} characters"),
        };
        match check {
            Some(Check::Account) => {
                let look = pattern.expression();
                format!("{}, {length} like {look}", Check::Account.allowed())
            }
            Some(check) => check.allowed().to_string(),
            None => format!("a string of {length} like {}", pattern.expression()),
        }
    }
}

fn one_of(words: &[&str]) -> String {
    let shown: Vec<&str> = words.iter().copied().take(CHOICES_SHOWN_MAX).collect();
    let more = words.len() - shown.len();
    if more == 0 {
        format!("one of {}", shown.join(", "))
    } else {
        format!("one of {} and {more} more", shown.join(", "))
    }
}
