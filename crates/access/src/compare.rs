//! What another policy would change: who gains and who loses what.

use std::collections::BTreeSet;

use crate::grants::Pattern;
use crate::{Action, Policy, Principal, Resource, Visibility};

/// One difference between two policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The group whose members are concerned.
    pub group: String,
    /// The path.
    pub path: String,
    /// The action.
    pub action: Action,
    /// Whether the group gains it (else loses it).
    pub gained: bool,
}

impl Policy {
    /// Every agent action that some group gains or loses when `next` takes this policy's
    /// place, over the given entries and every path that either policy names. A path where
    /// nothing lives is judged as if a public agent did.
    pub fn compare(&self, next: &Policy, entries: &[&Resource]) -> Vec<Change> {
        let named: BTreeSet<String> = self.named_paths().chain(next.named_paths()).collect();
        let vacant: Vec<Resource> = named
            .into_iter()
            .filter(|path| !entries.iter().any(|entry| entry.path() == path))
            .map(|path| Resource::entry(path, "", Visibility::Public, Vec::new()))
            .collect();
        let resources: Vec<&Resource> = entries.iter().copied().chain(&vacant).collect();
        let groups: BTreeSet<&str> = self.known_groups().chain(next.known_groups()).collect();
        let mut changes: Vec<Change> =
            groups.into_iter().flat_map(|group| self.changes(next, group, &resources)).collect();
        changes.sort();
        changes
    }

    fn changes(&self, next: &Policy, group: &str, resources: &[&Resource]) -> Vec<Change> {
        let [before, after] = [self, next].map(|policy| Principal {
            groups: vec![group.to_owned()],
            scopes: policy.scopes_for(&[group]),
            ..Principal::default()
        });
        let mut changes = Vec::new();
        for action in Action::AGENT {
            let (old, new) = (self.view(&before, action), next.view(&after, action));
            for resource in resources {
                let (had, has) = (old.sees(resource), new.sees(resource));
                if had != has {
                    let (group, path) = (group.to_owned(), resource.path().to_owned());
                    changes.push(Change { group, path, action, gained: has });
                }
            }
        }
        changes
    }

    /// Groups that map to something, by name or by being a scope.
    fn known_groups(&self) -> impl Iterator<Item = &str> {
        self.mappings.keys().chain(self.ui.keys()).chain(self.sections.keys()).map(String::as_str)
    }

    fn named_paths(&self) -> impl Iterator<Item = String> {
        let tiers =
            self.ui.values().chain(self.sections.values().filter_map(|section| section.agents.as_ref()));
        let rules = tiers.flat_map(|grants| grants.0.iter()).filter(|(action, _)| action.is_agent());
        rules.flat_map(|(_, rules)| rules).filter_map(|rule| match &rule.pattern {
            Pattern::Exact(path) => Some(path.clone()),
            Pattern::All | Pattern::Below(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_gains_and_losses_over_entries_and_named_paths() {
        let before =
            Policy::parse("UI-Scopes: {a: {get_agent: [/x, /y]}, b: {get_agent: [all]}}").expect("right");
        let after =
            Policy::parse("UI-Scopes: {a: {get_agent: [/y, /z]}, b: {get_agent: [all]}}").expect("right");
        let private = Resource::entry("/z", "them", Visibility::Private, Vec::new());
        let said = |changes: Vec<Change>| -> Vec<String> {
            let sign = |change: &Change| if change.gained { "+" } else { "-" };
            changes.iter().map(|c| format!("{}{} {} {}", sign(c), c.group, c.action.name(), c.path)).collect()
        };
        assert_eq!(said(before.compare(&after, &[])), ["-a get_agent /x", "+a get_agent /z"]);
        assert_eq!(
            said(before.compare(&after, &[&private])),
            ["-a get_agent /x"],
            "nobody gains what he cannot see"
        );
        assert_eq!(before.compare(&before, &[&private]), []);
    }
}
