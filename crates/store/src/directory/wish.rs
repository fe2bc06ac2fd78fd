//! What can be asked of the directory's store, and what comes of it.

use std::sync::Arc;

use access::DirectoryPermit;
use serde::{Deserialize, Serialize};

use super::{AgentIdentity, McpTarget};

/// A change that is asked for. As an event of the log it has the same form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum Wish {
    /// Keeps a new agent; its id, client id and slug must be free.
    CreateAgent {
        /// The agent.
        agent: Box<AgentIdentity>,
    },
    /// Puts an agent in place of the one of its id, if that one still has this version. Id and slug stay.
    ReplaceAgent {
        /// The agent.
        agent: Box<AgentIdentity>,
        /// The version it was made from.
        version: u64,
    },
    /// An agent's own words of itself: name, description, declared capabilities, key set.
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
    /// Removes an agent with its counters.
    RemoveAgent {
        /// Whose id.
        agent_id: String,
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
    /// Sets today's counter of an agent.
    SetUsage {
        /// Whose.
        agent_id: String,
        /// Model tokens.
        tokens: u64,
    },
    /// Keeps a new target; its id, slug, URI and aliases must be free.
    CreateTarget {
        /// The target.
        target: Box<McpTarget>,
    },
    /// Puts a target in place of the one of its id, if that one still has this version.
    ReplaceTarget {
        /// The target.
        target: Box<McpTarget>,
        /// The version it was made from.
        version: u64,
    },
    /// Removes a target.
    RemoveTarget {
        /// Its id.
        id: String,
    },
    /// Makes a token void, and those that were made from it.
    Revoke {
        /// Whose token it was.
        agent_id: String,
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
            Wish::ReportUsage { agent_id, .. }
            | Wish::DescribeAgent { agent_id, .. }
            | Wish::Revoke { agent_id, .. } => permit.is_for(agent_id),
            Wish::CreateAgent { .. }
            | Wish::ReplaceAgent { .. }
            | Wish::RemoveAgent { .. }
            | Wish::SetUsage { .. }
            | Wish::CreateTarget { .. }
            | Wish::ReplaceTarget { .. }
            | Wish::RemoveTarget { .. }
            | Wish::SetAdminKey { .. } => permit.is_for_all(),
        }
    }

    /// Whether it changes who may do what, so that what was proven before must be proven anew. Counters,
    /// targets and the key are looked at each time and do not.
    pub(super) fn changes_rights(&self) -> bool {
        match self {
            Wish::ReplaceAgent { .. } | Wish::RemoveAgent { .. } | Wish::Revoke { .. } => true,
            Wish::CreateAgent { .. }
            | Wish::DescribeAgent { .. }
            | Wish::ReportUsage { .. }
            | Wish::SetUsage { .. }
            | Wish::CreateTarget { .. }
            | Wish::ReplaceTarget { .. }
            | Wish::RemoveTarget { .. }
            | Wish::SetAdminKey { .. } => false,
        }
    }
}
