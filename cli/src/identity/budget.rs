//! `identity budget`: how much an agent may use, and how much it has used today.

use serde_json::{Value, json};

use super::address;
use super::agent::Agent;
use super::options::Budget;
use crate::directory::Directory;
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done};
use crate::table::facts;

/// Changes what is named (a merge patch: null takes a limit away), or shows the budget.
pub(super) fn budget(options: &Budget, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let path = address(&options.id);
    let given = match patch(options) {
        Some(patch) => directory.send(Method::PATCH, &path, Some(&patch), "the change of the budget")?,
        None => directory.get(&path, "the budget")?,
    };
    let agent: Agent = given.data()?;
    Ok(done(json, &given.body, || {
        let mut rows = vec![("agent", agent.agent_id)];
        rows.extend(agent.budget_policy.rows());
        facts(&rows)
    }))
}

fn patch(options: &Budget) -> Option<Value> {
    let mut patch = Value::Null;
    for (name, limit) in
        [("max_tokens_per_day", options.tokens_per_day), ("max_api_calls_per_hour", options.calls_per_hour)]
    {
        if let Some(limit) = limit {
            patch["budget_policy"][name] = json!(limit.most());
        }
    }
    if options.reset {
        patch["tokens_used_today"] = json!(0);
    }
    (!patch.is_null()).then_some(patch)
}
