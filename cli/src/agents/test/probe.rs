//! Does an agent speak what its card declares? It is asked for a task that does not exist, which changes nothing.
//!
//! A2A 0.3: JSON-RPC `tasks/get`, or `GET …/v1/tasks/{id}`. A2A 1.0: JSON-RPC `GetTask`, or
//! `GET …/tasks/{id}`, with the header `A2A-Version`. The good answer is TaskNotFound.

use std::time::Duration;

use serde_json::{Value, json};

use super::checks::{Check, Verdict};
use super::dialect::{Binding, Dialect, Interface};
use super::own_card::{MOST_BYTES, Reach};
use crate::http::{Answer, Http, Method, Request, Url};

/// Some agents take only UUIDs for ids. Nobody's task has this one.
const NOBODYS_TASK: &str = "00000000-0000-4000-8000-000000000000";

/// JSON-RPC's code for TaskNotFoundError, in both dialects.
const TASK_NOT_FOUND: i64 = -32001;
const METHOD_NOT_FOUND: i64 = -32601;
/// A2A 1.0's code for a version that the agent does not speak.
const VERSION_NOT_SUPPORTED: i64 = -32009;

/// Asks at one interface.
pub(super) fn ask(
    http: &Http,
    registered: &Url,
    reach: Reach,
    interface: &Interface,
    patience: Duration,
) -> Check {
    let check = |verdict, says: String| {
        let says = format!("A2A {}, {}: {says}", interface.dialect.name(), interface.url);
        Check::new("protocol", verdict, says)
    };
    let Ok(url) = Url::parse(&interface.url) else {
        return check(Verdict::Failed, "no URL".to_owned());
    };
    if !reach.allows(&url, registered) {
        // Whoever writes a card could make us call anybody.
        let host = registered.host_str().unwrap_or_default();
        let host = match registered.port_or_known_default().filter(|_| !reach.any_port) {
            Some(port) => format!("host and port are, {host}:{port}"),
            None => format!("host is, {host}"),
        };
        return check(Verdict::Warning, format!("not asked: only the registered {host}"));
    }
    let request = match interface.binding {
        Binding::JsonRpc => Request::new(Method::POST, url).json(&question(interface)),
        Binding::HttpJson | Binding::Other(_) => Request::new(Method::GET, task(url, interface)),
    };
    let request = match interface.dialect {
        Dialect::V10 => request.header("A2A-Version", "1.0"),
        Dialect::V03 => request,
    };
    let request = request.header("Accept", "application/json").patience(patience).at_most(MOST_BYTES);
    match http.send(request) {
        Err(silence) => check(Verdict::Failed, silence.to_string()),
        Ok(answer) => match judge(&interface.binding, &answer) {
            Ok(says) => check(Verdict::Passed, says),
            Err(says) => check(Verdict::Failed, says),
        },
    }
}

fn question(interface: &Interface) -> Value {
    let method = match interface.dialect {
        Dialect::V03 => "tasks/get",
        Dialect::V10 => "GetTask",
    };
    let mut params = json!({ "id": NOBODYS_TASK });
    if let Some(tenant) = &interface.tenant {
        params["tenant"] = json!(tenant);
    }
    json!({"jsonrpc": "2.0", "id": "agentctl", "method": method, "params": params})
}

/// The address of the task below the interface's.
fn task(mut url: Url, interface: &Interface) -> Url {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        match interface.dialect {
            Dialect::V03 => path.push("v1"),
            Dialect::V10 => path.extend(&interface.tenant),
        };
        path.extend(["tasks", NOBODYS_TASK]);
    }
    url
}

fn judge(binding: &Binding, answer: &Answer) -> Result<String, String> {
    let status = answer.status.as_u16();
    if matches!(status, 401 | 403) {
        return Ok(format!("there, and wants credentials ({status})"));
    }
    if answer.status.is_redirection() {
        return Err(format!("sends us elsewhere ({status}), which is not followed"));
    }
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match binding {
        Binding::JsonRpc => judge_rpc(status, &body),
        Binding::HttpJson | Binding::Other(_) => judge_rest(status, &body),
    }
}

fn judge_rpc(status: u16, body: &Value) -> Result<String, String> {
    if body["jsonrpc"] != "2.0" {
        return Err(format!("no JSON-RPC 2.0 in the answer ({status})"));
    }
    if body.get("result").is_some() {
        return Err("answered with a task that does not exist".to_owned());
    }
    let said = body["error"]["message"].as_str().unwrap_or_default();
    match body["error"]["code"].as_i64() {
        Some(TASK_NOT_FOUND) => Ok("speaks it (JSON-RPC)".to_owned()),
        Some(METHOD_NOT_FOUND) => Err("does not know the method: it speaks another version".to_owned()),
        Some(VERSION_NOT_SUPPORTED) => Err("does not speak the version that its card declares".to_owned()),
        Some(code) => Err(format!("answered {code} {said}, not {TASK_NOT_FOUND} (no such task)")),
        None => Err(format!("neither result nor error in the answer ({status})")),
    }
}

fn judge_rest(status: u16, body: &Value) -> Result<String, String> {
    match status {
        // Only the protocol knows of tasks: any web server answers 404.
        404 if says_no_task(body) => Ok("speaks it (HTTP+JSON)".to_owned()),
        404 => Err("answered 404, but not that there is no such task".to_owned()),
        200..300 => Err("answered with a task that does not exist".to_owned()),
        _ => Err(format!("answered {status}, not 404")),
    }
}

/// `TASK_NOT_FOUND`, `…/task-not-found`, `Task not found`: spelled in as many ways as there are versions.
fn says_no_task(body: &Value) -> bool {
    let text = body.to_string().replace(NOBODYS_TASK, "").to_lowercase();
    let letters: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    body.is_object() && letters.contains("tasknotfound")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(dialect: Dialect, tenant: Option<&str>) -> Interface {
        let (binding, url) = (Binding::HttpJson, "http://h/a/".to_owned());
        Interface { dialect, binding, url, tenant: tenant.map(str::to_owned) }
    }

    #[test]
    fn each_dialect_is_asked_in_its_own_words() {
        let asked = |dialect, tenant| {
            let interface = interface(dialect, tenant);
            let url = task(Url::parse(&interface.url).unwrap(), &interface);
            (
                question(&interface)["method"].as_str().unwrap().to_owned(),
                url.path().replace(NOBODYS_TASK, "ID"),
            )
        };
        assert_eq!(asked(Dialect::V03, None), ("tasks/get".to_owned(), "/a/v1/tasks/ID".to_owned()));
        assert_eq!(asked(Dialect::V10, None), ("GetTask".to_owned(), "/a/tasks/ID".to_owned()));
        assert_eq!(asked(Dialect::V10, Some("t")), ("GetTask".to_owned(), "/a/t/tasks/ID".to_owned()));
        assert_eq!(question(&interface(Dialect::V10, Some("t")))["params"]["tenant"], "t");
    }

    #[test]
    fn only_the_protocols_own_refusal_will_do() {
        let rpc = |body: Value| judge_rpc(200, &body).is_ok();
        let error = |code: i64| json!({"jsonrpc": "2.0", "id": "x", "error": {"code": code, "message": "m"}});
        assert!(rpc(error(TASK_NOT_FOUND)));
        for code in [METHOD_NOT_FOUND, VERSION_NOT_SUPPORTED, -32700, -32600, -32602, -32603, 404] {
            assert!(!rpc(error(code)), "{code}");
        }
        assert!(!rpc(json!({"jsonrpc": "2.0", "result": {"id": "x"}})));
        assert!(!rpc(json!({"error": {"code": TASK_NOT_FOUND}})));
        assert!(!rpc(Value::Null));
        for (status, body, fine) in [
            (404, json!({"message": "Task not found"}), true),
            (404, json!({"error": {"code": 404, "details": [{"reason": "TASK_NOT_FOUND"}]}}), true),
            (404, json!({"type": "https://a2a-protocol.org/errors/task-not-found"}), true),
            (404, json!({"message": format!("Task {NOBODYS_TASK} not found")}), true),
            (404, json!({"detail": "Not Found"}), false),
            (404, json!({"path": "/v1/tasks/x", "error": "Not Found"}), false),
            (404, json!("task not found"), false),
            (200, json!({"id": "x"}), false),
            (500, json!({"message": "Task not found"}), false),
        ] {
            assert_eq!(judge_rest(status, &body).is_ok(), fine, "{status} {body}");
        }
    }
}
