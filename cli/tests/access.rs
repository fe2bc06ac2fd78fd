//! The binary as a script sees it: what it asks, what it prints, how it ends.

mod common;

use std::net::TcpListener;
use std::path::Path;

use common::server::{Reply, Server};
use common::{Desk, recorded};
use serde_json::{Value, json};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/scopes.yml");
const BROKEN: &str = "UI-Scopes:\n  lob1: [all]\n  lob2:\n    get_agent: all\n";
const SLIP: &str = "group_mappings:\n  lob1: [nobody-defines-this]\n";
const EXPLAIN: [&str; 6] = ["access", "explain", "--action", "get_agent", "--resource", "/translation"];

#[test]
fn check_passes_the_shipped_policy_even_strictly() {
    assert!(Path::new(SHIPPED).exists());
    let desk = Desk::new(300);
    for words in [&["access", "check", SHIPPED][..], &["access", "check", "--strict", SHIPPED]] {
        let run = desk.run(words).ends(0);
        assert!(run.out.contains("no faults, 0 warnings, version "), "{}", run.out);
        assert_eq!(run.err, "");
    }
}

#[test]
fn check_prints_every_fault_with_its_place() {
    let desk = Desk::new(300);
    desk.write("broken.yml", BROKEN);
    let run = desk.run(&["access", "check", "broken.yml"]).ends(1);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(
        lines,
        [
            "broken.yml:2:9: a scope of UI-Scopes must be a mapping, this is a list",
            "broken.yml:4:16: the resources of 'get_agent' must be a list, this is a single value",
            "broken.yml: 2 faults: no server takes this file",
        ]
    );
    let json: Value =
        serde_json::from_str(&desk.run(&["access", "check", "broken.yml", "--json"]).ends(1).out)
            .expect("JSON");
    assert_eq!((&json["version"], &json["faults"][1]["line"]), (&Value::Null, &json!(4)));
}

#[test]
fn check_warns_and_under_strict_refuses() {
    let desk = Desk::new(300);
    desk.write("slip.yml", SLIP);
    let run = desk.run(&["access", "check", "slip.yml"]).ends(0);
    assert!(run.out.starts_with("slip.yml:2:10: warning: "), "{}", run.out);
    desk.run(&["access", "check", "--strict", "slip.yml"]).ends(1);
}

#[test]
fn check_needs_neither_token_nor_gateway() {
    let desk = Desk::new(300);
    let settings = [("AGENTCTL_TOKEN_FILE", "nowhere"), ("AGENTCTL_GATEWAY", "http://127.0.0.1:9")];
    desk.run_with(&settings, &["access", "check", SHIPPED]).ends(0);
}

#[test]
fn wrong_use_ends_with_2() {
    let desk = Desk::new(300);
    for words in [
        &[][..],
        &["access"],
        &["access", "check"],
        &["access", "check", "no-such-file.yml"],
        &["access", "diff", "no-such-file.yml"],
        &["access", "explain", "--action", "own_agent", "--resource", "/a"],
        &["access", "explain", "--action", "get_agent", "--resource", "a"],
        &["access", "check", SHIPPED, "--gateway", "nowhere"],
    ] {
        let run = desk.run(words).ends(2);
        assert_eq!(run.out, "", "{words:?}");
    }
}

#[test]
fn help_has_examples() {
    let desk = Desk::new(300);
    for words in [&[][..], &["access", "check"], &["access", "explain"], &["access", "diff"]] {
        let run = desk.run(&[words, &["--help"]].concat()).ends(0);
        assert!(run.out.contains("Examples:\n  agentctl ") && run.out.contains("Exit codes"), "{}", run.out);
    }
}

#[test]
fn explain_asks_about_the_caller_himself() {
    let desk = Desk::new(300);
    let registry = Server::answering(200, recorded("explain_allowed.json"));
    let run = desk.run(&[&EXPLAIN[..], &["--gateway", &registry.url]].concat()).ends(0);
    assert_eq!(
        run.out,
        "verdict     allowed\n\
         reason      UI-Scopes mcp-registry-admin: all (line 20)\n\
         visibility  public\n\
         groups      mcp-registry-admin\n\
         policy      67aa6d295cc74d6a\n\n\
         scope               UI-Scopes says        agents block says  allows\n\
         mcp-registry-admin  allows all (line 20)  nothing            yes\n"
    );
    let asked = registry.asked();
    assert_eq!(asked.line, "POST /api/access/explain");
    assert_eq!(asked.header("authorization"), format!("Bearer {}", desk.token));
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.json(), json!({"action": "get_agent", "resource": "/translation"}));
}

#[test]
fn explain_tells_why_somebody_else_is_denied_and_what_would_help() {
    let desk = Desk::new(300);
    let registry = Server::answering(200, recorded("explain_denied.json"));
    let settings = [("AGENTCTL_TOKEN_FILE", "token.json"), ("AGENTCTL_GATEWAY", &*registry.url)];
    let about = ["--group", "a", "--group", "b", "--scope", "c", "--username", "u"];
    let run = desk.run_with(&settings, &[&EXPLAIN[..], &about].concat()).ends(1);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "verdict     outside_grants: no scope reaches the path, calls answer 403");
    let reaches = "refuses, reaches /code-reviewer, /test-automation";
    assert_eq!(lines[6], format!("registry-users-lob1  {reaches}  {reaches}  no"));
    assert_eq!(
        lines[8..],
        [
            "would be allowed by scope a2a-agent-admin (group a2a-agent-admin; line 43)",
            "would be allowed by scope mcp-registry-admin (group mcp-registry-admin; line 20)",
        ]
    );
    let body = json!({"action": "get_agent", "resource": "/translation", "groups": ["a", "b"],
        "scopes": ["c"], "username": "u"});
    assert_eq!(registry.asked().json(), body);
}

#[test]
fn an_invisible_agent_is_not_allowed() {
    let desk = Desk::new(300);
    let registry = Server::answering(200, recorded("explain_invisible.json"));
    let run = desk.run(&[&EXPLAIN[..], &["--gateway", &registry.url]].concat()).ends(1);
    assert!(run.out.contains("reason      nothing lives at this path\n"), "{}", run.out);
}

#[test]
fn json_is_the_servers_own() {
    let desk = Desk::new(300);
    desk.write("next.yml", BROKEN);
    let diff = ["access", "diff", "next.yml"];
    for (status, name, words, code) in [
        (200, "explain_denied.json", &EXPLAIN[..], 1),
        (200, "explain_allowed.json", &EXPLAIN[..], 0),
        (200, "simulate_changes.json", &diff[..], 1),
        (200, "simulate_same.json", &diff[..], 0),
        (200, "simulate_faults.json", &diff[..], 1),
        (403, "refused_403.json", &diff[..], 1),
    ] {
        let registry = Server::answering(status, recorded(name));
        let run = desk.run(&[words, &["--json", "--gateway", &registry.url]].concat()).ends(code);
        assert_eq!(run.out, recorded(name));
    }
}

#[test]
fn diff_sends_the_file_and_tells_who_loses() {
    let desk = Desk::new(300);
    desk.write("next.yml", SLIP);
    let registry = Server::answering(200, recorded("simulate_changes.json"));
    let run = desk.run(&["access", "diff", "next.yml", "--gateway", &registry.url]).ends(1);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[0].starts_with("next.yml:109:7: warning: nothing in this file defines scope"), "{lines:?}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines[1]), ["group", "path", "gained", "lost"]);
    assert_eq!(words(lines[2]), ["registry-users-lob1", "/test-automation", "get_agent"]);
    assert!(lines[2].rfind("get_agent") == lines[1].rfind("lost"), "it stands under 'lost': {lines:?}");
    assert_eq!(lines.len(), 8, "one line for each group and path: {lines:?}");
    let totals = "15 gained, 1 lost: version 637fedd6b19682a1 against 67aa6d295cc74d6a in force";
    assert_eq!(lines[7], format!("next.yml: {totals}"));
    let asked = registry.asked();
    assert_eq!(asked.line, "POST /api/access/simulate");
    assert_eq!(asked.header("authorization"), format!("Bearer {}", desk.token));
    assert_eq!(asked.json(), json!({"policy": SLIP}));
}

#[test]
fn diff_of_the_policy_in_force_is_fine_and_a_broken_one_is_not() {
    let desk = Desk::new(300);
    desk.write("next.yml", BROKEN);
    let same = Server::answering(200, recorded("simulate_same.json"));
    let run = desk.run(&["access", "diff", "next.yml", "--gateway", &same.url]).ends(0);
    assert!(run.out.starts_with("next.yml: 0 gained, 0 lost: "), "{}", run.out);
    let faults = Server::answering(200, recorded("simulate_faults.json"));
    let told = desk.run(&["access", "diff", "next.yml", "--gateway", &faults.url]).ends(1).out;
    let found = desk.run(&["access", "check", "next.yml"]).ends(1).out;
    assert_eq!(told, found, "the server and the offline check read alike");
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let desk = Desk::new(300);
    for (status, body, expected) in [
        (
            403,
            recorded("refused_403.json"),
            "agentctl: refused (403 Forbidden): only an admin may ask about others: leave out groups, scopes \
             and username\n",
        ),
        (
            422,
            recorded("refused_422.json"),
            "agentctl: refused (422 Unprocessable Entity): 2 faults\n  \
             action: must be one of list_agents, get_agent, publish_agent, modify_agent, delete_agent\n  \
             resource: a path must start with '/'\n",
        ),
    ] {
        let registry = Server::answering(status, body);
        let run = desk.run(&[&EXPLAIN[..], &["--gateway", &registry.url]].concat()).ends(1);
        assert_eq!((&*run.out, &*run.err), ("", expected));
    }
}

#[test]
fn what_is_no_registry_is_told() {
    let desk = Desk::new(300);
    for (status, body) in [(200, "<html>"), (200, "{}"), (502, "<html>")] {
        let other = Server::answering(status, body.to_owned());
        let run = desk.run(&[&EXPLAIN[..], &["--gateway", &other.url]].concat()).ends(1);
        assert!(run.err.contains("is it the gateway?"), "{}", run.err);
    }
}

#[test]
fn a_redirect_is_not_followed_with_the_token() {
    let desk = Desk::new(300);
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("it need not wait");
    let there = elsewhere.local_addr().expect("an address");
    let registry = Server::new(move |_| Reply::new(307, "").header("Location", &format!("http://{there}/")));
    desk.run(&[&EXPLAIN[..], &["--gateway", &registry.url]].concat()).ends(1);
    assert!(elsewhere.accept().is_err(), "nobody called there");
}

#[test]
fn without_a_good_token_nothing_is_asked() {
    let gateway = TcpListener::bind("127.0.0.1:0").expect("a free port");
    gateway.set_nonblocking(true).expect("it need not wait");
    let url = format!("http://{}", gateway.local_addr().expect("an address"));
    let (stale, ending, absent) = (Desk::new(-600), Desk::new(20), Desk::new(300));
    for (desk, settings, expected) in [
        (&stale, &[("AGENTCTL_TOKEN_FILE", "token.json")][..], "token.json: the token expired 10 min ago: "),
        (&ending, &[("AGENTCTL_TOKEN_FILE", "token.json")], "token.json: the token expires in "),
        (&absent, &[], ".oauth-tokens/ingress.json: there is no token file: "),
    ] {
        let run = desk.run_with(settings, &[&EXPLAIN[..], &["--gateway", &url]].concat()).ends(3);
        assert!(run.err.starts_with(&format!("agentctl: {expected}")), "{}", run.err);
        assert_eq!(run.err.lines().count(), 1);
    }
    assert!(gateway.accept().is_err(), "nobody called");
}

#[test]
fn an_unreachable_gateway_ends_with_4() {
    let desk = Desk::new(300);
    // Nobody listens at a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let url = format!("http://127.0.0.1:{port}");
    let run = desk.run(&[&EXPLAIN[..], &["--gateway", &url]].concat()).ends(4);
    assert!(run.err.contains(&format!("cannot reach the gateway at {url}")), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1);
}

#[test]
fn a_call_of_a_servers_tool_is_explained_by_what_sections_say_of_servers() {
    let desk = Desk::new(300);
    let nothing = json!({"says": "nothing"});
    let scope = |says: Value| {
        json!({"scope": "clocks", "ui_scopes": nothing, "agents_block": nothing,
        "server_entries": says, "allows": says["says"] == "allows"})
    };
    let answer = |verdict: &str, says: Value| {
        let body = json!({"verdict": verdict, "reason": "r", "groups": ["g"], "scopes": [scope(says)],
            "would_allow": [], "policy_version": "v"});
        Server::answering(200, body.to_string())
    };
    let words = [
        "access",
        "explain",
        "--action",
        "tools/call",
        "--tool",
        "now",
        "--resource",
        "clock",
        "--group",
        "g",
    ];
    let registry =
        answer("allowed", json!({"says": "allows", "resource": "clock: tools/call now", "line": 7}));
    let run = desk.at(&registry, &words).ends(0);
    assert!(run.out.contains("scope   server entries say"), "{}", run.out);
    assert!(run.out.contains("clocks  allows clock: tools/call now (line 7)  yes\n"), "{}", run.out);
    let question = json!({"action": "tools/call", "resource": "clock", "tool": "now", "groups": ["g"]});
    assert_eq!(registry.asked().json(), question);
    let registry = answer("outside_grants", json!({"says": "refuses", "reaches": ["clock: ping"]}));
    desk.at(&registry, &words).ends(1);
    desk.at(&registry, &["access", "explain", "--action", "own_agent", "--resource", "clock"]).ends(2);
    assert_eq!(registry.lines().len(), 1);
}
