//! Secrets and tokens in what servers write: whatever a test did, none may be there.

use std::fs;
use std::path::{Path, PathBuf};

/// What our own secrets and every JWT begin with.
const BEGINNINGS: [&str; 4] = ["ags_", "lmk_", "mis_", "eyJ"];
/// How long a text of a secret's characters must be to be one, in bytes: each has at least 43 random ones.
const LEAST: usize = 43;

/// The logs, audit trails and nginx' own records below the folder of a stack that hold a secret or a token. What
/// it is, is not said.
#[must_use]
pub fn broken(stack: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [stack.join("logs"), stack.join("nginx")] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // What is no file, or not ours to read, no server of this stack wrote.
            let text = fs::read(entry.path()).unwrap_or_default();
            if holds_a_secret(&String::from_utf8_lossy(&text)) {
                found.push(entry.path());
            }
        }
    }
    found
}

fn holds_a_secret(text: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| {
        text.match_indices(beginning).any(|(at, _)| {
            let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let rest = &text[at..];
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let is_jwt = rest[..end].matches('.').count() >= 2;
            end >= LEAST && (*beginning != "eyJ" || is_jwt)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_form() {
        let random = "1FVb0S8raA2mAfGE7TTsMQezRfhfqBvUp85th-QPZjqQ";
        for (text, expected) in [
            (format!("x ags_6186b4c3_{random}"), true),
            (format!("key=lmk_{random};"), true),
            (format!("\"mis_{random}\""), true),
            (format!("Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.{random}"), true),
            ("the secret begins with ags_ and lmk_".to_owned(), false),
            (format!("eyJ{random}"), false),
            (random.to_owned(), false),
        ] {
            assert_eq!(holds_a_secret(&text), expected, "{text}");
        }
    }
}
