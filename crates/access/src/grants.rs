//! What one scope grants: rules over paths and names, and MCP server entries.

use std::collections::BTreeMap;
use std::fmt;

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

/// As the file spells it.
impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::All => out.write_str("all"),
            Pattern::Exact(exact) => out.write_str(exact),
            Pattern::Below(prefix) => write!(out, "{prefix}*"),
        }
    }
}

/// A pattern and where it stands; line 0 is what is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) pattern: Pattern,
    pub(crate) line: usize,
}

/// Permission → the resources it reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants(pub(crate) BTreeMap<Action, Vec<Rule>>);

impl Grants {
    pub(crate) fn allow(&self, action: Action, name: &str) -> bool {
        self.rule(action, name).is_some()
    }

    /// The first rule that reaches this.
    pub(crate) fn rule(&self, action: Action, name: &str) -> Option<&Rule> {
        self.0.get(&action)?.iter().find(|rule| rule.pattern.matches(name))
    }

    pub(crate) fn reach(&self, action: Action) -> bool {
        self.0.get(&action).is_some_and(|rules| !rules.is_empty())
    }

    /// Whether a permission reaches `all`.
    pub(crate) fn reach_all(&self, action: Action) -> bool {
        self.0.get(&action).is_some_and(|rules| rules.iter().any(|rule| rule.pattern == Pattern::All))
    }

    /// Whether all five agent permissions reach `all`.
    pub(crate) fn are_admin(&self) -> bool {
        Action::AGENT.iter().all(|action| self.reach_all(*action))
    }

    /// Every agent permission on `all`: what `a2a-agent-admin` means unless the file says otherwise.
    pub(crate) fn admin() -> Grants {
        let all = || vec![Rule { pattern: Pattern::All, line: 0 }];
        Grants(Action::AGENT.into_iter().map(|action| (action, all())).collect())
    }
}

/// Words of a list in which one may mean every word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// `all` or `*` stands in the list.
    pub(crate) any: bool,
    /// The other words, in order.
    pub(crate) named: Vec<String>,
}

impl Words {
    pub(crate) fn new(words: Vec<String>) -> Words {
        let (any, named): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word == "all" || word == "*");
        Words { any: !any.is_empty(), named }
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.any || self.named.iter().any(|named| named == word)
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any && self.named.is_empty()
    }
}

impl fmt::Display for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = self.any.then_some("*");
        let words: Vec<&str> = any.into_iter().chain(self.named.iter().map(String::as_str)).collect();
        out.write_str(&words.join(", "))
    }
}

/// A section entry about an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerGrant {
    /// `None` is `'*'`: every server.
    pub(crate) server: Option<String>,
    pub(crate) methods: Words,
    /// Which tools `tools/call` may name.
    pub(crate) tools: Words,
    /// Where it stands in the file.
    pub(crate) line: usize,
}

/// Allowed wherever `initialize` is, listed or not (design page "mcp-gateway").
pub(crate) const WITH_INITIALIZE: [&str; 5] = [
    "server/discover",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "ping",
];
/// The method whose tool must be listed too.
pub(crate) const TOOLS_CALL: &str = "tools/call";

impl ServerGrant {
    pub(crate) fn reaches(&self, server: &str) -> bool {
        self.server.as_deref().is_none_or(|named| named == server)
    }

    /// Whether it allows every tool of every server to be called.
    pub(crate) fn is_for_every_tool(&self) -> bool {
        self.server.is_none() && self.tools.any && self.methods.has(TOOLS_CALL)
    }

    /// Whether the entry, which must reach the server, allows a method, and for `tools/call` the tool. A
    /// wildcard in `tools` grants no other method.
    pub(crate) fn allows(&self, method: &str, tool: Option<&str>) -> bool {
        let listed =
            self.methods.has(method) || (WITH_INITIALIZE.contains(&method) && self.methods.has("initialize"));
        let tool_listed = method != TOOLS_CALL || tool.is_some_and(|tool| self.tools.has(tool));
        listed && tool_listed
    }
}

/// In few words, as the file spells them: `currenttime: initialize, tools/call (current_time_by_timezone)`.
impl fmt::Display for ServerGrant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.server.as_deref().unwrap_or("*"), self.methods)?;
        if self.tools.is_empty() { Ok(()) } else { write!(out, " ({})", self.tools) }
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
