//! `agent list`: pages of agents → one table.

use access::Action;
use catalog::EntryPath;
use serde::Deserialize;
use serde_json::{Value, json};

use super::done;
use super::options::List;
use crate::credentials::Needs;
use crate::gateway::{Call, Reply, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, say};
use crate::plain::plain;
use crate::progress::Waiting;
use crate::table::{fit, room};

#[derive(Deserialize)]
struct Page {
    agents: Vec<Value>,
    #[serde(default)]
    total_count: u64,
    next_cursor: Option<String>,
}

/// An agent as lists show it.
#[derive(Deserialize)]
struct Summary {
    path: String,
    name: String,
    skills: Vec<String>,
    trust_level: String,
    visibility: String,
    is_enabled: bool,
}

/// The agents that fit, by path.
pub(super) fn list(options: &List, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let session = Session::open(remote, &[Needs::to(Action::ListAgents)])?;
    let waiting = Waiting::on("waiting for the list of agents");
    let mut more = None;
    let (agents, body) = if options.all {
        let agents = every(&session, options)?;
        let body = json!({"agents": agents, "total_count": agents.len()}).to_string();
        (agents, body)
    } else {
        let reply = page(&session, options, None)?;
        let page: Page = reply.read()?;
        if page.next_cursor.is_some() {
            let (shown, all) = (page.agents.len(), page.total_count);
            more = Some(format!("the first {shown} of {all} agents: --all has the rest"));
        }
        (page.agents, reply.body)
    };
    drop(waiting);
    if let Some(more) = more {
        say(&more);
    }
    let text = if json { String::new() } else { rows(&agents)? };
    Ok(done(json, &body, || text))
}

/// Where every enabled agent lives that the caller may see.
///
/// # Errors
/// As for a list.
pub(super) fn every_enabled(session: &Session<'_>) -> Result<Vec<EntryPath>, Failure> {
    let options = List { enabled_only: true, all: true, ..List::default() };
    let path = |agent: &Value| {
        let Summary { path, .. } = Summary::deserialize(agent).map_err(|fault| unread(&fault))?;
        EntryPath::parse(&path)
            .map_err(|fault| Failure::new(Exit::Refused, format!("{}: {fault}", plain(&path))))
    };
    every(session, &options)?.iter().map(path).collect()
}

/// The agents of all pages.
fn every(session: &Session<'_>, options: &List) -> Result<Vec<Value>, Failure> {
    let (mut agents, mut cursor) = (Vec::new(), None);
    loop {
        let page: Page = page(session, options, cursor.as_deref())?.read()?;
        agents.extend(page.agents);
        match page.next_cursor {
            None => return Ok(agents),
            // The order is that of the paths, so a cursor that does not grow leads round in circles.
            next if next <= cursor => {
                return Err(Failure::new(
                    Exit::Refused,
                    "the pages of the list do not end: is it the gateway?",
                ));
            }
            next => cursor = next,
        }
    }
}

fn page(session: &Session<'_>, options: &List, cursor: Option<&str>) -> Result<Reply, Failure> {
    let enabled_only = options.enabled_only.then_some("true");
    let filter = [
        ("query", options.query.as_deref()),
        ("enabled_only", enabled_only),
        ("visibility", options.visibility.as_deref()),
        ("tag", options.tag.as_deref()),
        ("cursor", cursor),
    ];
    let mut call = Call::new(Method::GET, "/api/agents");
    for (name, value) in filter {
        if let Some(value) = value {
            call = call.query(name, value);
        }
    }
    session.ask_unseen(call)
}

fn rows(agents: &[Value]) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for agent in agents {
        let Summary { path, name, skills, trust_level, visibility, is_enabled } =
            Summary::deserialize(agent).map_err(|fault| unread(&fault))?;
        let enabled = if is_enabled { "yes" } else { "no" };
        rows.push([path, name, skills.join(", "), trust_level, visibility, enabled.to_owned()]);
    }
    if rows.is_empty() {
        say("no agent fits, or none that you may see");
    }
    let titles = ["PATH", "NAME", "SKILLS", "TRUST", "VISIBILITY", "ENABLED"];
    Ok(fit(titles, &rows, [false, true, true, false, false, false], room()))
}

fn unread(fault: &serde_json::Error) -> Failure {
    let line =
        format!("an agent of the list cannot be read ({}): is it the gateway?", plain(&fault.to_string()));
    Failure::new(Exit::Refused, line)
}
