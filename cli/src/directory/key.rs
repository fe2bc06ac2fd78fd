//! The organisation's key: from a file, never from a flag, never shown.

use std::fs;
use std::path::Path;

use boot::Secret;
use serde_json::Value;

use crate::credentials::warn_of_readers;
use crate::outcome::{Exit, Failure};

/// How every such key begins.
const BEGINS: &str = "lmk_";

/// The key of a file that holds nothing else, or of a stack's `run.json`.
///
/// # Errors
/// [`Exit::Credentials`]: what is wrong with the file, never with a part of it.
pub(super) fn read(file: &Path) -> Result<Secret, Failure> {
    let wrong = |why: &str| {
        Failure::new(Exit::Credentials, format!("{}: {why}: see --admin-key-file", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|fault| wrong(&fault.to_string()))?;
    warn_of_readers(file, "the organisation's key");
    let text = text.trim_start_matches('\u{feff}').trim();
    let json: Option<Value> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    let key = json.as_ref().map_or(Some(text), |json| json["admin_key"].as_str());
    // Whatever else may be in the file that was named: it is not sent to anybody.
    let is_key = |key: &&str| {
        key.len() > BEGINS.len() && key.starts_with(BEGINS) && key.chars().all(|c| c.is_ascii_graphic())
    };
    key.filter(is_key)
        .map(Secret::new)
        .ok_or_else(|| wrong("there is no organisation's key (lmk_…) in the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("admin_key");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            super::read(&file).map(|key| key.expose().to_owned()).map_err(|failure| failure.message)
        };
        for text in ["lmk_a", "lmk_a\n", "\u{feff}lmk_a", r#"{"gateway": "g", "admin_key": "lmk_a"}"#] {
            assert_eq!(read(text).as_deref(), Ok("lmk_a"), "{text}");
        }
        for text in [
            "",
            "lmk_",
            "ags_word",
            "lmk_a b",
            "lmk_a\r\nX-User: b",
            "{",
            "{}",
            r#"{"admin_key": 1}"#,
            r#"{"admin_key": "word"}"#,
            r#"{"client_secret": "lmk_a"}"#,
        ] {
            let line = read(text).expect_err("no key");
            assert!(line.contains("no organisation's key") && !line.contains("word"), "{text}: {line}");
        }
    }
}
