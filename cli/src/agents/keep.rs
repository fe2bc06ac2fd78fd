//! `agent update`, `toggle` and `delete`: changing what is registered.

use access::Action;
use catalog::EntryPath;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::options::{Delete, Switch, Toggle, Update};
use super::{address, cards, done, line};
use crate::confirm::{confirm, somebody_is_there};
use crate::credentials::Needs;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Outcomes, Report};
use crate::plain::plain;

/// The status of an `If-Match` that does not match.
const CHANGED_MEANWHILE: u16 = 412;

/// Changes a card, unless somebody else has changed it meanwhile.
pub(super) fn update(options: &Update, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let path = &options.path;
    let card = cards::read(&options.card)?;
    let mut needs = vec![Needs::on(Action::ModifyAgent, path.clone())];
    if options.if_match.is_none() {
        needs.push(Needs::on(Action::GetAgent, path.clone()));
    }
    let session = Session::open(remote, &needs)?;
    let tag = match &options.if_match {
        Some(tag) => quoted(tag),
        None => tag_of_now(&session, path)?,
    };
    let method = if options.patch { Method::PATCH } else { Method::PUT };
    let call = Call::new(method, address(path)).json(Value::Object(card.fields)).if_match(tag);
    let reply = session.ask(call.waiting_for(format!("the change of {path}"))).map_err(|failure| {
        match failure.status {
            Some(CHANGED_MEANWHILE) => failure.and(&format!(
                "somebody has changed {path} since; look at it with 'agentctl agent get {path}' and repeat"
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

fn tag_of_now(session: &Session<'_>, path: &EntryPath) -> Result<String, Failure> {
    let call = Call::new(Method::GET, address(path)).waiting_for(format!("the card of {path}"));
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

/// Enables or disables an agent.
pub(super) fn toggle(options: &Toggle, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let path = &options.path;
    let session = Session::open(remote, &[Needs::on(Action::ModifyAgent, path.clone())])?;
    let text = enable(&session, path.as_str(), options.state == Switch::On, json)?;
    Ok(Report { text, exit: Exit::Done })
}

#[derive(Deserialize)]
struct Toggled {
    path: String,
    is_enabled: bool,
}

/// Enables or disables the agent at a path, and says so.
pub(super) fn enable(session: &Session<'_>, path: &str, on: bool, json: bool) -> Result<String, Failure> {
    let misspelled =
        |fault: catalog::PathFault| Failure::new(Exit::Refused, format!("{}: {fault}", plain(path)));
    let path = EntryPath::parse(path).map_err(misspelled)?;
    let call = Call::new(Method::POST, format!("{}/toggle", address(&path)))
        .query("enabled", if on { "true" } else { "false" })
        .waiting_for(format!("the switch of {path}"));
    let reply = session.ask(call)?;
    let toggled: Toggled = reply.read()?;
    let state = if toggled.is_enabled { "enabled" } else { "disabled" };
    Ok(if json { line(&reply.body) } else { format!("{}: {state}\n", plain(&toggled.path)) })
}

/// Removes agents, after a question on a terminal.
pub(super) fn delete(options: &Delete, remote: &Remote, json: bool) -> Result<Report, Failure> {
    if !options.yes {
        somebody_is_there()?;
    }
    let needs: Vec<Needs> =
        options.paths.iter().map(|path| Needs::on(Action::DeleteAgent, path.clone())).collect();
    let session = Session::open(remote, &needs)?;
    if !options.yes {
        confirm(options.paths.iter().map(EntryPath::as_str))?;
    }
    let mut outcomes = Outcomes::new(json);
    for path in &options.paths {
        let call = Call::new(Method::DELETE, address(path)).waiting_for(format!("the removal of {path}"));
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
