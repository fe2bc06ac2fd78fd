//! A stand-in for a gateway with a directory behind it, and what it knows.

use serde_json::{Value, json};

use crate::common::server::{Reply, Request, Server};
use crate::common::{Desk, Run, now};

/// The organisation's key: it may appear in no output.
pub(crate) const KEY: &str = "lmk_c2VjcmV0LWtleQ";
/// A client secret that the directory has just made.
pub(crate) const MADE: &str = "ags_k2_bmV3LXNlY3JldA";
/// An introspection secret that it has just made.
pub(crate) const MADE_FOR_TARGET: &str = "mis_aW50cm9zcGVjdGlvbg";
/// Where the directory is, at the stand-in.
pub(crate) const ADMIN: &str = "/orgs/default/api/v1/admin";

/// An agent of the directory.
pub(crate) fn agent() -> Value {
    json!({
        "agentId": "agt_1", "clientId": "agt_1", "slug": "research-analyst", "name": "Research\u{9b}2J Analyst",
        "description": "", "type": "assistant", "status": "active",
        "capabilities": ["read:documents", "mcp:financial"], "declaredCapabilities": [], "groups": ["lob1"],
        "budgetPolicy": {"maxTokensPerDay": 100_000, "tokensUsedToday": 1200, "resetsAt": now() + 3 * 3600 + 60},
        "owner": "anna", "createdBy": "key", "createdAt": now() - 200_000, "updatedAt": now() - 200_000,
        "secrets": [{"id": "k1", "createdAt": now() - 200_000}, {"id": "k0", "expiresAt": 2}],
        "workloadIdentity": "http://h/orgs/default/api/v1/agents/agt_1",
    })
}

/// The same with other values.
pub(crate) fn agent_with(change: &Value) -> Value {
    with(agent(), change)
}

/// An MCP server of the directory.
pub(crate) fn target() -> Value {
    json!({
        "id": "mcp_1", "slug": "documents", "name": "Documents", "resourceUri": "https://mcp.example.com/documents",
        "aliases": ["urn:mcp:documents"], "requiredCapability": "read:documents",
        "scopesSupported": ["read:documents"], "tokenLifetime": 300, "createdAt": now(), "updatedAt": now(),
    })
}

/// The same with other values.
pub(crate) fn target_with(change: &Value) -> Value {
    with(target(), change)
}

fn with(mut thing: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().into_iter().flatten() {
        thing[name] = value.clone();
    }
    thing
}

/// What the directory answers with a good status.
pub(crate) fn data(data: &Value) -> (u16, Value) {
    (200, json!({"data": data, "message": "done"}))
}

/// What it answers with another.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> (u16, Value) {
    (status, json!({"error": code, "message": message, "status": status, "code": code}))
}

/// A gateway that says whose tokens it takes, and has this behind the admin API; it is asked by method and path
/// below it (`GET /agents/agt_1`).
pub(crate) fn directory(answer: impl Fn(&str, &Request) -> (u16, Value) + Send + Sync + 'static) -> Server {
    Server::new(move |request| {
        let base = format!("http://{}", request.header("host"));
        let line = request.line.replace(ADMIN, "");
        let (status, body) = match &*request.line {
            "GET /.well-known/oauth-protected-resource" => {
                let issuers = [format!("{base}/realms/r"), format!("{base}/orgs/default/api/v1")];
                (200, json!({"resource": base, "authorization_servers": issuers}))
            }
            asked if asked.contains(ADMIN) => answer(&line, request),
            _ => refusal(404, "not_found", "there is no such place"),
        };
        Reply::json(status, &body)
    })
}

/// What was asked of the directory, without the question to the gateway where it is.
pub(crate) fn asked(server: &Server) -> Vec<Request> {
    let mut all = server.all();
    all.retain(|request| request.line.contains(ADMIN));
    for request in &mut all {
        request.line = request.line.replace(ADMIN, "");
    }
    all
}

/// The only thing that was asked of it.
pub(crate) fn only(server: &Server) -> Request {
    let mut all = asked(server);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The first lines of it.
pub(crate) fn lines(server: &Server) -> Vec<String> {
    asked(server).into_iter().map(|request| request.line).collect()
}

/// Somebody with the organisation's key.
pub(crate) fn keeper() -> Desk {
    let desk = Desk::empty();
    desk.write("admin_key", format!("{KEY}\n"));
    desk
}

/// `agentctl` by the key; it is never printed.
pub(crate) fn keep(desk: &Desk, gateway: &Server, words: &[&str]) -> Run {
    silent(
        desk.run_with(&[("AGENTCTL_ADMIN_KEY_FILE", "admin_key"), ("AGENTCTL_GATEWAY", &gateway.url)], words),
    )
}

/// Checks that the key was not printed.
pub(crate) fn silent(run: Run) -> Run {
    assert!(!run.out.contains(KEY) && !run.err.contains(KEY), "the key was printed: {run:?}");
    run
}
