//! The keys of foreign cards that the registry does not read: counted, because they are kept.

use std::collections::BTreeMap;

use catalog::{AgentDraft, CardRules, Entry as _, Faults, ServerDraft};
use serde_json::{Map, Value, json};

use super::Kind;

/// What the one reader of cards makes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Known,
    /// A client's spelling; stored cards are read in the guide's alone.
    Respelled,
    Unknown,
}

/// Counts keys over many cards of one kind.
pub(super) struct Keys {
    of: Kind,
    seen: BTreeMap<String, (Key, usize)>,
}

impl Keys {
    pub(super) fn of(of: Kind) -> Keys {
        Keys { of, seen: BTreeMap::new() }
    }

    /// Counts a card's keys, and names those whose other spelling is meant.
    pub(super) fn count(&mut self, card: &Map<String, Value>) -> Vec<String> {
        let mut respelled = Vec::new();
        for key in card.keys() {
            let (kind, count) = self.seen.entry(key.clone()).or_insert_with(|| (kind(self.of, key), 0));
            *count += 1;
            if *kind == Key::Respelled {
                respelled.push(format!("{key}: is kept as it is, but read in snake_case only: rename it"));
            }
        }
        respelled
    }

    /// One sentence about the unknown ones, if there are any.
    pub(super) fn note(&self) -> Option<String> {
        let unknown = self.seen.iter().filter(|(_, (kind, _))| *kind == Key::Unknown);
        let named: Vec<String> = unknown.map(|(key, (_, count))| format!("{key} ({count})")).collect();
        let keys = named.join(", ");
        let of = match self.of {
            Kind::Agent => "",
            Kind::Server => " in servers",
        };
        (!named.is_empty()).then(|| format!("kept as they are{of}, and not read by this registry: {keys}"))
    }
}

/// Asks the reader itself, so that no second list of fields can differ from its own: in a field that it
/// knows a null is left out, in another it stays.
fn kind(of: Kind, key: &str) -> Key {
    let mut card = Map::new();
    let (name, url) = match of {
        Kind::Agent => ("name", "url"),
        Kind::Server => ("server_name", "proxy_pass_url"),
    };
    for (field, value) in [(name, "n"), ("description", "d"), (url, "https://a.example"), ("path", "/a")] {
        card.insert(field.to_owned(), json!(value));
    }
    if card.contains_key(key) {
        return Key::Known;
    }
    card.insert(key.to_owned(), Value::Null);
    let kept = match of {
        Kind::Agent => agent(card),
        Kind::Server => server(card),
    };
    match kept.map(|card| card.get(key) == Some(&Value::Null)) {
        Ok(true) => Key::Unknown,
        // The guide's own fields have no capitals.
        _ if key.contains(|c: char| c.is_ascii_uppercase()) => Key::Respelled,
        _ => Key::Known,
    }
}

fn agent(card: Map<String, Value>) -> Result<Map<String, Value>, Faults> {
    AgentDraft::read(card, CardRules::default())?.into_new_entry("", "").map(|entry| entry.card())
}

fn server(card: Map<String, Value>) -> Result<Map<String, Value>, Faults> {
    let draft = ServerDraft::read(card, CardRules::default())?;
    let draft =
        draft.seal(|_, _| Err(Faults::one("headers", "a card without headers has nothing to seal")))?;
    draft.into_new_entry("", "").map(|entry| entry.card())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_as_the_reader_of_cards_knows_them() {
        for (key, expected) in [
            ("name", Key::Known),
            ("visibility", Key::Known),
            ("num_stars", Key::Known),
            ("registered_at", Key::Known),
            ("trustLevel", Key::Respelled),
            ("capabilities", Key::Unknown),
            ("defaultInputModes", Key::Unknown),
        ] {
            assert_eq!(kind(Kind::Agent, key), expected, "{key}");
        }
        for (key, expected) in [
            ("server_name", Key::Known),
            ("tool_list", Key::Known),
            ("headers", Key::Known),
            ("is_enabled", Key::Known),
            ("proxyPassUrl", Key::Respelled),
            ("is_python", Key::Unknown),
            ("num_stars", Key::Unknown),
        ] {
            assert_eq!(kind(Kind::Server, key), expected, "{key}");
        }
    }
}
