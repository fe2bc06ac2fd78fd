//! `agentctl search`: agents, MCP servers and tools in one table, the best first.

use access::Action;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

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
  agentctl search 'review Python code' --kind agent --tag security --trust verified --trust trusted
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
    #[command(flatten)]
    narrow: Narrow,
}

/// What a search is narrowed by.
#[derive(Debug, Args)]
pub(crate) struct Narrow {
    /// Only with this tag; more than once for all of several
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only with this skill, by id or name (a tool: its name); more than once for all of several
    #[arg(long = "skill", value_name = "SKILL")]
    skills: Vec<String>,
    /// Only agents of this trust level; more than once for one of several
    #[arg(long = "trust", value_name = "LEVEL", value_parser = ["unverified", "community", "verified", "trusted"])]
    trust: Vec<String>,
    /// Only of this visibility; more than once for one of several
    #[arg(long, value_name = "VISIBILITY", value_parser = ["public", "private", "group-restricted"])]
    visibility: Vec<String>,
    /// Only with at least this score (0 to 1)
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f64>,
}

impl Narrow {
    /// The question, narrowed; what was not given is not sent.
    pub(crate) fn of(&self, mut question: Value) -> Value {
        let lists = [
            ("tags", &self.tags),
            ("skills", &self.skills),
            ("trust_level", &self.trust),
            ("visibility", &self.visibility),
        ];
        for (name, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
            question[name] = json!(words);
        }
        if let Some(score) = self.min_score {
            question["min_score"] = json!(score);
        }
        question
    }
}

/// What every answer to a search says of itself.
#[derive(Deserialize)]
pub(crate) struct Told {
    did_you_mean: Option<String>,
    search_mode: Option<String>,
}

impl Told {
    /// Says it, where it matters.
    pub(crate) fn say(&self) {
        if let Some(meant) = &self.did_you_mean {
            say(&format!("also looked for '{}'", one_line(meant)));
        }
        match self.search_mode.as_deref() {
            Some("lexical") => say("the registry has no model now: only words were looked for"),
            Some("partial") => {
                say("the registry is still working out what entries mean: some were found by words");
            }
            Some(_) | None => {}
        }
    }
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
    #[serde(flatten)]
    told: Told,
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
    let Search { question, kinds, max, narrow } = options;
    let mut wish = narrow.of(json!({"query": question, "max_results": max}));
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
    answer.told.say();
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
