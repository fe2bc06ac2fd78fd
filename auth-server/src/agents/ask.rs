//! May I? An agent asks before it acts, and the answer is what would be enforced.

use access::DecisionRecord;
use serde_json::json;

use super::body::Fields;
use super::{Agents, IdentityError, ProvenAgent, tokens_left};
use crate::app::App;
use crate::asked::Asked;
use crate::reply::Reply;

/// The longest action, in bytes.
const LONGEST: usize = 256;

/// Answers whether the agent may do `action` now: whether it holds a capability of exactly that name.
///
/// # Errors
/// [`IdentityError::Exhausted`], [`IdentityError::Faults`].
pub(super) fn ask(
    app: &App,
    agents: &Agents,
    proven: &ProvenAgent,
    asked: &Asked<'_>,
) -> Result<Reply, IdentityError> {
    let mut fields = Fields::read(asked)?;
    let action = fields.required_text("action", LONGEST);
    let context = fields.object("context");
    fields.done()?;
    let now = app.now();
    tokens_left(&agents.now(), &proven.agent, now).map_err(|why| IdentityError::exhausted(why, now))?;
    agents.calls.count(&proven.agent, now).map_err(|why| IdentityError::exhausted(why, now))?;
    let action = action.as_deref().unwrap_or_default();
    let allowed = proven.can(action);
    let reason = match (allowed, proven.agent.holds(action)) {
        (true, _) => "the agent holds this capability",
        (false, true) => "the agent holds this capability, but its token was made without it",
        (false, false) => "the agent does not hold this capability",
    };
    let audit_id = app.unique();
    app.audit.record(&DecisionRecord {
        time: now,
        server: "auth-server",
        request_id: &asked.request_id.printable(),
        who: Some(&proven.agent.subject()),
        client_id: Some(&proven.agent.client_id),
        action: "ask",
        resource: action,
        verdict: if allowed { "allowed" } else { "denied" },
        rule: Some(format!("{reason} (audit_id {audit_id})")),
        policy_version: app.policy.current().version(),
    });
    Ok(Reply::json(
        200,
        &json!({
            "allowed": allowed,
            "action": action,
            "context": context,
            "reason": reason,
            "decided_by": "capability",
            "audit_id": audit_id,
        }),
    ))
}
