//! The rules of the three tiers, one table each.

use access::{Action, Denied, Policy, Principal, Resource, ScopeSet, Visibility};

fn caller(scopes: &str) -> Principal {
    Principal { username: "me".into(), scopes: ScopeSet::parse(scopes), ..Principal::default() }
}

fn public(path: &str) -> Resource {
    Resource::entry(path, "them", Visibility::Public, Vec::new())
}

#[test]
fn tier_three_refines_tier_one() {
    let policy = Policy::parse(
        "
UI-Scopes:
  both: {get_agent: [/a, /b]}
  ui: {get_agent: [/a]}
  servers-only: {list_service: [all]}
both:
  - agents: {actions: [{action: get_agent, resources: [/b, /c]}, {action: list_agents, resources: [all]}]}
section:
  - agents: {actions: [{action: get_agent, resources: [/c/*]}]}
anywhere:
  - agents: {actions: [{action: get_agent, resources: [/*]}]}
servers-only:
  - agents: {actions: [{action: get_agent, resources: [all]}]}
ui:
  - {server: x, methods: [ping]}
empty:
  - agents: {}
",
    )
    .expect("right");
    for (scopes, path, allowed) in [
        ("both", "/a", false),
        ("both", "/b", true),
        ("both", "/c", false),
        ("ui", "/a", true),
        ("ui", "/b", false),
        ("section", "/c/x", true),
        ("section", "/c", false),
        ("anywhere", "/a", true),
        ("anywhere", "/a/b", true),
        ("servers-only", "/a", false),
        ("empty", "/a", false),
        ("both ui", "/a", true),
        ("unknown", "/a", false),
        ("", "/a", false),
    ] {
        let decided = policy.decide(&caller(scopes), Action::GetAgent, &public(path)).is_ok();
        assert_eq!(decided, allowed, "{scopes:?} get {path}");
    }
    let both = caller("both");
    assert!(!policy.view(&both, Action::ListAgents).sees(&public("/a")), "tier 1 does not list");
}

#[test]
fn an_admin_holds_one_scope_with_all_five_on_all() {
    let policy = Policy::parse(
        "
UI-Scopes:
  full: {list_agents: [all], get_agent: [all], publish_agent: [all], modify_agent: [all], delete_agent: [all]}
  most: {list_agents: [all], get_agent: [all], publish_agent: [all], modify_agent: [all]}
  rest: {delete_agent: [all]}
",
    )
    .expect("right");
    for (scopes, admin) in [("full", true), ("most", false), ("most rest", false), ("a2a-agent-admin", true)]
    {
        assert_eq!(policy.is_admin(&caller(scopes)), admin, "{scopes}");
    }
}

#[test]
fn the_file_may_redefine_the_built_in_scope() {
    let policy = Policy::parse("UI-Scopes: {a2a-agent-admin: {get_agent: [/a]}}").expect("right");
    let me = caller("a2a-agent-admin");
    assert!(policy.decide(&me, Action::GetAgent, &public("/a")).is_ok());
    assert_eq!(
        policy.decide(&me, Action::GetAgent, &public("/b")),
        Err(Denied::OutsideGrants(Action::GetAgent))
    );
    assert!(!policy.is_admin(&me));
}

#[test]
fn an_outsider_cannot_tell_the_absent_from_the_present() {
    let policy = Policy::parse("UI-Scopes: {s: {get_agent: [/mine]}}").expect("right");
    let me = caller("s");
    for (present, absent) in [
        (public("/other"), Resource::vacant("/other")),
        (Resource::entry("/mine", "them", Visibility::Private, Vec::new()), Resource::vacant("/mine")),
    ] {
        let answers = [&present, &absent].map(|resource| policy.decide(&me, Action::GetAgent, resource));
        assert_eq!(answers[0], answers[1]);
        assert!(answers[0].is_err());
    }
}

#[test]
fn an_entry_without_an_owner_belongs_to_nobody() {
    let policy = Policy::parse("UI-Scopes: {s: {get_agent: [all]}}").expect("right");
    let nameless = Principal { scopes: ScopeSet::parse("s"), ..Principal::default() };
    let orphan = Resource::entry("/a", "", Visibility::Private, Vec::new());
    assert_eq!(policy.decide(&nameless, Action::GetAgent, &orphan), Err(Denied::Invisible));
}

#[test]
fn servers_are_reached_by_name_and_by_star() {
    let policy = Policy::parse(
        "
some: [{server: currenttime/, methods: [ping]}]
any: [{server: '*', methods: [ping]}]
every: [{server: all, methods: [ping]}]
toothless: [{server: '*', methods: []}, {server: x}]
",
    )
    .expect("right");
    for (scope, server, reached) in [
        ("some", "currenttime", true),
        ("some", "/currenttime/", true),
        ("some", "currenttimes", false),
        ("any", "x", true),
        ("every", "x", true),
        ("none", "x", false),
        ("toothless", "x", false),
    ] {
        assert_eq!(policy.may_reach_server(&ScopeSet::parse(scope), server), reached, "{scope} {server}");
    }
}

#[test]
fn methods_and_tools_must_be_listed() {
    let text = "
reader: [{server: time, methods: [initialize, tools/list]}]
caller: [{server: time, methods: [tools/call], tools: [now]}]
anything: [{server: time, methods: [all], tools: ['*']}]
tools-only: [{server: time, methods: [tools/list], tools: ['*']}]
slip: [{server: time, methods: [tools/call]}]
";
    let policy = Policy::read(text, false).expect("right");
    for (scope, method, tool, allowed) in [
        ("reader", "initialize", None, true),
        ("reader", "server/discover", None, true),
        ("reader", "notifications/cancelled", None, true),
        ("reader", "ping", None, true),
        ("reader", "tools/list", None, true),
        ("reader", "tools/call", Some("now"), false),
        ("caller", "tools/call", Some("now"), true),
        ("caller", "tools/call", Some("then"), false),
        ("caller", "tools/call", None, false),
        ("caller", "ping", None, false),
        ("anything", "tools/call", Some("then"), true),
        ("anything", "resources/read", None, true),
        ("tools-only", "tools/call", Some("now"), false),
        ("slip", "tools/call", Some("now"), false),
    ] {
        let decided = policy.may_call(&ScopeSet::parse(scope), "/time/", method, tool);
        assert_eq!(decided, allowed, "{scope} {method} {tool:?}");
        assert!(!policy.may_call(&ScopeSet::parse(scope), "other", method, tool), "{scope} elsewhere");
        assert!(policy.calls(&ScopeSet::parse(scope), "other").names_nothing(), "{scope} elsewhere");
    }
    assert_eq!(policy.warnings().len(), 1);
    assert_eq!(Policy::read(text, true).expect_err("a slip").len(), 1);
}
