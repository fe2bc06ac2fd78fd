//! The messages of the protocol that reading tools takes, in both its eras.

use serde_json::{Map, Value, json};

use super::fault::Fault;

/// The revision without sessions: every request says who asks, and which revision it speaks.
pub(super) const NEWER: &str = "2026-07-28";
/// The latest revision with sessions.
pub(super) const OLDER: &str = "2025-11-25";

fn client() -> Value {
    json!({"name": "agent-registry", "version": env!("CARGO_PKG_VERSION")})
}

/// A request of the newer era.
pub(super) fn newer(id: u64, method: &str, params: Map<String, Value>) -> Value {
    let mut params = params;
    params.insert(
        "_meta".to_owned(),
        json!({
            "io.modelcontextprotocol/protocolVersion": NEWER,
            "io.modelcontextprotocol/clientInfo": client(),
            "io.modelcontextprotocol/clientCapabilities": {}
        }),
    );
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A request of the older era.
pub(super) fn older(id: u64, method: &str, params: Map<String, Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// How the older era begins.
pub(super) fn initialize(id: u64) -> Value {
    let params = json!({"protocolVersion": OLDER, "capabilities": {}, "clientInfo": client()});
    json!({"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params})
}

/// What the older era wants to hear before anything else is asked.
pub(super) fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// The result for a request, if this text answers it: a message, or a list of them. Other messages are none
/// of ours. They may be nested as deep as a card may, so that what is kept of them can be read again.
pub(super) fn result(text: &[u8], id: u64) -> Option<Result<Value, Fault>> {
    let Ok(message) = catalog::json::read(text) else {
        return Some(Err(Fault::broken("what it sent is no JSON")));
    };
    let messages = match message {
        Value::Array(messages) => messages,
        one => vec![one],
    };
    let answers = |message: &Value| message.get("id") == Some(&json!(id)) && message.get("method").is_none();
    let mut message = messages.into_iter().find(answers)?;
    if let Some(error) = message.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let words = error.get("message").and_then(Value::as_str).unwrap_or_default();
        return Some(Err(Fault::refused(code, words)));
    }
    match message.get_mut("result").map(Value::take) {
        Some(result @ Value::Object(_)) => Some(Ok(result)),
        Some(_) | None => Some(Err(Fault::broken("its answer has no result"))),
    }
}

/// A server's own word about itself: one line, not too long.
pub(super) fn word(value: Option<&Value>) -> Option<String> {
    let text = value.and_then(Value::as_str)?;
    Some(text.chars().filter(|c| !c.is_control()).take(100).collect())
}
