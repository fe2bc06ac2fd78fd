//! A caller whose token has been proven genuine: a person or an agent.

use crate::ScopeSet;

/// Who is calling, and what their identity provider says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// The name entries are registered under (`preferred_username`, else `sub`).
    pub username: String,
    /// The OAuth client the token was issued to (`azp`, else `client_id`).
    pub client_id: Option<String>,
    /// The caller's real groups, as the identity provider spells them.
    pub groups: Vec<String>,
    /// The scopes those groups map to (see [`crate::Policy::scopes_for`]).
    pub scopes: ScopeSet,
    /// Whether the token was made for these scopes alone, though it says groups: whoever maps the groups anew
    /// must not go beyond them.
    pub narrowed: bool,
}

impl Principal {
    /// Whether one of the caller's real groups is `group`; the leading `/` of a
    /// Keycloak full-path group counts for nothing on either side.
    pub fn in_group(&self, group: &str) -> bool {
        let wanted = bare_group(group);
        self.groups.iter().any(|held| bare_group(held) == wanted)
    }
}

/// A group without the leading `/` that Keycloak writes with "full group path" on.
pub(crate) fn bare_group(group: &str) -> &str {
    group.strip_prefix('/').unwrap_or(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_path_group_is_the_same_group() {
        let caller = Principal { groups: vec!["/lob1".into(), "ops".into()], ..Principal::default() };
        for (group, held) in [("lob1", true), ("/lob1", true), ("/ops", true), ("lob", false), ("", false)] {
            assert_eq!(caller.in_group(group), held, "{group}");
        }
    }
}
