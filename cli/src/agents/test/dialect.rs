//! An agent's own card → which A2A it speaks, where, and what the card lacks for that.
//!
//! `supportedInterfaces` is A2A 1.0; `preferredTransport`, `protocolVersion`, `defaultInputModes` or a
//! `capabilities` object is 0.3; a card with the marks of both speaks both. What else there is, the
//! registry's own form among it, is read by no A2A client.

use serde_json::{Map, Value};

use super::checks::{Check, Verdict};

/// A generation of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    V03,
    V10,
}

impl Dialect {
    pub(super) fn name(self) -> &'static str {
        match self {
            Dialect::V03 => "0.3",
            Dialect::V10 => "1.0",
        }
    }

    /// The dialect of a version like `0.2.5` or `1.0`.
    pub(super) fn of(version: &str) -> Option<Dialect> {
        match version.split('.').next()? {
            "0" => Some(Dialect::V03),
            "1" => Some(Dialect::V10),
            _ => None,
        }
    }
}

/// How requests are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    JsonRpc,
    HttpJson,
    /// gRPC, or one that is not known here.
    Other(String),
}

impl Binding {
    fn of(name: &str) -> Binding {
        match name {
            "JSONRPC" => Binding::JsonRpc,
            "HTTP+JSON" => Binding::HttpJson,
            other => Binding::Other(other.to_owned()),
        }
    }
}

/// Where and how an agent is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) dialect: Dialect,
    pub(super) binding: Binding,
    pub(super) url: String,
    /// The part of the agent that is meant (1.0).
    pub(super) tenant: Option<String>,
}

/// What a card says of its protocol.
#[derive(Debug, Default)]
pub(super) struct Reading {
    dialects: Vec<Dialect>,
    faults: Vec<String>,
    /// In the card's order, which is the order of preference.
    pub(super) interfaces: Vec<Interface>,
}

/// Reads a card.
pub(super) fn read(card: &Map<String, Value>) -> Reading {
    let mut reading = Reading::default();
    let has = |field: &str| card.contains_key(field);
    if has("supportedInterfaces") {
        reading.dialects.push(Dialect::V10);
        reading.interfaces_of_10(card);
    }
    let marks_03 = ["preferredTransport", "protocolVersion"];
    let weak_marks_03 = has("defaultInputModes") || card.get("capabilities").is_some_and(Value::is_object);
    if marks_03.into_iter().any(has) || (reading.dialects.is_empty() && weak_marks_03) {
        reading.dialects.push(Dialect::V03);
        reading.interfaces_of_03(card);
    }
    if !reading.dialects.is_empty() {
        reading.fields_of_both(card);
    }
    reading
}

impl Reading {
    /// Whether the card is one that clients of its protocol can read.
    pub(super) fn check(&self) -> Check {
        let names: Vec<&str> = self.dialects.iter().map(|dialect| dialect.name()).collect();
        let names = names.join(" and ");
        let (verdict, says) = match (self.dialects.is_empty(), self.faults.is_empty()) {
            (true, _) => (
                Verdict::Failed,
                "no A2A card: neither supportedInterfaces (1.0) nor protocolVersion (0.3) stands in it"
                    .to_owned(),
            ),
            (false, false) => (Verdict::Failed, format!("not A2A {names}: {}", self.faults.join(", "))),
            (false, true) => (Verdict::Passed, format!("A2A {names}")),
        };
        Check::new("dialect", verdict, says)
    }

    /// Whether it speaks this one.
    pub(super) fn speaks(&self, dialect: Dialect) -> bool {
        self.dialects.contains(&dialect) || self.interfaces.iter().any(|one| one.dialect == dialect)
    }

    /// Whether it speaks any.
    pub(super) fn speaks_a2a(&self) -> bool {
        !self.dialects.is_empty()
    }

    /// The interface that its agent prefers, for each dialect, of those that can be asked.
    pub(super) fn to_ask(&self) -> impl Iterator<Item = &Interface> {
        let can_ask = |one: &&Interface| !matches!(one.binding, Binding::Other(_));
        [Dialect::V10, Dialect::V03].into_iter().filter_map(move |dialect| {
            self.interfaces.iter().filter(can_ask).find(|one| one.dialect == dialect)
        })
    }

    /// Why nothing is asked, where nothing is.
    pub(super) fn not_asked(&self) -> Option<String> {
        if self.to_ask().next().is_some() {
            return None;
        }
        let others = self.interfaces.iter().filter_map(|one| match &one.binding {
            Binding::Other(name) => Some(name.as_str()),
            Binding::JsonRpc | Binding::HttpJson => None,
        });
        let others: Vec<&str> = others.collect();
        Some(match others[..] {
            [] => "not asked: the card does not say where".to_owned(),
            _ => format!("not asked: only JSONRPC and HTTP+JSON can be, not {}", others.join(", ")),
        })
    }

    fn interfaces_of_10(&mut self, card: &Map<String, Value>) {
        let list = card.get("supportedInterfaces").and_then(Value::as_array);
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            return self.faults.push("supportedInterfaces must list at least one".to_owned());
        };
        for (number, interface) in list.iter().enumerate() {
            let mut field = |name: &str| {
                let value = interface.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
                if value.is_none() {
                    self.faults.push(format!("supportedInterfaces[{number}].{name} is missing"));
                }
                value
            };
            let (url, binding, version) = (field("url"), field("protocolBinding"), field("protocolVersion"));
            if let (Some(url), Some(binding), Some(dialect)) = (url, binding, version.and_then(Dialect::of)) {
                let tenant = interface.get("tenant").and_then(Value::as_str).filter(|text| !text.is_empty());
                let (binding, tenant) = (Binding::of(binding), tenant.map(str::to_owned));
                self.interfaces.push(Interface { dialect, binding, url: url.to_owned(), tenant });
            }
        }
    }

    fn interfaces_of_03(&mut self, card: &Map<String, Value>) {
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(url) = card.get("url").and_then(Value::as_str) else {
            return self.faults.push("url is missing".to_owned());
        };
        let mut add = |url: String, transport: &str| {
            let (dialect, binding) = (Dialect::V03, Binding::of(transport));
            self.interfaces.push(Interface { dialect, binding, url, tenant: None });
        };
        // JSON-RPC is what a card means that names no transport.
        let preferred = card.get("preferredTransport").and_then(Value::as_str).unwrap_or("JSONRPC");
        add(url.to_owned(), preferred);
        for other in card.get("additionalInterfaces").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(url), Some(transport)) = (text(other, "url"), text(other, "transport")) {
                add(url, &transport);
            }
        }
    }

    /// What both dialects require.
    fn fields_of_both(&mut self, card: &Map<String, Value>) {
        let mut must = |fine: bool, what: String| {
            if !fine {
                self.faults.push(what);
            }
        };
        let is_text =
            |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        let is_list = |value: Option<&Value>| value.is_some_and(Value::is_array);
        for field in ["name", "description", "version"] {
            must(is_text(card.get(field)), format!("{field} is missing"));
        }
        for field in ["defaultInputModes", "defaultOutputModes", "skills"] {
            must(is_list(card.get(field)), format!("{field} is missing"));
        }
        must(card.get("capabilities").is_some_and(Value::is_object), "capabilities is missing".to_owned());
        for (number, skill) in card.get("skills").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            for field in ["id", "name", "description"] {
                must(is_text(skill.get(field)), format!("skills[{number}].{field} is missing"));
            }
            must(is_list(skill.get("tags")), format!("skills[{number}].tags is missing"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn card(more: Value) -> Map<String, Value> {
        let mut card = json!({
            "name": "A", "description": "d", "version": "1", "capabilities": {},
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
            "skills": [{"id": "s", "name": "S", "description": "d", "tags": []}],
        });
        let card = card.as_object_mut().unwrap();
        card.extend(more.as_object().unwrap().clone());
        card.clone()
    }

    fn told(more: Value) -> (String, Vec<String>) {
        let reading = read(&card(more));
        let asked =
            reading.to_ask().map(|one| format!("{} {:?} {}", one.dialect.name(), one.binding, one.url));
        (reading.check().says, asked.collect())
    }

    #[test]
    fn a_dialect_shows_in_its_marks() {
        let one = |url: &str, binding: &str, version: &str| json!({"url": url, "protocolBinding": binding, "protocolVersion": version});
        for (more, says, asked) in [
            (json!({"url": "u"}), "A2A 0.3", &["0.3 JsonRpc u"][..]),
            (json!({"url": "u", "preferredTransport": "HTTP+JSON"}), "A2A 0.3", &["0.3 HttpJson u"]),
            (
                json!({"url": "u", "preferredTransport": "GRPC",
                    "additionalInterfaces": [{"url": "v", "transport": "JSONRPC"}]}),
                "A2A 0.3",
                &["0.3 JsonRpc v"],
            ),
            (json!({"supportedInterfaces": [one("u", "JSONRPC", "1.0")]}), "A2A 1.0", &["1.0 JsonRpc u"]),
            (
                json!({"supportedInterfaces": [one("g", "GRPC", "1.0"), one("h", "HTTP+JSON", "1.0"),
                    one("o", "JSONRPC", "0.3")]}),
                "A2A 1.0",
                &["1.0 HttpJson h", "0.3 JsonRpc o"],
            ),
            (
                json!({"url": "u", "protocolVersion": "0.3.0",
                    "supportedInterfaces": [one("v", "JSONRPC", "1.0")]}),
                "A2A 1.0 and 0.3",
                &["1.0 JsonRpc v", "0.3 JsonRpc u"],
            ),
            (
                json!({"supportedInterfaces": []}),
                "not A2A 1.0: supportedInterfaces must list at least one",
                &[],
            ),
            (json!({"protocolVersion": "0.3.0"}), "not A2A 0.3: url is missing", &[]),
            (
                json!({"url": "u", "version": "", "skills": [{"id": "s", "name": "S", "description": "d"}]}),
                "not A2A 0.3: version is missing, skills[0].tags is missing",
                &["0.3 JsonRpc u"],
            ),
        ] {
            let (said, to_ask) = told(more.clone());
            assert_eq!(
                (&*said, &to_ask[..]),
                (says, &asked.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]),
                "{more}"
            );
        }
    }

    #[test]
    fn the_registrys_own_form_is_no_a2a_card() {
        let guide = json!({"name": "A", "description": "d", "url": "https://h", "protocol_version": "1.0", "skills": []});
        let reading = read(guide.as_object().unwrap());
        assert_eq!(reading.check().verdict, Verdict::Failed);
        assert!(reading.check().says.starts_with("no A2A card"));
        assert_eq!(reading.not_asked().as_deref(), Some("not asked: the card does not say where"));
    }
}
