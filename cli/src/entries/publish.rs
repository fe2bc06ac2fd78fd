//! `register`: cards → entries, one answer for each.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::keep::enable;
use super::{Card, Kind};
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Outcomes, Report, line};
use crate::plain::plain;

#[derive(Deserialize)]
struct Registered {
    path: String,
    #[serde(default)]
    warnings: Vec<String>,
}

/// Registers the cards in their order; one that is refused does not keep the next from being sent.
///
/// # Errors
/// When one was refused, or nobody answers.
pub(crate) fn register(
    kind: &Kind,
    cards: Vec<Card>,
    on: bool,
    remote: &Remote,
    json: bool,
) -> Result<Report, Failure> {
    let needs: Vec<_> = cards.iter().map(|card| card.needs(kind)).collect();
    let session = Session::open(remote, &needs)?;
    let mut outcomes = Outcomes::new(json);
    for card in cards {
        let name = card.name.clone();
        let mut told = String::new();
        let outcome = one(kind, &session, card, on, json, &mut told);
        outcomes.told(&told);
        if let Err(failure) = outcome {
            outcomes.failed(&name, failure)?;
        }
    }
    outcomes.end()
}

/// Registers one card; what was done is told also when the next step fails.
fn one(
    kind: &Kind,
    session: &Session<'_>,
    card: Card,
    on: bool,
    json: bool,
    told: &mut String,
) -> Result<(), Failure> {
    let waiting_for = format!("the registration of {}", card.name);
    let call = Call::new(Method::POST, kind.register);
    let reply = session.ask(call.json(Value::Object(card.fields)).waiting_for(waiting_for))?;
    let registered: Registered = reply.read()?;
    let path = plain(&registered.path);
    if json {
        *told += &line(&reply.body);
    } else {
        let toggle = format!(", disabled until: agentctl {} toggle {path} on", kind.word);
        let _ = writeln!(told, "{path}: registered{}", if on { "" } else { &toggle });
        for warning in &registered.warnings {
            let _ = writeln!(told, "{path}: warning: {}", plain(warning));
        }
    }
    if on {
        *told += &enable(kind, session, &registered.path, true, json)?;
    }
    Ok(())
}
