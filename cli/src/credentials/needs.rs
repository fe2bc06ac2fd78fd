//! What a command needs its token to carry, judged before anything is sent.

use std::collections::BTreeSet;
use std::path::Path;

use access::{Action, Policy, Principal, Resource, Verdict, Visibility};
use catalog::{Entry, EntryPath, ServerEntry};

use super::claims::Claims;
use super::options::Checks;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// A path for judging what groups may do anywhere at all.
const ANYWHERE: &str = "/anywhere";

/// A policy that allows nobody anything: the empty one still has its built-in scope.
const NOTHING: &str = "group_mappings: {a2a-agent-admin: []}";

/// What a command is about to do.
#[derive(Clone, Debug)]
pub(crate) struct Needs(Wish);

#[derive(Clone, Debug)]
enum Wish {
    Nothing,
    Somewhere(Action),
    On(Action, EntryPath),
    Call(EntryPath, String),
}

impl Needs {
    /// To be somebody.
    pub(crate) fn nothing() -> Needs {
        Needs(Wish::Nothing)
    }

    /// To do this to some agent, or some MCP server, or other.
    pub(crate) fn to(action: Action) -> Needs {
        Needs(Wish::Somewhere(action))
    }

    /// To do this to the agent, or the MCP server, at that path.
    pub(crate) fn on(action: Action, path: EntryPath) -> Needs {
        Needs(Wish::On(action, path))
    }

    /// To call this tool of the MCP server at that path.
    pub(crate) fn call(path: EntryPath, tool: impl Into<String>) -> Needs {
        Needs(Wish::Call(path, tool.into()))
    }

    /// Whether a token with these claims, from this file, will do.
    ///
    /// # Errors
    /// One line: what is missing and who can help.
    pub(super) fn check(&self, file: &Path, claims: &Claims, checks: &Checks) -> Result<(), Failure> {
        let name = file.display();
        let groups = claims.groups(&checks.groups_claim);
        let scopes = claims.own_scopes();
        if groups.is_empty() && scopes.is_empty() {
            let who = plain(claims.username().unwrap_or("the account"));
            let claim = plain(&checks.groups_claim);
            return Err(Failure::new(
                Exit::Credentials,
                format!(
                    "{name}: the token names no groups, so the gateway would show nothing: let the identity \
                     provider put {who} into a group and its groups into the claim '{claim}', then sign in again"
                ),
            ));
        }
        match (&checks.policy, &self.0) {
            (None, _) | (_, Wish::Nothing) => Ok(()),
            (Some(policy), Wish::Somewhere(_) | Wish::On(..) | Wish::Call(..)) => {
                let rules = read(policy)?;
                self.allowed(&rules, &groups, &scopes).map_err(|why| {
                    Failure::new(Exit::Credentials, format!("{name}: {why} (by {})", policy.display()))
                })
            }
        }
    }

    /// As the servers decide, for an entry that is there and public: the rest only they know.
    fn allowed(&self, policy: &Policy, groups: &[String], scopes: &[String]) -> Result<(), String> {
        let who = Principal {
            groups: groups.to_vec(),
            scopes: match groups {
                [] => scopes.iter().map(String::as_str).collect(),
                groups => policy.scopes_for(groups),
            },
            ..Principal::default()
        };
        let (allowed, wish, helpful): (bool, String, BTreeSet<String>) = match &self.0 {
            Wish::Nothing => return Ok(()),
            Wish::On(action, path) => {
                let why = policy.explain(&who, *action, &Resource::vacant(name(*action, path)));
                let helpful = why.would_allow.into_iter().flat_map(|would| would.groups).collect();
                let wish = format!("{} on {path}", action.name());
                (why.verdict != Verdict::OutsideGrants, wish, helpful)
            }
            Wish::Somewhere(action) => {
                let allowed = policy.view(&who, *action).reaches_anything();
                (allowed, action.name().to_owned(), able(policy, *action))
            }
            Wish::Call(path, tool) => {
                // The greeting comes before the call, and may be refused as well.
                let calls = [("initialize", None), ("tools/call", Some(&**tool))].map(|(method, tool)| {
                    policy.explain_call(&who, <ServerEntry as Entry>::policy_name(path), method, tool)
                });
                let allowed = calls.iter().all(|call| call.verdict == Verdict::Allowed);
                let [_, call] = calls;
                let helpful = call.would_allow.into_iter().flat_map(|would| would.groups).collect();
                (allowed, format!("tools/call of '{}' on {path}", plain(tool)), helpful)
            }
        };
        if allowed {
            return Ok(());
        }
        let (kind, held) = if groups.is_empty() { ("scopes", scopes) } else { ("groups", groups) };
        let helpful = match Vec::from_iter(helpful) {
            none if none.is_empty() => "no group does".to_owned(),
            some => format!("these groups do: {}", list(&some)),
        };
        Err(format!("none of the token's {kind} ({}) allows {wish}; {helpful}", list(held)))
    }
}

/// What a policy calls the entry at a path: of MCP servers it has the names, without a slash.
fn name(action: Action, path: &EntryPath) -> &str {
    if action.is_agent() { path.as_str() } else { <ServerEntry as Entry>::policy_name(path) }
}

/// The groups that may do it somewhere: what they have and nobody would have without this policy.
fn able(policy: &Policy, action: Action) -> BTreeSet<String> {
    let Ok(nothing) = Policy::parse(NOTHING) else { return BTreeSet::new() };
    let anywhere = Resource::entry(ANYWHERE, "", Visibility::Public, Vec::new());
    let gains = nothing.compare(policy, &[&anywhere], &[&anywhere]);
    let gains = gains.into_iter().filter(|change| change.gained && change.action == action.name());
    gains.map(|change| change.group).collect()
}

fn read(file: &Path) -> Result<Policy, Failure> {
    let name = file.display();
    let wrong = |why: String| Failure::new(Exit::WrongUse, format!("{name}: {why}"));
    let text = std::fs::read_to_string(file).map_err(|fault| wrong(format!("{fault}: see --policy")))?;
    Policy::read(&text, false).map_err(|faults| {
        let faults =
            if faults.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", faults.len()) };
        wrong(format!("the policy has {faults}: see 'agentctl access check {name}'"))
    })
}

fn list(names: &[String]) -> String {
    plain(&names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
UI-Scopes:
  admins: {list_agents: [all], modify_agent: [all]}
  lob1: {list_agents: [/a], modify_agent: [/a]}
  readers: {list_agents: [/a, /b]}
  keepers: {modify_service: [clock]}
clocks:
  - {server: clock, methods: [initialize, tools/call], tools: [now]}
group_mappings:
  root: [admins]
";

    fn said(needs: &Needs, groups: &[&str], scopes: &[&str]) -> Result<(), String> {
        let policy = Policy::parse(POLICY).expect("a policy");
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        needs.allowed(&policy, &owned(groups), &owned(scopes))
    }

    #[test]
    fn a_group_that_allows_it_will_do() {
        let path = |text: &str| EntryPath::parse(text).expect("a path");
        let modify = |at: &str| Needs::on(Action::ModifyAgent, path(at));
        for (needs, groups, scopes, fine) in [
            (Needs::to(Action::ListAgents), &["readers"][..], &[][..], true),
            (Needs::to(Action::ModifyAgent), &["readers"], &[], false),
            (Needs::to(Action::ModifyAgent), &["readers", "/lob1"], &[], true),
            (modify("/a"), &["lob1"], &[], true),
            (modify("/b"), &["lob1"], &[], false),
            (modify("/b"), &["root"], &[], true),
            (modify("/b"), &[], &["admins"], true),
            (modify("/b"), &["lob1"], &["admins"], false),
            (Needs::to(Action::GetAgent), &["root"], &[], false),
        ] {
            assert_eq!(said(&needs, groups, scopes).is_ok(), fine, "{needs:?} {groups:?} {scopes:?}");
        }
    }

    #[test]
    fn of_servers_a_policy_has_the_names() {
        let path = || EntryPath::parse("/clock").expect("a path");
        let modify = Needs::on(Action::ModifyService, path());
        assert_eq!(said(&modify, &["keepers"], &[]), Ok(()));
        let refused =
            "none of the token's groups (lob1) allows modify_service on /clock; these groups do: keepers";
        assert_eq!(said(&modify, &["lob1"], &[]), Err(refused.to_owned()));
        let refused = "none of the token's groups (lob1) allows modify_service; these groups do: keepers";
        assert_eq!(said(&Needs::to(Action::ModifyService), &["lob1"], &[]), Err(refused.to_owned()));
        assert_eq!(said(&Needs::call(path(), "now"), &["clocks"], &[]), Ok(()));
        let refused =
            "none of the token's groups (lob1) allows tools/call of 'now' on /clock; these groups do: clocks";
        assert_eq!(said(&Needs::call(path(), "now"), &["lob1"], &[]), Err(refused.to_owned()));
        let refused =
            "none of the token's groups (clocks) allows tools/call of 'set' on /clock; no group does";
        assert_eq!(said(&Needs::call(path(), "set"), &["clocks"], &[]), Err(refused.to_owned()));
    }

    #[test]
    fn a_refusal_says_what_is_held_and_what_would_do() {
        let path = EntryPath::parse("/b").expect("a path");
        assert_eq!(
            said(&Needs::on(Action::ModifyAgent, path), &["lob1", "x"], &[]),
            Err("none of the token's groups (lob1, x) allows modify_agent on /b; these groups do: \
                 a2a-agent-admin, admins, root"
                .to_owned())
        );
        assert_eq!(
            said(&Needs::to(Action::ListAgents), &[], &["other"]),
            Err("none of the token's scopes (other) allows list_agents; \
                 these groups do: a2a-agent-admin, admins, lob1, readers, root"
                .to_owned())
        );
        assert_eq!(
            said(&Needs::to(Action::GetAgent), &["x"], &[]),
            Err("none of the token's groups (x) allows get_agent; these groups do: a2a-agent-admin"
                .to_owned())
        );
    }
}
