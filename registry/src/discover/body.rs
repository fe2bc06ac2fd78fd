//! The wire types of discovery.

use std::collections::HashMap;

use catalog::{AgentEntry, Faults};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, NewType, Object};
use serde_json::{Map, Value};

use super::semantic::{Found, Question};
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

/// A question in plain words.
#[derive(Object)]
pub(crate) struct SemanticInput {
    /// 1 to 512 characters.
    #[oai(validator(min_length = 1, max_length = 512))]
    query: String,
    /// 1 to 100, 10 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    max_results: Option<u32>,
    /// `a2a_agent`, `mcp_server`; both when left out.
    entity_types: Option<Vec<String>>,
}

const DEFAULT_RESULTS: usize = 10;
const MAX_RESULTS: usize = 100;
const MAX_QUERY: usize = 512;
const AGENT: &str = "a2a_agent";
const SERVER: &str = "mcp_server";

/// Reads what is wished for, wherever the client has put it.
pub(super) fn wish(values: &Map<String, Value>) -> Result<Wish, ApiError> {
    let mut faults = Faults::default();
    let skills = words(values, "skills", &mut faults);
    let tags = words(values, "tags", &mut faults);
    let max_results = max_results(values, &mut faults);
    let wish = faults.or(Wish { skills, tags, max_results })?;
    if wish.skills.is_empty() && wish.tags.is_empty() {
        return Err(ApiError::Malformed("name at least one skill or tag".to_owned()));
    }
    Ok(wish)
}

/// Reads a question, wherever the client has put it.
pub(super) fn question(values: &Map<String, Value>) -> Result<Question, ApiError> {
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
    let max_results = max_results(values, &mut faults);
    let types = words(values, "entity_types", &mut faults);
    if let Some(unknown) = types.iter().find(|name| *name != AGENT && *name != SERVER) {
        faults.add("entity_types", format!("'{unknown}' is no entity type: use {AGENT}, {SERVER}"));
    }
    let agents = types.is_empty() || types.iter().any(|name| name == AGENT);
    Ok(faults.or(Question { query, max_results, agents })?)
}

/// A list of texts, or one text with commas.
fn words(values: &Map<String, Value>, name: &str, faults: &mut Faults) -> Vec<String> {
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

fn max_results(values: &Map<String, Value>, faults: &mut Faults) -> usize {
    let number = match values.get("max_results") {
        None | Some(Value::Null) => Some(DEFAULT_RESULTS),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let number = number.filter(|number| (1..=MAX_RESULTS).contains(number));
    number.unwrap_or_else(|| {
        faults.add("max_results", format!("must be a whole number from 1 to {MAX_RESULTS}"));
        DEFAULT_RESULTS
    })
}

/// A skill in an answer.
#[derive(Object)]
struct SkillSummary {
    id: String,
    name: String,
    description: String,
    tags: Vec<String>,
}

fn skills(entry: &AgentEntry) -> Vec<SkillSummary> {
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

/// How a search by meaning is answered.
#[derive(ApiResponse)]
pub(crate) enum Searched {
    /// What was found; the lists may be empty.
    #[oai(status = 200)]
    Entities(Json<SemanticAnswer>),
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

/// What fits the question, best first.
#[derive(Object)]
pub(crate) struct SemanticAnswer {
    /// Hits of every kind, in brief.
    entities: Vec<Entity>,
    /// The agents among them, in full.
    agents: Vec<FoundAgent>,
    /// The question as it was understood.
    query: String,
}

/// A hit in brief, as the guide prints it.
#[derive(Object)]
struct Entity {
    /// `a2a_agent`.
    entity_type: String,
    name: String,
    path: String,
    description: String,
    url: String,
    /// 0 to 1, higher is better, four decimals.
    relevance_score: f64,
    /// Ids of the skills.
    skills: Vec<String>,
    /// unverified, community, verified or trusted.
    trust_level: String,
}

/// An agent found by meaning.
#[derive(Object)]
struct FoundAgent {
    #[oai(flatten)]
    facts: AgentFacts,
    skills: Vec<SkillSummary>,
    provider: Nullable<ProviderSummary>,
    version: String,
    security_schemes: SecuritySchemes,
    /// 0 to 1, higher is better, four decimals.
    relevance_score: f64,
    /// The same number, under the name other clients read.
    score: f64,
}

/// Who offers an agent.
#[derive(Object)]
struct ProviderSummary {
    organization: String,
    /// The provider's address, where the card gave one.
    url: Nullable<String>,
}

/// How to authenticate with an agent: name to scheme, as its card says.
#[derive(NewType)]
#[oai(from_parameter = false, from_multipart = false, to_header = false)]
struct SecuritySchemes(HashMap<String, Any<Value>>);

impl SemanticAnswer {
    pub(super) fn new(question: Question, found: &[Found]) -> SemanticAnswer {
        SemanticAnswer {
            entities: found.iter().map(Entity::new).collect(),
            agents: found.iter().map(FoundAgent::new).collect(),
            query: question.query,
        }
    }
}

impl Entity {
    fn new(found: &Found) -> Entity {
        let entry = &found.entry;
        Entity {
            entity_type: AGENT.to_owned(),
            name: entry.name.clone(),
            path: entry.path.to_string(),
            description: entry.description.clone(),
            url: entry.url.clone(),
            relevance_score: found.relevance,
            skills: entry.skills.iter().map(|skill| skill.id.clone()).collect(),
            trust_level: entry.trust.name().to_owned(),
        }
    }
}

impl FoundAgent {
    fn new(found: &Found) -> FoundAgent {
        let entry = &found.entry;
        let provider = entry.provider.as_ref().map(|provider| ProviderSummary {
            organization: provider.organization.clone(),
            url: Nullable(provider.url.clone()),
        });
        let schemes = match entry.card().remove("security_schemes") {
            Some(Value::Object(schemes)) => {
                schemes.into_iter().map(|(name, scheme)| (name, Any(scheme))).collect()
            }
            _ => HashMap::new(),
        };
        FoundAgent {
            facts: AgentFacts::new(entry),
            skills: skills(entry),
            provider: Nullable(provider),
            version: entry.version.clone(),
            security_schemes: SecuritySchemes(schemes),
            relevance_score: found.relevance,
            score: found.relevance,
        }
    }
}
