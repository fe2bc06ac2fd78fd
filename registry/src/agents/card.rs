//! The card as the OpenAPI document shows it and as it leaves the registry.

use std::borrow::Cow;
use std::sync::Arc;

use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::json;

use crate::document::{described, list, open, open_answer, open_item, open_object, text};

/// A whole card as it is kept, sent as the bytes it is.
pub(crate) struct AgentCard(pub(crate) Arc<str>);

/// Documents the body of a change: the fields of a card, none of them required.
pub(crate) struct AgentCardChange;

open_object!(
    AgentCard,
    "An agent card. snake_case and camelCase keys are read; unknown keys are kept and come back.",
    ["name", "description", "url"],
    properties()
);
open_object!(
    AgentCardChange,
    "Fields of an agent card that are to change; fields that are left out stay as they are.",
    [],
    properties()
);
open_answer!(AgentCard);

/// The documented fields of a card; others are kept as they come.
fn properties() -> Vec<(&'static str, MetaSchemaRef)> {
    let skill = json!({"id": "review-python-code", "name": "Review Python Code",
        "description": "Performs static analysis on Python source code", "tags": ["python"]});
    vec![
        ("protocol_version", text("1.0")),
        ("name", text("Code Reviewer Agent")),
        (
            "description",
            text("Analyzes Python and JavaScript code for bugs, style issues, and security vulnerabilities"),
        ),
        ("url", text("https://agents.example.com/code-reviewer")),
        ("version", text("2.1.0")),
        (
            "provider",
            described(MetaSchema::ANY, "A text, or an object {organization, url}.", json!("Acme Corp")),
        ),
        ("skills", list(open_item(), json!([skill]))),
        (
            "security_schemes",
            open(json!({"bearer": {"type": "http", "scheme": "bearer", "bearer_format": "JWT"}})),
        ),
        ("security", list(open_item(), json!([{"bearer": []}]))),
        ("streaming", bool::schema_ref()),
        ("path", text("/code-reviewer")),
        ("tags", list(MetaSchema::new("string"), json!(["code-review", "security"]))),
        ("is_enabled", bool::schema_ref()),
        ("num_stars", u32::schema_ref()),
        ("license", text("MIT")),
        ("visibility", text("public")),
        ("allowed_groups", list(MetaSchema::new("string"), json!([]))),
        ("trust_level", text("community")),
        ("registered_at", text("2025-11-09T10:30:00Z")),
        ("registered_by", text("service-account-mcp-gateway-m2m")),
        ("updated_at", text("2025-11-09T10:35:00Z")),
    ]
}
