//! What the audit trail is told of requests for tokens, and about them.

use access::DecisionRecord;
use store::directory::{AgentIdentity, Directory};

use super::GrantCall;
use crate::app::App;
use crate::asked::Asked;

/// What the audit trail is told of a request, as far as it is known by then.
pub(super) struct Trail {
    action: &'static str,
    pub(super) who: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) resource: String,
    /// Whether it is told when it succeeds, too.
    pub(super) always: bool,
}

impl Trail {
    pub(super) fn of(call: GrantCall) -> Trail {
        let (action, resource) = match call {
            GrantCall::Token => ("token", "/oauth/token"),
            GrantCall::Revoke => ("revoke", "/oauth/revoke"),
            GrantCall::Introspect => ("introspect", "/oauth/introspect"),
        };
        Trail { action, who: None, client_id: None, resource: resource.to_owned(), always: false }
    }

    /// Each exchange is told, with the servers it is for. What names none is not repeated: it may be a token or
    /// a secret, sent by mistake.
    pub(super) fn is_exchange(&mut self, directory: &Directory, names: &[String]) {
        let named: Vec<&str> = names
            .iter()
            .map(|name| if directory.target(name).is_some() { name } else { "unknown" })
            .collect();
        (self.action, self.resource, self.always) = ("exchange", named.join(" "), true);
    }

    /// Who it is, proven.
    pub(super) fn is_of(&mut self, agent: &AgentIdentity) {
        (self.who, self.client_id) = (Some(agent.subject()), Some(agent.client_id.clone()));
    }

    pub(super) fn record(&self, app: &App, asked: &Asked<'_>, verdict: &str, rule: Option<String>) {
        app.audit.record(&DecisionRecord {
            time: app.now(),
            server: "auth-server",
            request_id: &asked.request_id.printable(),
            who: self.who.as_deref(),
            client_id: self.client_id.as_deref(),
            action: self.action,
            resource: &self.resource,
            verdict,
            rule,
            policy_version: app.policy.current().version(),
        });
    }
}
