//! `identity list`: pages of agents → one table.

use serde::Deserialize;
use serde_json::Value;

use super::AGENTS;
use super::agent::Agent;
use super::options::List;
use crate::directory::{Directory, unread};
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::table::{fit, room};

/// The agents that fit.
pub(super) fn list(options: &List, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let filter = [("status", options.status.as_deref()), ("q", options.query.as_deref())];
    let listed = directory.list(AGENTS, &filter, options.all, "identities")?;
    let text = if json { String::new() } else { rows(&listed.items)? };
    Ok(done(json, &listed.body, || text))
}

fn rows(agents: &[Value]) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for agent in agents {
        let agent = Agent::deserialize(agent).map_err(|_| unread("an agent"))?;
        let today = agent.budget_policy.today();
        rows.push([
            agent.agent_id,
            agent.slug,
            agent.name,
            agent.status,
            agent.capabilities.join(", "),
            today,
        ]);
    }
    if rows.is_empty() {
        say("no identity fits");
    }
    let titles = ["AGENT", "SLUG", "NAME", "STATUS", "CAPABILITIES", "TOKENS TODAY"];
    Ok(fit(titles, &rows, [false, false, true, false, true, false], room()))
}
