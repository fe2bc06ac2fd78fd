//! `list`: pages of entries → one list.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Kind;
use crate::credentials::Needs;
use crate::gateway::{Call, Reply, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, say};
use crate::plain::plain;
use crate::progress::Waiting;

/// What a list is cut down to, by the names of the API's parameters.
pub(crate) type Filter<'f> = [(&'static str, Option<&'f str>)];

/// A list, or its first page.
pub(crate) struct List {
    /// The entries in their order.
    pub(crate) entries: Vec<Value>,
    /// The JSON: the server's own, or one list of all pages.
    pub(crate) body: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total_count: u64,
    next_cursor: Option<String>,
    /// The entries stand under their plural.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The entries that fit, by path: the first page, which is said where there are more, or all of them.
///
/// # Errors
/// When it is refused, or nobody answers.
pub(crate) fn list(kind: &Kind, filter: &Filter<'_>, all: bool, remote: &Remote) -> Result<List, Failure> {
    let session = Session::open(remote, &[Needs::to(kind.list)])?;
    let waiting = Waiting::on(format!("waiting for the list of {}", kind.plural));
    if all {
        let entries = every(kind, &session, filter)?;
        let body = json!({(kind.plural): entries, "total_count": entries.len()}).to_string();
        return Ok(List { entries, body });
    }
    let reply = page(kind, &session, filter, None)?;
    let page: Page = reply.read()?;
    let (all, more) = (page.total_count, page.next_cursor.is_some());
    let entries = page.entries(kind)?;
    drop(waiting);
    if more {
        say(&format!("the first {} of {all} {}: --all has the rest", entries.len(), kind.plural));
    }
    Ok(List { entries, body: reply.body })
}

/// The entries of all pages.
///
/// # Errors
/// As for a list.
pub(crate) fn every(kind: &Kind, session: &Session<'_>, filter: &Filter<'_>) -> Result<Vec<Value>, Failure> {
    let (mut entries, mut cursor) = (Vec::new(), None);
    loop {
        let mut page: Page = page(kind, session, filter, cursor.as_deref())?.read()?;
        let next = page.next_cursor.take();
        entries.extend(page.entries(kind)?);
        match next {
            None => return Ok(entries),
            // The order is that of the paths, so a cursor that does not grow leads round in circles.
            next if next <= cursor => {
                return Err(Failure::new(
                    Exit::Refused,
                    "the pages of the list do not end: is it the gateway?",
                ));
            }
            next => cursor = next,
        }
    }
}

/// One entry of a list as what it should be.
///
/// # Errors
/// [`Exit::Refused`]: whoever listed it is no registry that is known here.
pub(crate) fn read_one<'v, T: Deserialize<'v>>(kind: &Kind, entry: &'v Value) -> Result<T, Failure> {
    T::deserialize(entry).map_err(|fault| unread(kind, &plain(&fault.to_string())))
}

impl Page {
    fn entries(mut self, kind: &Kind) -> Result<Vec<Value>, Failure> {
        match self.rest.remove(kind.plural) {
            Some(Value::Array(entries)) => Ok(entries),
            Some(_) | None => Err(unread(kind, &format!("there is no list of {}", kind.plural))),
        }
    }
}

fn page(
    kind: &Kind,
    session: &Session<'_>,
    filter: &Filter<'_>,
    cursor: Option<&str>,
) -> Result<Reply, Failure> {
    let mut call = Call::new(Method::GET, format!("/api/{}", kind.plural));
    for (name, value) in filter.iter().copied().chain([("cursor", cursor)]) {
        if let Some(value) = value {
            call = call.query(name, value);
        }
    }
    session.ask_unseen(call)
}

fn unread(kind: &Kind, why: &str) -> Failure {
    let line = format!("the list of {} cannot be read ({why}): is it the gateway?", kind.plural);
    Failure::new(Exit::Refused, line)
}
