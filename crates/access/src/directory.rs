//! May they change the agent directory? (design page "agent-identity", admin API)
//!
//! An agent may change what is its own; the organisation's key and bearers with the scope may change
//! everything; nobody else anything. An agent's own token never opens the rest, whatever it holds.

use crate::Principal;
use crate::capability::DirectoryAction;

/// Who asks something of the directory, already proven.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// The organisation's key was shown.
    Key,
    /// A token that is no agent's: a person's, or a service's.
    Bearer(&'a Principal),
    /// The token of an agent of the directory.
    Agent {
        /// Its id.
        agent_id: &'a str,
    },
    /// Whoever shows a token that was issued to this client.
    Holder {
        /// The client.
        client_id: &'a str,
    },
    /// The server itself, for this reason.
    Server(&'static str),
}

/// Proof that the directory may be changed. Nothing else can make one, and every write of the
/// directory's store asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryPermit {
    by: String,
    /// The one agent or client it is for; `None` for everything.
    own: Option<String>,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryDenied {
    /// An agent asks for more than its own.
    #[error(
        "an agent's own token does not open the admin API: use the organisation's key, or a service's token"
    )]
    Agent,
    /// A scope is missing.
    #[error("your scopes do not hold {0}")]
    Scope(DirectoryAction),
}

impl Asker<'_> {
    /// Decides about the directory as a whole.
    ///
    /// # Errors
    /// [`DirectoryDenied`]: closed for agents, and for whoever holds not exactly this scope.
    pub fn may(&self, action: DirectoryAction) -> Result<DirectoryPermit, DirectoryDenied> {
        let by = match self {
            Asker::Key => "the organisation's key".to_owned(),
            Asker::Server(reason) => (*reason).to_owned(),
            Asker::Agent { .. } | Asker::Holder { .. } => return Err(DirectoryDenied::Agent),
            Asker::Bearer(who) => {
                if !who.scopes.contains(action.scope()) {
                    return Err(DirectoryDenied::Scope(action));
                }
                who.username.clone()
            }
        };
        Ok(DirectoryPermit { by, own: None })
    }

    /// Decides about what belongs to one agent or client: its reports, its own words of itself, its tokens.
    ///
    /// # Errors
    /// As [`Asker::may`], where it is not that agent who asks.
    pub fn may_as(&self, id: &str) -> Result<DirectoryPermit, DirectoryDenied> {
        match self {
            Asker::Agent { agent_id: own } | Asker::Holder { client_id: own } if *own == id => {
                Ok(DirectoryPermit { by: id.to_owned(), own: Some(id.to_owned()) })
            }
            Asker::Agent { .. } | Asker::Holder { .. } => Err(DirectoryDenied::Agent),
            Asker::Key | Asker::Bearer(_) | Asker::Server(_) => self.may(DirectoryAction::Write),
        }
    }
}

impl DirectoryPermit {
    /// The author that is noted.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Whether it opens everything.
    pub fn is_for_all(&self) -> bool {
        self.own.is_none()
    }

    /// Whether it opens what belongs to this agent or client.
    pub fn is_for(&self, id: &str) -> bool {
        self.own.as_deref().is_none_or(|own| own == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScopeSet;

    #[test]
    fn who_may_what() {
        let who = |scopes| Principal {
            username: "ann".into(),
            scopes: ScopeSet::parse(scopes),
            ..Principal::default()
        };
        let both = who("admin:agents:read admin:agents:write");
        let (read, none) = (who("admin:agents:read"), who("admin:agents admin"));
        let agent = Asker::Agent { agent_id: "agt_1" };
        for (asker, may_read, may_write) in [
            (Asker::Key, true, true),
            (Asker::Server("keycloak"), true, true),
            (Asker::Bearer(&both), true, true),
            (Asker::Bearer(&read), true, false),
            (Asker::Bearer(&none), false, false),
            (agent, false, false),
        ] {
            assert_eq!(asker.may(DirectoryAction::Read).is_ok(), may_read, "{asker:?}");
            assert_eq!(asker.may(DirectoryAction::Write).is_ok(), may_write, "{asker:?}");
            assert_eq!(asker.may_as("agt_2").is_ok(), may_write, "{asker:?}");
        }
        let own = agent.may_as("agt_1").expect("its own");
        assert!(own.is_for("agt_1") && !own.is_for("agt_2") && !own.is_for_all());
    }
}
