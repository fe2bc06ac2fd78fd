//! Questions in plain words, read.

pub(crate) mod body;

use access::Visibility;
use catalog::{Faults, TrustLevel};
use serde_json::{Map, Value};

use crate::discover::body::{max_results, words};
use crate::error::ApiError;
use crate::indexing::{Kind, Narrow};

/// A question in plain words.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) query: String,
    /// Over all kinds together, or of each.
    pub(crate) max_results: usize,
    /// What it is about.
    pub(crate) narrow: Narrow,
    /// How relevant an answer must be, 0 to 1.
    pub(crate) min_score: f64,
}

const MAX_QUERY: usize = 512;
/// How many results the two operations give at most.
const MOST_ENTITIES: usize = 100;
const MOST_OF_EACH: usize = 50;

/// The names of the kinds in questions and answers.
const KINDS: [(Kind, &str); 3] =
    [(Kind::Agent, "a2a_agent"), (Kind::Server, "mcp_server"), (Kind::Tool, "tool")];

/// The name of a kind in questions and answers.
pub(crate) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Agent => KINDS[0].1,
        Kind::Server => KINDS[1].1,
        Kind::Tool => KINDS[2].1,
    }
}

/// Reads a question about agents and servers, wherever the client has put it.
pub(crate) fn entities(values: &Map<String, Value>) -> Result<Question, ApiError> {
    read(values, MOST_ENTITIES, &[Kind::Agent, Kind::Server])
}

/// Reads a question about everything.
pub(crate) fn everything(values: &Map<String, Value>) -> Result<Question, ApiError> {
    read(values, MOST_OF_EACH, &[Kind::Agent, Kind::Server, Kind::Tool])
}

/// Reads a question about what a caller of the registry's own tool asks for.
pub(crate) fn about(values: &Map<String, Value>, kind: Kind) -> Result<Question, ApiError> {
    let question = read(values, MOST_OF_EACH, &[kind])?;
    Ok(Question { narrow: question.narrow.to(&[kind]), ..question })
}

fn read(values: &Map<String, Value>, most: usize, usual: &[Kind]) -> Result<Question, ApiError> {
    let mut faults = Faults::default();
    let query = match values.get("query") {
        Some(Value::String(query)) => query.trim().to_owned(),
        Some(_) => {
            faults.add("query", "must be a text");
            String::new()
        }
        None => String::new(),
    };
    let length = query.chars().count();
    if faults.list().is_empty() && !(1..=MAX_QUERY).contains(&length) {
        faults.add("query", format!("must be 1 to {MAX_QUERY} characters long, this has {length}"));
    }
    let max_results = max_results(values, most, &mut faults);
    let known = KINDS.map(|(_, name)| name);
    let mut kinds = among(values, "entity_types", &known, kind, &mut faults);
    if kinds.is_empty() {
        kinds = usual.to_vec();
    }
    let narrow = Narrow {
        kinds,
        tags: words(values, "tags", &mut faults),
        skills: words(values, "skills", &mut faults),
        visibility: among(values, "visibility", &VISIBILITIES, Visibility::named, &mut faults),
        trust: among(values, "trust_level", &TRUST_LEVELS, TrustLevel::named, &mut faults),
        agents: None,
    };
    let min_score = min_score(values, &mut faults);
    Ok(faults.or(Question { query, max_results, narrow, min_score })?)
}

pub(crate) const VISIBILITIES: [&str; 3] =
    [Visibility::Public.name(), Visibility::Private.name(), Visibility::GroupRestricted.name()];
pub(crate) const TRUST_LEVELS: [&str; 4] = ["unverified", "community", "verified", "trusted"];

fn kind(word: &str) -> Option<Kind> {
    KINDS.iter().find(|(_, name)| *name == word).map(|(kind, _)| *kind)
}

/// A list of words, each of which means something; each thing once.
fn among<T: PartialEq>(
    values: &Map<String, Value>,
    field: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
    faults: &mut Faults,
) -> Vec<T> {
    let mut meant = Vec::new();
    for word in words(values, field, faults) {
        match read(&word) {
            Some(thing) if meant.contains(&thing) => {}
            Some(thing) => meant.push(thing),
            None => {
                faults.add(field, format!("'{word}' is none: use {}", known.join(", ")));
            }
        }
    }
    meant
}

fn min_score(values: &Map<String, Value>, faults: &mut Faults) -> f64 {
    let number = match values.get("min_score") {
        None | Some(Value::Null) => Some(0.0),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    number.filter(|number| (0.0..=1.0).contains(number)).unwrap_or_else(|| {
        faults.add("min_score", "must be a number from 0 to 1");
        0.0
    })
}
