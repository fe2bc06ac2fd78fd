//! May I? An agent asks before it acts, and the answer is what would be enforced.

use access::{DecisionRecord, check_capability};
use serde_json::{Map, Value, json};

use super::body::Fields;
use super::{Agents, IdentityError, ProvenAgent, tokens_left};
use crate::app::App;
use crate::asked::Asked;
use crate::reply::Reply;

/// The longest action, in bytes.
const LONGEST: usize = 256;
/// The longest one that is recorded though it is no capability, in bytes: shorter than any secret here.
const LONGEST_WORD: usize = 40;

/// Answers whether the agent may do `action` now: whether it holds a capability of exactly that name. Every
/// question is in the audit trail.
///
/// # Errors
/// [`IdentityError::Exhausted`], [`IdentityError::Faults`].
pub(super) fn ask(
    app: &App,
    agents: &Agents,
    proven: &ProvenAgent,
    asked: &Asked<'_>,
) -> Result<Reply, IdentityError> {
    let question = Question::read(asked).and_then(|question| {
        let now = app.now();
        tokens_left(&agents.known(), &proven.agent, now).map_err(|why| IdentityError::exhausted(why, now))?;
        agents.calls.count(&proven.agent, now).map_err(|why| IdentityError::exhausted(why, now))?;
        Ok(question)
    });
    let question = match question {
        Ok(question) => question,
        Err(fault) => {
            record(app, proven, asked, "-", "refused", fault.recorded());
            return Err(fault);
        }
    };
    let action = &*question.action;
    let allowed = proven.can(action);
    let reason = match (allowed, proven.agent.holds(action)) {
        (true, _) => "the agent holds this capability",
        (false, true) => "the agent holds this capability, but its token was made without it",
        (false, false) => "the agent does not hold this capability",
    };
    let audit_id = app.unique();
    let verdict = if allowed { "allowed" } else { "denied" };
    record(app, proven, asked, recordable(action), verdict, format!("{reason} (audit_id {audit_id})"));
    Ok(Reply::json(
        200,
        &json!({
            "allowed": allowed,
            "action": action,
            "context": question.context,
            "reason": reason,
            "decided_by": "capability",
            "audit_id": audit_id,
        }),
    ))
}

struct Question {
    action: String,
    context: Map<String, Value>,
}

impl Question {
    fn read(asked: &Asked<'_>) -> Result<Question, IdentityError> {
        let mut fields = Fields::read(asked)?;
        let action = fields.required_line("action", LONGEST).unwrap_or_default();
        let context = fields.object("context");
        fields.done()?;
        Ok(Question { action, context })
    }
}

/// What is no capability and too long for a word may be a token or a secret, sent by mistake.
fn recordable(action: &str) -> &str {
    if action.len() <= LONGEST_WORD || check_capability(action).is_ok() { action } else { "-" }
}

fn record(app: &App, proven: &ProvenAgent, asked: &Asked<'_>, resource: &str, verdict: &str, rule: String) {
    app.audit.record(&DecisionRecord {
        time: app.now(),
        server: "auth-server",
        request_id: &asked.request_id.printable(),
        who: Some(&proven.agent.subject()),
        client_id: Some(&proven.agent.client_id),
        action: "ask",
        resource,
        verdict,
        rule: Some(rule),
        policy_version: app.policy.current().version(),
    });
}
