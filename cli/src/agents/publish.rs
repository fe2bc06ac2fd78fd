//! `agent register`: cards → agents, one answer for each.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::cards::{self, Card};
use super::keep::enable;
use super::line;
use super::options::Register;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Outcomes, Report};
use crate::plain::plain;

#[derive(Deserialize)]
struct Registered {
    path: String,
    #[serde(default)]
    warnings: Vec<String>,
}

/// Registers the cards in their order; one that is refused does not keep the next from being sent.
pub(super) fn register(options: &Register, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let cards = cards::read_all(&options.cards, options.unchecked)?;
    let needs: Vec<_> = cards.iter().map(Card::needs).collect();
    let session = Session::open(remote, &needs)?;
    let mut outcomes = Outcomes::new(json);
    for card in cards {
        let name = card.name.clone();
        let mut told = String::new();
        let outcome = one(&session, card, options.enable, json, &mut told);
        outcomes.told(&told);
        if let Err(failure) = outcome {
            outcomes.failed(&name, failure)?;
        }
    }
    outcomes.end()
}

/// Registers one card; what was done is told also when the next step fails.
fn one(session: &Session<'_>, card: Card, on: bool, json: bool, told: &mut String) -> Result<(), Failure> {
    let waiting_for = format!("the registration of {}", card.name);
    let call = Call::new(Method::POST, "/api/agents/register");
    let reply = session.ask(call.json(Value::Object(card.fields)).waiting_for(waiting_for))?;
    let registered: Registered = reply.read()?;
    let path = plain(&registered.path);
    if json {
        *told += &line(&reply.body);
    } else {
        let state = if on { "" } else { &format!(", disabled until: agentctl agent toggle {path} on") };
        let _ = writeln!(told, "{path}: registered{state}");
        for warning in &registered.warnings {
            let _ = writeln!(told, "{path}: warning: {}", plain(warning));
        }
    }
    if on {
        *told += &enable(session, &registered.path, true, json)?;
    }
    Ok(())
}
