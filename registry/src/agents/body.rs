//! The wire types of agents.

use access::Visibility;
use catalog::{AgentEntry, EntryPath, Faults};
use poem_openapi::{ApiResponse, Object, payload::Json};
use serde_json::{Map, Value};
use store::Change;

use super::card::AgentCard;
use super::read::{Filter, Page};
use crate::app::instant;
use crate::body::{self, MAX_PAGE, Nullable, page_size};
use crate::error::ApiError;
use crate::history::{History, Wish};

/// The answer to a registration, as the guide prints it.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Registered {
    /// `Agent registered successfully`.
    message: String,
    /// Where the agent lives.
    path: String,
    agent: RegisteredAgent,
    /// What a look at the agent itself found wrong, where one was asked for.
    warnings: Option<Vec<String>>,
}

/// What the registry made of a card.
#[derive(Object)]
struct RegisteredAgent {
    name: String,
    path: String,
    url: String,
    num_skills: u32,
    /// RFC 3339, UTC.
    registered_at: String,
    /// New agents are disabled.
    is_enabled: bool,
}

impl Registered {
    pub(super) fn new(entry: &AgentEntry, warnings: Option<Vec<String>>) -> Registered {
        Registered {
            message: "Agent registered successfully".to_owned(),
            path: entry.path.to_string(),
            agent: RegisteredAgent {
                name: entry.name.clone(),
                path: entry.path.to_string(),
                url: entry.url.clone(),
                num_skills: count(entry),
                registered_at: entry.registered_at.clone(),
                is_enabled: entry.enabled,
            },
            warnings,
        }
    }
}

/// What every summary of an agent holds.
#[derive(Object)]
pub(crate) struct AgentFacts {
    name: String,
    description: String,
    path: String,
    url: String,
    tags: Vec<String>,
    num_skills: u32,
    num_stars: u32,
    is_enabled: bool,
    streaming: bool,
    /// unverified, community, verified or trusted.
    trust_level: String,
    /// public, private or group-restricted.
    visibility: String,
    /// RFC 3339, UTC.
    registered_at: String,
}

impl AgentFacts {
    pub(crate) fn new(entry: &AgentEntry) -> AgentFacts {
        AgentFacts {
            name: entry.name.clone(),
            description: entry.description.clone(),
            path: entry.path.to_string(),
            url: entry.url.clone(),
            tags: entry.tags.clone(),
            num_skills: count(entry),
            num_stars: u32::try_from(entry.num_stars).unwrap_or(u32::MAX),
            is_enabled: entry.enabled,
            streaming: entry.streaming,
            trust_level: entry.trust.name().to_owned(),
            visibility: entry.visibility.name().to_owned(),
            registered_at: entry.registered_at.clone(),
        }
    }
}

/// An agent in a list.
#[derive(Object)]
pub(crate) struct AgentSummary {
    #[oai(flatten)]
    facts: AgentFacts,
    /// Names of the skills.
    skills: Vec<String>,
    /// The provider's organisation.
    provider: Nullable<String>,
}

impl AgentSummary {
    pub(super) fn new(entry: &AgentEntry) -> AgentSummary {
        AgentSummary {
            facts: AgentFacts::new(entry),
            skills: entry.skills.iter().map(|skill| skill.name.clone()).collect(),
            provider: organization(entry),
        }
    }
}

/// The provider of an agent in a word.
pub(crate) fn organization(entry: &AgentEntry) -> Nullable<String> {
    Nullable(entry.provider.as_ref().map(|provider| provider.organization.clone()))
}

/// One page of agents.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AgentList {
    agents: Vec<AgentSummary>,
    /// How many agents the caller sees under this filter, on all pages.
    total_count: u32,
    /// Send it as `cursor` for the next page; absent on the last one.
    next_cursor: Option<String>,
}

impl AgentList {
    pub(super) fn new(page: &Page) -> AgentList {
        AgentList {
            agents: page.agents.iter().map(|entry| AgentSummary::new(entry)).collect(),
            total_count: u32::try_from(page.total).unwrap_or(u32::MAX),
            next_cursor: page.next.as_ref().map(EntryPath::to_string),
        }
    }
}

/// Whether discovery is to find the entry.
#[derive(Object)]
pub(crate) struct ToggleInput {
    enabled: bool,
}

impl ToggleInput {
    /// The wish, wherever the client has put it.
    pub(crate) fn read(values: &Map<String, Value>) -> Result<bool, ApiError> {
        let enabled = match values.get("enabled") {
            Some(Value::Bool(enabled)) => Some(*enabled),
            Some(Value::String(text)) => body::flag(text),
            _ => None,
        };
        enabled.ok_or_else(|| Faults::one("enabled", "is required and must be true or false").into())
    }
}

/// The answer to a toggle.
#[derive(Object)]
pub(crate) struct Toggled {
    /// What was done, for people.
    message: String,
    path: String,
    is_enabled: bool,
    agent: AgentSummary,
}

impl Toggled {
    pub(super) fn new(entry: &AgentEntry) -> Toggled {
        let done = if entry.enabled { "enabled" } else { "disabled" };
        Toggled {
            message: format!("Agent {done} successfully"),
            path: entry.path.to_string(),
            is_enabled: entry.enabled,
            agent: AgentSummary::new(entry),
        }
    }
}

/// How a registration is answered.
#[derive(ApiResponse)]
pub(crate) enum RegisterAnswer {
    /// Registered; disabled until it is toggled.
    #[oai(status = 201)]
    Created(
        Json<Registered>,
        /// The agent's address in this API.
        #[oai(header = "Location")]
        String,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How a read is answered.
#[derive(ApiResponse)]
pub(crate) enum CardAnswer {
    /// The whole card.
    #[oai(status = 200)]
    Card(
        AgentCard,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
    /// The caller has this card already (`If-None-Match`).
    #[oai(status = 304)]
    NotModified(
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How a change is answered.
#[derive(ApiResponse)]
pub(crate) enum ChangedAnswer {
    /// The card as it is now.
    #[oai(status = 200)]
    Card(
        AgentCard,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How a list is answered.
#[derive(ApiResponse)]
pub(crate) enum ListAnswer {
    /// The agents the caller sees.
    #[oai(status = 200)]
    Agents(Json<AgentList>),
}

/// How a toggle is answered.
#[derive(ApiResponse)]
pub(crate) enum ToggleAnswer {
    /// The agent as it is now.
    #[oai(status = 200)]
    Toggled(
        Json<Toggled>,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// What has happened to an agent.
#[derive(Object)]
pub(crate) struct AgentHistory {
    path: String,
    /// The latest first.
    changes: Vec<AgentChange>,
    /// How many are remembered in all; the oldest are forgotten in time.
    total_count: u32,
}

/// One change of an entry.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AgentChange {
    /// Its number in the order of all changes; send it as `before` for what came before.
    change: u64,
    /// When, RFC 3339, UTC.
    at: String,
    /// The username of who did it.
    by: String,
    /// The OAuth client he came with.
    client_id: Option<String>,
    /// `registered`, `updated`, `enabled`, `disabled` or `removed`.
    what: String,
    /// The card's top-level keys that have other values since; empty when the entry is new or gone.
    fields: Vec<String>,
    /// The entity tag of the card since; not with `removed`.
    etag: Option<String>,
}

impl AgentChange {
    pub(crate) fn new(change: &Change) -> AgentChange {
        AgentChange {
            change: change.number,
            at: instant(change.at),
            by: change.by.clone(),
            client_id: change.client_id.clone(),
            what: change.what.name().to_owned(),
            fields: change.fields.clone(),
            etag: change.etag.clone(),
        }
    }
}

impl AgentHistory {
    pub(super) fn new(path: &EntryPath, history: &History) -> AgentHistory {
        AgentHistory {
            path: path.to_string(),
            changes: history.changes.iter().map(|change| AgentChange::new(change)).collect(),
            total_count: u32::try_from(history.total).unwrap_or(u32::MAX),
        }
    }
}

/// How a history is answered.
#[derive(ApiResponse)]
pub(crate) enum HistoryAnswer {
    /// What has happened, as far as it is remembered.
    #[oai(status = 200)]
    History(Json<AgentHistory>),
}

/// How a removal is answered.
#[derive(ApiResponse)]
pub(crate) enum RemoveAnswer {
    /// Removed.
    #[oai(status = 204)]
    Gone,
}

/// Reads the filter of a list.
pub(super) fn filter(
    query: Option<String>,
    enabled_only: bool,
    visibility: Option<String>,
    tag: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
) -> Result<Filter, ApiError> {
    let mut faults = Faults::default();
    let visibility = visibility.and_then(|name| {
        let known = Visibility::named(&name);
        if known.is_none() {
            faults.add("visibility", "must be public, private or group-restricted");
        }
        known
    });
    let cursor = cursor_path(cursor, &mut faults);
    // Callers who know no paging see everything up to there.
    let limit = page_size(limit, MAX_PAGE, &mut faults);
    let query = query.filter(|query| !query.is_empty());
    Ok(faults.or(Filter { query, enabled_only, visibility, tag, cursor, limit })?)
}

/// Reads where the page before has ended.
pub(crate) fn cursor_path(cursor: Option<String>, faults: &mut Faults) -> Option<EntryPath> {
    let read = |path: String| {
        let fault = |_| faults.add("cursor", "must be the next_cursor of the page before");
        EntryPath::parse(&path).map_err(fault).ok()
    };
    cursor.and_then(read)
}

/// Reads which part of a history is wanted.
pub(crate) fn history_wish(before: Option<u64>, limit: Option<u32>) -> Result<Wish, ApiError> {
    let mut faults = Faults::default();
    let limit = page_size(limit, USUAL_HISTORY, &mut faults);
    Ok(faults.or(Wish { before, limit })?)
}

/// How much of a history is answered unless said otherwise.
const USUAL_HISTORY: u32 = 50;

fn count(entry: &AgentEntry) -> u32 {
    u32::try_from(entry.skills.len()).unwrap_or(u32::MAX)
}
