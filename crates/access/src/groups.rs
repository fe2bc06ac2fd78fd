//! Group → scopes: the only mapping (design page "access", section 2).

use crate::principal::bare_group;
use crate::{Policy, Principal, ScopeSet};

impl Policy {
    /// The ordered union of what the groups map to.
    ///
    /// A group without a mapping whose own name is a scope of this policy maps to
    /// itself (the guide's "implicit" `a2a-agent-admin`); an unknown group gives nothing.
    pub fn scopes_for<G: AsRef<str>>(&self, groups: &[G]) -> ScopeSet {
        let mut scopes = ScopeSet::default();
        for group in groups {
            let group = bare_group(group.as_ref());
            match self.mappings.get(group) {
                Some(mapped) => mapped.iter().for_each(|scope| scopes.insert(scope)),
                None if self.defines(group) => scopes.insert(group),
                None => {}
            }
        }
        scopes
    }
}

impl Principal {
    /// The same caller under this policy: his groups mapped anew, and nothing beyond what a narrowed token was
    /// made for.
    #[must_use]
    pub fn under(&self, policy: &Policy) -> Principal {
        let given = policy.scopes_for(&self.groups);
        let scopes = if self.narrowed { given.intersection(&self.scopes) } else { given };
        Principal { scopes, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, Principal, ScopeSet};

    const FILE: &str = "
UI-Scopes:
  viewers: {list_agents: [all]}
group_mappings:
  admins: [viewers, mcp/read]
  everyone: [mcp/read, viewers]
mcp/read:
  - {server: '*', methods: [initialize]}
";

    #[test]
    fn maps_in_order_and_implicitly() {
        let policy = Policy::parse(FILE).expect("the file is right");
        for (groups, scopes) in [
            (&["admins"][..], "viewers mcp/read"),
            (&["everyone", "admins"], "mcp/read viewers"),
            (&["/admins"], "viewers mcp/read"),
            (&["viewers"], "viewers"),
            (&["mcp/read"], "mcp/read"),
            (&["a2a-agent-admin"], "a2a-agent-admin"),
            (&["strangers"], ""),
            (&["Admins", "admins "], ""),
            (&[], ""),
        ] {
            assert_eq!(policy.scopes_for(groups).to_string(), scopes, "{groups:?}");
        }
    }

    #[test]
    fn an_empty_mapping_takes_the_implicit_scope_away() {
        let policy = Policy::parse("group_mappings:\n  a2a-agent-admin: []\n").expect("right");
        assert!(policy.scopes_for(&["a2a-agent-admin"]).is_empty());
    }

    #[test]
    fn a_narrowed_caller_stays_narrow_under_any_policy() {
        let policy = Policy::parse(FILE).expect("right");
        let held = |scopes, narrowed| Principal {
            groups: vec!["admins".into()],
            scopes: ScopeSet::parse(scopes),
            narrowed,
            ..Principal::default()
        };
        for (who, expected) in [
            (held("viewers", true), "viewers"),
            (held("viewers gone", true), "viewers"),
            (held("", true), ""),
            (held("viewers", false), "viewers mcp/read"),
        ] {
            assert_eq!(who.under(&policy).scopes.to_string(), expected);
        }
    }
}
