//! Objects that stay open in the OpenAPI document: the fields that are known, and others as they come.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde_json::{Value, json};

/// An open object in the document, under its own name.
macro_rules! open_object {
    ($name:ident, $description:literal, $required:expr, $properties:expr) => {
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
                    properties: $properties,
                    additional_properties: Some($crate::document::any()),
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

/// An open object that is sent as the JSON text it holds.
macro_rules! open_answer {
    ($name:ident) => {
        impl Payload for $name {
            const CONTENT_TYPE: &'static str = "application/json";

            fn schema_ref() -> MetaSchemaRef {
                <$name as Type>::schema_ref()
            }

            fn register(registry: &mut Registry) {
                <$name as Type>::register(registry);
            }
        }

        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                Response::builder().content_type($name::CONTENT_TYPE).body(self.0.to_string())
            }
        }
    };
}

pub(crate) use {open_answer, open_object};

pub(crate) fn any() -> Box<MetaSchemaRef> {
    Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))
}

/// A text, shown by an example.
pub(crate) fn text(example: &str) -> MetaSchemaRef {
    with_example(MetaSchema::new("string"), json!(example))
}

/// A list, shown by an example.
pub(crate) fn list(items: MetaSchema, example: Value) -> MetaSchemaRef {
    let items = Some(Box::new(MetaSchemaRef::Inline(Box::new(items))));
    with_example(MetaSchema { items, ..MetaSchema::new("array") }, example)
}

/// An object with any fields.
pub(crate) fn open_item() -> MetaSchema {
    MetaSchema { additional_properties: Some(any()), ..MetaSchema::new("object") }
}

/// Such an object, shown by an example.
pub(crate) fn open(example: Value) -> MetaSchemaRef {
    with_example(open_item(), example)
}

/// A schema with an example.
pub(crate) fn with_example(schema: MetaSchema, example: Value) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema { example: Some(example), ..schema }))
}

/// A schema with a description and an example.
pub(crate) fn described(schema: MetaSchema, description: &'static str, example: Value) -> MetaSchemaRef {
    with_example(MetaSchema { description: Some(description), ..schema }, example)
}
