//! The rules of the house that a machine can check, each fault with its place and what to do about it.

mod arrows;
mod length;
mod names;
mod source;
mod unwraps;

use std::fmt;
use std::path::Path;

use self::source::Source;
use crate::fault::{Fault, Outcome};
use crate::shell;

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    advice: String,
}

impl Finding {
    fn new(source: &Source, line: usize, advice: impl Into<String>) -> Self {
        Self { file: source.path.clone(), line, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.advice)
    }
}

/// Checks everything; all faults at once.
pub fn check(root: &Path) -> Outcome<()> {
    let mut findings = arrows::check(root)?;
    for path in rust_files(root)? {
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else { continue };
        findings.extend(check_file(&Source::new(path, text)));
    }
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(Fault::new(format!("{} breaches of the rules of the house:\n{}", lines.len(), lines.join("\n"))))
}

fn check_file(source: &Source) -> Vec<Finding> {
    let checks = [first_line, length::check, names::check, unwraps::check];
    checks.iter().flat_map(|check| check(source)).collect()
}

/// The first line says what the file is for.
fn first_line(source: &Source) -> Vec<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//! ").is_some_and(|words| !words.trim().is_empty()) {
        return Vec::new();
    }
    vec![Finding::new(source, 1, "begin the file with a `//!` line that says what it is for")]
}

/// Tracked files and those about to be: a fault is best seen before the commit.
fn rust_files(root: &Path) -> Outcome<Vec<String>> {
    let folder = root.display().to_string();
    let arguments = ["-C", &folder, "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"];
    Ok(shell::run("git", &arguments)?.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        if let Err(fault) = check(&crate::root()) {
            panic!("{fault}");
        }
    }

    #[test]
    fn a_file_without_a_first_line_is_found() {
        let check = |text: &str| first_line(&Source::new("a/src/b.rs".into(), text.into())).len();
        assert_eq!(check("//! What it is for.\n"), 0);
        assert_eq!(check("//!\nfn main() {}\n"), 1);
        assert_eq!(check("use std::fs;\n"), 1);
        assert_eq!(check(""), 1);
    }

    #[test]
    fn a_finding_says_where_and_what_to_do() {
        let findings = check_file(&Source::new("a/src/b.rs".into(), "fn f() { g().unwrap() }\n".into()));
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with("a/src/b.rs:1: ")));
    }
}
