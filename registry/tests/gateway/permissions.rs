//! Who may ask which server for what, message by message.

use serde_json::{Value, json};

use crate::common::Role;
use crate::stage::{Fake, Stage, message, says};

const OK: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

#[tokio::test]
async fn a_line_of_business_message_by_message() {
    let stage = Stage::new().await;
    let fake = Fake::start(|_| says("application/json", OK)).await;
    stage.fake("currenttime", &fake).await;
    stage.fake("mcpgw", &fake).await;
    let call = |tool: Value| message(1, "tools/call", json!({"name": tool}));
    let other = |method: &str| message(1, method, json!({}));
    let note = |method: &str| json!({"jsonrpc": "2.0", "method": method}).to_string();
    let answer = r#"{"jsonrpc":"2.0","id":4,"result":{}}"#.to_owned();
    for (target, body, status) in [
        ("/mcp/currenttime", other("initialize"), 200),
        ("/mcp/currenttime/mcp", other("initialize"), 200),
        ("/currenttime/mcp", other("server/discover"), 200),
        ("/mcp/currenttime", note("notifications/initialized"), 200),
        ("/mcp/currenttime", note("notifications/cancelled"), 200),
        ("/mcp/currenttime", other("ping"), 200),
        ("/mcp/currenttime", answer, 200),
        ("/mcp/currenttime", call("current_time_by_timezone".into()), 200),
        ("/mcp/currenttime", call("Current_time_by_timezone".into()), 403),
        ("/mcp/currenttime", call("current_time_by_timezone ".into()), 403),
        ("/mcp/currenttime", call("other".into()), 403),
        ("/mcp/currenttime", call("*".into()), 403),
        ("/mcp/currenttime", other("tools/List"), 400),
        ("/mcp/currenttime", other("tools/list\u{0}"), 400),
        ("/mcp/currenttime", other("tools/ca\u{217c}l"), 400),
        ("/mcp/currenttime", other("resources/list"), 403),
        ("/mcp/currenttime", other("prompts/list"), 403),
        ("/mcp/currenttime", note("notifications/roots/list_changed"), 403),
        ("/mcp/mcpgw", other("initialize"), 403),
        ("/mcp/nowhere", other("initialize"), 403),
    ] {
        let before = fake.count();
        stage.post(Role::Lob1, target, "", &body).await.is(status);
        assert_eq!(fake.count() - before, usize::from(status == 200), "{target} {body}");
    }
    for (role, status) in [
        (Role::Nobody, 401),
        (Role::Stranger, 403),
        (Role::Lob2, 403),
        (Role::Guide, 200),
        (Role::Admin, 200),
    ] {
        stage.post(role, "/mcp/currenttime", "", &call("other".into())).await.is(status);
    }
    // Who may call all methods, and not all tools, gets no other one by another spelling.
    for method in ["tools/Call", "tools/call\u{0}", "tools//call", "Tools/List"] {
        stage.post(Role::Admin, "/mcp/currenttime", "", &other(method)).await.is(400);
    }
    let told = stage.post(Role::Nobody, "/mcp/currenttime", "", &other("ping")).await;
    assert!(told.head.contains(
        "resource_metadata=\"http://localhost:8080/.well-known/oauth-protected-resource/mcp/currenttime\""
    ));
    told.error(&Value::Null);
    stage.post(Role::Admin, "/mcp/nowhere", "", &other("ping")).await.is(404).error(&json!(1));
}

#[tokio::test]
async fn a_refusal_names_what_is_missing() {
    let stage = Stage::new().await;
    let fake = Fake::start(|_| says("application/json", OK)).await;
    stage.fake("currenttime", &fake).await;
    let call = message(7, "tools/call", json!({"name": "other"}));
    let told = stage.post(Role::Lob1, "/mcp/currenttime", "", &call).await.is(403);
    let (code, said) = told.error(&json!(7));
    assert_eq!(code, -32011);
    assert_eq!(
        said,
        "your scopes do not grant 'tools/call' of the tool 'other' on the MCP server 'currenttime'"
    );
    let data = json!({"server": "currenttime", "method": "tools/call", "tool": "other"});
    assert_eq!(told.json()["error"]["data"], data);

    let batch = format!("[{},{call},{}]", message(1, "ping", json!({})), r#"{"jsonrpc":"2.0","method":"x"}"#);
    let told = stage.post(Role::Lob1, "/mcp/currenttime", "", &batch).await.is(403).json();
    let ids: Vec<_> = told.as_array().expect("a list").iter().map(|error| error["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(7)]);
    assert_eq!(told[0]["error"]["message"], "not done: another message of the batch is not granted");
    assert_eq!(told[1]["error"]["data"], data);
    let fine = format!("[{}]", message(1, "ping", json!({})));
    stage.post(Role::Lob1, "/mcp/currenttime", "", &fine).await.is(200);
    assert_eq!(fake.count(), 1, "of the refused ones nothing was sent");

    stage.get(Role::Lob2, "/mcp/currenttime", "Accept: text/event-stream\r\n").await.is(403);
}

#[tokio::test]
async fn what_is_decided_on_is_what_is_sent() {
    let stage = Stage::new().await;
    let fake = Fake::start(|_| says("application/json", OK)).await;
    stage.fake("currenttime", &fake).await;
    let body = r#" {"jsonrpc" : "2.0", "id":1e0 }"#;
    stage.post(Role::Lob1, "/mcp/currenttime", "", body).await.is(400);
    let body = "{ \"jsonrpc\":\"2.0\",\n\"id\":\"\\u0041\", \"method\":\"tools/cal\\u006c\",\
                \"params\":{\"name\":\"current_time_by_timezone\",\"arguments\":{\"x\":1.0e0}}} ";
    let headers = "Authorization: Bearer mine\r\nX-Authorization: Bearer mine\r\nCookie: a=b\r\nX-User: ada\r\n\
                   X-Scopes: all\r\nMcp-Method: tools/call\r\nMcp-Name: current_time_by_timezone\r\n\
                   traceparent: 00-1\r\nLast-Event-ID: 4\r\n";
    stage.post(Role::Lob1, "/mcp/currenttime", headers, body).await.is(200);
    let seen = fake.last();
    let (head, sent) = seen.split_once("\r\n\r\n").expect("a head");
    assert_eq!(sent, body);
    let mut names: Vec<_> = head.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
    names.sort_unstable();
    let names: Vec<_> = names.into_iter().map(|(name, _)| name.to_lowercase()).collect();
    let expected = [
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "mcp-method",
        "mcp-name",
        "traceparent",
    ];
    assert_eq!(names, expected);
    assert!(head.to_lowercase().contains(&format!("host: {}", fake.address)));
}
