//! What can be asked of the directory's store, and what comes of it.

use std::sync::Arc;

use access::DirectoryPermit;
use serde::{Deserialize, Serialize};

use super::{AgentChanges, AgentIdentity, McpTarget};

/// A change that is asked for. As an event of the log it has the same form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum Wish {
    /// Keeps a new agent; its id, client id and slug must be free.
    CreateAgent {
        /// The agent.
        agent: Box<AgentIdentity>,
    },
    /// Changes what is named of an agent, as it is by then; whoever counts on a version says it.
    AmendAgent {
        /// Whose.
        agent_id: String,
        /// The version it must still have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
        /// What is to be different.
        changes: Box<AgentChanges>,
    },
    /// An agent's own words of itself: name, description, declared capabilities, key set. Its version stays: no
    /// agent can get in the way of whoever keeps the directory.
    DescribeAgent {
        /// Whose.
        agent_id: String,
        /// Its name.
        name: String,
        /// None leaves it as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// None leaves them as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        declared: Option<Vec<String>>,
        /// None leaves it as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jwks_uri: Option<String>,
    },
    /// Removes an agent with its counters. Its slug is nobody's ever after: tokens and logs say it.
    RemoveAgent {
        /// Whose id.
        agent_id: String,
        /// The version it must still have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// Counts what an agent used.
    ReportUsage {
        /// Who.
        agent_id: String,
        /// Model tokens.
        tokens: u64,
        /// Cost in millionths of a US dollar.
        #[serde(default)]
        cost_micros: u64,
        /// Counted once, today and tomorrow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
    },
    /// Keeps a new target; its id, slug, URI and aliases must be free.
    CreateTarget {
        /// The target.
        target: Box<McpTarget>,
    },
    /// Changes a target as it is by then; whoever counts on a version says it.
    AmendTarget {
        /// Its id.
        id: String,
        /// The version it must still have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
        /// What is said of it from now on; id, secret and origin stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        described: Option<Box<McpTarget>>,
        /// The hash of another secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        introspection_hash: Option<String>,
    },
    /// Removes a target.
    RemoveTarget {
        /// Its id.
        id: String,
        /// The version it must still have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// Makes a token void, and those that were made from it.
    Revoke {
        /// The client that the token was issued to.
        client_id: String,
        /// The token's `jti`.
        jti: String,
        /// Its `exp`, after which it need not be remembered; seconds since the epoch.
        expires_at: u64,
    },
    /// Puts the hash of the organisation's key in place of this one.
    SetAdminKey {
        /// SHA-256 in hex.
        hash: String,
        /// The one before, exactly; `None` if there must be none yet.
        before: Option<String>,
    },
}

/// What came of a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// The agent as it is now.
    Agent(Arc<AgentIdentity>),
    /// The target as it is now.
    Target(Arc<McpTarget>),
    /// Model tokens that the agent has used today.
    Usage(u64),
    /// It is done, and there is nothing to say.
    Nothing,
}

impl Wish {
    /// Whether the permit is for this.
    pub(super) fn is_permitted(&self, permit: &DirectoryPermit) -> bool {
        match self {
            Wish::ReportUsage { agent_id: own, .. }
            | Wish::DescribeAgent { agent_id: own, .. }
            | Wish::Revoke { client_id: own, .. } => permit.is_for(own),
            Wish::CreateAgent { .. }
            | Wish::AmendAgent { .. }
            | Wish::RemoveAgent { .. }
            | Wish::CreateTarget { .. }
            | Wish::AmendTarget { .. }
            | Wish::RemoveTarget { .. }
            | Wish::SetAdminKey { .. } => permit.is_for_all(),
        }
    }

    /// Whether it changes what a token of somebody's proves, so that what was proven before must be proven
    /// anew: his groups do, and that he is gone. Status, capabilities, counters, revoked tokens, targets and the key are looked at
    /// each time; if they counted here, any agent could void everybody's proofs by revoking tokens of its own.
    pub(super) fn changes_rights(&self) -> bool {
        match self {
            Wish::AmendAgent { changes, .. } => changes.groups.is_some(),
            Wish::RemoveAgent { .. } => true,
            Wish::CreateAgent { .. }
            | Wish::DescribeAgent { .. }
            | Wish::ReportUsage { .. }
            | Wish::CreateTarget { .. }
            | Wish::AmendTarget { .. }
            | Wish::RemoveTarget { .. }
            | Wish::Revoke { .. }
            | Wish::SetAdminKey { .. } => false,
        }
    }
}
