//! An agent of the directory, as it is kept (design page "agent-identity").

use std::fmt;

use serde::{Deserialize, Serialize};

/// An agent's identity. Its secrets are here as hashes alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentIdentity {
    /// `agt_` and a random name; never changes.
    pub agent_id: String,
    /// What it signs in with: its id, or the client of the provider that keeps its secret.
    pub client_id: String,
    /// Its name in tokens (`sub` is `agent:<slug>`): unique, and never changed.
    pub slug: String,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What kind of agent it is, in its keeper's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may do anything at all.
    pub status: AgentStatus,
    /// One, or two while it changes from one to the other.
    pub secrets: Vec<SecretHash>,
    /// What it may do: `verb:noun` each, the OAuth scopes of its tokens.
    pub capabilities: Vec<String>,
    /// What it says it wants to be able to do: a wish, not a grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<String>,
    /// Mapped to scopes of the registry by scopes.yml, as those of a provider are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What it may use.
    #[serde(default)]
    pub budget: Budget,
    /// Where it publishes keys of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// Seconds since the epoch.
    pub created_at: u64,
    /// Seconds since the epoch.
    pub updated_at: u64,
    /// The number of the change that it was last written by: what a writer must have read. Set by the store.
    #[serde(default)]
    pub version: u64,
}

/// Whether an agent may sign in and its tokens count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// It may.
    Active,
    /// It may not, and its tokens open nothing.
    Suspended,
}

impl AgentStatus {
    /// As it is spelled everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            AgentStatus::Active => "active",
            AgentStatus::Suspended => "suspended",
        }
    }
}

/// A hashed secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash {
    /// Which secret it is: it stands in clear in the secret, so that exactly one hash is compared,
    /// whatever was sent.
    pub key: String,
    /// argon2id, as a PHC string.
    pub hash: String,
    /// Seconds since the epoch.
    pub created_at: u64,
    /// When it ends, in seconds since the epoch; `None` while it is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretHash({}, ***, {:?})", self.key, self.expires_at)
    }
}

/// What an agent may use. No limit is `None`, never 0: 0 means nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Model tokens a day, from 00:00 UTC on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_day: Option<u64>,
    /// Exchanges and questions an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_api_calls_per_hour: Option<u64>,
}

impl AgentIdentity {
    /// Whether it may do anything.
    pub fn is_active(&self) -> bool {
        self.status == AgentStatus::Active
    }

    /// The `sub` of its tokens.
    pub fn subject(&self) -> String {
        format!("agent:{}", self.slug)
    }

    /// Whether it holds a capability now.
    pub fn holds(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|held| held == capability)
    }
}

/// What is to be different about an agent; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentChanges {
    /// See [`AgentIdentity::name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// See [`AgentIdentity::description`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`AgentIdentity::kind`].
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// See [`AgentIdentity::status`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<AgentStatus>,
    /// See [`AgentIdentity::capabilities`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// See [`AgentIdentity::groups`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// A limit of its budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_day: Option<Limit>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_api_calls_per_hour: Option<Limit>,
    /// See [`AgentIdentity::owner`]; empty is nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// See [`AgentIdentity::jwks_uri`]; empty is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Today's counter of model tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_used_today: Option<u64>,
    /// Another secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<NewSecret>,
}

/// A limit, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// So much.
    AtMost(u64),
    /// No limit.
    Unlimited,
}

/// Another secret in the place of the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecret {
    /// The secret.
    pub hash: SecretHash,
    /// When the newest one before ends, in seconds since the epoch; `None` is at once. Those before it end in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_ends: Option<u64>,
}

impl Limit {
    fn of(self) -> Option<u64> {
        match self {
            Limit::AtMost(most) => Some(most),
            Limit::Unlimited => None,
        }
    }
}

impl AgentChanges {
    /// The agent with these changes.
    pub fn made(&self, agent: &AgentIdentity) -> AgentIdentity {
        let mut agent = agent.clone();
        let set = |place: &mut String, new: &Option<String>| {
            if let Some(new) = new {
                place.clone_from(new);
            }
        };
        set(&mut agent.name, &self.name);
        set(&mut agent.description, &self.description);
        set(&mut agent.kind, &self.kind);
        agent.status = self.status.unwrap_or(agent.status);
        agent.capabilities = self.capabilities.clone().unwrap_or(agent.capabilities);
        agent.groups = self.groups.clone().unwrap_or(agent.groups);
        let budget = &mut agent.budget;
        budget.max_tokens_per_day = self.max_tokens_per_day.map_or(budget.max_tokens_per_day, Limit::of);
        budget.max_api_calls_per_hour =
            self.max_api_calls_per_hour.map_or(budget.max_api_calls_per_hour, Limit::of);
        let optional = |place: &mut Option<String>, new: &Option<String>| {
            if let Some(new) = new {
                *place = Some(new.clone()).filter(|new| !new.is_empty());
            }
        };
        optional(&mut agent.owner, &self.owner);
        optional(&mut agent.jwks_uri, &self.jwks_uri);
        if let Some(NewSecret { hash, before_ends }) = &self.secret {
            let newest = agent.secrets.iter().rfind(|held| held.expires_at.is_none()).cloned();
            let before = before_ends.and_then(|end| Some(SecretHash { expires_at: Some(end), ..newest? }));
            agent.secrets = before.into_iter().chain([hash.clone()]).collect();
        }
        agent
    }
}
