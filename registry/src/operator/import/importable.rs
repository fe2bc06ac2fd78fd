//! What an import must know of a kind: what it refuses beyond what the store would, what it doubts, and who may.

use catalog::{AgentDraft, AgentEntry, CardRules, Faults, FieldFault, ServerDraft, ServerEntry};
use serde_json::{Map, Value, json};
use store::Kept;

use crate::keyring;
use crate::operator::source::Kind;

/// What is said of a card before it is taken.
#[derive(Default)]
pub(super) struct Judged {
    /// Why it is not.
    pub(super) refusals: Vec<String>,
    /// What a person should look at.
    pub(super) doubts: Vec<String>,
    /// Whether it holds what only another registry's key may open.
    pub(super) is_sealed: bool,
}

/// A kind that is imported.
pub(super) trait Importable: Kept {
    /// Which.
    const KIND: Kind;

    /// Judges a card.
    fn judge(card: &Map<String, Value>, rules: CardRules) -> Judged;
}

impl Importable for AgentEntry {
    const KIND: Kind = Kind::Agent;

    fn judge(card: &Map<String, Value>, rules: CardRules) -> Judged {
        let faults = AgentDraft::read(card.clone(), rules).err();
        Judged { doubts: unregistrable(faults), ..Judged::default() }
    }
}

impl Importable for ServerEntry {
    const KIND: Kind = Kind::Server;

    fn judge(card: &Map<String, Value>, rules: CardRules) -> Judged {
        let reason =
            "holds what everybody who finds the server would read: put it into 'headers', or remove it";
        let refusals = ServerDraft::exposed(card).map(|field| format!("{field}: {reason}")).collect();
        let mut card = card.clone();
        let (mut clear, mut is_sealed) = (Vec::new(), false);
        for pairs in headers(&mut card) {
            for (name, value) in pairs {
                match value.as_str() {
                    Some(text) if keyring::is_seal(text) => {
                        is_sealed = true;
                        // How long it is in clear, a seal does not tell.
                        *value = json!("sealed");
                    }
                    // No message repeats a value.
                    Some(_) => clear.push(name.to_ascii_lowercase()),
                    None => {}
                }
            }
        }
        let mut doubts = unregistrable(ServerDraft::read(card, rules).err());
        if !clear.is_empty() {
            doubts.push(format!(
                "headers: {} in clear in what is imported and in the store, until a registry starts and seals it; \
                 whoever could read it there should not know it any more",
                are(&clear)
            ));
        }
        Judged { refusals, doubts, is_sealed }
    }
}

/// The headers of a card: `{name: value}`, or a list of such objects.
fn headers(card: &mut Map<String, Value>) -> Vec<&mut Map<String, Value>> {
    match card.get_mut("headers") {
        Some(Value::Object(pairs)) => vec![pairs],
        Some(Value::Array(items)) => items.iter_mut().filter_map(Value::as_object_mut).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => Vec::new(),
    }
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn unregistrable(faults: Option<Faults>) -> Vec<String> {
    faults.iter().flat_map(|faults| told(faults, "would not register today: ")).collect()
}

/// Each fault as a sentence.
pub(super) fn told(faults: &Faults, before: &str) -> Vec<String> {
    let one = |fault: &FieldFault| match fault.field.as_str() {
        "" => format!("{before}{}", fault.message),
        field => format!("{before}{field}: {}", fault.message),
    };
    faults.list().iter().map(one).collect()
}
