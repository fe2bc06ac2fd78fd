//! Why a decision is what it is: per scope which tier said what, and what would have allowed it.
//!
//! It walks the tiers by itself and reports what it meets; a test compares its verdict
//! with `decide` on every cell of the matrix, so that the two cannot drift apart.

use crate::grants::{Grants, Rule, ServerGrant};
use crate::resource::EntryFacts;
use crate::{Action, Policy, Principal, Resource, Visibility};

/// The outcome, in the words of the answers it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Permitted.
    Allowed,
    /// 403: no scope reaches the path.
    OutsideGrants,
    /// 404: within the grants, but absent or not visible.
    Invisible,
}

/// What one tier of one scope says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierSays {
    /// The tier has no entry for the scope: the other one decides.
    Nothing,
    /// A rule reaches the path.
    Allows {
        /// The resource as the file spells it.
        resource: String,
        /// Its line; 0 is built in.
        line: usize,
    },
    /// The permission is there and reaches other paths only, or is not there.
    Refuses {
        /// What the permission reaches, as the file spells it.
        reaches: Vec<String>,
    },
}

/// What one scope of the caller says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeSays {
    /// The scope.
    pub scope: String,
    /// Tier 1, `UI-Scopes`.
    pub ui_scopes: TierSays,
    /// Tier 3, the `agents` block of the scope's own section; it says nothing about MCP servers.
    pub agents_block: TierSays,
    /// Tier 3, the section's entries about an MCP server: of a method that is called, these decide alone.
    pub server_entries: TierSays,
    /// What they make together.
    pub allows: bool,
}

/// A scope that the caller does not hold and that would have allowed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldAllow {
    /// The scope.
    pub scope: String,
    /// The groups that map to it.
    pub groups: Vec<String>,
    /// The line of the rule; 0 is built in.
    pub line: usize,
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The outcome.
    pub verdict: Verdict,
    /// Every scope of the caller, in order.
    pub scopes: Vec<ScopeSays>,
    /// Why an entry within the grants can or cannot be seen.
    pub visibility: Option<String>,
    /// Scopes of the policy that would have allowed what the caller's do not.
    pub would_allow: Vec<WouldAllow>,
    /// What is said when no scope allows it.
    outside: &'static str,
}

const NO_PATH: &str = "no scope of the caller reaches the path";
const NO_CALL: &str = "no scope of the caller allows the call";

impl Verdict {
    /// The word for it, as the audit trail and the API write it.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Allowed => "allowed",
            Verdict::OutsideGrants => "outside_grants",
            Verdict::Invisible => "invisible",
        }
    }
}

impl Explanation {
    /// What decided, in one line: the rule of the first scope that allows, or what stood against it.
    pub fn reason(&self) -> String {
        let rule = self.scopes.iter().find(|scope| scope.allows).map(|scope| {
            let tier = |name: &str, says: &TierSays| match says {
                TierSays::Allows { resource, line } => {
                    Some(format!("{name} {}: {resource} (line {line})", scope.scope))
                }
                TierSays::Nothing | TierSays::Refuses { .. } => None,
            };
            let tiers = [
                tier("UI-Scopes", &scope.ui_scopes),
                tier("agents block of", &scope.agents_block),
                tier("server entry of", &scope.server_entries),
            ];
            tiers.into_iter().flatten().collect::<Vec<_>>().join(" and ")
        });
        match (self.verdict, rule, &self.visibility) {
            (Verdict::OutsideGrants, _, _) | (_, None, _) => self.outside.to_owned(),
            (Verdict::Invisible, Some(_), Some(why)) => why.clone(),
            (Verdict::Allowed | Verdict::Invisible, Some(rule), _) => rule,
        }
    }
}

impl Policy {
    /// Explains one decision.
    pub fn explain(&self, who: &Principal, action: Action, resource: &Resource) -> Explanation {
        let scopes: Vec<ScopeSays> =
            who.scopes.iter().map(|scope| self.scope_says(scope, action, resource.path())).collect();
        if !scopes.iter().any(|scope| scope.allows) {
            let would_allow = self.would_allow(who, |scope| self.scope_says(scope, action, resource.path()));
            let (verdict, outside) = (Verdict::OutsideGrants, NO_PATH);
            return Explanation { verdict, scopes, visibility: None, would_allow, outside };
        }
        let publishes = matches!(action, Action::PublishAgent | Action::RegisterService);
        let (visible, why) = match resource.facts() {
            _ if publishes => (true, None),
            None => (false, Some("nothing lives at this path".to_owned())),
            Some(entry) => {
                let (visible, why) = self.sight(who, entry);
                (visible, Some(why))
            }
        };
        let verdict = if visible { Verdict::Allowed } else { Verdict::Invisible };
        Explanation { verdict, scopes, visibility: why, would_allow: Vec::new(), outside: NO_PATH }
    }

    /// Explains whether a method of an MCP server, and for `tools/call` its tool, may be called.
    pub fn explain_call(
        &self,
        who: &Principal,
        server: &str,
        method: &str,
        tool: Option<&str>,
    ) -> Explanation {
        let server = server.trim_matches('/');
        let says = |scope: &str| self.call_says(scope, server, method, tool);
        let scopes: Vec<ScopeSays> = who.scopes.iter().map(says).collect();
        let allowed = scopes.iter().any(|scope| scope.allows);
        Explanation {
            verdict: if allowed { Verdict::Allowed } else { Verdict::OutsideGrants },
            would_allow: if allowed { Vec::new() } else { self.would_allow(who, says) },
            scopes,
            visibility: None,
            outside: NO_CALL,
        }
    }

    fn call_says(&self, scope: &str, server: &str, method: &str, tool: Option<&str>) -> ScopeSays {
        let section = self.sections.get(scope);
        let entries: Vec<&ServerGrant> = section.iter().flat_map(|section| &section.servers).collect();
        let allowing = entries.iter().find(|entry| entry.reaches(server) && entry.allows(method, tool));
        let server_entries = match allowing {
            Some(entry) => TierSays::Allows { resource: entry.to_string(), line: entry.line },
            None if entries.is_empty() => TierSays::Nothing,
            None => TierSays::Refuses { reaches: entries.iter().map(ToString::to_string).collect() },
        };
        ScopeSays {
            scope: scope.to_owned(),
            ui_scopes: TierSays::Nothing,
            agents_block: TierSays::Nothing,
            allows: allowing.is_some(),
            server_entries,
        }
    }

    fn scope_says(&self, scope: &str, action: Action, path: &str) -> ScopeSays {
        let ui_scopes = tier_says(self.ui.get(scope), action, path);
        // It speaks of agents alone.
        let section = self.sections.get(scope).filter(|_| action.is_agent());
        let block = section.and_then(|section| section.agents.as_ref());
        let agents_block = tier_says(block, action, path);
        let allows = match (&ui_scopes, &agents_block) {
            (TierSays::Allows { .. }, TierSays::Allows { .. } | TierSays::Nothing)
            | (TierSays::Nothing, TierSays::Allows { .. }) => true,
            (TierSays::Refuses { .. } | TierSays::Nothing, _) | (_, TierSays::Refuses { .. }) => false,
        };
        let server_entries = TierSays::Nothing;
        ScopeSays { scope: scope.to_owned(), ui_scopes, agents_block, server_entries, allows }
    }

    fn would_allow(&self, who: &Principal, says: impl Fn(&str) -> ScopeSays) -> Vec<WouldAllow> {
        let mut scopes: Vec<&String> = self.ui.keys().chain(self.sections.keys()).collect();
        scopes.sort();
        scopes.dedup();
        let allowing = scopes.into_iter().filter(|scope| !who.scopes.contains(scope)).filter_map(|scope| {
            let says = says(scope);
            let tiers = [&says.server_entries, &says.agents_block, &says.ui_scopes];
            let line = tiers.into_iter().find_map(|tier| match tier {
                TierSays::Allows { line, .. } => Some(*line),
                TierSays::Nothing | TierSays::Refuses { .. } => None,
            });
            let line = line.unwrap_or_default();
            says.allows.then(|| WouldAllow { scope: scope.clone(), groups: self.groups_of(scope), line })
        });
        allowing.collect()
    }

    fn groups_of(&self, scope: &str) -> Vec<String> {
        let mapped = self.mappings.iter().filter(|(_, scopes)| scopes.iter().any(|held| held == scope));
        let mut groups: Vec<String> = mapped.map(|(group, _)| group.clone()).collect();
        if !self.mappings.contains_key(scope) {
            groups.push(scope.to_owned());
        }
        groups
    }

    fn sight(&self, who: &Principal, entry: &EntryFacts) -> (bool, String) {
        let name = entry.visibility.name();
        let groups = || entry.allowed_groups.iter().find(|group| who.in_group(group));
        if entry.visibility == Visibility::Public {
            return (true, "public".to_owned());
        }
        if !entry.owner.is_empty() && entry.owner == who.username {
            return (true, format!("{name}, and the caller registered it"));
        }
        if self.is_admin(who) {
            return (true, format!("{name}, and the caller is an admin"));
        }
        match (entry.visibility, groups()) {
            (Visibility::GroupRestricted, Some(group)) => {
                (true, format!("{name}, and the caller is in '{group}'"))
            }
            (Visibility::GroupRestricted, None) => {
                (false, format!("{name}, and the caller is in none of its allowed groups"))
            }
            (Visibility::Public | Visibility::Private, _) => {
                (false, format!("{name}, and the caller neither registered it nor is an admin"))
            }
        }
    }
}

fn tier_says(tier: Option<&Grants>, action: Action, path: &str) -> TierSays {
    let Some(grants) = tier else { return TierSays::Nothing };
    match grants.rule(action, path) {
        Some(Rule { pattern, line }) => TierSays::Allows { resource: pattern.to_string(), line: *line },
        None => {
            let rules = grants.0.get(&action).map(Vec::as_slice).unwrap_or_default();
            TierSays::Refuses { reaches: rules.iter().map(|rule| rule.pattern.to_string()).collect() }
        }
    }
}
