//! Files with cards → JSON objects, with all that is wrong told at once and nothing sent.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use catalog::json;
use serde_json::{Map, Value};

use super::Kind;
use crate::credentials::Needs;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// Standard input.
const STDIN: &str = "-";

/// A card as its file holds it.
pub(crate) struct Card {
    /// The file's name, for messages.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) fields: Map<String, Value>,
}

impl Card {
    /// What a caller needs who registers it.
    pub(super) fn needs(&self, kind: &Kind) -> Needs {
        let path = (kind.wanted_path)(&self.fields);
        path.map_or_else(|| Needs::to(kind.publish), |path| Needs::on(kind.publish, path))
    }

    /// One line for each fault that no server of this version lets pass.
    fn faults(&self, kind: &Kind) -> Vec<String> {
        let Err(faults) = (kind.check)(self.fields.clone()) else { return Vec::new() };
        let line = |fault: &catalog::FieldFault| match &*fault.field {
            "" => format!("{}: {}", self.name, fault.message),
            field => format!("{}: {field}: {}", self.name, fault.message),
        };
        faults.list().iter().map(line).collect()
    }
}

/// Reads one file. What is no JSON object is never sent: no server could make anything of it.
///
/// # Errors
/// One line for what is wrong.
pub(crate) fn read(file: &Path) -> Result<Card, Failure> {
    open(file).map_err(|line| Failure::new(Exit::WrongUse, plain(&line)))
}

/// Reads all of them and checks them by the server's rules, unless the server is to do that alone.
///
/// # Errors
/// A line for each fault of each card.
pub(crate) fn read_all(
    kind: &Kind,
    files: &[PathBuf],
    read: impl Fn(&Path) -> Result<Card, String>,
    unchecked: bool,
) -> Result<Vec<Card>, Failure> {
    if files.iter().filter(|file| **file == Path::new(STDIN)).count() > 1 {
        return Err(Failure::new(Exit::WrongUse, "standard input (-) can be read once only"));
    }
    let (mut cards, mut faults, mut loosened) = (Vec::new(), Vec::new(), false);
    for file in files {
        match read(file) {
            Ok(card) => {
                let found = if unchecked { Vec::new() } else { card.faults(kind) };
                loosened |= !found.is_empty();
                faults.extend(found);
                cards.push(card);
            }
            Err(line) => faults.push(line),
        }
    }
    if faults.is_empty() {
        return Ok(cards);
    }
    let way_out = if loosened { " (--unchecked lets the server judge)" } else { "" };
    let lines: String = faults.iter().map(|line| format!("\n  {}", plain(line))).collect();
    Err(Failure::new(Exit::WrongUse, format!("nothing was sent{way_out}:{lines}")))
}

/// A file's name for messages, and what is in it; `-` is standard input.
///
/// # Errors
/// One line, with the name.
pub(crate) fn bytes_of(file: &Path) -> Result<(String, Vec<u8>), String> {
    let (name, bytes) = if file == Path::new(STDIN) {
        let mut bytes = Vec::new();
        ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    bytes.map(|bytes| (name.clone(), bytes)).map_err(|fault| format!("{name}: {fault}"))
}

/// The JSON object of a text, read as strictly as the servers read it.
///
/// # Errors
/// One line, with the name of what was read.
pub(crate) fn object_of(name: &str, what: &str, bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match json::read(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(format!("{name}: {what} is a JSON object")),
        Err(json::JsonFault::NotJson(why)) => Err(format!("{name}: not JSON: {why}")),
        Err(json::JsonFault::Refused(why)) => Err(format!("{name}: {why}")),
    }
}

/// Reads a card's file.
///
/// # Errors
/// One line, with the file's name.
pub(crate) fn open(file: &Path) -> Result<Card, String> {
    let (name, bytes) = bytes_of(file)?;
    let fields = object_of(&name, "a card", &bytes)?;
    Ok(Card { name, fields })
}

#[cfg(test)]
mod tests {
    use super::super::AGENT;
    use super::*;

    fn told(cards: &[&str], unchecked: bool) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |(number, text): (usize, &&str)| {
            let file = folder.path().join(format!("{number}.json"));
            std::fs::write(&file, text).unwrap();
            file
        };
        let files: Vec<PathBuf> = cards.iter().enumerate().map(file).collect();
        let place = format!("{}/", folder.path().display());
        read_all(&AGENT, &files, open, unchecked)
            .map(|cards| cards.len())
            .map_err(|failure| failure.message.replace(&place, ""))
    }

    #[test]
    fn every_fault_of_every_card_is_told_at_once() {
        let good = r#"{"name": "A", "description": "d", "url": "http://agents.example.com/a"}"#;
        assert_eq!(told(&[good, good], false), Ok(2));
        assert_eq!(
            told(&[good, r#"{"name": " ", "url": "https://h"}"#, "[]", r#"{"a": 1, "a": 2}"#], false),
            Err("nothing was sent (--unchecked lets the server judge):\n\
                 \u{20} 1.json: name: must not be blank\n\
                 \u{20} 1.json: description: is required\n\
                 \u{20} 2.json: a card is a JSON object\n\
                 \u{20} 3.json: the key 'a' stands twice at line 1 column 16"
                .to_owned())
        );
        assert_eq!(told(&["{}"], true), Ok(1));
        assert_eq!(
            told(&["{"], true).map_err(|line| line.starts_with("nothing was sent:\n")),
            Err(true),
            "what is no JSON is never sent"
        );
    }
}
