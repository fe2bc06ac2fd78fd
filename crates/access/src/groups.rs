//! Group → scopes: the only mapping (design page "access", section 2).

use crate::principal::bare_group;
use crate::{Policy, ScopeSet};

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

#[cfg(test)]
mod tests {
    use crate::Policy;

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
}
