//! The card of a server as the OpenAPI document shows it and as it leaves the registry.

use std::borrow::Cow;

use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::json;

use crate::document::{described, list, open, open_answer, open_item, open_object, text};

/// A whole card, as one caller sees it.
pub(super) struct ServerCard(pub(super) String);

/// Documents the body of a change: the fields of a card, none of them required.
pub(super) struct ServerCardChange;

/// The tools of a server, each as it told it.
pub(super) struct ServerTools(pub(super) String);

open_object!(
    ServerCard,
    "An MCP server. Unknown keys are kept and come back. The values of `headers` are secrets: every answer shows \
     `***`, and sent back that means the value that is kept. The registry alone sets `num_tools`, `tool_list`, \
     `health_status`, `last_checked_iso`, `registered_at`, `registered_by` and `updated_at`.",
    ["server_name", "description", "proxy_pass_url"],
    properties()
);
open_object!(
    ServerCardChange,
    "Fields of an MCP server that are to change; fields that are left out stay as they are.",
    [],
    properties()
);
open_object!(
    ServerTools,
    "The tools of an MCP server that the caller may call.",
    ["server_name", "path", "tools", "total_count"],
    vec![
        ("server_name", text("Current Time")),
        ("path", text("/currenttime")),
        ("tools", list(open_item(), json!([tool()]))),
        ("total_count", u32::schema_ref()),
    ]
);
open_answer!(ServerCard);
open_answer!(ServerTools);

fn tool() -> serde_json::Value {
    json!({"name": "current_time_by_timezone", "description": "Tells the time in a time zone",
        "inputSchema": {"type": "object", "properties": {"tz_name": {"type": "string"}}}})
}

/// The documented fields of a card; others are kept as they come.
fn properties() -> Vec<(&'static str, MetaSchemaRef)> {
    let texts = |example| list(MetaSchema::new("string"), example);
    vec![
        ("server_name", text("Current Time")),
        ("description", text("Tells the time in any time zone")),
        (
            "path",
            described(
                MetaSchema::new("string"),
                "A slash and one name, which policies and the gateway know the server by; made from server_name \
                 where it is left out.",
                json!("/currenttime"),
            ),
        ),
        (
            "proxy_pass_url",
            described(
                MetaSchema::new("string"),
                "Where the server is reached; one that ends with a slash is a folder in which mcp or sse is the door.",
                json!("http://localhost:8000/mcp"),
            ),
        ),
        ("tags", texts(json!(["time"]))),
        ("license", text("MIT")),
        ("supported_transports", texts(json!(["streamable-http"]))),
        (
            "headers",
            described(
                open_item(),
                "What the server wants to see with every request; kept sealed, and shown as ***.",
                json!({"x-api-key": "***"}),
            ),
        ),
        ("token_exchange", open(json!({"audience": "https://mcp.example.com"}))),
        ("max_concurrency", u32::schema_ref()),
        ("answer_timeout", u32::schema_ref()),
        ("is_enabled", bool::schema_ref()),
        ("num_tools", u32::schema_ref()),
        ("tool_list", list(open_item(), json!([tool()]))),
        ("health_status", text("healthy")),
        (
            "last_checked_iso",
            described(
                MetaSchema { nullable: true, ..MetaSchema::new("string") },
                "When the server was asked last, RFC 3339 in UTC.",
                json!("2025-11-09T10:30:00Z"),
            ),
        ),
        ("registered_at", text("2025-11-09T10:30:00Z")),
        ("registered_by", text("service-account-mcp-gateway-m2m")),
        ("updated_at", text("2025-11-09T10:35:00Z")),
    ]
}
