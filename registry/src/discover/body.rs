//! The wire types of discovery.

use catalog::{AgentEntry, Faults};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Map, Value};

use super::skills::{Match, Wish};
use crate::agents::{AgentFacts, organization};
use crate::body::Nullable;
use crate::error::ApiError;

/// What an agent should be able to do.
#[derive(Object)]
pub(crate) struct DiscoverInput {
    /// Ids or names of skills.
    skills: Option<Vec<String>>,
    /// Tags of agents or of their skills.
    tags: Option<Vec<String>>,
    /// 1 to 100, 10 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    max_results: Option<u32>,
}

const DEFAULT_RESULTS: usize = 10;
const MAX_RESULTS: usize = 100;

/// Reads what is wished for, wherever the client has put it.
pub(crate) fn wish(values: &Map<String, Value>) -> Result<Wish, ApiError> {
    let mut faults = Faults::default();
    let skills = words(values, "skills", &mut faults);
    let tags = words(values, "tags", &mut faults);
    let max_results = max_results(values, MAX_RESULTS, &mut faults);
    let wish = faults.or(Wish { skills, tags, max_results })?;
    if wish.skills.is_empty() && wish.tags.is_empty() {
        return Err(ApiError::Malformed("name at least one skill or tag".to_owned()));
    }
    Ok(wish)
}

/// How many words a list may have, and how many characters each: all of them are compared with what every entry has.
const MOST_WORDS: usize = 32;
const LONGEST_WORD: usize = 256;

/// A list of words, or one text with commas; bounded.
pub(super) fn words(values: &Map<String, Value>, name: &str, faults: &mut Faults) -> Vec<String> {
    let words = listed(values, name, faults);
    if words.len() > MOST_WORDS {
        faults.add(name, format!("must be {MOST_WORDS} words at most, this is {}", words.len()));
    } else if words.iter().any(|word| word.chars().count() > LONGEST_WORD) {
        faults.add(name, format!("must be words of {LONGEST_WORD} characters at most"));
    } else {
        return words;
    }
    Vec::new()
}

fn listed(values: &Map<String, Value>, name: &str, faults: &mut Faults) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    match values.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => split(text),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        Some(_) => {
            faults.add(name, "must be a list of texts");
            Vec::new()
        }
    }
}

pub(super) fn max_results(values: &Map<String, Value>, most: usize, faults: &mut Faults) -> usize {
    let number = match values.get("max_results") {
        None | Some(Value::Null) => Some(DEFAULT_RESULTS),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let number = number.filter(|number| (1..=most).contains(number));
    number.unwrap_or_else(|| {
        faults.add("max_results", format!("must be a whole number from 1 to {most}"));
        DEFAULT_RESULTS
    })
}

/// A skill in an answer.
#[derive(Object)]
pub(super) struct SkillSummary {
    id: String,
    name: String,
    description: String,
    tags: Vec<String>,
}

pub(super) fn skills(entry: &AgentEntry) -> Vec<SkillSummary> {
    let summary = |skill: &catalog::Skill| SkillSummary {
        id: skill.id.clone(),
        name: skill.name.clone(),
        description: skill.description.clone(),
        tags: skill.tags.clone(),
    };
    entry.skills.iter().map(summary).collect()
}

/// Agents that have what was asked for, best first.
#[derive(Object)]
pub(crate) struct DiscoverAnswer {
    agents: Vec<DiscoveredAgent>,
    query: DiscoverQuery,
}

/// How a search by skills is answered.
#[derive(ApiResponse)]
pub(crate) enum Discovered {
    /// What was found; the list may be empty.
    #[oai(status = 200)]
    Agents(Json<DiscoverAnswer>),
}

/// What was asked for, as it was understood.
#[derive(Object)]
struct DiscoverQuery {
    skills: Vec<String>,
    tags: Vec<String>,
    max_results: u32,
}

/// An agent found by its skills or tags.
#[derive(Object)]
struct DiscoveredAgent {
    #[oai(flatten)]
    facts: AgentFacts,
    skills: Vec<SkillSummary>,
    /// The provider's organisation.
    provider: Nullable<String>,
    /// 0 to 1: 0.6 for skills, 0.2 for tags, 0.2 for trust.
    relevance_score: f64,
    /// Ids of the skills that matched.
    matched_skills: Vec<String>,
    /// The same ids, under the name other clients read.
    matching_skills: Vec<String>,
}

impl DiscoverAnswer {
    pub(super) fn new(wish: Wish, matches: Vec<Match>) -> DiscoverAnswer {
        let agent = |found: Match| DiscoveredAgent {
            facts: AgentFacts::new(&found.entry),
            skills: skills(&found.entry),
            provider: organization(&found.entry),
            relevance_score: found.relevance,
            matched_skills: found.skills.clone(),
            matching_skills: found.skills,
        };
        let max_results = u32::try_from(wish.max_results).unwrap_or(u32::MAX);
        let query = DiscoverQuery { skills: wish.skills, tags: wish.tags, max_results };
        DiscoverAnswer { agents: matches.into_iter().map(agent).collect(), query }
    }
}
