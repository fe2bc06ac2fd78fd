//! `get`: a card, for people or as it is.

use catalog::EntryPath;
use serde_json::{Map, Value};

use super::Kind;
use crate::credentials::Needs;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done};
use crate::table::facts;

/// A field that a person looks for, and what it is called.
pub(crate) type Field = (&'static str, &'static str);

/// A card.
pub(crate) type Card = Map<String, Value>;

/// Shows a card: these fields, and more of it beneath.
///
/// # Errors
/// When it is refused, or nobody answers.
pub(crate) fn get(
    kind: &Kind,
    path: &EntryPath,
    remote: &Remote,
    json: bool,
    text: impl FnOnce(&Card, Option<&str>) -> String,
) -> Result<Report, Failure> {
    let session = Session::open(remote, &[Needs::on(kind.read, path.clone())])?;
    let call = Call::new(Method::GET, kind.address(path)).waiting_for(format!("the card of {path}"));
    let reply = session.ask(call)?;
    let card = reply.read()?;
    Ok(done(json, &reply.body, || text(&card, reply.etag.as_deref())))
}

/// The fields that say something, and the tag of the card, one to a line.
pub(crate) fn facts_of(fields: &[Field], card: &Card, etag: Option<&str>) -> String {
    let mut rows = Vec::new();
    for (field, title) in fields {
        let value = card.get(*field).map(words).unwrap_or_default();
        if !value.is_empty() {
            rows.push((*title, value));
        }
    }
    rows.extend(etag.map(|tag| ("etag", tag.to_owned())));
    facts(&rows)
}

/// A value in a few words: texts as they are, lists with commas, objects by what names them.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match fields.get("organization").or(fields.get("audience")) {
            Some(name) => words(name),
            None => fields.keys().cloned().collect::<Vec<_>>().join(", "),
        },
    }
}
