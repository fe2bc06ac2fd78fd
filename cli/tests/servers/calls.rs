//! One tool of one server: what goes out in which order, and what comes of each answer.

use serde_json::{Value, json};

use crate::common::server::{Reply, Request, Server};
use crate::common::{Desk, Run};

/// How the fake gateway answers `tools/call`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
    /// Without a session, as servers that keep none.
    Stateless,
    /// The stream has no end of its own.
    Endless,
    Failed,
    Unknown,
    Forbidden,
    Silent,
    Newer,
}

const CALL: [&str; 6] = ["server", "call", "/clock", "now", "--arguments", "{\"zone\": \"Asia/Tokyo\"}"];

fn gateway(kind: Kind) -> Server {
    Server::new(move |request| {
        let question = request.json();
        match (&*request.line, question["method"].as_str()) {
            ("POST /mcp/clock", Some("initialize")) => {
                let version = if kind == Kind::Newer { "2026-07-28" } else { "2025-03-26" };
                let result = json!({"protocolVersion": version, "capabilities": {}, "serverInfo": {}});
                let reply = Reply::json(200, &answer(&question, "result", &result));
                if kind == Kind::Stateless { reply } else { reply.header("Mcp-Session-Id", "s1") }
            }
            ("POST /mcp/clock", Some("notifications/initialized")) => Reply::new(202, ""),
            ("POST /mcp/clock", Some("tools/call")) => called(kind, &question),
            ("DELETE /mcp/clock", None) => Reply::new(405, ""),
            (_, _) => Reply::new(400, ""),
        }
    })
}

fn called(kind: Kind, question: &Value) -> Reply {
    let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
    let result = answer(question, "result", &text("12:00\nin Tokyo"));
    match kind {
        Kind::Json | Kind::Stateless | Kind::Newer => Reply::json(200, &result),
        Kind::Events => events(&format!(": ping\r\n\r\nevent: message\r\ndata: {result}\r\n\r\n")),
        Kind::Endless => events(&format!(
            "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}}\n\ndata: {result}\n\n"
        ))
        .unfinished(),
        Kind::Failed => {
            let mut result = text("no such zone");
            result["isError"] = json!(true);
            Reply::json(200, &answer(question, "result", &result))
        }
        Kind::Unknown => {
            let fault = json!({"code": -32602, "message": "Unknown tool: now"});
            Reply::json(200, &answer(question, "error", &fault))
        }
        Kind::Forbidden => {
            let fault = json!({"code": -32011,
                "message": "your scopes do not grant 'tools/call' of the tool 'now' on the server 'clock'"});
            Reply::json(403, &answer(question, "error", &fault))
        }
        Kind::Silent => events(": ping\n\n"),
    }
}

fn answer(question: &Value, name: &str, value: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": question["id"], (name): value})
}

fn events(stream: &str) -> Reply {
    Reply::new(200, stream).kind("text/event-stream; charset=utf-8")
}

fn called_at(kind: Kind, more: &[&str]) -> (Run, Vec<Request>) {
    let (desk, gateway) = (Desk::new(300), gateway(kind));
    let run = desk.at(&gateway, &[&CALL[..], more].concat());
    (run, gateway.all())
}

#[test]
fn a_call_is_a_conversation_from_its_greeting_to_its_end() {
    let (run, asked) = called_at(Kind::Json, &[]);
    assert_eq!(run.ends(0).out, "12:00\nin Tokyo\n");
    let methods: Vec<Value> = asked.iter().map(|request| request.json()["method"].clone()).collect();
    assert_eq!(
        methods,
        [json!("initialize"), json!("notifications/initialized"), json!("tools/call"), Value::Null]
    );
    assert_eq!(asked[3].line, "DELETE /mcp/clock");
    for (number, request) in asked.iter().enumerate() {
        assert!(request.header("authorization").starts_with("Bearer "), "{request:?}");
        let expected = if number == 0 { ("", "") } else { ("s1", "2025-03-26") };
        assert_eq!((request.header("mcp-session-id"), request.header("mcp-protocol-version")), expected);
    }
    assert_eq!(asked[0].json()["params"]["protocolVersion"], "2025-06-18");
    assert_eq!(asked[0].header("accept"), "application/json, text/event-stream");
    let call = asked[2].json();
    assert_eq!(call["params"], json!({"name": "now", "arguments": {"zone": "Asia/Tokyo"}}));
    assert_ne!(asked[0].json()["id"], call["id"]);
}

#[test]
fn a_stream_of_events_ends_with_the_answer() {
    for kind in [Kind::Events, Kind::Endless] {
        let (run, asked) = called_at(kind, &[]);
        assert_eq!(run.ends(0).out, "12:00\nin Tokyo\n");
        assert_eq!(asked.len(), 4, "it is said that it is over");
    }
}

#[test]
fn a_server_without_conversations_is_not_told_that_it_is_over() {
    let (run, asked) = called_at(Kind::Stateless, &["--json"]);
    assert_eq!(run.ends(0).out, "{\"content\":[{\"type\":\"text\",\"text\":\"12:00\\nin Tokyo\"}]}\n");
    assert_eq!(asked.len(), 3);
}

#[test]
fn a_tool_that_fails_is_a_no() {
    let (run, _) = called_at(Kind::Failed, &[]);
    let run = run.ends(1);
    assert_eq!((&*run.out, &*run.err), ("no such zone\n", "agentctl: /clock: now says that it failed\n"));
    let (run, asked) = called_at(Kind::Unknown, &[]);
    run.says(1, &["refused (-32602): Unknown tool: now"]);
    assert_eq!(asked.len(), 4);
    let (run, _) = called_at(Kind::Unknown, &["--json"]);
    let told: Value = serde_json::from_str(&run.ends(1).out).expect("JSON");
    assert_eq!(told["error"]["code"], -32602);
}

#[test]
fn a_refusal_names_the_permission() {
    let (run, asked) = called_at(Kind::Forbidden, &[]);
    run.says(1, &["refused (403 Forbidden): your scopes do not grant 'tools/call' of the tool 'now'"]);
    assert_eq!(asked.len(), 4);
}

#[test]
fn no_answer_and_one_of_another_version_are_a_no() {
    let (run, asked) = called_at(Kind::Silent, &[]);
    run.says(1, &["no answer to tools/call came"]);
    assert_eq!(asked.len(), 4);
    let (run, asked) = called_at(Kind::Newer, &[]);
    run.says(1, &["clock speaks MCP 2026-07-28"]);
    assert_eq!(
        asked.iter().map(|request| request.line.as_str()).collect::<Vec<_>>()[1..],
        ["DELETE /mcp/clock"]
    );
}

#[test]
fn arguments_are_a_json_object_typed_or_in_a_file() {
    let (desk, gateway) = (Desk::new(300), gateway(Kind::Json));
    desk.write("question.json", r#"{"zone": "UTC"}"#);
    let call =
        |arguments: &str| ["server", "call", "/clock", "now", "--arguments", arguments].map(str::to_owned);
    let run = |arguments: &str| {
        let words = call(arguments);
        desk.at(&gateway, &words.each_ref().map(String::as_str))
    };
    run("@question.json").ends(0);
    assert_eq!(gateway.all()[2].json()["params"]["arguments"], json!({"zone": "UTC"}));
    desk.at(&gateway, &["server", "call", "/clock", "now"]).ends(0);
    assert_eq!(gateway.all()[6].json()["params"]["arguments"], json!({}));
    for wrong in ["[1]", "{", "{\"a\": 1, \"a\": 2}", "@none.json", ""] {
        run(wrong).ends(2);
    }
    assert_eq!(gateway.lines().len(), 8);
}

#[test]
fn with_the_policy_at_hand_what_it_forbids_is_not_sent() {
    let (desk, gateway) = (Desk::of(300, &["clocks"]), gateway(Kind::Json));
    desk.write(
        "scopes.yml",
        "clocks:\n  - {server: clock, methods: [initialize, tools/call], tools: [now]}\n",
    );
    desk.at(&gateway, &["server", "call", "/clock", "set", "--policy", "scopes.yml"])
        .says(3, &["none of the token's groups (clocks) allows tools/call of 'set' on /clock"]);
    assert_eq!(gateway.lines().len(), 0);
    desk.at(&gateway, &["server", "call", "/clock", "now", "--policy", "scopes.yml"]).ends(0);
}

#[test]
fn nobody_there_is_said() {
    let desk = Desk::new(300);
    let words = [&CALL[..], &["--gateway", "http://127.0.0.1:9"]].concat();
    desk.run_with(&[("AGENTCTL_TOKEN_FILE", "token.json")], &words).says(4, &["no answer to initialize"]);
}
