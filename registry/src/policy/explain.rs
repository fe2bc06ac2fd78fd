//! Why a decision is what it is.

use access::{Action, Explanation, Principal, Resource, ScopeSet};
use catalog::EntryPath;

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// What is asked: about whom, doing what, where.
pub(super) struct Question {
    pub(super) subject: Subject,
    pub(super) action: Action,
    pub(super) path: EntryPath,
}

/// About whom.
pub(super) enum Subject {
    /// The caller.
    Myself,
    /// Somebody with these groups, or else with these scopes.
    Somebody { username: String, groups: Vec<String>, scopes: Option<ScopeSet> },
}

/// The decision with what it was made from.
pub(super) struct Answer {
    pub(super) who: Principal,
    pub(super) explanation: Explanation,
}

/// Explains a decision of now: this policy, the entry that lives there.
pub(super) fn explain(app: &App, caller: &Caller, question: &Question) -> Result<Answer, ApiError> {
    let admin = caller.policy.is_admin(&caller.who);
    let who = match &question.subject {
        Subject::Myself => Principal::clone(&caller.who),
        Subject::Somebody { .. } if !admin => {
            let message = "only an admin may ask about others: leave out groups, scopes and username";
            return Err(app.forbid(caller, "explain_access", question.path.as_str(), message));
        }
        Subject::Somebody { username, groups, scopes } => Principal {
            username: username.clone(),
            client_id: None,
            groups: groups.clone(),
            scopes: scopes.clone().unwrap_or_else(|| caller.policy.scopes_for(groups)),
            narrowed: false,
        },
    };
    let catalogue = app.picture()?;
    let vacant = Resource::vacant(question.path.as_str());
    let resource = catalogue.get(&question.path).map_or(&vacant, |entry| &entry.resource);
    let mut explanation = caller.policy.explain(&who, question.action, resource);
    if !admin {
        // What else the policy grants, and why an entry is hidden, is not for everybody: the
        // absent and the invisible must look alike here too.
        explanation.would_allow.clear();
        if explanation.verdict == access::Verdict::Invisible {
            explanation.visibility = Some("absent, or not visible to the caller".to_owned());
        }
    }
    Ok(Answer { who, explanation })
}
