//! The one JSON reader of submitted bodies: duplicate keys and deep nesting refused.
//!
//! Two readers of `{"url": A, "url": B}` disagree about which one counts; a card
//! checked for one address and used with the other is an attack.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may stand in each other.
pub const MAX_NESTING: usize = 64;

/// Why bytes are no acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON at all; line and column are in the text.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON that readers understand differently, or that is too deep.
    #[error("{0}")]
    Refused(String),
}

/// Reads one JSON value.
///
/// # Errors
/// See [`JsonFault`].
pub fn read(bytes: &[u8]) -> Result<Value, JsonFault> {
    read_nested(bytes, MAX_NESTING)
}

/// Reads one JSON value that may be nested `levels` deep (at most 120).
///
/// # Errors
/// See [`JsonFault`].
pub fn read_nested(bytes: &[u8], levels: usize) -> Result<Value, JsonFault> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { left: levels }.deserialize(&mut reader).map_err(|error| fault(&error))?;
    reader.end().map_err(|error| fault(&error))?;
    Ok(value)
}

/// Reads an object that is nested `levels` deep at most, one member of which is a large object: the members
/// of that one are handed over one by one instead of being kept. Returns the other members.
///
/// # Errors
/// See [`JsonFault`]. Some members may have been handed over before.
pub fn read_large(
    bytes: &[u8],
    levels: usize,
    large: &str,
    each: impl FnMut(String, Value),
) -> Result<Map<String, Value>, JsonFault> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = reader.deserialize_map(Outer { large, inner: Strict { left: levels }, each });
    let others = read.map_err(|error| fault(&error))?;
    reader.end().map_err(|error| fault(&error))?;
    Ok(others)
}

/// Checks a JSON value as [`read_nested`] reads it, and keeps nothing: for what is only passed on.
///
/// # Errors
/// See [`JsonFault`].
pub fn check(text: &str, levels: usize) -> Result<(), JsonFault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Checked { left: levels }.deserialize(&mut reader).map_err(|error| fault(&error))?;
    reader.end().map_err(|error| fault(&error))
}

/// Our own refusals are data errors whose text begins with this.
const REFUSED: &str = "refused: ";

fn fault(error: &serde_json::Error) -> JsonFault {
    let text = error.to_string();
    match text.strip_prefix(REFUSED) {
        Some(refusal) => JsonFault::Refused(refusal.to_owned()),
        None => JsonFault::NotJson(text),
    }
}

#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Strict, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Strict { left }),
            None => {
                Err(E::custom(format!("{REFUSED}values are nested too deep: {MAX_NESTING} levels at most")))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = pairs.next_key::<String>()? {
            let value = pairs.next_value_seed(inner)?;
            if map.contains_key(&key) {
                return Err(twice(&key));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Reads like [`Strict`] and keeps nothing.
#[derive(Clone, Copy)]
struct Checked {
    left: usize,
}

impl Checked {
    fn deeper<E: serde::de::Error>(self) -> Result<Checked, E> {
        Strict { left: self.left }.deeper().map(|Strict { left }| Checked { left })
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _value: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(Key(key)) = pairs.next_key::<Key<'de>>()? {
            if seen.contains(&key) {
                return Err(twice(&key));
            }
            seen.insert(key);
            pairs.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A key as it stands in the text, copied only where it is written with escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn twice<E: serde::de::Error>(key: &str) -> E {
    E::custom(format!("{REFUSED}the key '{}' stands twice", key.escape_debug()))
}

/// The object around the large one.
struct Outer<'a, F> {
    large: &'a str,
    inner: Strict,
    each: F,
}

impl<'de, F: FnMut(String, Value)> Visitor<'de> for Outer<'_, F> {
    type Value = Map<String, Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "an object with {:?}", self.large)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut pairs: A) -> Result<Map<String, Value>, A::Error> {
        let inner = self.inner.deeper()?;
        let (mut others, mut found) = (Map::new(), false);
        while let Some(key) = pairs.next_key::<String>()? {
            let again = if key == self.large { found } else { others.contains_key(&key) };
            if again {
                return Err(twice(&key));
            }
            if key == self.large {
                found = true;
                pairs.next_value_seed(Members { inner: inner.deeper()?, each: &mut self.each })?;
            } else {
                others.insert(key, pairs.next_value_seed(inner)?);
            }
        }
        if found {
            return Ok(others);
        }
        Err(A::Error::custom(format!("{REFUSED}needs {:?}, an object", self.large)))
    }
}

/// The large object.
struct Members<'a, F> {
    inner: Strict,
    each: &'a mut F,
}

impl<'de, F: FnMut(String, Value)> DeserializeSeed<'de> for Members<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(String, Value)> Visitor<'de> for Members<'_, F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = pairs.next_key::<String>()? {
            let value = pairs.next_value_seed(self.inner)?;
            if !seen.insert(key.clone()) {
                return Err(twice(&key));
            }
            (self.each)(key, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#" {"a": [1, -2, 2.5, "x", null, true, {"b": {}}], "é": "\u00e9"} "#;
        assert_eq!(read(text.as_bytes()).ok(), serde_json::from_str::<Value>(text).ok());
        assert_eq!(read(b"3"), Ok(json!(3)));
    }

    #[test]
    fn refuses_what_readers_read_differently() {
        for (text, expected) in [
            (r#"{"a": 1, "a": 2}"#, "the key 'a' stands twice"),
            (r#"{"x": [{"a": 1, "\u0061": 2}]}"#, "the key 'a' stands twice"),
        ] {
            let Err(JsonFault::Refused(message)) = read(text.as_bytes()) else { panic!("{text} was read") };
            assert!(message.starts_with(expected), "{message}");
        }
        for text in [r#"{"a": [{"b": 1}, {"b": 1}]}"#, "3", r#" "x" "#] {
            assert_eq!(check(text, 3), Ok(()), "{text}");
        }
        for text in [r#"{"a": 1, "a": 2}"#, r#"{"x": [{"a": 1, "\u0061": 2}]}"#, "[[[[]]]]"] {
            assert!(matches!(check(text, 3), Err(JsonFault::Refused(_))), "{text}");
        }
        for text in ["", "{} {}", "[1e999]", r#""\ud800""#] {
            assert!(matches!(check(text, 3), Err(JsonFault::NotJson(_))), "{text}");
        }
        for text in ["", "{", "{} {}", "nope", "{\"a\": NaN}", "\u{feff}{}"] {
            assert!(matches!(read(text.as_bytes()), Err(JsonFault::NotJson(_))), "{text:?}");
        }
        assert!(matches!(read(b"\"\xff\""), Err(JsonFault::NotJson(_))));
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(MAX_NESTING).as_bytes()).is_ok());
        assert!(matches!(read(nested(MAX_NESTING + 1).as_bytes()), Err(JsonFault::Refused(_))));
        assert!(read(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_large_object_is_handed_over_in_parts() {
        let check = |text: &str| {
            let mut parts = Vec::new();
            let read = read_large(text.as_bytes(), 3, "big", |key, value| parts.push((key, value)));
            read.map(|others| (others, parts))
        };
        let (others, parts) =
            check(r#"{"a": 1, "big": {"x": {"y": 1}, "z": 2}, "b": [2]}"#).expect("it is read");
        assert_eq!(Value::Object(others), json!({"a": 1, "b": [2]}));
        assert_eq!(parts, [("x".to_owned(), json!({"y": 1})), ("z".to_owned(), json!(2))]);
        for (text, expected) in [
            (r#"{"big": {"x": 1, "x": 2}}"#, "the key 'x' stands twice"),
            (r#"{"big": {}, "big": {}}"#, "the key 'big' stands twice"),
            (r#"{"a": 1, "a": 2, "big": {}}"#, "the key 'a' stands twice"),
            (r#"{"big": {"x": {"y": {}}}}"#, "values are nested too deep"),
            (r#"{"a": 1}"#, "needs \"big\", an object"),
        ] {
            let fault = check(text).expect_err("it is refused");
            assert!(
                matches!(&fault, JsonFault::Refused(said) if said.starts_with(expected)),
                "{text}: {fault}"
            );
        }
        for text in ["[]", "", r#"{"big": 1}"#, r#"{"big": {}"#] {
            assert!(matches!(check(text), Err(JsonFault::NotJson(_))), "{text}");
        }
    }
}
