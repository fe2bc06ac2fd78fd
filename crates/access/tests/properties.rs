//! What holds for every policy, not only for the shipped one.

use access::{Action, Denied, Policy, Principal, Resource, ScopeSet, Verdict, Visibility};
use proptest::prelude::*;

const SCOPES: [&str; 4] = ["s0", "s1", "s2/read", "a2a-agent-admin"];
const PATHS: [&str; 5] = ["/a", "/b", "/team/x", "/team/x/y", "/c"];
const RESOURCES: [&str; 6] = ["all", "/a", "/b", "/team/*", "/team/x", "/*"];

/// The parts of a policy, each a small number that picks from the lists above.
type Grant = (usize, usize, Vec<usize>);

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    prop::collection::vec((0..SCOPES.len(), 0..5usize, prop::collection::vec(0..RESOURCES.len(), 0..3)), 0..8)
}

/// A policy of UI-Scopes entries and agents blocks; of two grants for one scope and action the later counts.
fn text(ui: &[Grant], blocks: &[Grant]) -> String {
    use std::collections::BTreeMap;
    let tier = |grants: &[Grant]| {
        let mut tier: BTreeMap<usize, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for (scope, action, resources) in grants {
            tier.entry(*scope).or_default().insert(*action, resources.clone());
        }
        tier
    };
    let list = |resources: &[usize]| resources.iter().map(|r| RESOURCES[*r]).collect::<Vec<_>>().join(", ");
    let mut out = String::from("UI-Scopes:\n  unused: {}\n");
    for (scope, actions) in tier(ui) {
        let actions: Vec<String> =
            actions.iter().map(|(a, r)| format!("{}: [{}]", Action::AGENT[*a].name(), list(r))).collect();
        out += &format!("  {}: {{{}}}\n", SCOPES[scope], actions.join(", "));
    }
    for (scope, actions) in tier(blocks) {
        let actions: Vec<String> = actions
            .iter()
            .map(|(a, r)| format!("{{action: {}, resources: [{}]}}", Action::AGENT[*a].name(), list(r)))
            .collect();
        out += &format!("{}:\n  - agents: {{actions: [{}]}}\n", SCOPES[scope], actions.join(", "));
    }
    out
}

fn parse(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|faults| panic!("{faults:?} in\n{text}"))
}

fn holder(scopes: &[usize]) -> Principal {
    let scopes: ScopeSet = scopes.iter().map(|scope| SCOPES[*scope]).collect();
    Principal { username: "me".into(), scopes, ..Principal::default() }
}

fn public(path: &str) -> Resource {
    Resource::entry(path, "them", Visibility::Public, Vec::new())
}

/// Every decision about public entries, as ticks.
fn decisions(policy: &Policy, who: &Principal) -> Vec<bool> {
    let cells = Action::AGENT.into_iter().flat_map(|action| PATHS.map(|path| (action, path)));
    cells.map(|(action, path)| policy.decide(who, action, &public(path)).is_ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_takes_nothing_from_another_scope(ui in grants(), blocks in grants(), extra in grants(), held in 0..SCOPES.len()) {
        let others: Vec<Grant> = extra.into_iter().filter(|(scope, ..)| *scope != held).collect();
        let who = holder(&[held]);
        let before = decisions(&parse(&text(&ui, &blocks)), &who);
        let more = |mine: &[Grant]| mine.iter().chain(&others).cloned().collect::<Vec<_>>();
        let after = decisions(&parse(&text(&more(&ui), &more(&blocks))), &who);
        prop_assert_eq!(before, after);
    }

    #[test]
    fn what_no_rule_names_is_never_allowed(ui in grants(), blocks in grants(), held in prop::collection::vec(0..3usize, 0..3)) {
        // Rules of /a, /b and /team only: nothing may reach /elsewhere.
        let narrow = |grants: Vec<Grant>| -> Vec<Grant> {
            let keep = |resources: Vec<usize>| resources.into_iter().filter(|r| ![0, 5].contains(r)).collect();
            grants.into_iter().map(|(scope, action, resources)| (scope, action, keep(resources))).collect()
        };
        let policy = parse(&text(&narrow(ui), &narrow(blocks)));
        let who = holder(&held);
        for action in Action::AGENT {
            for resource in [public("/elsewhere"), Resource::vacant("/elsewhere"), public("/teams/x"), public("/team")] {
                prop_assert_eq!(policy.decide(&who, action, &resource), Err(Denied::OutsideGrants(action)));
            }
        }
    }

    #[test]
    fn a_view_decides_as_decide_does_and_explain_agrees(
        ui in grants(), blocks in grants(), held in prop::collection::vec(0..SCOPES.len(), 0..3),
        visibility in 0..3usize, mine in any::<bool>(), listed in any::<bool>()
    ) {
        let policy = parse(&text(&ui, &blocks));
        let who = Principal { groups: vec!["/g".into()], ..holder(&held) };
        let visibility = [Visibility::Public, Visibility::Private, Visibility::GroupRestricted][visibility];
        let owner = if mine { "me" } else { "them" };
        let groups = if listed { vec!["g".to_owned()] } else { vec!["h".to_owned()] };
        for path in PATHS {
            let resource = Resource::entry(path, owner, visibility, groups.clone());
            for action in Action::AGENT {
                let decided = policy.decide(&who, action, &resource);
                prop_assert_eq!(policy.view(&who, action).sees(&resource), decided.is_ok());
                let verdict = match decided {
                    Ok(_) => Verdict::Allowed,
                    Err(Denied::OutsideGrants(_)) => Verdict::OutsideGrants,
                    Err(Denied::Invisible) => Verdict::Invisible,
                };
                prop_assert_eq!(policy.explain(&who, action, &resource).verdict, verdict);
            }
        }
    }

    #[test]
    fn where_list_and_get_reach_the_same_they_agree(
        grants in grants(), held in prop::collection::vec(0..SCOPES.len(), 0..3),
        visibility in 0..3usize, mine in any::<bool>(), listed in any::<bool>()
    ) {
        // Every rule for one of the two is a rule for the other.
        let both: Vec<Grant> = grants
            .into_iter()
            .flat_map(|(scope, _, resources)| [(scope, 0, resources.clone()), (scope, 1, resources)])
            .collect();
        let policy = parse(&text(&both, &[]));
        let who = Principal { groups: vec!["g".into()], ..holder(&held) };
        let visibility = [Visibility::Public, Visibility::Private, Visibility::GroupRestricted][visibility];
        let (owner, group) = (if mine { "me" } else { "them" }, if listed { "g" } else { "h" });
        for path in PATHS {
            let resource = Resource::entry(path, owner, visibility, vec![group.to_owned()]);
            let visible = policy.view(&who, Action::ListAgents).sees(&resource);
            prop_assert_eq!(visible, policy.decide(&who, Action::GetAgent, &resource).is_ok());
        }
    }

    #[test]
    fn a_printed_policy_reads_as_the_same_policy(ui in grants(), blocks in grants(), group in "[^/\\p{C}\\p{Zl}\\p{Zp}][^\\p{C}\\p{Zl}\\p{Zp}]{0,8}", scope in "[^/\\p{C}\\p{Zl}\\p{Zp}][^\\p{C}\\p{Zl}\\p{Zp}]{0,8}") {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mapping = format!("group_mappings: {{{}: [{}]}}\n", quoted(&group), quoted(&scope));
        let server = "srv: [{server: x, methods: [initialize, '*'], tools: [t]}, {server: all, methods: [tools/call], tools: [all]}]\nnone: []\n";
        let policy = parse(&(text(&ui, &blocks) + &mapping + server));
        let printed = policy.print();
        let again = parse(&printed);
        prop_assert_eq!(&again.print(), &printed);
        for held in 0..SCOPES.len() {
            prop_assert_eq!(decisions(&policy, &holder(&[held])), decisions(&again, &holder(&[held])));
        }
        prop_assert_eq!(policy.scopes_for(&[group.as_str()]), again.scopes_for(&[group.as_str()]));
        for (scope, method, tool) in [("srv", "initialize", None), ("srv", "tools/call", Some("t")), ("srv", "tools/call", Some("u"))] {
            let scopes = ScopeSet::parse(scope);
            prop_assert_eq!(policy.may_call(&scopes, "x", method, tool), again.may_call(&scopes, "x", method, tool));
        }
    }
}
