//! What a proven client gets: never more than it holds today, never more than it asks for.

use access::{Policy, ScopeSet};

use super::client::Client;
use super::error::GrantError;

/// Permission to sign. Its fields are private to this file: nothing else can make one.
#[derive(Debug)]
pub(super) struct Authorization {
    client_id: String,
    groups: Option<Vec<String>>,
    scope: ScopeSet,
    lifetime: u64,
}

impl Authorization {
    /// Whom the token is for.
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The groups it carries; none at all when it was narrowed.
    pub(super) fn groups(&self) -> Option<&[String]> {
        self.groups.as_deref()
    }

    /// The scopes granted.
    pub(super) fn scope(&self) -> &ScopeSet {
        &self.scope
    }

    /// In seconds.
    pub(super) fn lifetime(&self) -> u64 {
        self.lifetime
    }
}

/// Narrows what the client holds to what it asks for; asking for nothing asks for all.
///
/// A token that holds less than the client does carries no groups: groups are mapped to
/// scopes at each use and would bring all of them back. The price is that such a token sees
/// nothing that is shown to groups alone.
///
/// # Errors
/// [`GrantError::InvalidScope`] when nothing remains of what was asked for.
pub(super) fn narrow(
    client: &Client,
    asked: Option<&str>,
    policy: &Policy,
    lifetime: u64,
) -> Result<Authorization, GrantError> {
    let held = policy.scopes_for(&client.groups);
    let scope = match asked {
        None => held.clone(),
        Some(asked) => {
            // RFC 6749 section 3.3: spaces separate; a comma is part of a name.
            let asked: ScopeSet = asked.split_whitespace().collect();
            let granted = held.intersection(&asked);
            if granted.is_empty() {
                return Err(GrantError::InvalidScope);
            }
            granted
        }
    };
    let groups = held.is_subset(&scope).then(|| client.groups.clone());
    Ok(Authorization { client_id: client.client_id.clone(), groups, scope, lifetime })
}
