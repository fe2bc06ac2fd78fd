//! A small agent on loopback: its card, and JSON-RPC that knows no tasks.

use e2e::upstream::{Reply, Request, on_tcp};
use serde_json::{Value, json};

/// What an agent declares and speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V03,
    V10,
    SaysV10SpeaksV03,
}

/// Serves until the test program ends; its address.
pub(crate) fn serve(dialect: Dialect) -> String {
    let address = on_tcp(move |request| match &*request.line {
        "GET /.well-known/agent-card.json HTTP/1.1" => {
            said("200 OK", &card(dialect, &format!("http://{}", request.header("host"))))
        }
        "POST / HTTP/1.1" => said("200 OK", &answer(dialect, request)),
        _ => said("404 Not Found", &json!({"detail": "Not Found"})),
    });
    format!("http://{address}")
}

fn said(status: &'static str, body: &Value) -> Reply {
    (status, vec!["Content-Type: application/json".to_owned()], body.to_string())
}

fn card(dialect: Dialect, url: &str) -> Value {
    let mut card = json!({
        "name": "Poet", "description": "Writes sonnets about software", "version": "1.0.0",
        "capabilities": {"streaming": false}, "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "write-sonnets", "name": "Write Sonnets", "description": "Fourteen lines that rhyme",
            "tags": ["verse"]}],
    });
    if dialect == Dialect::V03 {
        card["protocolVersion"] = json!("0.3.0");
        card["preferredTransport"] = json!("JSONRPC");
        card["url"] = json!(url);
    } else {
        card["supportedInterfaces"] =
            json!([{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]);
    }
    card
}

fn answer(dialect: Dialect, request: &Request) -> Value {
    let question: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let known = match dialect {
        Dialect::V10 => question["method"] == "GetTask" && request.header("a2a-version") == "1.0",
        Dialect::V03 | Dialect::SaysV10SpeaksV03 => question["method"] == "tasks/get",
    };
    let (code, message) = if known { (-32001, "Task not found") } else { (-32601, "Method not found") };
    json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": code, "message": message}})
}
