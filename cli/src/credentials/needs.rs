//! What a command needs its token to carry, judged before anything is sent.

use std::collections::BTreeSet;
use std::path::Path;

use access::{Action, Policy, Principal, Resource, Verdict, Visibility};
use catalog::EntryPath;

use super::claims::Claims;
use super::options::Checks;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// A path for judging what groups may do anywhere at all.
const ANYWHERE: &str = "/anywhere";

/// A policy that allows nobody anything: the empty one still has its built-in scope.
const NOTHING: &str = "group_mappings: {a2a-agent-admin: []}";

/// What a command is about to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    action: Option<Action>,
    resource: Option<EntryPath>,
}

impl Needs {
    /// To be somebody.
    pub(crate) fn nothing() -> Needs {
        Needs::default()
    }

    /// To do this to some agent or other.
    pub(crate) fn to(action: Action) -> Needs {
        Needs { action: Some(action), resource: None }
    }

    /// To do this to the agent at that path.
    pub(crate) fn on(action: Action, path: EntryPath) -> Needs {
        Needs { action: Some(action), resource: Some(path) }
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
        match (&checks.policy, self.action) {
            (Some(policy), Some(action)) => {
                let rules = read(policy)?;
                self.allowed(&rules, action, &groups, &scopes).map_err(|why| {
                    Failure::new(Exit::Credentials, format!("{name}: {why} (by {})", policy.display()))
                })
            }
            _ => Ok(()),
        }
    }

    /// As the servers decide, for an agent that is there and public: the rest only they know.
    fn allowed(
        &self,
        policy: &Policy,
        action: Action,
        groups: &[String],
        scopes: &[String],
    ) -> Result<(), String> {
        let who = Principal {
            groups: groups.to_vec(),
            scopes: match groups {
                [] => scopes.iter().map(String::as_str).collect(),
                groups => policy.scopes_for(groups),
            },
            ..Principal::default()
        };
        let (allowed, helpful, place) = match &self.resource {
            Some(path) => {
                let resource = Resource::vacant(path.as_str());
                let why = policy.explain(&who, action, &resource);
                let helpful = why.would_allow.into_iter().flat_map(|would| would.groups).collect();
                (why.verdict != Verdict::OutsideGrants, helpful, format!(" on {path}"))
            }
            None => {
                let allowed = policy.view(&who, action).reaches_anything();
                (allowed, if allowed { BTreeSet::new() } else { able(policy, action) }, String::new())
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
        let action = action.name();
        Err(format!("none of the token's {kind} ({}) allows {action}{place}; {helpful}", list(held)))
    }
}

/// The groups that may do it somewhere: what they have and nobody would have without this policy.
fn able(policy: &Policy, action: Action) -> BTreeSet<String> {
    let Ok(nothing) = Policy::parse(NOTHING) else { return BTreeSet::new() };
    let anywhere = Resource::entry(ANYWHERE, "", Visibility::Public, Vec::new());
    let gains = nothing.compare(policy, &[&anywhere]);
    gains.into_iter().filter(|change| change.gained && change.action == action).map(|c| c.group).collect()
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
group_mappings:
  root: [admins]
";

    fn said(needs: &Needs, groups: &[&str], scopes: &[&str]) -> Result<(), String> {
        let policy = Policy::parse(POLICY).expect("a policy");
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        needs.allowed(&policy, needs.action.expect("an action"), &owned(groups), &owned(scopes))
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
