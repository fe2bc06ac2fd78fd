//! `agentctl server …` and `search`: an MCP server from its registration to its end, and whom its tools are for.

use e2e::upstream::{Reply, Request, on_tcp};
use e2e::{Desk, column};
use serde_json::{Value, json};

use super::{STACK, desk};

/// What the server wants to see, and nobody but the gateway shows it.
const KEY: &str = "ticking-0123456789";
/// The tool that the policy gives the first line of business, and one that it does not.
const NOW: &str = "current_time_by_timezone";
const SET: &str = "set_time";

/// An MCP server of the older era on loopback that lets nobody in without its key; its address.
fn clock() -> String {
    let address = on_tcp(|request| {
        if request.header("x-clock-key") != KEY {
            return said("401 Unauthorized", &json!({"detail": "who is it?"}));
        }
        match &*request.line {
            "POST /mcp HTTP/1.1" => answer(request),
            "DELETE /mcp HTTP/1.1" => ("200 OK", Vec::new(), String::new()),
            _ => ("405 Method Not Allowed", Vec::new(), String::new()),
        }
    });
    format!("http://{address}/mcp")
}

fn answer(request: &Request) -> Reply {
    let question: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let result = |result: Value| json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
    let tool = |name: &str| json!({"name": name, "description": "Deals with\nthe time", "inputSchema": {"type": "object"}});
    match question["method"].as_str().unwrap_or_default() {
        "initialize" => {
            let about = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "clock", "version": "1.0.0"}});
            let (status, mut headers, body) = said("200 OK", &result(about));
            headers.push("Mcp-Session-Id: ticking".to_owned());
            (status, headers, body)
        }
        "notifications/initialized" => ("202 Accepted", Vec::new(), String::new()),
        "tools/list" => said("200 OK", &result(json!({"tools": [tool(NOW), tool(SET)]}))),
        "tools/call" => {
            let zone = question["params"]["arguments"]["zone"].as_str();
            let text = zone.map_or("which zone?".to_owned(), |zone| format!("noon in {zone}"));
            let result =
                result(json!({"content": [{"type": "text", "text": text}], "isError": zone.is_none()}));
            // A stream of events, as most servers answer.
            let stream = format!(": ping\r\n\r\nevent: message\r\ndata: {result}\r\n\r\n");
            ("200 OK", vec!["Content-Type: text/event-stream".to_owned()], stream)
        }
        _ => {
            let fault = json!({"code": -32601, "message": "Method not found"});
            said("404 Not Found", &json!({"jsonrpc": "2.0", "id": question["id"], "error": fault}))
        }
    }
}

fn said(status: &'static str, body: &Value) -> Reply {
    (status, vec!["Content-Type: application/json".to_owned()], body.to_string())
}

fn card(path: &str, url: &str) -> Value {
    json!({"server_name": "Clock", "description": "Says what time it is in any zone of the world",
        "path": path, "proxy_pass_url": url, "tags": ["time"]})
}

/// Nothing that it prints holds the server's key.
fn run(desk: &Desk, words: &[&str]) -> e2e::Run {
    let run = desk.run(words);
    assert!(!run.out.contains(KEY) && !run.err.contains(KEY), "the key was printed: {run:?}");
    run
}

#[tokio::test]
async fn a_server_from_its_registration_to_its_end() {
    let Some(stack) = STACK.get().await else { return };
    let admin = desk(stack, "registry-admin").await;
    admin.write("clock.json", &card("/currenttime", &clock()));
    admin.write("key.json", &json!(null));
    std::fs::write(admin.path("key.json"), KEY).expect("it was just made");

    // Without its key it tells no tools, which is a warning and no more.
    let said = run(&admin, &["server", "register", "clock.json"]).ends(0);
    assert!(said.starts_with("/currenttime: registered, disabled until: agentctl server toggle"), "{said}");
    assert!(said.contains("/currenttime: warning: its tools could not be read"), "{said}");
    run(&admin, &["server", "check", "/currenttime"]).ends(1);
    admin.write("nothing.json", &json!({}));
    let words =
        ["server", "update", "/currenttime", "nothing.json", "--patch", "--header", "X-Clock-Key=@key.json"];
    run(&admin, &words).ends(0);
    let checked = run(&admin, &["server", "check", "/currenttime"]).ends(0);
    assert!(checked.starts_with("status      healthy\ntools       2\n"), "{checked}");
    // Nobody calls what is disabled.
    let call = ["server", "call", "/currenttime", NOW, "--arguments", "{\"zone\": \"Asia/Tokyo\"}"];
    run(&admin, &call).ends(1);
    assert_eq!(run(&admin, &["server", "toggle", "/currenttime", "on"]).ends(0), "/currenttime: enabled\n");

    let listed = run(&admin, &["server", "list", "--query", SET, "--tag", "time", "--enabled-only"]).ends(0);
    assert_eq!(listed.lines().nth(1), Some("/currenttime  Clock  2      time  healthy  yes"), "{listed}");
    let shown = run(&admin, &["server", "get", "/currenttime"]).ends(0);
    assert!(shown.contains("\nheaders        x-clock-key\n"), "{shown}");
    let tools = run(&admin, &["server", "tools", "/currenttime"]).ends(0);
    assert!(tools.contains(&format!("{SET}                  Deals with the time\n")), "{tools}");
    assert_eq!(run(&admin, &call).ends(0), "noon in Asia/Tokyo\n");
    let failed = run(&admin, &["server", "call", "/currenttime", NOW]);
    assert!(failed.err.contains("says that it failed"), "{failed:?}");
    assert_eq!(failed.ends(1), "which zone?\n");
    let result = run(&admin, &[&call[..], &["--json"]].concat()).json();
    assert_eq!(result["content"][0]["text"], "noon in Asia/Tokyo");

    // Who may call one of the tools sees that one, and is told what is missing for the other.
    let clerk = desk(stack, "lob1-bot").await;
    let tools = run(&clerk, &["server", "tools", "/currenttime", "--json"]).json();
    assert_eq!(column(&tools["tools"], "name"), [NOW]);
    assert_eq!(run(&clerk, &call).ends(0), "noon in Asia/Tokyo\n");
    let refused = run(&clerk, &["server", "call", "/currenttime", SET]);
    assert!(refused.err.contains("403 Forbidden") && refused.err.contains(SET), "{refused:?}");
    refused.ends(1);
    run(&clerk, &["server", "toggle", "/currenttime", "off"]).refused(1, "toggle_service");
    let policy = xtask::root().join("deploy/scopes.yml");
    let policy = policy.to_str().expect("its name is text");
    run(&clerk, &["server", "call", "/currenttime", SET, "--policy", policy]).ends(3);

    let found = run(&clerk, &["search", "the time in a time zone", "--json"]).json();
    assert_eq!(column(&found["servers"], "path"), ["/currenttime"], "{found}");
    assert_eq!(column(&found["tools"], "tool_name"), [NOW], "{found}");
    let history = run(&admin, &["server", "history", "/currenttime", "--json"]).json();
    let what = column(&history["changes"], "what");
    assert_eq!((what.first(), what.last()), (Some(&"enabled".to_owned()), Some(&"registered".to_owned())));

    assert_eq!(
        run(&admin, &["server", "delete", "/currenttime", "--yes"]).ends(0),
        "/currenttime: deleted\n"
    );
    run(&admin, &call).ends(1);
    run(&admin, &["server", "get", "/currenttime"]).ends(1);
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let Some(stack) = STACK.get().await else { return };
    let stranger = desk(stack, "stranger-bot").await;
    stranger.write("card.json", &card("/ctl-clock", "http://127.0.0.1:9/mcp"));
    stranger.write("key.json", &json!(null));
    let refused = run(&stranger, &["server", "register", "card.json"]);
    assert!(refused.err.starts_with("agentctl: card.json: refused (403 Forbidden): "), "{}", refused.err);
    refused.ends(1);
    assert_eq!(run(&stranger, &["server", "list", "--json"]).json()["servers"], json!([]));
    run(&stranger, &["server", "call", "/ctl-clock", NOW]).ends(1);
    // A secret that was typed is not sent: it is not even taken.
    let typed = format!("X-Clock-Key={KEY}");
    let words = ["server", "register", "card.json", "--header", &typed];
    run(&stranger, &words).refused(2, "--header takes NAME=@FILE");
}
