//! What registries and agents say.

use serde_json::{Value, json};

use crate::common::server::{Reply, Request, Server};

pub(crate) const UNKNOWN_ID: &str = "00000000-0000-4000-8000-000000000000";

/// A card in the guide's form.
pub(crate) fn card(path: &str, url: &str) -> Value {
    json!({
        "name": "Code Reviewer", "description": "Reviews code", "path": path, "url": url,
        "protocol_version": "1.0", "version": "1.2.0", "visibility": "public", "trust_level": "community",
        "is_enabled": true, "tags": ["python"],
        "skills": [{"id": "review", "name": "Review", "description": "Reads it", "tags": []}],
    })
}

/// The same in a list.
pub(crate) fn summary(path: &str, name: &str, skills: &[&str], enabled: bool) -> Value {
    json!({"path": path, "name": name, "description": "d", "skills": skills, "trust_level": "unverified",
        "visibility": "public", "is_enabled": enabled})
}

/// The registry's form of a refusal.
pub(crate) fn problem(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"code": code, "message": message, "detail": message}))
}

/// A registry with these cards, all of them in its list.
pub(crate) fn registry(cards: Vec<Value>) -> Server {
    Server::new(move |request| {
        let target = request.line.split(' ').nth(1).unwrap_or_default();
        if target.split('?').next() == Some("/api/agents") {
            let agents: Vec<Value> = cards
                .iter()
                .map(|card| summary(card["path"].as_str().unwrap_or_default(), "n", &[], true))
                .collect();
            return Reply::json(200, &json!({"agents": agents, "total_count": agents.len()}));
        }
        let found = cards.iter().find(|card| {
            Some(target) == card["path"].as_str().map(|path| format!("/api/agents{path}")).as_deref()
        });
        match found {
            Some(card) => Reply::json(200, card).header("ETag", "\"t1\""),
            None => problem(404, "not_found", "there is no such entry, or none that you may see"),
        }
    })
}

/// How an agent of a test behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rpc03,
    Rpc10,
    Rest03,
    Rest10,
    /// Declares 1.0, speaks 0.3 only.
    Trap,
    /// Serves its card at the older place.
    OldPlace,
    /// Wants credentials for everything but its card.
    Guarded,
    /// Serves the registry's own form.
    Guide,
    /// Serves something without an end.
    Endless,
    /// Sends whoever asks to another host.
    Elsewhere,
}

/// An agent that says what its kind says.
pub(crate) fn agent(kind: Kind) -> Server {
    Server::new(move |request| {
        // An agent does not know its address before it listens; callers do.
        let base = format!("http://{}", request.header("host"));
        let words: Vec<&str> = request.line.split(' ').collect();
        let place = if kind == Kind::OldPlace { "agent" } else { "agent-card" };
        match (words[0], words[1]) {
            ("GET", target) if target == format!("/.well-known/{place}.json") => own_card(kind, &base),
            ("GET", target) if target.contains("/tasks/") => rest(kind, target),
            ("POST", "/rpc") => rpc(kind, request),
            _ => Reply::new(404, "{\"detail\":\"Not Found\"}"),
        }
    })
}

fn own_card(kind: Kind, base: &str) -> Reply {
    let mut card = json!({
        "name": "Code Reviewer", "description": "Reviews code", "version": "1.2.0", "capabilities": {},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "review", "name": "Review", "description": "Reads it", "tags": []}],
    });
    let url = format!("{base}/rpc");
    match kind {
        Kind::Rpc10 | Kind::Trap | Kind::Guarded | Kind::OldPlace => {
            card["supportedInterfaces"] =
                json!([{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]);
        }
        Kind::Rest10 => {
            card["supportedInterfaces"] = json!([
                {"url": url, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0", "tenant": "t"}]);
        }
        Kind::Rpc03 => {
            card["protocolVersion"] = json!("0.3.0");
            card["url"] = json!(url);
        }
        Kind::Rest03 => {
            card["preferredTransport"] = json!("HTTP+JSON");
            card["url"] = json!(url);
        }
        Kind::Guide => return Reply::json(200, &self::card("/a", &url)),
        Kind::Endless => return Reply::new(200, &format!("{{\"a\": \"{}\"}}", "x".repeat(2 << 20))),
        Kind::Elsewhere => return Reply::new(302, "").header("Location", "http://192.0.2.1/card"),
    }
    Reply::json(200, &card)
}

fn rpc(kind: Kind, request: &Request) -> Reply {
    if kind == Kind::Guarded {
        return Reply::new(401, "");
    }
    let question = request.json();
    let is_10 = !matches!(kind, Kind::Rpc03 | Kind::Trap);
    let method = if is_10 { "GetTask" } else { "tasks/get" };
    let version = if is_10 { "1.0" } else { "" };
    let fine = question["method"] == method
        && question["params"]["id"] == UNKNOWN_ID
        && (!is_10 || request.header("a2a-version") == version);
    let code = if fine { -32001 } else { -32601 };
    Reply::json(
        200,
        &json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": code, "message": "m"}}),
    )
}

fn rest(kind: Kind, target: &str) -> Reply {
    match kind {
        Kind::Rest03 if target == format!("/rpc/v1/tasks/{UNKNOWN_ID}") => {
            Reply::json(404, &json!({"message": "Task not found"}))
        }
        Kind::Rest10 if target == format!("/rpc/t/tasks/{UNKNOWN_ID}") => Reply::json(
            404,
            &json!({"error": {"code": 404, "status": "NOT_FOUND", "details": [{"reason": "TASK_NOT_FOUND"}]}}),
        ),
        _ => Reply::new(404, "{\"detail\":\"Not Found\"}"),
    }
}
