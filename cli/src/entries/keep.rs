//! `update`, `toggle` and `delete`: changing what is registered.

use catalog::EntryPath;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::Kind;
use crate::confirm::{confirm, somebody_is_there};
use crate::credentials::Needs;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Outcomes, Report, done, line};
use crate::plain::plain;

/// The status of an `If-Match` that does not match.
const CHANGED_MEANWHILE: u16 = 412;

/// A change of a card.
pub(crate) struct Update<'o> {
    /// Where the entry lives.
    pub(crate) path: &'o EntryPath,
    /// The card, or the merge patch (RFC 7396).
    pub(crate) fields: Map<String, Value>,
    /// Whether it is a merge patch.
    pub(crate) patch: bool,
    /// The state it is made from, instead of the state of now.
    pub(crate) if_match: Option<&'o str>,
}

/// Changes a card, unless somebody else has changed it meanwhile.
///
/// # Errors
/// When it is refused, or nobody answers.
pub(crate) fn update(
    kind: &Kind,
    update: Update<'_>,
    remote: &Remote,
    json: bool,
) -> Result<Report, Failure> {
    let path = update.path;
    let mut needs = vec![Needs::on(kind.change, path.clone())];
    if update.if_match.is_none() {
        needs.push(Needs::on(kind.read, path.clone()));
    }
    let session = Session::open(remote, &needs)?;
    let tag = match update.if_match {
        Some(tag) => quoted(tag),
        None => tag_of_now(kind, &session, path)?,
    };
    let method = if update.patch { Method::PATCH } else { Method::PUT };
    let call = Call::new(method, kind.address(path)).json(Value::Object(update.fields)).if_match(tag);
    let reply = session.ask(call.waiting_for(format!("the change of {path}"))).map_err(|failure| {
        match failure.status {
            Some(CHANGED_MEANWHILE) => failure.and(&format!(
                "somebody has changed {path} since; look at it with 'agentctl {} get {path}' and repeat",
                kind.word
            )),
            _ => failure,
        }
    })?;
    if json {
        reply.read::<IgnoredAny>()?;
    }
    Ok(done(json, &reply.body, || {
        let tag = reply.etag.as_deref().map_or_else(String::new, |tag| format!(", now {}", plain(tag)));
        format!("{path}: updated{tag}\n")
    }))
}

fn tag_of_now(kind: &Kind, session: &Session<'_>, path: &EntryPath) -> Result<String, Failure> {
    let call = Call::new(Method::GET, kind.address(path)).waiting_for(format!("the card of {path}"));
    session.ask(call)?.etag.ok_or_else(|| {
        let line =
            format!("{path}: the answer has no ETag: is it the gateway? (--if-match '*' does without)");
        Failure::new(Exit::Refused, line)
    })
}

/// A tag as HTTP writes it: shells take the quotes away.
fn quoted(tag: &str) -> String {
    let is_written = tag == "*" || tag.starts_with('"') || tag.starts_with("W/");
    if is_written { tag.to_owned() } else { format!("\"{tag}\"") }
}

/// Enables or disables an entry.
///
/// # Errors
/// When it is refused, or nobody answers.
pub(crate) fn toggle(
    kind: &Kind,
    path: &EntryPath,
    on: bool,
    remote: &Remote,
    json: bool,
) -> Result<Report, Failure> {
    let session = Session::open(remote, &[Needs::on(kind.switch, path.clone())])?;
    let text = enable(kind, &session, path.as_str(), on, json)?;
    Ok(Report { text, exit: Exit::Done })
}

#[derive(Deserialize)]
struct Toggled {
    path: String,
    is_enabled: bool,
}

/// Enables or disables the entry at a path, and says so.
pub(super) fn enable(
    kind: &Kind,
    session: &Session<'_>,
    path: &str,
    on: bool,
    json: bool,
) -> Result<String, Failure> {
    let misspelled =
        |fault: catalog::PathFault| Failure::new(Exit::Refused, format!("{}: {fault}", plain(path)));
    let path = EntryPath::parse(path).map_err(misspelled)?;
    let call = Call::new(Method::POST, format!("{}/toggle", kind.address(&path)))
        .query("enabled", if on { "true" } else { "false" })
        .waiting_for(format!("the switch of {path}"));
    let reply = session.ask(call)?;
    let toggled: Toggled = reply.read()?;
    let state = if toggled.is_enabled { "enabled" } else { "disabled" };
    Ok(if json { line(&reply.body) } else { format!("{}: {state}\n", plain(&toggled.path)) })
}

/// Removes entries, after a question on a terminal unless it was answered already (`yes`).
///
/// # Errors
/// When one was refused, nobody can be asked, or nobody answers.
pub(crate) fn delete(
    kind: &Kind,
    paths: &[EntryPath],
    yes: bool,
    remote: &Remote,
    json: bool,
) -> Result<Report, Failure> {
    if !yes {
        somebody_is_there()?;
    }
    let needs: Vec<Needs> = paths.iter().map(|path| Needs::on(kind.remove, path.clone())).collect();
    let session = Session::open(remote, &needs)?;
    if !yes {
        confirm(paths.iter().map(EntryPath::as_str))?;
    }
    let mut outcomes = Outcomes::new(json);
    for path in paths {
        let call =
            Call::new(Method::DELETE, kind.address(path)).waiting_for(format!("the removal of {path}"));
        match session.ask(call) {
            // The server answers without a body.
            Ok(_) if json => outcomes.told(&format!("{}\n", json!({"path": path.as_str(), "deleted": true}))),
            Ok(_) => outcomes.told(&format!("{path}: deleted\n")),
            Err(failure) => outcomes.failed(path.as_str(), failure)?,
        }
    }
    outcomes.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gets_its_quotes_back() {
        for (tag, expected) in [
            ("abc", "\"abc\""),
            ("\"abc\"", "\"abc\""),
            ("W/\"abc\"", "W/\"abc\""),
            ("*", "*"),
            ("\"a\", \"b\"", "\"a\", \"b\""),
        ] {
            assert_eq!(quoted(tag), expected);
        }
    }
}
