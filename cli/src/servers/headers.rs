//! Headers that a server wants to see. Their values are secrets: from a file or standard input, never from a flag.

use std::path::{Path, PathBuf};

use boot::Secret;
use serde_json::{Map, Value, json};

use crate::credentials::warn_of_readers;
use crate::entries::bytes_of;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// Where they stand in a card.
const FIELD: &str = "headers";
/// Standard input.
const STDIN: &str = "-";

/// A header and its value.
pub(super) struct Header {
    name: String,
    value: Secret,
}

/// Reads the values that `NAME=@FILE` and `NAME=-` name; `cards` are read beside them.
///
/// # Errors
/// [`Exit::WrongUse`] for every other form. What was typed may hold a secret: it is not repeated.
pub(super) fn read(typed: &[String], cards: &[PathBuf]) -> Result<Vec<Header>, Failure> {
    let wrong = |why: String| Failure::new(Exit::WrongUse, why);
    let mut from_stdin = usize::from(cards.iter().any(|card| card == Path::new(STDIN)));
    let mut headers = Vec::new();
    for text in typed {
        let (name, place) = split(text).map_err(|why| wrong(why.to_owned()))?;
        from_stdin += usize::from(place == Path::new(STDIN));
        if from_stdin > 1 {
            return Err(wrong("standard input (-) can be read once only".to_owned()));
        }
        headers.push((name, place));
    }
    let value = |(name, place): (&str, &Path)| {
        if place != Path::new(STDIN) {
            warn_of_readers(place, &format!("the value of the header {name}"));
        }
        let (file, bytes) = bytes_of(place).map_err(|line| wrong(plain(&line)))?;
        let value = value(&bytes).map_err(|why| wrong(format!("{}: {why}", plain(&file))))?;
        Ok(Header { name: name.to_owned(), value })
    };
    headers.into_iter().map(value).collect()
}

/// Puts the headers beside those of the card; one of the same name goes.
///
/// # Errors
/// One line, when the card's own are written in a form that nothing can be put beside.
pub(super) fn put(headers: &[Header], card: &mut Map<String, Value>) -> Result<(), String> {
    if headers.is_empty() {
        return Ok(());
    }
    let held = card.entry(FIELD).or_insert(Value::Null);
    if held.is_null() {
        *held = json!({});
    }
    let Value::Object(held) = held else {
        return Err(
            "headers must be an object of names and values, so that --header can add to it".to_owned()
        );
    };
    for header in headers {
        // Case makes no difference in the names of headers.
        held.retain(|name, _| !name.eq_ignore_ascii_case(&header.name));
        held.insert(header.name.clone(), json!(header.value.expose()));
    }
    Ok(())
}

/// Says so if others may read a card that holds values of headers.
pub(super) fn warn(file: &Path, card: &Map<String, Value>) {
    let holds = card.get(FIELD).is_some_and(|headers| match headers {
        Value::Null => false,
        Value::Object(headers) => headers.values().any(|value| value != catalog::HIDDEN && !value.is_null()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    });
    if holds && file != Path::new(STDIN) {
        warn_of_readers(file, "the values of its headers");
    }
}

fn split(text: &str) -> Result<(&str, &Path), &'static str> {
    const FORM: &str = "--header takes NAME=@FILE, or NAME=- for standard input: a value in a command line can be \
                        read by everybody on this machine, and stays in the shell's history";
    let (name, place) = text.split_once('=').ok_or(FORM)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let place = if place == STDIN { Some(place) } else { place.strip_prefix('@') };
    match place.filter(|place| !place.is_empty() && !name.is_empty() && name.bytes().all(token)) {
        Some(place) => Ok((name, Path::new(place))),
        None => Err(FORM),
    }
}

/// A value as it can go into a header, without the line break at the end of its file.
fn value(bytes: &[u8]) -> Result<Secret, &'static str> {
    let fault = "no value of a header: one line of visible ASCII characters, such as 'Bearer …'";
    let text = std::str::from_utf8(bytes).map_err(|_| fault)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let fits =
        !text.is_empty() && text.trim() == text && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if fits { Ok(Secret::new(text)) } else { Err(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_typed() {
        for (text, expected) in [
            ("Authorization=@token", Some(("Authorization", "token"))),
            ("x-api-key=-", Some(("x-api-key", "-"))),
            ("a=@b=c", Some(("a", "b=c"))),
            ("Authorization=Bearer word", None),
            ("Authorization: Bearer word", None),
            ("Authorization", None),
            ("a=@", None),
            ("=@file", None),
            ("a b=@file", None),
            ("a=", None),
        ] {
            let read = split(text).ok().map(|(name, place)| (name, place.to_str().unwrap()));
            assert_eq!(read, expected, "{text}");
        }
        let refused = read(&["a=word".to_owned()], &[]).err().expect("no value");
        assert!(!refused.message.contains("word"), "{}", refused.message);
    }

    #[test]
    fn a_value_is_one_line() {
        for (text, expected) in [
            ("Bearer x\n", Some("Bearer x")),
            ("word\r\n", Some("word")),
            ("word", Some("word")),
            ("a\nX-User: admin", None),
            ("a\n\n", None),
            (" a", None),
            ("é", None),
            ("", None),
            ("\n", None),
        ] {
            let read = value(text.as_bytes()).ok();
            assert_eq!(read.as_ref().map(Secret::expose), expected, "{text:?}");
        }
    }

    #[test]
    fn headers_are_put_beside_those_of_the_card() {
        let header = |name: &str| Header { name: name.to_owned(), value: Secret::new("v") };
        let put = |card: Value, name: &str| {
            let mut card = card.as_object().unwrap().clone();
            put(&[header(name)], &mut card).map(|()| Value::Object(card))
        };
        assert_eq!(put(json!({}), "a"), Ok(json!({"headers": {"a": "v"}})));
        assert_eq!(put(json!({"headers": null}), "a"), Ok(json!({"headers": {"a": "v"}})));
        let held = json!({"headers": {"A": "old", "b": "***"}});
        assert_eq!(put(held, "a"), Ok(json!({"headers": {"b": "***", "a": "v"}})));
        assert!(put(json!({"headers": []}), "a").is_err());
    }
}
