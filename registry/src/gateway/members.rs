//! The members of a JSON object as they stand in the text: what is not looked at is not taken apart.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members, in their order.
#[derive(Debug)]
pub(super) struct Members<'b>(Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'b> Members<'b> {
    /// Reads an object of which all keys are different for every reader there is: some take no notice of
    /// upper and lower case, some end a key at a NUL.
    pub(super) fn read(text: &'b str) -> Option<Members<'b>> {
        let members: Members<'b> = serde_json::from_str(text).ok()?;
        let mut seen = HashSet::new();
        let distinct = members.0.iter().all(|(key, _)| !key.contains('\0') && seen.insert(fold(key)));
        distinct.then_some(members)
    }

    /// The member of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'b RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The member that some reader takes for that of this name.
    pub(super) fn alike(&self, name: &str) -> Option<&'b RawValue> {
        self.0.iter().find(|(key, _)| fold(key) == name).map(|(_, value)| *value)
    }

    /// Whether a key looks like one of these to some reader, and is not one of them.
    pub(super) fn has_lookalike(&self, names: &[&str]) -> bool {
        self.0.iter().any(|(key, _)| !names.contains(&&**key) && names.contains(&&*fold(key)))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'b RawValue)> {
        self.0.iter().map(|(key, value)| (&**key, *value))
    }
}

/// A key without its case, with the letters of other alphabets that are the same without it (`ſ`, `K`).
fn fold(key: &str) -> Cow<'_, str> {
    if key.is_ascii() && !key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(key);
    }
    Cow::Owned(key.to_uppercase().to_lowercase())
}

/// A text of JSON; `None` for every other kind of value.
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'b>, D::Error> {
        deserializer.deserialize_map(Reader).map(Members)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Key(key), value)) = pairs.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push((key, value));
        }
        Ok(members)
    }
}

/// A key, copied only where it is written with escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_different_for_every_reader() {
        for (json, read) in [
            (r#"{"a": 1, "b": {"c": 1, "c": 2}}"#, true),
            (r#"{"method": 1, "Method": 2}"#, false),
            (r#"{"method": 1, "m\u0065thod": 2}"#, false),
            (r#"{"params": 1, "param\u017f": 2}"#, false),
            (r#"{"\u212a": 1, "k": 2}"#, false),
            (r#"{"a\u0000b": 1}"#, false),
            ("[]", false),
            ("{} {}", false),
        ] {
            assert_eq!(Members::read(json).is_some(), read, "{json}");
        }
        let members = Members::read(r#"{"Tools": [1], "x": "\u0041"}"#).expect("an object");
        assert_eq!(members.alike("tools").map(RawValue::get), Some("[1]"));
        assert!(members.get("tools").is_none() && members.has_lookalike(&["tools"]));
        assert!(!members.has_lookalike(&["x"]));
        assert_eq!(members.get("x").and_then(text).as_deref(), Some("A"));
    }
}
