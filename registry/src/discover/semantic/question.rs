//! Questions in plain words, read.

use catalog::Faults;
use serde_json::{Map, Value};

use crate::discover::body::{max_results, words};
use crate::error::ApiError;
use crate::indexing::Kind;

/// A question in plain words.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) query: String,
    /// Over all kinds together, or of each.
    pub(crate) max_results: usize,
    pub(crate) kinds: Vec<Kind>,
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
    read(values, MOST_OF_EACH, &[kind]).map(|question| Question { kinds: vec![kind], ..question })
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
    let mut kinds = Vec::new();
    for word in words(values, "entity_types", &mut faults) {
        match KINDS.iter().find(|(_, name)| *name == word) {
            Some((kind, _)) if kinds.contains(kind) => {}
            Some((kind, _)) => kinds.push(*kind),
            None => {
                let known = KINDS.map(|(_, name)| name).join(", ");
                faults.add("entity_types", format!("'{word}' is no entity type: use {known}"));
            }
        }
    }
    if kinds.is_empty() {
        kinds = usual.to_vec();
    }
    Ok(faults.or(Question { query, max_results, kinds })?)
}
