//! Explanations: what a person reads when he asks why.

use access::{Action, Policy, Principal, Resource, TierSays, Verdict, Visibility};

const FILE: &str = "\
UI-Scopes:
  both: {get_agent: [/a, /team/*]}
  admins: {list_agents: [all], get_agent: [all], publish_agent: [all], modify_agent: [all], delete_agent: [all]}
group_mappings:
  staff: [both]
  bosses: [admins]
both:
  - agents: {actions: [{action: get_agent, resources: [/team/x]}]}
";

fn caller(policy: &Policy, groups: &[&str]) -> Principal {
    Principal {
        username: "me".into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        scopes: policy.scopes_for(groups),
        ..Principal::default()
    }
}

#[test]
fn every_tier_speaks_with_its_line() {
    let policy = Policy::parse(FILE).expect("right");
    let staff = caller(&policy, &["staff"]);
    let entry = Resource::entry("/team/x", "them", Visibility::Public, Vec::new());
    let why = policy.explain(&staff, Action::GetAgent, &entry);
    assert_eq!(why.verdict, Verdict::Allowed);
    assert_eq!(why.scopes[0].ui_scopes, TierSays::Allows { resource: "/team/*".into(), line: 2 });
    assert_eq!(why.scopes[0].agents_block, TierSays::Allows { resource: "/team/x".into(), line: 8 });
    assert_eq!(why.visibility.as_deref(), Some("public"));
    assert_eq!(why.reason(), "UI-Scopes both: /team/* (line 2) and agents block of both: /team/x (line 8)");

    let why = policy.explain(&staff, Action::GetAgent, &Resource::vacant("/a"));
    assert_eq!(why.verdict, Verdict::OutsideGrants);
    assert_eq!(why.scopes[0].agents_block, TierSays::Refuses { reaches: vec!["/team/x".into()] });
    let would: Vec<(&str, Vec<&str>, usize)> = why
        .would_allow
        .iter()
        .map(|would| (would.scope.as_str(), would.groups.iter().map(String::as_str).collect(), would.line))
        .collect();
    assert_eq!(
        would,
        [("a2a-agent-admin", vec!["a2a-agent-admin"], 0), ("admins", vec!["bosses", "admins"], 3)]
    );
}

#[test]
fn visibility_is_explained_within_the_grants() {
    let policy = Policy::parse(FILE).expect("right");
    let at = |owner: &str, visibility, groups: &[&str]| {
        Resource::entry(
            "/team/x",
            owner,
            visibility,
            groups.iter().map(|group| (*group).to_owned()).collect(),
        )
    };
    for (groups, resource, verdict, why) in [
        (["staff"], Resource::vacant("/team/x"), Verdict::Invisible, "nothing lives"),
        (["staff"], at("them", Visibility::Private, &[]), Verdict::Invisible, "neither registered it"),
        (["staff"], at("me", Visibility::Private, &[]), Verdict::Allowed, "the caller registered it"),
        (["bosses"], at("them", Visibility::Private, &[]), Verdict::Allowed, "an admin"),
        (["staff"], at("them", Visibility::GroupRestricted, &["/staff"]), Verdict::Allowed, "is in '/staff'"),
        (
            ["staff"],
            at("them", Visibility::GroupRestricted, &["x"]),
            Verdict::Invisible,
            "none of its allowed",
        ),
    ] {
        let explained = policy.explain(&caller(&policy, &groups), Action::GetAgent, &resource);
        assert_eq!(explained.verdict, verdict, "{why}");
        assert!(explained.visibility.expect("said").contains(why), "{why}");
    }
}

#[test]
fn a_call_is_explained_by_the_server_entries() {
    let policy = Policy::parse(
        "
UI-Scopes: {both: {list_service: [all]}}
group_mappings: {staff: [both, reader]}
both:
  - {server: clock, methods: [initialize, tools/call], tools: [now]}
  - {agents: {}}
reader: [{server: '*', methods: [tools/list]}]
other: [{server: clock, methods: [all], tools: ['*']}]
",
    )
    .expect("right");
    let staff = caller(&policy, &["staff"]);
    for (server, method, tool, allowed, reason) in [
        (
            "clock",
            "tools/call",
            Some("now"),
            true,
            "server entry of both: clock: initialize, tools/call (now) (line 5)",
        ),
        ("/clock/", "ping", None, true, "server entry of both: clock: initialize, tools/call (now) (line 5)"),
        ("fetch", "tools/list", None, true, "server entry of reader: *: tools/list (line 7)"),
        ("clock", "tools/call", Some("then"), false, "no scope of the caller allows the call"),
        ("clock", "tools/call", None, false, "no scope of the caller allows the call"),
        ("fetch", "tools/call", Some("now"), false, "no scope of the caller allows the call"),
    ] {
        let why = policy.explain_call(&staff, server, method, tool);
        assert_eq!((why.verdict == Verdict::Allowed, &*why.reason()), (allowed, reason), "{method} {tool:?}");
        assert_eq!(policy.may_call(&staff.scopes, server, method, tool), allowed);
        let would: Vec<(&str, usize)> =
            why.would_allow.iter().map(|would| (&*would.scope, would.line)).collect();
        let expected: &[(&str, usize)] =
            if server == "clock" && method == "tools/call" && tool == Some("then") {
                &[("other", 8)]
            } else {
                &[]
            };
        assert_eq!(would, expected, "{method} {tool:?}");
    }
    let why = policy.explain_call(&staff, "fetch", "tools/call", Some("now"));
    assert_eq!(
        why.scopes[0].server_entries,
        TierSays::Refuses { reaches: vec!["clock: initialize, tools/call (now)".into()] }
    );
    assert_eq!(
        (&why.scopes[0].ui_scopes, &why.scopes[0].agents_block),
        (&TierSays::Nothing, &TierSays::Nothing)
    );
}
