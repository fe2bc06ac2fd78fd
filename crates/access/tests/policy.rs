//! Reading `scopes.yml`: what is accepted, and how every fault is said at once.

use access::Policy;

fn faults(text: &str) -> Vec<String> {
    match Policy::parse(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_fault_at_once_with_its_place() {
    let text = "\
UI-Scopes:
  viewers:
    list_agents: /code-reviewer
    get_agent: [code-reviewer, /a//b]
  viewers: {}
group_mappings:
  - viewers
broken:
  - {methods: [initialize]}
  - {server: x, methods: [ping], agents: {}}
  - agents: {actions: [{action: get_agent}]}
";
    assert_eq!(
        faults(text),
        [
            "line 3, column 18: the resources of 'list_agents' must be a list, this is a single value",
            "line 4, column 17: 'code-reviewer' is no resource: a path must start with '/'",
            "line 4, column 32: '/a//b' is no resource: a path must not have an empty segment: no '//' and no '/' at its end",
            "line 5, column 3: 'viewers' stands twice in UI-Scopes: join the two",
            "line 7, column 3: group_mappings must be a mapping, this is a list",
            "line 9, column 5: an entry needs 'server' or 'agents'",
            "line 10, column 5: an entry is about a 'server' or about 'agents', not both",
            "line 11, column 24: an entry of 'actions' needs 'action' and 'resources'",
        ]
    );
}

#[test]
fn what_is_no_policy_is_refused() {
    for (text, part) in [
        ("- a\n- b\n", "the file must be a mapping"),
        ("just text", "the file must be a mapping"),
        ("a: [1\nb: 2", "line"),
        ("a: &x [*x]", "alias"),
        ("a: []\n---\nb: []\n", "only one YAML document"),
        ("a: []\na: []\n", "stands twice"),
        ("? [a]\n: []\n", "a key must be a single value"),
        ("group_mappings: {lob1: [], /lob1: []}", "stands twice, with and without its slash"),
        ("\"a\\nb\": []", "without control characters"),
        (&format!("? {}\n: []\n", "x".repeat(257)), "at most 256 bytes"),
        ("a: [{server: /, methods: [ping]}]", "must name a server"),
        ("group_mappings: {/: []}", "a group must have a name"),
        ("a: [{}]", "an entry needs 'server' or 'agents'"),
    ] {
        let found = faults(text).join("\n");
        assert!(found.contains(part), "{text:?} gave {found:?}");
    }
}

#[test]
fn slips_that_grant_nothing_are_warnings() {
    let text = "\
UI-Scopes:
  viewers: {list_agent: [all], list_agents: [all]}
group_mappings: {staff: [viewers, nowhere]}
viewers:
  - {server: x, tools: [t], verbs: [a]}
  - agents: {actions: [{action: list_service, resources: [all]}]}
  - agents: {actions: [{action: get_agent, resources: [/a], effect: deny}]}
    why: who knows
";
    let policy = Policy::parse(text).expect("nothing here is a fault");
    let warnings: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 2, column 25: 'list_agent' is no permission, so this grants nothing",
            "line 3, column 35: nothing in this file defines scope 'nowhere'",
            "line 5, column 14: a server entry without 'methods' grants nothing",
            "line 5, column 36: 'verbs' means nothing in a server entry",
            "line 6, column 33: 'list_service' is no agent action, so this grants nothing",
            "line 7, column 69: 'effect' means nothing in an entry of 'actions'",
            "line 8, column 10: 'why' means nothing beside 'agents'",
        ]
    );
    assert_eq!(policy.scopes_for(&["staff"]).to_string(), "viewers nowhere");
}

#[test]
fn an_empty_file_grants_only_what_is_built_in() {
    let policy = Policy::parse("").expect("an empty file is a policy");
    assert_eq!(policy.scopes_for(&["a2a-agent-admin", "other"]).to_string(), "a2a-agent-admin");
}

#[test]
fn anchors_save_typing() {
    let text = "\
UI-Scopes:
  a: {list_agents: &mine [/x, /y], get_agent: *mine}
";
    assert_eq!(faults(text), Vec::<String>::new());
}

#[test]
fn versions_differ_with_the_text_alone() {
    let version = |text: &str| Policy::parse(text).expect("right").version().to_owned();
    assert_eq!(version("a: []\n"), version("a: []\n"));
    assert_ne!(version("a: []\n"), version("b: []\n"));
    assert_eq!(version("").len(), 16);
}
