//! The tools of the registry, as a model reads them.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::discover::semantic::question::{TRUST_LEVELS, VISIBILITIES};

/// A tool of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    FindAgents,
    FindTools,
    GetAgent,
}

impl Offer {
    pub(super) const ALL: [Offer; 3] = [Offer::FindAgents, Offer::FindTools, Offer::GetAgent];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Offer::FindAgents => "find_agents",
            Offer::FindTools => "find_tools",
            Offer::GetAgent => "get_agent",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Offer::FindAgents => "Find agents",
            Offer::FindTools => "Find tools of MCP servers",
            Offer::GetAgent => "Read an agent's card",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Offer::FindAgents => {
                "Finds agents that can do something, by meaning and words, best first. Describe the task in `query`, \
                 in a sentence, not in keywords. `skills` and `tags` narrow it to agents that have at least one of \
                 the skills (or, without skills, of the tags); without `query` they alone are looked for. \
                 `trust_level`, `visibility` and `min_score` narrow an answer to a `query`. Each agent comes with \
                 its path, for get_agent, and with the address where it is called. `did_you_mean` is the query \
                 with its words spelled as agents spell them."
            }
            Offer::FindTools => {
                "Finds tools of MCP servers that can do something, by meaning and words, best first: tools that the \
                 caller may call. Describe the task in `query`, in a sentence. `tags`, all of which a tool's MCP \
                 server must have, and `min_score` narrow it. Each tool comes with the address of its MCP server \
                 and with the JSON Schema of its arguments; call it there with `tools/call`."
            }
            Offer::GetAgent => {
                "Reads the whole card of an agent: what it does, where and in which protocol it is called, and how \
                 to authenticate with it. Take `path` from find_agents."
            }
        }
    }

    /// The names of its arguments.
    pub(super) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Offer::FindAgents => {
                &["query", "max_results", "skills", "tags", "trust_level", "visibility", "min_score"]
            }
            Offer::FindTools => &["query", "max_results", "tags", "min_score"],
            Offer::GetAgent => &["path"],
        }
    }

    pub(super) fn tool(self) -> Tool {
        let look =
            ToolAnnotations::with_title(self.title()).read_only(true).idempotent(true).open_world(false);
        Tool::new(self.name(), self.description(), self.input())
            .with_title(self.title())
            .with_raw_output_schema(self.output())
            .with_annotations(look)
    }

    fn input(self) -> Arc<Map<String, Value>> {
        let query =
            |what: &str| json!({"type": "string", "minLength": 1, "maxLength": 512, "description": what});
        let most = json!({"type": "integer", "minimum": 1, "maximum": 50, "default": 10,
            "description": "How many results at most."});
        let names = |what: &str| json!({"type": "array", "items": {"type": "string"}, "description": what});
        let least = json!({"type": "number", "minimum": 0, "maximum": 1, "default": 0,
            "description": "The least relevance_score."});
        let among = |what: &str, words: &[&str]| json!({"type": "array", "items": {"type": "string", "enum": words}, "description": what});
        let (properties, required) = match self {
            Offer::FindAgents => (
                json!({
                    "query": query("What the agent is to do, e.g. 'review Python code for security holes'."),
                    "max_results": most,
                    "skills": names("Ids or names of skills, spelled as on agents' cards."),
                    "tags": names("Tags of agents or of their skills."),
                    "trust_level": among("Only agents that are vouched for like this.", &TRUST_LEVELS),
                    "visibility": among("Only agents that are visible like this.", &VISIBILITIES),
                    "min_score": least,
                }),
                json!([]),
            ),
            Offer::FindTools => (
                json!({
                    "query": query("What the tool is to do, e.g. 'tell the time in another time zone'."),
                    "max_results": most,
                    "tags": names("Tags of MCP servers, all of which the tool's server must have."),
                    "min_score": least,
                }),
                json!(["query"]),
            ),
            Offer::GetAgent => (
                json!({"path": {"type": "string", "minLength": 1, "maxLength": 256,
                    "description": "The agent's path, e.g. '/code-reviewer'."}}),
                json!(["path"]),
            ),
        };
        object(json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false
        }))
    }

    fn output(self) -> Arc<Map<String, Value>> {
        let text = || json!({"type": "string"});
        let score = || json!({"type": "number", "description": "0 to 1, higher is better."});
        match self {
            Offer::FindAgents => list(
                "agents",
                json!({
                    "path": text(), "name": text(), "description": text(), "url": text(),
                    "tags": {"type": "array", "items": text()},
                    "skills": {"type": "array", "items": {"type": "object", "properties":
                        {"id": text(), "name": text(), "description": text()}}},
                    "trust_level": text(), "relevance_score": score(),
                }),
            ),
            Offer::FindTools => list(
                "tools",
                json!({
                    "name": text(), "description": text(), "inputSchema": {"type": "object"},
                    "server_name": text(), "server_path": text(), "server_url": text(),
                    "relevance_score": score(),
                }),
            ),
            Offer::GetAgent => object(json!({"type": "object", "required": ["name", "path", "url"]})),
        }
    }
}

/// The schema of an object with one list of such items; what a question adds to them is there with a question.
fn list(name: &str, mut properties: Value) -> Arc<Map<String, Value>> {
    let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let share = || json!({"type": "number", "description": "0 to 1, higher is better."});
    let terms = json!({"type": "array", "items": {"type": "string"}});
    properties["match"] = json!({"type": "object", "description": "How near its meaning is, and which words it shares.",
        "properties": {"semantic": share(), "lexical": share(), "terms": terms}});
    let items = json!({"type": "object", "required": required, "properties": properties});
    let mode = json!({"type": "string", "description": "semantic, partial or lexical: by words alone."});
    object(json!({"type": "object", "required": [name], "properties": {
        name: {"type": "array", "items": items}, "did_you_mean": {"type": "string"}, "search_mode": mode,
    }}))
}

fn object(schema: Value) -> Arc<Map<String, Value>> {
    match schema {
        Value::Object(object) => Arc::new(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Arc::default()
        }
    }
}
