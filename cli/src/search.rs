//! `agentctl search`: agents, MCP servers and tools in one table, the best first.

use access::Action;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::json;

use crate::credentials::Needs;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::plain::one_line;
use crate::table::{fit, room};

/// What `--help` shows at the end.
pub(crate) const EXAMPLES: &str = "\
Examples:
  agentctl search 'what time is it in Tokyo?'
  agentctl search 'review Python code' --max 3
  agentctl search 'web pages' --kind tool --json | jq -r '.tools[] | .server_path + \" \" + .tool_name'

Agents and servers are found while they are enabled, tools while you may call them. 'agent search'
finds agents alone, with their skills.

Exit codes: 0 done (also when nothing is found), 1 refused, 3 no or stale credentials, 4 unreachable";

/// `search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What is looked for, in plain words
    question: String,
    /// Only these; may be given more than once
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// At most so many of each kind (1 to 50)
    #[arg(long, default_value = "10", value_name = "N")]
    max: u32,
}

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Agents.
    Agent,
    /// MCP servers.
    Server,
    /// Tools of MCP servers.
    Tool,
}

impl Kind {
    /// As the API calls it.
    fn name(self) -> &'static str {
        match self {
            Kind::Agent => "a2a_agent",
            Kind::Server => "mcp_server",
            Kind::Tool => "tool",
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    agents: Vec<Agent>,
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    tools: Vec<Tool>,
}

#[derive(Deserialize)]
struct Agent {
    path: String,
    #[serde(alias = "agent_name")]
    name: String,
    #[serde(default)]
    description: String,
    relevance_score: f64,
}

#[derive(Deserialize)]
struct Server {
    path: String,
    server_name: String,
    #[serde(default)]
    description: String,
    relevance_score: f64,
}

#[derive(Deserialize)]
struct Tool {
    server_path: String,
    tool_name: String,
    #[serde(default)]
    description: String,
    relevance_score: f64,
}

/// Asks, and shows what was found.
pub(crate) fn search(options: &Search, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let Search { question, kinds, max } = options;
    let mut wish = json!({"query": question, "max_results": max});
    if !kinds.is_empty() {
        wish["entity_types"] = kinds.iter().map(|kind| kind.name()).collect();
    }
    // Agents or servers: who may list either gets an answer.
    let needs = match &kinds[..] {
        [Kind::Agent] => Needs::to(Action::ListAgents),
        [Kind::Server | Kind::Tool] => Needs::to(Action::ListService),
        [] | [_, ..] => Needs::nothing(),
    };
    let session = Session::open(remote, &[needs])?;
    let call = Call::new(Method::POST, "/api/search/semantic").json(wish).waiting_for("the search");
    let reply = session.ask(call)?;
    let answer: Answer = reply.read()?;
    Ok(done(json, &reply.body, || rows(answer)))
}

fn rows(answer: Answer) -> String {
    let row = |score: f64, kind: &str, path: String, name: String, description: &str| {
        (score, [format!("{score:.4}"), kind.to_owned(), path, name, one_line(description)])
    };
    let agents = answer.agents.into_iter();
    let agents =
        agents.map(|agent| row(agent.relevance_score, "agent", agent.path, agent.name, &agent.description));
    let servers = answer.servers.into_iter();
    let servers = servers.map(|server| {
        row(server.relevance_score, "server", server.path, server.server_name, &server.description)
    });
    let tools = answer.tools.into_iter();
    let tools = tools
        .map(|tool| row(tool.relevance_score, "tool", tool.server_path, tool.tool_name, &tool.description));
    let mut found: Vec<_> = agents.chain(servers).chain(tools).collect();
    if found.is_empty() {
        say("nothing was found, or nothing that you may see");
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    let rows: Vec<_> = found.into_iter().map(|(_, row)| row).collect();
    let titles = ["SCORE", "KIND", "PATH", "NAME", "DESCRIPTION"];
    fit(titles, &rows, [false, false, false, true, true], room())
}
