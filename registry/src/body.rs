//! What comes in bodies and parameters, and what goes out: types every room shares.
//!
//! Bodies are read by our own reader: the framework's drops unknown keys, takes the last
//! of two equal keys, and knows one place for each value where clients use three
//! (design page "registry-api", "Reading a request").

use std::borrow::Cow;
use std::marker::PhantomData;

use catalog::{Faults, json};
use poem::error::ReadBodyError;
use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaParamIn, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The longest body, in bytes; nginx has the same limit.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// A submitted JSON object, unknown keys and all; `T` documents it.
pub(crate) struct Submitted<T> {
    pub(crate) object: Map<String, Value>,
    documented: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for Submitted<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_body(T::schema_ref(), true))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Submitted<T>> {
        if !is_json(request).unwrap_or(true) {
            let message = "send JSON with Content-Type: application/json";
            return Err(ApiError::MediaType(message.into()).into());
        }
        let object = object(json::read(&bytes(body).await?).map_err(ApiError::from)?)?;
        Ok(Submitted { object, documented: PhantomData })
    }
}

fn object(value: Value) -> Result<Map<String, Value>, ApiError> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::Malformed("the body must be a JSON object".into())),
    }
}

/// A submitted JSON object, or a form that means one; `T` documents the object.
pub(crate) struct SubmittedOrForm<T> {
    pub(crate) object: Map<String, Value>,
    documented: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for SubmittedOrForm<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_body(T::schema_ref(), true))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<SubmittedOrForm<T>> {
        let object = json_or_form(request, &bytes(body).await?)?;
        Ok(SubmittedOrForm { object, documented: PhantomData })
    }
}

/// The object that a body is, or means. A field of a form that was left empty was left out.
fn json_or_form(request: &Request, bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match is_json(request) {
        Some(false) if is_form(request) => {
            let mut form = pairs(bytes);
            form.retain(|_, value| value != "");
            Ok(form)
        }
        Some(false) => {
            let message = "send JSON (Content-Type: application/json) or a form";
            Err(ApiError::MediaType(message.into()))
        }
        Some(true) | None => object(json::read(bytes).map_err(ApiError::from)?),
    }
}

/// Values that may stand in the query string, in a JSON body or in a form; `T` documents the JSON body.
pub(crate) struct Inputs<T> {
    /// By name; of the places that give a name, the query string comes first.
    pub(crate) values: Map<String, Value>,
    documented: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for Inputs<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_body(T::schema_ref(), false))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Inputs<T>> {
        let mut values = pairs(request.uri().query().unwrap_or_default().as_bytes());
        let bytes = bytes(body).await?;
        // An empty body is no body, whatever its Content-Type says.
        if !bytes.is_empty() {
            for (name, value) in json_or_form(request, &bytes)? {
                values.entry(name).or_insert(value);
            }
        }
        Ok(Inputs { values, documented: PhantomData })
    }
}

fn json_body(schema: MetaSchemaRef, required: bool) -> MetaRequest {
    let content = vec![MetaMediaType { content_type: "application/json", schema }];
    MetaRequest { description: None, content, required }
}

async fn bytes(body: &mut RequestBody) -> Result<Vec<u8>, ApiError> {
    let body = body.take().map_err(|error| ApiError::ours(&error.to_string()))?;
    match body.into_bytes_limit(MAX_BODY).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(ReadBodyError::PayloadTooLarge) => Err(ApiError::TooLarge(MAX_BODY)),
        Err(error) => Err(ApiError::Malformed(format!("the body did not arrive whole: {error}"))),
    }
}

/// Whether the body is declared as JSON; `None` when nothing is declared.
fn is_json(request: &Request) -> Option<bool> {
    let declared = essence(request)?;
    Some(
        declared == "application/json"
            || (declared.starts_with("application/") && declared.ends_with("+json")),
    )
}

fn is_form(request: &Request) -> bool {
    essence(request).is_some_and(|declared| declared == "application/x-www-form-urlencoded")
}

fn essence(request: &Request) -> Option<String> {
    let declared = request.headers().get(header::CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Form pairs; a name that comes again makes a list.
fn pairs(encoded: &[u8]) -> Map<String, Value> {
    let mut values = Map::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        let value = Value::String(value.into_owned());
        match values.get_mut(name.as_ref()) {
            None => {
                values.insert(name.into_owned(), value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    values
}

/// All lines of a header as one, joined as RFC 9110 section 5.3 says; what is no text is kept as what it
/// is not. The framework reads the first line alone, and takes one that is no text for none: an
/// `If-Match` that nobody could read would be no condition.
pub(crate) struct Lines(pub(crate) Option<String>);

impl<'a> ApiExtractor<'a> for Lines {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<String>,
    ) -> Result<Lines> {
        let lines = request.headers().get_all(options.name).iter();
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        Ok(Lines((!lines.is_empty()).then(|| lines.join(", "))))
    }
}

/// The longest page of any list.
pub(crate) const MAX_PAGE: u32 = 1000;

/// Reads how many entries a page is to have.
pub(crate) fn page_size(limit: Option<u32>, usual: u32, faults: &mut Faults) -> usize {
    let limit = limit.unwrap_or(usual);
    if !(1..=MAX_PAGE).contains(&limit) {
        faults.add("limit", format!("must be 1 to {MAX_PAGE}"));
    }
    limit as usize
}

/// Reads a yes or no as Python, shells and browsers write it.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A boolean parameter; `requests` sends Python's `True`.
pub(crate) struct Flag(pub(crate) bool);

impl Type for Flag {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "boolean".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        bool::schema_ref()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromParameter for Flag {
    fn parse_from_parameter(value: &str) -> ParseResult<Flag> {
        flag(value).map(Flag).ok_or_else(|| ParseError::custom("must be true or false"))
    }
}

/// A value that is `null` rather than absent; the document says `nullable`.
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl<T: Type> Type for Nullable<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("nullable<{}>", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        match T::schema_ref() {
            MetaSchemaRef::Inline(schema) => {
                MetaSchemaRef::Inline(Box::new(MetaSchema { nullable: true, ..*schema }))
            }
            // OpenAPI 3.0 ignores what stands beside a `$ref`, so `nullable` goes around it.
            reference @ MetaSchemaRef::Reference(_) => MetaSchemaRef::Inline(Box::new(MetaSchema {
                nullable: true,
                all_of: vec![reference],
                ..MetaSchema::ANY
            })),
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Nullable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Nullable<T>> {
        match value.unwrap_or_default() {
            Value::Null => Ok(Nullable(None)),
            value => T::parse_from_json(Some(value))
                .map(|value| Nullable(Some(value)))
                .map_err(ParseError::propagate),
        }
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_ref().and_then(ToJSON::to_json).unwrap_or(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_are_values_and_repeated_ones_lists() {
        let read = pairs(b"enabled=true&tags=a&tags=b+c&query=%C3%A9");
        assert_eq!(Value::Object(read), json!({"enabled": "true", "tags": ["a", "b c"], "query": "é"}));
        assert!(pairs(b"").is_empty());
    }

    #[test]
    fn flags_as_clients_write_them() {
        for (text, expected) in [
            ("true", Some(true)),
            ("True", Some(true)),
            ("0", Some(false)),
            ("off", Some(false)),
            ("maybe", None),
        ] {
            assert_eq!(flag(text), expected, "{text}");
        }
    }
}
