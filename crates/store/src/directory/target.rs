//! An MCP server that tokens can be made for, as it is kept (RFC 8693 `audience`, RFC 8707 `resource`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An MCP server that checks our tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpTarget {
    /// `mcp_` and a random name; never changes.
    pub id: String,
    /// Unique, for addresses.
    pub slug: String,
    /// For people.
    pub name: String,
    /// Its resource identifier (RFC 9728 section 1.2): the `aud` of tokens for it.
    pub resource_uri: String,
    /// Other names that a token may be asked for by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What an agent must hold to get a token at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_capability: Option<String>,
    /// The scopes it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Life of its tokens at most, in seconds.
    pub token_lifetime: u64,
    /// SHA-256 of the secret it introspects with, in hex: the secret is 256 random bits, nobody guesses it.
    pub introspection_hash: String,
    /// Who made it.
    pub created_by: String,
    /// Seconds since the epoch.
    pub created_at: u64,
    /// Seconds since the epoch.
    pub updated_at: u64,
    /// The number of the change that it was last written by. Set by the store.
    #[serde(default)]
    pub version: u64,
}

impl McpTarget {
    /// Every name a token can be asked for by: exact, each of one target alone.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&*self.resource_uri, &*self.id].into_iter().chain(self.aliases.iter().map(String::as_str))
    }

    /// The scopes that its tokens can have.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let required = self.required_capability.as_deref();
        let supported = self.scopes_supported.iter().map(String::as_str);
        required.into_iter().chain(supported.filter(move |scope| Some(*scope) != required))
    }
}

impl fmt::Debug for McpTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "McpTarget({}, {})", self.id, self.resource_uri)
    }
}
