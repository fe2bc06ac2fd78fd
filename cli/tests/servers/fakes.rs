//! Servers and refusals in the registry's form.

use serde_json::{Value, json};

use crate::common::server::Reply;

/// A card as the registry shows it.
pub(crate) fn card(path: &str) -> Value {
    json!({
        "server_name": "Clock", "description": "Says the time", "path": path,
        "proxy_pass_url": "http://127.0.0.1:8001/mcp", "tags": ["time"], "license": "N/A",
        "supported_transports": ["streamable-http"], "headers": {"authorization": "***"},
        "is_enabled": true, "num_tools": 1, "health_status": "healthy",
        "last_checked_iso": "2026-11-20T12:00:00Z",
        "tool_list": [{"name": "now", "description": "Says the time.\n\nIn a zone.", "inputSchema": {}}],
    })
}

/// The same in a list.
pub(crate) fn summary(path: &str, name: &str, enabled: bool) -> Value {
    json!({"server_name": name, "path": path, "description": "d", "proxy_pass_url": "http://h/mcp",
        "tags": ["time"], "num_tools": 2, "is_enabled": enabled, "license": "N/A",
        "supported_transports": ["streamable-http"], "health_status": "unknown"})
}

/// The registry's form of a refusal.
pub(crate) fn problem(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"code": code, "message": message, "detail": message}))
}
