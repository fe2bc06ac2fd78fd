//! What one scope grants: patterns over paths and names, and MCP server entries.

use std::collections::BTreeMap;

use crate::Action;

/// One resource as `scopes.yml` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `all`.
    All,
    /// Exactly this path or name.
    Exact(String),
    /// `/team/*`: every path below; the prefix is kept with its trailing slash.
    Below(String),
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::All => true,
            Pattern::Exact(exact) => exact == name,
            Pattern::Below(prefix) => name.len() > prefix.len() && name.starts_with(prefix.as_str()),
        }
    }
}

/// The resources a permission reaches.
pub(crate) type Patterns = Vec<Pattern>;

/// Permission → resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants(pub(crate) BTreeMap<Action, Patterns>);

impl Grants {
    pub(crate) fn allow(&self, action: Action, name: &str) -> bool {
        self.0.get(&action).is_some_and(|patterns| patterns.iter().any(|pattern| pattern.matches(name)))
    }

    pub(crate) fn reach(&self, action: Action) -> bool {
        self.0.get(&action).is_some_and(|patterns| !patterns.is_empty())
    }

    /// Whether all five agent permissions reach `all`.
    pub(crate) fn are_admin(&self) -> bool {
        Action::AGENT
            .iter()
            .all(|action| self.0.get(action).is_some_and(|patterns| patterns.contains(&Pattern::All)))
    }

    /// Every agent permission on `all`: what `a2a-agent-admin` means unless the file says otherwise.
    pub(crate) fn admin() -> Grants {
        Grants(Action::AGENT.into_iter().map(|action| (action, vec![Pattern::All])).collect())
    }
}

/// A section entry about an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerGrant {
    /// `None` is `'*'`: every server.
    pub(crate) server: Option<String>,
}

impl ServerGrant {
    pub(crate) fn reaches(&self, server: &str) -> bool {
        self.server.as_deref().is_none_or(|named| named == server)
    }
}

/// One section of the file: the third tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) servers: Vec<ServerGrant>,
    /// `None` when the section has no `agents` block at all.
    pub(crate) agents: Option<Grants>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_is_not_the_path_itself_nor_a_neighbour() {
        let below = Pattern::Below("/team/".into());
        for (path, matches) in
            [("/team/a", true), ("/team/a/b", true), ("/team", false), ("/team/", false), ("/teams/a", false)]
        {
            assert_eq!(below.matches(path), matches, "{path}");
        }
        assert!(Pattern::Exact("/a".into()).matches("/a"));
        assert!(!Pattern::Exact("/a".into()).matches("/a/b"));
    }
}
