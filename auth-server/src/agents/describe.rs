//! What an agent is told of itself: userinfo (OpenID Connect Core section 5.3) and `/agents/me`.

use serde_json::{Map, Value, json};
use store::directory::{AgentIdentity, Directory, end_of_day};

use super::{Agents, ProvenAgent};
use crate::app::App;
use crate::grants::Embedded;
use crate::reply::Reply;

/// Who it is, what it may do, what it may use.
pub(super) fn userinfo(app: &App, issuer: &Embedded, agents: &Agents, proven: &ProvenAgent) -> Reply {
    let agent = &proven.agent;
    Reply::json(
        200,
        &json!({
            "sub": agent.subject(),
            "name": agent.name,
            "agent_id": agent.agent_id,
            "client_id": agent.client_id,
            "identity_type": "agent",
            "capabilities": proven.capabilities().collect::<Vec<_>>(),
            "tenant": issuer.org,
            "workload_identity": workload_identity(issuer, agent),
            "budget_policy": budget_policy(&agents.known(), agent, app.now()),
        }),
    )
}

/// The same in the words of the Ask API.
pub(super) fn me(issuer: &Embedded, proven: &ProvenAgent) -> Reply {
    let agent = &proven.agent;
    Reply::json(
        200,
        &json!({
            "identity": {
                "id": agent.subject(),
                "type": "agent",
                "tenant": issuer.org,
                "agent_id": agent.agent_id,
                "status": agent.status.name(),
            },
            "capabilities": proven.capabilities().collect::<Vec<_>>(),
            "workspace": {"slug": issuer.org, "api_base": issuer.name},
        }),
    )
}

/// A URI that names the agent among all workloads.
pub(crate) fn workload_identity(issuer: &Embedded, agent: &AgentIdentity) -> String {
    format!("{}/agents/{}", issuer.name, agent.agent_id)
}

/// No member is ever null, and a limit that there is not is left out: client packages compare with them.
fn budget_policy(directory: &Directory, agent: &AgentIdentity, now: u64) -> Value {
    let limits = [
        ("max_tokens_per_day", agent.budget.max_tokens_per_day),
        ("max_api_calls_per_hour", agent.budget.max_api_calls_per_hour),
        ("tokens_used_today", Some(directory.tokens_used(&agent.agent_id, now))),
        ("resets_at", Some(end_of_day(now))),
    ];
    let set = limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), json!(limit?))));
    Value::Object(set.collect::<Map<_, _>>())
}
