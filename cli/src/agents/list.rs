//! `agent list`: agents → one table.

use catalog::EntryPath;
use serde::Deserialize;
use serde_json::Value;

use super::options::List;
use crate::entries::{self, AGENT};
use crate::gateway::Session;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, done, say};
use crate::plain::plain;
use crate::table::{fit, room};

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

impl List {
    fn filter(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("query", self.query.as_deref()),
            ("enabled_only", self.enabled_only.then_some("true")),
            ("visibility", self.visibility.as_deref()),
            ("tag", self.tag.as_deref()),
        ]
    }
}

/// The agents that fit, by path.
pub(super) fn list(options: &List, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let list = entries::list(&AGENT, &options.filter(), options.all, remote)?;
    let text = if json { String::new() } else { rows(&list.entries)? };
    Ok(done(json, &list.body, || text))
}

/// Where every enabled agent lives that the caller may see.
///
/// # Errors
/// As for a list.
pub(super) fn every_enabled(session: &Session<'_>) -> Result<Vec<EntryPath>, Failure> {
    let options = List { enabled_only: true, ..List::default() };
    let path = |agent: &Value| {
        let Summary { path, .. } = entries::read_one(&AGENT, agent)?;
        EntryPath::parse(&path)
            .map_err(|fault| Failure::new(Exit::Refused, format!("{}: {fault}", plain(&path))))
    };
    entries::every(&AGENT, session, &options.filter())?.iter().map(path).collect()
}

fn rows(agents: &[Value]) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for agent in agents {
        let Summary { path, name, skills, trust_level, visibility, is_enabled } =
            entries::read_one(&AGENT, agent)?;
        let enabled = if is_enabled { "yes" } else { "no" };
        rows.push([path, name, skills.join(", "), trust_level, visibility, enabled.to_owned()]);
    }
    if rows.is_empty() {
        say("no agent fits, or none that you may see");
    }
    let titles = ["PATH", "NAME", "SKILLS", "TRUST", "VISIBILITY", "ENABLED"];
    Ok(fit(titles, &rows, [false, true, true, false, false, false], room()))
}
