//! The wire types of search by meaning.

use std::collections::HashMap;

use catalog::{AgentEntry, ServerEntry, Tool};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, NewType, Object};
use serde_json::{Map, Value};

use super::question::{Question, name};
use super::{ByKind, Found, SeenServer, SeenTool, Thing, best_sentence};
use crate::agents::AgentFacts;
use crate::body::Nullable;
use crate::discover::body::{SkillSummary, skills};
use crate::indexing::Kind;

/// A question in plain words.
#[derive(Object)]
pub(crate) struct SemanticInput {
    /// 1 to 512 characters.
    #[oai(validator(min_length = 1, max_length = 512))]
    query: String,
    /// 1 to 100, 10 when left out; over all entity types together.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    max_results: Option<u32>,
    /// `a2a_agent`, `mcp_server`, `tool`; the first two when left out.
    entity_types: Option<Vec<String>>,
}

/// A question in plain words, about everything that is registered.
#[derive(Object)]
pub(crate) struct SearchInput {
    /// 1 to 512 characters.
    #[oai(validator(min_length = 1, max_length = 512))]
    query: String,
    /// 1 to 50, 10 when left out; of each entity type.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    max_results: Option<u32>,
    /// `a2a_agent`, `mcp_server`, `tool`; all when left out.
    entity_types: Option<Vec<String>>,
}

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

/// What fits the question best, kind by kind.
#[derive(Object)]
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
    /// The sentence of the description that fits best.
    match_context: String,
}

/// A JSON Schema, as the MCP server gave it.
#[derive(NewType)]
#[oai(from_parameter = false, from_multipart = false, to_header = false)]
struct InputSchema(HashMap<String, Any<Value>>);

impl SemanticAnswer {
    /// `public_url` is the gateway's.
    pub(crate) fn new(question: Question, found: &[Found<Thing>], public_url: &str) -> SemanticAnswer {
        let agent = |found: &Found<Thing>| match &found.thing {
            Thing::Agent(entry) => Some(FoundAgent::new(entry, found.relevance)),
            Thing::Server(_) | Thing::Tool(_) => None,
        };
        SemanticAnswer {
            entities: found.iter().map(|found| Entity::new(found, public_url)).collect(),
            agents: found.iter().filter_map(agent).collect(),
            query: question.query,
        }
    }
}

impl SearchAnswer {
    pub(crate) fn new(question: Question, found: &ByKind) -> SearchAnswer {
        let query = question.query;
        let servers: Vec<FoundServer> =
            found.servers.iter().map(|server| FoundServer::new(server, &found.tools, &query)).collect();
        // Tools were looked for with the servers in any case.
        let tools = if question.kinds.contains(&Kind::Tool) { found.tools.as_slice() } else { &[] };
        SearchAnswer {
            total_servers: count(servers.len()),
            total_tools: count(tools.len()),
            total_agents: count(found.agents.len()),
            tools: tools.iter().map(|tool| FoundTool::new(tool, &query)).collect(),
            agents: found.agents.iter().map(|agent| FoundAgent::new(&agent.thing, agent.relevance)).collect(),
            servers,
            query,
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
    fn new(Found { thing, relevance }: &Found<Thing>, public_url: &str) -> Entity {
        let relevance_score = *relevance;
        match thing {
            Thing::Agent(entry) => Entity {
                entity_type: name(Kind::Agent).to_owned(),
                name: entry.name.clone(),
                path: entry.path.to_string(),
                description: entry.description.clone(),
                url: entry.url.clone(),
                relevance_score,
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
            relevance_score: found.relevance,
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
            relevance_score: found.relevance,
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
            relevance_score: found.relevance,
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
    fn new(entry: &AgentEntry, relevance: f64) -> FoundAgent {
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
            relevance_score: relevance,
            score: relevance,
        }
    }
}
