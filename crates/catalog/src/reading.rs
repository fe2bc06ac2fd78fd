//! A submitted card → the guide's spelling: snake_case keys, lists where lists belong.
//!
//! Nothing unknown is dropped and nothing is judged here; [`crate::validate`] judges.
//!
//! Clients in Python send `None` for what they leave out, at every level of the guide's
//! models. There a `null` means "left out"; in a field nobody knows it stays what it is.

use serde_json::{Map, Value, json};

use crate::Faults;

/// The guide's fields, and how camelCase clients write them.
const CAMEL: [(&str, &str); 9] = [
    ("protocolVersion", "protocol_version"),
    ("securitySchemes", "security_schemes"),
    ("isEnabled", "is_enabled"),
    ("numStars", "num_stars"),
    ("allowedGroups", "allowed_groups"),
    ("trustLevel", "trust_level"),
    ("registeredAt", "registered_at"),
    ("registeredBy", "registered_by"),
    ("updatedAt", "updated_at"),
];

/// The keys of a security scheme that two spellings share.
const SCHEME_KEYS: [(&str, &str); 4] = [
    ("in_", "in"),
    ("bearerFormat", "bearer_format"),
    ("openIdConnectUrl", "open_id_connect_url"),
    ("oauth2MetadataUrl", "oauth2_metadata_url"),
];

/// The guide's fields that are spelled in one way only.
const PLAIN: [&str; 12] = [
    "name",
    "description",
    "url",
    "version",
    "provider",
    "skills",
    "security",
    "streaming",
    "path",
    "tags",
    "license",
    "visibility",
];
/// The fields of a skill and of a provider.
const INNER: [&str; 7] = ["id", "name", "description", "parameters", "tags", "organization", "url"];

/// What a `null` at the top of a submitted card means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Null {
    /// The field was left out.
    LeftOut,
    /// The field is to go (RFC 7396).
    Removes,
}

/// Rewrites a submitted card in the guide's spelling. Order and unknown keys stay.
pub(crate) fn respell(mut card: Map<String, Value>, null: Null, faults: &mut Faults) -> Map<String, Value> {
    if null == Null::LeftOut {
        card.retain(|key, value| !value.is_null() || !is_known(key));
        if let Some(Value::Object(provider)) = card.get_mut("provider") {
            drop_nulls(provider);
        }
    }
    if let Some(Value::Array(skills)) = card.get_mut("skills") {
        skills.iter_mut().filter_map(Value::as_object_mut).for_each(drop_nulls);
    }
    let mut card = rename(card, &CAMEL, "", faults);
    if let Some(tags) = card.get_mut("tags") {
        listed(tags);
    }
    if let Some(groups) = card.get_mut("allowed_groups") {
        listed(groups);
    }
    if let Some(Value::Array(skills)) = card.get_mut("skills") {
        for tags in skills.iter_mut().filter_map(|skill| skill.get_mut("tags")) {
            listed(tags);
        }
    }
    if let Some(Value::Object(schemes)) = card.get_mut("security_schemes") {
        for (name, scheme) in schemes.iter_mut() {
            if let Value::Object(fields) = scheme {
                let fields = std::mem::take(fields);
                *scheme = Value::Object(scheme_fields(fields, name, faults));
            }
        }
    }
    if let Some(Value::Array(alternatives)) = card.get_mut("security") {
        for alternative in alternatives.iter_mut() {
            if let Value::String(name) = alternative {
                *alternative = json!({ name.as_str(): [] });
            }
        }
    }
    card
}

fn is_known(key: &str) -> bool {
    PLAIN.contains(&key) || CAMEL.iter().any(|(camel, snake)| *camel == key || *snake == key)
}

fn drop_nulls(fields: &mut Map<String, Value>) {
    fields.retain(|key, value| !value.is_null() || !INNER.contains(&key.as_str()));
}

/// `"a, b"` is `["a", "b"]`: the guide's own example writes tags so.
pub(crate) fn listed(value: &mut Value) {
    if let Value::String(text) = value {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        *value = Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
    }
}

fn scheme_fields(fields: Map<String, Value>, name: &str, faults: &mut Faults) -> Map<String, Value> {
    let mut fields = rename(fields, &SCHEME_KEYS, &format!("security_schemes.{name}."), faults);
    if fields.get("type").and_then(Value::as_str) == Some("bearer") {
        fields.insert("type".to_owned(), json!("http"));
        fields.entry("scheme").or_insert_with(|| json!("bearer"));
    }
    fields
}

/// Renames keys in place. Two spellings that contradict each other are a fault: a
/// reader who takes the other one would see another card.
pub(crate) fn rename(
    fields: Map<String, Value>,
    names: &[(&str, &str)],
    prefix: &str,
    faults: &mut Faults,
) -> Map<String, Value> {
    let mut renamed = Map::with_capacity(fields.len());
    for (key, value) in fields {
        let name = names.iter().find(|(other, _)| *other == key).map_or(key.as_str(), |(_, name)| name);
        match renamed.get(name) {
            Some(held) if *held != value => faults.add(
                format!("{prefix}{name}"),
                "given in two spellings with different values: send one of them",
            ),
            Some(_) => {}
            None => {
                renamed.insert(name.to_owned(), value);
            }
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(card: Value) -> (Value, String) {
        let Value::Object(card) = card else { panic!("a card is an object") };
        let mut faults = Faults::default();
        let card = respell(card, Null::LeftOut, &mut faults);
        (Value::Object(card), faults.to_string())
    }

    #[test]
    fn both_spellings_mean_the_same_card() {
        let (card, faults) = read(json!({
            "protocolVersion": "1.0", "tags": "code-review, security,", "allowedGroups": "a,b",
            "skills": [{"id": "x", "tags": "python"}, "odd"],
            "securitySchemes": {"k": {"type": "apiKey", "in_": "header", "name": "X"}, "b": {"type": "bearer", "bearerFormat": "JWT"}},
            "security": ["b", {"k": []}],
            "x-own": {"keptAs": "is"}
        }));
        assert_eq!(faults, "");
        assert_eq!(
            card,
            json!({
                "protocol_version": "1.0", "tags": ["code-review", "security"], "allowed_groups": ["a", "b"],
                "skills": [{"id": "x", "tags": ["python"]}, "odd"],
                "security_schemes": {"k": {"type": "apiKey", "in": "header", "name": "X"}, "b": {"type": "http", "bearer_format": "JWT", "scheme": "bearer"}},
                "security": [{"b": []}, {"k": []}],
                "x-own": {"keptAs": "is"}
            })
        );
    }

    #[test]
    fn null_is_left_out_where_the_guide_knows_the_field() {
        let (card, faults) = read(json!({
            "name": "n", "trust_level": null, "trustLevel": "community", "license": null, "x-note": null,
            "provider": {"organization": "A", "url": null, "x": null},
            "skills": [{"id": "s", "tags": null, "parameters": null, "x": null}]
        }));
        assert_eq!(faults, "");
        assert_eq!(
            card,
            json!({
                "name": "n", "trust_level": "community", "x-note": null,
                "provider": {"organization": "A", "x": null}, "skills": [{"id": "s", "x": null}]
            })
        );
        let mut faults = Faults::default();
        let patch = json!({"license": null, "skills": [{"id": "s", "tags": null}]});
        let patch = respell(patch.as_object().expect("an object").clone(), Null::Removes, &mut faults);
        assert_eq!(Value::Object(patch), json!({"license": null, "skills": [{"id": "s"}]}));
    }

    #[test]
    fn contradicting_spellings_are_a_fault() {
        let (_, faults) = read(json!({"trustLevel": "verified", "trust_level": "community"}));
        assert_eq!(faults, "trust_level: given in two spellings with different values: send one of them");
        let (card, faults) = read(json!({"trustLevel": "community", "trust_level": "community"}));
        assert_eq!((card, faults.as_str()), (json!({"trust_level": "community"}), ""));
    }
}
