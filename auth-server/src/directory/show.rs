//! What the admin API says of an agent and of a target. Nothing of a secret, not even its hash.

use serde_json::{Map, Value, json};
use store::directory::{AgentIdentity, McpTarget, end_of_day};

use super::Desk;
use crate::agents::workload_identity;

/// An agent.
pub(super) fn agent(desk: &Desk<'_>, agent: &AgentIdentity) -> Value {
    let now = desk.app.now();
    let secrets: Vec<Value> = agent
        .secrets
        .iter()
        .filter(|secret| secret.expires_at.is_none_or(|end| end > now))
        .map(|secret| {
            let mut shown = json!({"id": secret.key, "createdAt": secret.created_at});
            if let Some(end) = secret.expires_at {
                shown["expiresAt"] = end.into();
            }
            shown
        })
        .collect();
    let mut shown = json!({
        "agentId": agent.agent_id,
        "clientId": agent.client_id,
        "slug": agent.slug,
        "name": agent.name,
        "description": agent.description,
        "type": agent.kind,
        "status": agent.status.name(),
        "capabilities": agent.capabilities,
        "declaredCapabilities": agent.declared,
        "groups": agent.groups,
        "budgetPolicy": budget(desk, agent),
        "owner": agent.owner,
        "createdBy": agent.created_by,
        "createdAt": agent.created_at,
        "updatedAt": agent.updated_at,
        "secrets": secrets,
        "workloadIdentity": workload_identity(desk.issuer, agent),
    });
    if let Some(jwks_uri) = &agent.jwks_uri {
        shown["jwksUri"] = jwks_uri.as_str().into();
    }
    shown
}

/// A limit that there is not is left out, as in userinfo.
fn budget(desk: &Desk<'_>, agent: &AgentIdentity) -> Value {
    let now = desk.app.now();
    let members = [
        ("maxTokensPerDay", agent.budget.max_tokens_per_day),
        ("maxApiCallsPerHour", agent.budget.max_api_calls_per_hour),
        ("tokensUsedToday", Some(desk.directory().tokens_used(&agent.agent_id, now))),
        ("resetsAt", Some(end_of_day(now))),
    ];
    let set = members.into_iter().filter_map(|(name, number)| Some((name.to_owned(), json!(number?))));
    Value::Object(set.collect::<Map<_, _>>())
}

/// A target.
pub(super) fn target(target: &McpTarget) -> Value {
    let mut shown = json!({
        "id": target.id,
        "slug": target.slug,
        "name": target.name,
        "resourceUri": target.resource_uri,
        "aliases": target.aliases,
        "scopesSupported": target.scopes_supported,
        "tokenLifetime": target.token_lifetime,
        "createdBy": target.created_by,
        "createdAt": target.created_at,
        "updatedAt": target.updated_at,
    });
    if let Some(required) = &target.required_capability {
        shown["requiredCapability"] = required.as_str().into();
    }
    shown
}
