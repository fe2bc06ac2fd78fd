//! The golden tables for the shipped policy: role × agent × action, role × MCP server × action, role × call.
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

/// The MCP servers of the tables, by their names.
fn servers() -> Vec<(&'static str, Resource)> {
    let server = |name: &str| Resource::entry(name, "x", Visibility::Public, Vec::new());
    vec![
        ("currenttime vacant", Resource::vacant("currenttime")),
        ("currenttime", server("currenttime")),
        ("mcpgw", server("mcpgw")),
        ("elsewhere", server("elsewhere")),
    ]
}

/// What is called of them: a method, and for `tools/call` a tool.
const CALLS: [(&str, Option<&str>); 7] = [
    ("initialize", None),
    ("server/discover", None),
    ("ping", None),
    ("tools/list", None),
    ("tools/call", Some("current_time_by_timezone")),
    ("tools/call", Some("another")),
    ("resources/read", None),
];

/// Each service permission on all servers, on one and on none; each scope with an `agents` block beside it, which
/// has nothing to do with servers; and one with such a block alone.
fn every_reach() -> (String, Vec<String>) {
    let mut scopes = vec!["agents-block-only".to_owned()];
    let mut ui = String::from("UI-Scopes:\n");
    for action in Action::SERVICE.map(Action::name) {
        for (reach, resources) in [("all", "[all]"), ("named", "[/currenttime/]"), ("none", "[]")] {
            let scope = format!("{}:{reach}", action.trim_end_matches("_service"));
            writeln!(ui, "  \"{scope}\": {{{action}: {resources}}}").expect("a string takes everything");
            scopes.push(scope);
        }
    }
    let block = "[{agents: {actions: [{action: get_agent, resources: [/a]}]}}]";
    let sections: String = scopes.iter().map(|scope| format!("\"{scope}\": {block}\n")).collect();
    (ui + &sections, scopes)
}

fn caller(policy: &Policy, username: &str, groups: &[&str]) -> Principal {
    Principal {
        username: username.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        scopes: policy.scopes_for(groups),
        ..Principal::default()
    }
}

/// What every way of asking says of one action.
fn cell(policy: &Policy, who: &Principal, action: Action, resource: &Resource) -> &'static str {
    let decided = policy.decide(who, action, resource);
    assert_eq!(policy.view(who, action).sees(resource), decided.is_ok());
    let (cell, verdict) = match decided {
        Ok(permit) => {
            assert!(permit.is_for(action, resource.path()));
            ("y", Verdict::Allowed)
        }
        Err(access::Denied::OutsideGrants(_)) => ("-", Verdict::OutsideGrants),
        Err(access::Denied::Invisible) => (".", Verdict::Invisible),
    };
    let explained = policy.explain(who, action, resource).verdict;
    assert_eq!(explained, verdict, "explain and decide differ: {who:?} {resource:?} {}", action.name());
    cell
}

/// Rows of one table: whoever asks, for each thing.
fn rows(table: &mut String, who: &str, things: &[(&str, Vec<&str>)], widths: &[usize]) {
    for (name, cells) in things {
        let cells: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let row = format!("{who:<20} {name:<41} {}", cells.join(" "));
        writeln!(table, "{}", row.trim_end()).expect("a string takes everything");
    }
}

#[test]
fn the_shipped_policy_decides_as_the_matrix_says() {
    let policy = Policy::parse(SHIPPED).expect("the shipped policy has no fault");
    assert_eq!(policy.warnings(), [], "the shipped policy has no slip");
    let mut table = String::from(
        "y allowed   - outside the grants (403)   . absent or invisible (404)\n\n\
         role                 resource                                  list get publish modify delete\n",
    );
    let cells = |policy: &Policy, who: &Principal, actions: [Action; 5], resource: &Resource| -> Vec<&str> {
        actions.into_iter().map(|action| cell(policy, who, action, resource)).collect()
    };
    let roles = ROLES.map(|(role, username, groups)| (role, caller(&policy, username, groups)));
    for (role, who) in &roles {
        let seen: Vec<_> = resources()
            .iter()
            .map(|(name, resource)| (*name, cells(&policy, who, Action::AGENT, resource)))
            .collect();
        rows(&mut table, role, &seen, &[4, 3, 7, 6, 6]);
    }

    let head = "server                                    list register health toggle modify\n";
    table += &format!("\nrole                 {head}");
    for (role, who) in &roles {
        let seen: Vec<_> = servers()
            .iter()
            .map(|(name, server)| (*name, cells(&policy, who, Action::SERVICE, server)))
            .collect();
        rows(&mut table, role, &seen, &[4, 8, 6, 6, 6]);
    }

    // What the shipped policy has no example of.
    let (text, scopes) = every_reach();
    let every = Policy::parse(&text).expect("it is right");
    table += &format!("\nscope                {head}");
    for scope in &scopes {
        let who = caller(&every, "me", &[scope]);
        let seen: Vec<_> = servers()
            .iter()
            .map(|(name, server)| (*name, cells(&every, &who, Action::SERVICE, server)))
            .collect();
        rows(&mut table, scope, &seen, &[4, 8, 6, 6, 6]);
    }

    table += "\nrole                 call                                      currenttime mcpgw\n";
    for (role, who) in &roles {
        let [currenttime, mcpgw] = ["currenttime", "mcpgw"].map(|server| policy.calls(&who.scopes, server));
        let names: Vec<String> =
            CALLS.iter().map(|(method, tool)| format!("{method} {}", tool.unwrap_or_default())).collect();
        let seen: Vec<_> = CALLS
            .iter()
            .zip(&names)
            .map(|((method, tool), name)| {
                let cell = |calls: &access::Calls<'_>| if calls.may(method, *tool) { "y" } else { "-" };
                (name.trim_end(), vec![cell(&currenttime), cell(&mcpgw)])
            })
            .collect();
        rows(&mut table, role, &seen, &[11, 5]);
    }

    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix.txt");
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::write(golden, &table).expect("the matrix can be written");
    }
    let accepted = std::fs::read_to_string(golden).expect("matrix.txt is there");
    assert_eq!(table, accepted, "access has changed: read the difference, then accept it with ACCEPT=1");
}

#[test]
fn a_line_of_business_lists_exactly_the_servers_it_is_given() {
    let policy = Policy::parse(SHIPPED).expect("the shipped policy has no fault");
    let who = caller(&policy, "bot1", &["registry-users-lob1"]);
    let listed: Vec<&str> = ["currenttime", "mcpgw", "fetch", "currenttimes", "registry"]
        .into_iter()
        .filter(|name| {
            let server = Resource::entry(*name, "x", Visibility::Public, Vec::new());
            policy.view(&who, Action::ListService).sees(&server)
        })
        .collect();
    assert_eq!(listed, ["currenttime", "mcpgw"]);
}

#[test]
fn the_guides_account_has_exactly_the_guides_scopes() {
    let policy = Policy::parse(SHIPPED).expect("the shipped policy has no fault");
    assert_eq!(
        policy.scopes_for(&["mcp-servers-unrestricted", "a2a-agent-admin"]).to_string(),
        "mcp-servers-unrestricted/read mcp-servers-unrestricted/execute a2a-agent-admin"
    );
}
