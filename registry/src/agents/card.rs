//! The card as the OpenAPI document shows it and as it leaves the registry.

use std::borrow::Cow;
use std::sync::Arc;

use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::{Value, json};

/// A whole card as it is kept, sent as the bytes it is.
pub(crate) struct AgentCard(pub(crate) Arc<str>);

/// Documents the body of a change: the fields of a card, none of them required.
pub(crate) struct AgentCardChange;

/// An open object in the document, under its own name.
macro_rules! open_object {
    ($name:ident, $description:literal, $required:expr) => {
        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference(stringify!($name).to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<$name, _>(stringify!($name).to_owned(), |_| MetaSchema {
                    description: Some($description),
                    required: $required.to_vec(),
                    properties: properties(),
                    additional_properties: Some(any()),
                    ..MetaSchema::new("object")
                });
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

open_object!(
    AgentCard,
    "An agent card. snake_case and camelCase keys are read; unknown keys are kept and come back.",
    ["name", "description", "url"]
);
open_object!(
    AgentCardChange,
    "Fields of an agent card that are to change; fields that are left out stay as they are.",
    []
);

impl Payload for AgentCard {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        <AgentCard as Type>::schema_ref()
    }

    fn register(registry: &mut Registry) {
        <AgentCard as Type>::register(registry);
    }
}

impl IntoResponse for AgentCard {
    fn into_response(self) -> Response {
        Response::builder().content_type(AgentCard::CONTENT_TYPE).body(self.0.to_string())
    }
}

fn any() -> Box<MetaSchemaRef> {
    Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))
}

/// The documented fields of a card; others are kept as they come.
fn properties() -> Vec<(&'static str, MetaSchemaRef)> {
    let text = |example: &str| with_example(MetaSchema::new("string"), json!(example));
    let list = |items: MetaSchema, example: Value| {
        let items = Some(Box::new(MetaSchemaRef::Inline(Box::new(items))));
        with_example(MetaSchema { items, ..MetaSchema::new("array") }, example)
    };
    let open_item = || MetaSchema { additional_properties: Some(any()), ..MetaSchema::new("object") };
    let open = |example: Value| with_example(open_item(), example);
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

fn with_example(schema: MetaSchema, example: Value) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema { example: Some(example), ..schema }))
}

fn described(schema: MetaSchema, description: &'static str, example: Value) -> MetaSchemaRef {
    with_example(MetaSchema { description: Some(description), ..schema }, example)
}
