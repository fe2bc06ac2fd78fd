//! Why a decision is what it is.

use access::{Action, Explanation, Principal, Resource, ScopeSet};
use catalog::{Entry, EntryPath, ServerEntry};

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// What is asked: about whom, doing what, where.
pub(super) struct Question {
    pub(super) subject: Subject,
    pub(super) what: What,
}

/// Doing what, where.
pub(super) enum What {
    /// Something to an agent.
    Agent(Action, EntryPath),
    /// Something to an MCP server.
    Server(Action, EntryPath),
    /// A method of an MCP server.
    Call { server: EntryPath, method: String, tool: Option<String> },
}

impl What {
    fn path(&self) -> &EntryPath {
        match self {
            What::Agent(_, path) | What::Server(_, path) | What::Call { server: path, .. } => path,
        }
    }
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
            return Err(app.forbid(caller, "explain_access", question.what.path().as_str(), message));
        }
        Subject::Somebody { username, groups, scopes } => Principal {
            username: username.clone(),
            client_id: None,
            groups: groups.clone(),
            scopes: scopes.clone().unwrap_or_else(|| caller.policy.scopes_for(groups)),
            narrowed: false,
        },
    };
    let mut explanation = match &question.what {
        What::Agent(action, path) => {
            let (catalogue, vacant) = (app.picture()?, Resource::vacant(path.as_str()));
            let resource = catalogue.get(path).map_or(&vacant, |entry| &entry.resource);
            caller.policy.explain(&who, *action, resource)
        }
        What::Server(action, path) => {
            let vacant = Resource::vacant(<ServerEntry as Entry>::policy_name(path));
            let catalogue = app.shown(&*app.servers)?;
            let resource = catalogue.get(path).map_or(&vacant, |entry| &entry.resource);
            caller.policy.explain(&who, *action, resource)
        }
        // Whether there is such a server makes no difference to what may be called of it.
        What::Call { server, method, tool } => caller.policy.explain_call(
            &who,
            <ServerEntry as Entry>::policy_name(server),
            method,
            tool.as_deref(),
        ),
    };
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
