//! `agent test` and `agent test-all` against agents of every kind.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::common::server::Server;
use crate::common::{Desk, Run};
use crate::fakes::{Kind, agent, card, registry};

/// The agent, registered as it is.
fn test(kind: Kind, words: &[&str], code: i32) -> (Run, Server) {
    let (desk, agent) = (Desk::new(300), agent(kind));
    let mut card = card("/a", &format!("{}/rpc", agent.url));
    if matches!(kind, Kind::Rpc03 | Kind::Rest03) {
        card["protocol_version"] = json!("0.3.0");
    }
    let registry = registry(vec![card]);
    let run = desk.at(&registry, &[&["agent", "test", "/a"], words].concat()).ends(code);
    for asked in agent.all() {
        assert_eq!(asked.header("authorization"), "", "no token of ours goes to an agent");
    }
    let run = Run { out: run.out.replace(&agent.url, "AGENT"), ..run };
    (run, agent)
}

#[test]
fn agents_that_speak_what_they_declare_pass() {
    for (kind, dialect, spoken) in [
        (Kind::Rpc03, "A2A 0.3", "A2A 0.3, AGENT/rpc: speaks it (JSON-RPC)"),
        (Kind::Rpc10, "A2A 1.0", "A2A 1.0, AGENT/rpc: speaks it (JSON-RPC)"),
        (Kind::Rest03, "A2A 0.3", "A2A 0.3, AGENT/rpc: speaks it (HTTP+JSON)"),
        (Kind::Rest10, "A2A 1.0", "A2A 1.0, AGENT/rpc: speaks it (HTTP+JSON)"),
        (Kind::Guarded, "A2A 1.0", "A2A 1.0, AGENT/rpc: there, and wants credentials (401)"),
    ] {
        let (run, _) = test(kind, &[], 0);
        assert_eq!(
            run.out,
            format!(
                "/a at AGENT/rpc\n\
                 ok   card      AGENT/.well-known/agent-card.json\n\
                 ok   dialect   {dialect}\n\
                 ok   protocol  {spoken}\n\
                 passed\n"
            ),
            "{kind:?}"
        );
    }
}

#[test]
fn the_older_place_will_do() {
    let (run, agent) = test(Kind::OldPlace, &[], 0);
    assert!(run.out.contains("ok   card      AGENT/.well-known/agent.json\n"), "{}", run.out);
    assert_eq!(
        agent.lines()[..4],
        [
            "GET /rpc/.well-known/agent-card.json",
            "GET /.well-known/agent-card.json",
            "GET /rpc/.well-known/agent.json",
            "GET /.well-known/agent.json",
        ]
    );
}

#[test]
fn agents_that_do_not_do_what_they_say_fail() {
    for (kind, line) in [
        (
            Kind::Trap,
            "FAIL protocol  A2A 1.0, AGENT/rpc: does not know the method: it speaks another version",
        ),
        (Kind::Guide, "FAIL dialect   no A2A card: neither supportedInterfaces"),
        (Kind::Endless, "FAIL card      AGENT/.well-known/agent-card.json: longer than 1024 KiB"),
        (
            Kind::Elsewhere,
            "FAIL card      AGENT/.well-known/agent-card.json: sends us elsewhere, which is not followed",
        ),
    ] {
        let (run, _) = test(kind, &[], 1);
        assert!(
            run.out.contains(&format!("\n{line}")) && run.out.ends_with("\nfailed\n"),
            "{kind:?} {}",
            run.out
        );
    }
}

#[test]
fn differences_are_warnings() {
    let (desk, agent) = (Desk::new(300), agent(Kind::Rpc03));
    let mut card = card("/a", &agent.url);
    card["name"] = json!("Another\u{1b}[2J");
    card["version"] = json!("0.9");
    card["skills"] = json!([{"id": "sing"}]);
    let registry = registry(vec![card]);
    let run = desk.at(&registry, &["agent", "test", "/a"]).ends(0);
    let warned: Vec<&str> = run.out.lines().filter_map(|line| line.strip_prefix("warn same      ")).collect();
    assert_eq!(
        warned,
        [
            "name: registered 'Another\\u{1b}[2J', serves 'Code Reviewer'",
            "version: registered '0.9', serves '1.2.0'",
            "skills: registered only: sing; served only: review",
            &*format!("url: registered '{0}', serves '{0}/rpc'", agent.url),
            "protocol_version: registered '1.0', which the agent does not speak",
        ]
    );
}

#[test]
fn another_host_is_not_asked() {
    let desk = Desk::new(300);
    let elsewhere = agent(Kind::Rpc10);
    let port = elsewhere.url.rsplit(':').next().expect("a port").to_owned();
    let body = json!({"name": "Code Reviewer", "description": "d", "version": "1.2.0", "capabilities": {},
        "defaultInputModes": [], "defaultOutputModes": [],
        "skills": [{"id": "review", "name": "n", "description": "d", "tags": []}],
        "supportedInterfaces": [{"url": format!("http://localhost:{port}/rpc"), "protocolBinding": "JSONRPC",
            "protocolVersion": "1.0"}]});
    let agent = Server::answering(200, body.to_string());
    let registry = registry(vec![card("/a", &agent.url)]);
    let run = desk.at(&registry, &["agent", "test", "/a"]).ends(0);
    assert!(run.out.contains("not asked: only the registered host is, 127.0.0.1"), "{}", run.out);
    assert_eq!(elsewhere.lines().len(), 0);
}

#[test]
fn an_agent_that_is_not_there_ends_with_4() {
    let desk = Desk::new(300);
    let registry = registry(vec![card("/a", &nobody()), card("/b", "http://169.254.169.254/")]);
    let run = desk.at(&registry, &["agent", "test", "/a"]).ends(4);
    assert!(run.out.contains("FAIL card ") && run.out.ends_with("\nunreachable\n"), "{}", run.out);
    let run = desk.at(&registry, &["agent", "test", "/a", "--json"]).ends(4);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&report["reachable"], &report["passed"]), (&json!(false), &json!(false)));
    // Where a cloud keeps its secrets nobody is sent.
    let run = desk.at(&registry, &["agent", "test", "/b"]).ends(1);
    assert!(run.out.contains("never called"), "{}", run.out);
    desk.at(&registry, &["agent", "test", "/none"]).ends(1);
}

#[test]
fn a_report_for_programs() {
    let (run, agent) = test(Kind::Rpc10, &["--json"], 0);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        report,
        json!({"path": "/a", "url": "AGENT/rpc", "passed": true, "reachable": true, "checks": [
            {"check": "card", "verdict": "passed", "detail": "AGENT/.well-known/agent-card.json"},
            {"check": "dialect", "verdict": "passed", "detail": "A2A 1.0"},
            {"check": "protocol", "verdict": "passed",
                "detail": "A2A 1.0, AGENT/rpc: speaks it (JSON-RPC)"},
        ]})
    );
    let probe = agent.all().pop().expect("it was asked");
    assert_eq!((&*probe.line, probe.header("a2a-version")), ("POST /rpc", "1.0"));
}

#[test]
fn all_of_them_in_a_table() {
    let desk = Desk::new(300);
    let (good, trap) = (agent(Kind::Rpc10), agent(Kind::Trap));
    let cards = vec![
        card("/gone", &nobody()),
        card("/good", &format!("{}/rpc", good.url)),
        card("/trap", &format!("{}/rpc", trap.url)),
    ];
    let registry = registry(cards);
    let run = desk.at(&registry, &["agent", "test-all", "--allow-private", "--jobs", "2"]).ends(1);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "PATH   RESULT       DETAIL");
    assert!(lines[1].starts_with("/gone  unreachable  card: http://127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[2], "/good  passed");
    assert!(lines[3].starts_with("/trap  failed       protocol: A2A 1.0, "), "{lines:?}");
    assert_eq!((lines[4], lines.len()), ("1 of 3 passed", 5));
    assert_eq!(registry.lines()[0], "GET /api/agents?enabled_only=true");
    let run = desk.at(&registry, &["agent", "test-all", "--allow-private", "--json"]).ends(1);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(report["agents"][1]["passed"], true);
}

#[test]
fn all_of_them_means_no_private_ones_and_no_other_ports() {
    let desk = Desk::new(300);
    let secret = agent(Kind::Rpc10);
    let port = secret.url.rsplit(':').next().expect("a port").to_owned();
    let own = json!({"name": "Code Reviewer", "description": "d", "version": "1.2.0", "capabilities": {},
        "defaultInputModes": [], "defaultOutputModes": [],
        "skills": [{"id": "review", "name": "n", "description": "d", "tags": []}],
        "supportedInterfaces": [{"url": format!("http://127.0.0.1:{port}/rpc"), "protocolBinding": "JSONRPC",
            "protocolVersion": "1.0"}]});
    let stranger = Server::answering(200, own.to_string());
    let registry = registry(vec![card("/a", &stranger.url)]);
    let run = desk.at(&registry, &["agent", "test-all"]).ends(1);
    assert!(run.out.contains("--allow-private calls it"), "{}", run.out);
    assert_eq!((stranger.lines().len(), secret.lines().len()), (0, 0), "nobody was called");
    let run = desk.at(&registry, &["agent", "test-all", "--allow-private", "--json"]).ends(0);
    assert!(run.out.contains("not asked: only the registered host and port are, 127.0.0.1:"), "{}", run.out);
    assert_eq!(secret.lines().len(), 0, "a card does not lead to another port");
}

#[test]
fn all_of_none_passes() {
    let (desk, registry) = (Desk::new(300), registry(Vec::new()));
    let run = desk.at(&registry, &["agent", "test-all"]).ends(0);
    assert_eq!(run.out, "PATH  RESULT  DETAIL\n0 of 0 passed\n");
}

/// A port that was free a moment ago.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
