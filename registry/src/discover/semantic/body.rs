//! The wire types of what a search by meaning and words finds.

use std::collections::BTreeMap;

use catalog::{AgentEntry, ServerEntry, Tool};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, NewType, Object};
use serde_json::{Map, Value};

use super::question::{Question, name};
use super::{Answered, ByKind, Found, SeenServer, SeenTool, Thing, best_sentence};
use crate::agents::AgentFacts;
use crate::body::Nullable;
use crate::discover::body::{SkillSummary, skills};
use crate::indexing::{Kind, Score};

/// How a search by meaning is answered.
#[derive(ApiResponse)]
pub(crate) enum Searched {
    /// What was found; the lists may be empty.
    #[oai(status = 200)]
    Entities(Json<SemanticAnswer>),
}

/// How a search of everything is answered.
#[derive(ApiResponse)]
pub(crate) enum SearchedAll {
    /// What was found; the lists may be empty.
    #[oai(status = 200)]
    Found(Json<SearchAnswer>),
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
    /// The question with its words spelled as in entries that the caller may see; only where that changes something.
    /// Both spellings were looked for.
    did_you_mean: Option<String>,
    /// `semantic`: found by meaning and words. `partial`: the same, while the meaning of some entries is still being
    /// worked out. `lexical`: by words alone, because there is no model (yet); `/health` says why.
    search_mode: String,
}

/// Why something was found.
#[derive(Object)]
struct Match {
    /// How near its meaning is to the question's, 0 to 1, four decimals; 0 where that is not worked out.
    semantic: f64,
    /// What it says that it has so many of the question's words, 0 to 1, four decimals; rare words count more.
    lexical: f64,
    /// The words of the question that it has.
    terms: Vec<String>,
}

impl From<&Score> for Match {
    fn from(score: &Score) -> Match {
        Match { semantic: score.semantic, lexical: score.lexical, terms: score.terms.clone() }
    }
}

/// A hit in brief, as the guide prints it.
#[derive(Object)]
struct Entity {
    /// `a2a_agent`, `mcp_server` or `tool`.
    entity_type: String,
    name: String,
    /// Of a tool: its server's path, `/tools/`, and its name.
    path: String,
    description: String,
    /// Of a server, and of a tool's server: its address behind the gateway.
    url: String,
    /// 0 to 1, higher is better, four decimals.
    relevance_score: f64,
    /// Why it was found.
    #[oai(rename = "match")]
    why: Match,
    /// Ids of an agent's skills.
    skills: Vec<String>,
    /// unverified, community, verified or trusted; empty for what is no agent.
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
    /// Why it was found.
    #[oai(rename = "match")]
    why: Match,
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
struct SecuritySchemes(BTreeMap<String, Any<Value>>);

/// What fits the question best, kind by kind.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct SearchAnswer {
    /// The question as it was understood.
    query: String,
    /// MCP servers, best first.
    servers: Vec<FoundServer>,
    /// Tools of MCP servers that the caller may call, best first.
    tools: Vec<FoundTool>,
    /// Agents, best first.
    agents: Vec<FoundAgent>,
    total_servers: u32,
    total_tools: u32,
    total_agents: u32,
    /// The question with its words spelled as in entries that the caller may see; only where that changes something.
    /// Both spellings were looked for.
    did_you_mean: Option<String>,
    /// `semantic`: found by meaning and words. `partial`: the same, while the meaning of some entries is still being
    /// worked out. `lexical`: by words alone, because there is no model (yet); `/health` says why.
    search_mode: String,
}

/// An MCP server found by meaning.
#[derive(Object)]
struct FoundServer {
    path: String,
    server_name: String,
    description: String,
    tags: Vec<String>,
    /// How many of its tools the caller may call.
    num_tools: u32,
    is_enabled: bool,
    /// 0 to 1, higher is better, four decimals.
    relevance_score: f64,
    /// Why it was found.
    #[oai(rename = "match")]
    why: Match,
    /// The sentence of the description that fits best.
    match_context: String,
    /// Those of its tools that are among the best of all tools, best first.
    matching_tools: Vec<MatchingTool>,
}

/// A tool of a server that was found.
#[derive(Object)]
struct MatchingTool {
    tool_name: String,
    description: String,
    /// 0 to 1, higher is better, four decimals.
    relevance_score: f64,
    /// Why it was found.
    #[oai(rename = "match")]
    why: Match,
    /// The sentence of the description that fits best.
    match_context: String,
}

/// A tool found by meaning.
#[derive(Object)]
struct FoundTool {
    /// The path of the MCP server that has it.
    server_path: String,
    server_name: String,
    tool_name: String,
    description: String,
    /// The JSON Schema of what it is called with.
    #[oai(rename = "inputSchema")]
    input_schema: InputSchema,
    /// 0 to 1, higher is better, four decimals.
    relevance_score: f64,
    /// Why it was found.
    #[oai(rename = "match")]
    why: Match,
    /// The sentence of the description that fits best.
    match_context: String,
}

/// A JSON Schema, as the MCP server gave it.
#[derive(NewType)]
#[oai(from_parameter = false, from_multipart = false, to_header = false)]
struct InputSchema(BTreeMap<String, Any<Value>>);

impl SemanticAnswer {
    /// `public_url` is the gateway's.
    pub(crate) fn new(
        question: Question,
        answered: Answered<Vec<Found<Thing>>>,
        public_url: &str,
    ) -> SemanticAnswer {
        let Answered { found, did_you_mean, mode } = answered;
        let agent = |found: &Found<Thing>| match &found.thing {
            Thing::Agent(entry) => Some(FoundAgent::new(entry, &found.score)),
            Thing::Server(_) | Thing::Tool(_) => None,
        };
        SemanticAnswer {
            entities: found.iter().map(|found| Entity::new(found, public_url)).collect(),
            agents: found.iter().filter_map(agent).collect(),
            query: question.query,
            did_you_mean,
            search_mode: mode.to_owned(),
        }
    }
}

impl SearchAnswer {
    pub(crate) fn new(question: Question, answered: Answered<ByKind>) -> SearchAnswer {
        let Answered { found, did_you_mean, mode } = answered;
        let query = question.query;
        let servers: Vec<FoundServer> =
            found.servers.iter().map(|server| FoundServer::new(server, &found.tools, &query)).collect();
        // Tools were looked for with the servers in any case.
        let tools = if question.narrow.kinds.contains(&Kind::Tool) { found.tools.as_slice() } else { &[] };
        SearchAnswer {
            total_servers: count(servers.len()),
            total_tools: count(tools.len()),
            total_agents: count(found.agents.len()),
            tools: tools.iter().map(|tool| FoundTool::new(tool, &query)).collect(),
            agents: found.agents.iter().map(|agent| FoundAgent::new(&agent.thing, &agent.score)).collect(),
            servers,
            query,
            did_you_mean,
            search_mode: mode.to_owned(),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Where a server is reached.
pub(crate) fn address(public_url: &str, server: &ServerEntry) -> String {
    format!("{}/mcp/{}", public_url.trim_end_matches('/'), server.policy_name())
}

impl Entity {
    fn new(Found { thing, score }: &Found<Thing>, public_url: &str) -> Entity {
        let (relevance_score, why) = (score.relevance, Match::from(score));
        match thing {
            Thing::Agent(entry) => Entity {
                entity_type: name(Kind::Agent).to_owned(),
                name: entry.name.clone(),
                path: entry.path.to_string(),
                description: entry.description.clone(),
                url: entry.url.clone(),
                relevance_score,
                why,
                skills: entry.skills.iter().map(|skill| skill.id.clone()).collect(),
                trust_level: entry.trust.name().to_owned(),
            },
            Thing::Server(SeenServer { entry, .. }) => Entity {
                entity_type: name(Kind::Server).to_owned(),
                name: entry.name.clone(),
                path: entry.path.to_string(),
                description: entry.description.clone(),
                url: address(public_url, entry),
                relevance_score,
                why,
                skills: Vec::new(),
                trust_level: String::new(),
            },
            Thing::Tool(SeenTool { server, tool }) => Entity {
                entity_type: name(Kind::Tool).to_owned(),
                name: tool.name.clone(),
                path: format!("{}/tools/{}", server.path, tool.name),
                description: tool.description.clone(),
                url: address(public_url, server),
                relevance_score,
                why,
                skills: Vec::new(),
                trust_level: String::new(),
            },
        }
    }
}

impl FoundServer {
    fn new(found: &Found<SeenServer>, tools: &[Found<SeenTool>], query: &str) -> FoundServer {
        let SeenServer { entry, tools: callable } = &found.thing;
        let own = tools.iter().filter(|tool| tool.thing.server.path == entry.path);
        FoundServer {
            path: entry.path.to_string(),
            server_name: entry.name.clone(),
            description: entry.description.clone(),
            tags: entry.tags.clone(),
            num_tools: count(*callable),
            is_enabled: entry.enabled,
            relevance_score: found.score.relevance,
            why: (&found.score).into(),
            match_context: best_sentence(&entry.description, query),
            matching_tools: own.map(|tool| MatchingTool::new(tool, query)).collect(),
        }
    }
}

impl MatchingTool {
    fn new(found: &Found<SeenTool>, query: &str) -> MatchingTool {
        let tool = &found.thing.tool;
        MatchingTool {
            tool_name: tool.name.clone(),
            description: tool.description.clone(),
            relevance_score: found.score.relevance,
            why: (&found.score).into(),
            match_context: best_sentence(&tool.description, query),
        }
    }
}

impl FoundTool {
    fn new(found: &Found<SeenTool>, query: &str) -> FoundTool {
        let SeenTool { server, tool } = &found.thing;
        FoundTool {
            server_path: server.path.to_string(),
            server_name: server.name.clone(),
            tool_name: tool.name.clone(),
            description: tool.description.clone(),
            input_schema: InputSchema(
                input_schema(tool).into_iter().map(|(name, value)| (name, Any(value))).collect(),
            ),
            relevance_score: found.score.relevance,
            why: (&found.score).into(),
            match_context: best_sentence(&tool.description, query),
        }
    }
}

/// The JSON Schema of what a tool is called with; empty when its server says none.
pub(crate) fn input_schema(tool: &Tool) -> Map<String, Value> {
    let told: Value = serde_json::from_str(tool.json.get()).unwrap_or_default();
    told.get("inputSchema").and_then(Value::as_object).cloned().unwrap_or_default()
}

impl FoundAgent {
    fn new(entry: &AgentEntry, score: &Score) -> FoundAgent {
        let provider = entry.provider.as_ref().map(|provider| ProviderSummary {
            organization: provider.organization.clone(),
            url: Nullable(provider.url.clone()),
        });
        let schemes = match entry.card().remove("security_schemes") {
            Some(Value::Object(schemes)) => {
                schemes.into_iter().map(|(name, scheme)| (name, Any(scheme))).collect()
            }
            _ => BTreeMap::new(),
        };
        FoundAgent {
            facts: AgentFacts::new(entry),
            skills: skills(entry),
            provider: Nullable(provider),
            version: entry.version.clone(),
            security_schemes: SecuritySchemes(schemes),
            relevance_score: score.relevance,
            score: score.relevance,
            why: score.into(),
        }
    }
}
