//! The golden table role × resource × action for the shipped policy.
//!
//! A change of access shows as a change of `matrix.txt`; after reading that change,
//! accept it with `ACCEPT=1 cargo test -p access --test matrix`.

use std::fmt::Write as _;

use access::{Action, Policy, Principal, Resource, Verdict, Visibility};

const SHIPPED: &str = include_str!("../../../deploy/scopes.yml");

/// Role, username, groups.
const ROLES: [(&str, &str, &[&str]); 9] = [
    ("guide's account", "service-account-mcp-gateway-m2m", &["mcp-servers-unrestricted", "a2a-agent-admin"]),
    ("registry admin", "root", &["mcp-registry-admin"]),
    ("mcp only", "mcp", &["mcp-servers-unrestricted"]),
    ("lob1", "bot1", &["registry-users-lob1"]),
    ("lob1 by full path", "bot1b", &["/registry-users-lob1"]),
    ("lob2", "bot2", &["registry-users-lob2"]),
    ("lob1 and lob2", "both", &["registry-users-lob1", "registry-users-lob2"]),
    ("stranger", "eve", &["nobody-maps-this"]),
    ("no groups", "mallory", &[]),
];

fn resources() -> Vec<(&'static str, Resource)> {
    let entry = |path: &str, owner: &str, visibility, groups: &[&str]| {
        Resource::entry(path, owner, visibility, groups.iter().map(|group| (*group).to_owned()).collect())
    };
    vec![
        ("/code-reviewer vacant", Resource::vacant("/code-reviewer")),
        ("/code-reviewer public", entry("/code-reviewer", "x", Visibility::Public, &[])),
        ("/code-reviewer private of bot1", entry("/code-reviewer", "bot1", Visibility::Private, &[])),
        ("/code-reviewer private of x", entry("/code-reviewer", "x", Visibility::Private, &[])),
        (
            "/code-reviewer for registry-users-lob1",
            entry("/code-reviewer", "x", Visibility::GroupRestricted, &["registry-users-lob1"]),
        ),
        ("/code-reviewer for others", entry("/code-reviewer", "x", Visibility::GroupRestricted, &["others"])),
        ("/code-reviewer/below public", entry("/code-reviewer/below", "x", Visibility::Public, &[])),
        ("/data-analysis public", entry("/data-analysis", "x", Visibility::Public, &[])),
        ("/elsewhere public", entry("/elsewhere", "x", Visibility::Public, &[])),
        ("/elsewhere private of eve", entry("/elsewhere", "eve", Visibility::Private, &[])),
    ]
}

#[test]
fn the_shipped_policy_decides_as_the_matrix_says() {
    let policy = Policy::parse(SHIPPED).expect("the shipped policy has no fault");
    assert_eq!(policy.warnings(), [], "the shipped policy has no slip");
    let mut table = String::from(
        "y allowed   - outside the grants (403)   . absent or invisible (404)\n\n\
         role                 resource                                  list get publish modify delete\n",
    );
    for (role, username, groups) in ROLES {
        let who = Principal {
            username: username.into(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            scopes: policy.scopes_for(groups),
            ..Principal::default()
        };
        for (name, resource) in resources() {
            let cells: Vec<&str> = Action::AGENT
                .into_iter()
                .map(|action| {
                    let explained = policy.explain(&who, action, &resource).verdict;
                    let (cell, verdict) = match policy.decide(&who, action, &resource) {
                        Ok(permit) => {
                            assert!(permit.is_for(action, resource.path()));
                            ("y", Verdict::Allowed)
                        }
                        Err(access::Denied::OutsideGrants(_)) => ("-", Verdict::OutsideGrants),
                        Err(access::Denied::Invisible) => (".", Verdict::Invisible),
                    };
                    assert_eq!(
                        explained,
                        verdict,
                        "explain and decide differ: {role} {name} {}",
                        action.name()
                    );
                    cell
                })
                .collect();
            writeln!(
                table,
                "{role:<20} {name:<41} {:<4} {:<3} {:<7} {:<6} {}",
                cells[0], cells[1], cells[2], cells[3], cells[4]
            )
            .expect("a string takes everything");
        }
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix.txt");
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::write(golden, &table).expect("the matrix can be written");
    }
    let accepted = std::fs::read_to_string(golden).expect("matrix.txt is there");
    assert_eq!(table, accepted, "access has changed: read the difference, then accept it with ACCEPT=1");
}

#[test]
fn the_guides_account_has_exactly_the_guides_scopes() {
    let policy = Policy::parse(SHIPPED).expect("the shipped policy has no fault");
    assert_eq!(
        policy.scopes_for(&["mcp-servers-unrestricted", "a2a-agent-admin"]).to_string(),
        "mcp-servers-unrestricted/read mcp-servers-unrestricted/execute a2a-agent-admin"
    );
}
