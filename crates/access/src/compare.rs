//! What another policy would change: who gains and who loses what.

use std::collections::{BTreeMap, BTreeSet};

use crate::calls::spelled;
use crate::grants::{Pattern, TOOLS_CALL, WITH_INITIALIZE};
use crate::{Action, Policy, Principal, Resource, Visibility};

/// One difference between two policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The group whose members are concerned.
    pub group: String,
    /// The agent's path, or the MCP server's name; `*` is every server that is not named.
    pub path: String,
    /// The action, or the method that may be called and its tool (`tools/call now`); `*` is every method, or tool,
    /// that is not named.
    pub action: String,
    /// Whether the group gains it (else loses it).
    pub gained: bool,
}

/// Stands for what no policy names. No grant names it: there it is the wildcard.
const ANY_OTHER: &str = "*";

impl Policy {
    /// Everything that some group may do to agents and MCP servers, or may call of servers, that it gains or loses
    /// when `next` takes this policy's place: over the given entries and everything that either policy names. Where
    /// nothing lives is judged as if something public did.
    pub fn compare(&self, next: &Policy, agents: &[&Resource], servers: &[&Resource]) -> Vec<Change> {
        let agents = all(agents, self.named(true).chain(next.named(true)));
        let of_calls = self.named_servers().chain(next.named_servers());
        let servers = all(servers, self.named(false).chain(next.named(false)).chain(of_calls));
        let calls = self.named_calls().chain(next.named_calls()).collect();
        let groups: BTreeSet<&str> = self.known_groups().chain(next.known_groups()).collect();
        let of_group = |group| {
            let [before, after] = [self, next].map(|policy| Principal {
                groups: vec![String::from(group)],
                scopes: policy.scopes_for(&[group]),
                ..Principal::default()
            });
            let mut changes = self.actions(next, [&before, &after], &Action::AGENT, &agents);
            changes.extend(self.actions(next, [&before, &after], &Action::SERVICE, &servers));
            changes.extend(self.callings(next, [&before, &after], &servers, &calls));
            changes.into_iter().map(move |(path, action, gained)| Change {
                group: String::from(group),
                path,
                action,
                gained,
            })
        };
        let mut changes: Vec<Change> = groups.into_iter().flat_map(of_group).collect();
        changes.sort();
        changes
    }

    fn actions(
        &self,
        next: &Policy,
        [before, after]: [&Principal; 2],
        actions: &[Action],
        resources: &[Resource],
    ) -> Vec<Difference> {
        let mut changes = Vec::new();
        for action in actions {
            let (old, new) = (self.view(before, *action), next.view(after, *action));
            for resource in resources {
                let (had, has) = (old.sees(resource), new.sees(resource));
                if had != has {
                    changes.push((resource.path().to_owned(), action.name().to_owned(), has));
                }
            }
        }
        changes
    }

    /// What changes for every server, method or tool alike is told once.
    fn callings(
        &self,
        next: &Policy,
        [before, after]: [&Principal; 2],
        servers: &[Resource],
        calls: &BTreeSet<(&str, Option<&str>)>,
    ) -> Vec<Difference> {
        let of = |server: &str| {
            let (old, new) = (self.calls(&before.scopes, server), next.calls(&after.scopes, server));
            let may = |(method, tool): (&str, Option<&str>)| (old.may(method, tool), new.may(method, tool));
            let any_method = may((ANY_OTHER, None));
            let any_tool = may((TOOLS_CALL, Some(ANY_OTHER)));
            let mut found = BTreeMap::from([
                (spelled(ANY_OTHER, None), any_method),
                (spelled(TOOLS_CALL, Some(ANY_OTHER)), any_tool),
            ]);
            for (method, tool) in calls {
                let (change, alike) =
                    (may((method, *tool)), if tool.is_some() { any_tool } else { any_method });
                if change != alike {
                    found.insert(spelled(method, *tool), change);
                }
            }
            found
        };
        let others = of(ANY_OTHER);
        let mut changes = Vec::new();
        let mut tell = |server: &str, found: &BTreeMap<String, (bool, bool)>| {
            let differing = found.iter().filter(|(_, (had, has))| had != has);
            changes.extend(differing.map(|(call, (_, has))| (server.to_owned(), call.clone(), *has)));
        };
        tell(ANY_OTHER, &others);
        for server in servers {
            let mut found = of(server.path());
            found.retain(|call, change| others.get(call) != Some(change));
            tell(server.path(), &found);
        }
        changes
    }

    /// Groups that map to something, by name or by being a scope.
    fn known_groups(&self) -> impl Iterator<Item = &str> {
        self.mappings.keys().chain(self.ui.keys()).chain(self.sections.keys()).map(String::as_str)
    }

    /// The agents, or the servers, that rules name.
    fn named(&self, agents: bool) -> impl Iterator<Item = &str> {
        let tiers =
            self.ui.values().chain(self.sections.values().filter_map(|section| section.agents.as_ref()));
        let rules = tiers.flat_map(|grants| grants.0.iter());
        let rules = rules.filter(move |(action, _)| action.is_agent() == agents);
        rules.flat_map(|(_, rules)| rules).filter_map(|rule| match &rule.pattern {
            Pattern::Exact(path) => Some(&**path),
            Pattern::All | Pattern::Below(_) => None,
        })
    }

    /// The servers that sections name.
    fn named_servers(&self) -> impl Iterator<Item = &str> {
        self.sections
            .values()
            .flat_map(|section| &section.servers)
            .filter_map(|grant| grant.server.as_deref())
    }

    /// The methods and tools that sections name, and what comes with `initialize`.
    fn named_calls(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let grants = self.sections.values().flat_map(|section| &section.servers);
        let named = grants.flat_map(|grant| {
            let methods = grant.methods.named.iter().filter(|method| *method != TOOLS_CALL);
            let tools = grant.tools.named.iter().map(|tool| (TOOLS_CALL, Some(&**tool)));
            methods.map(|method| (&**method, None)).chain(tools)
        });
        named.chain(WITH_INITIALIZE.map(|method| (method, None)))
    }
}

/// Where, what, and whether it is gained.
type Difference = (String, String, bool);

/// The entries, and something public at every other place that is named.
fn all<'n>(entries: &[&Resource], named: impl Iterator<Item = &'n str>) -> Vec<Resource> {
    let named: BTreeSet<&str> = named.collect();
    let free = named.into_iter().filter(|path| !entries.iter().any(|entry| entry.path() == *path));
    let free = free.map(|path| Resource::entry(path, "", Visibility::Public, Vec::new()));
    entries.iter().copied().cloned().chain(free).collect()
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
            changes.iter().map(|c| format!("{}{} {} {}", sign(c), c.group, c.action, c.path)).collect()
        };
        assert_eq!(said(before.compare(&after, &[], &[])), ["-a get_agent /x", "+a get_agent /z"]);
        assert_eq!(
            said(before.compare(&after, &[&private], &[])),
            ["-a get_agent /x"],
            "nobody gains what he cannot see"
        );
        assert_eq!(before.compare(&before, &[&private], &[]), []);
    }
    #[test]
    fn servers_and_what_is_called_of_them_count_too() {
        let policy = |text: &str| Policy::parse(text).expect("right");
        let before = policy(
            "
UI-Scopes: {a: {list_service: [clock]}}
a: [{server: clock, methods: [initialize, tools/call], tools: [now]}, {agents: {}}]
b: [{server: '*', methods: [all], tools: ['*']}]
",
        );
        let after = policy(
            "
UI-Scopes: {a: {list_service: [clock, fetch], toggle_service: [all]}}
a: [{server: clock, methods: [tools/call, resources/read], tools: [then]}]
b: [{server: clock, methods: [all], tools: ['*']}, {server: '*', methods: [ping]}]
",
        );
        let fetch = Resource::entry("fetch", "", Visibility::Public, Vec::new());
        let changes = before.compare(&after, &[], &[&fetch]);
        let sign = |change: &Change| if change.gained { "+" } else { "-" };
        let said: Vec<String> =
            changes.iter().map(|c| format!("{}{} {} {}", sign(c), c.group, c.path, c.action)).collect();
        let greetings =
            ["initialize", "notifications/cancelled", "notifications/initialized", "notifications/progress"];
        let mut expected: Vec<String> = greetings.iter().map(|method| format!("-a clock {method}")).collect();
        expected.extend(
            [
                "-a clock ping",
                "+a clock resources/read",
                "-a clock server/discover",
                "+a clock toggle_service",
                "-a clock tools/call now",
                "+a clock tools/call then",
                "+a fetch list_service",
                "+a fetch toggle_service",
                "-b * *",
                "-b * tools/call *",
            ]
            .map(str::to_owned),
        );
        assert_eq!(said, expected);
        assert_eq!(before.compare(&before, &[], &[&fetch]), []);
    }
}
