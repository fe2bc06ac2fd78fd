//! Where an entry lives, and how a request names that place.
//!
//! Both servers read paths with these two types and with nothing else: a path that
//! the gatekeeper reads in one way and the registry in another is a bypass.

use std::borrow::Cow;
use std::fmt;

use access::spelling;
pub use access::spelling::PathFault;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// An entry's path in its one canonical spelling, e.g. `/team/reviewer`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(String);

/// Last segments that name something about an entry, never an entry.
const RESERVED_LAST: [&str; 4] = ["toggle", "health", "agent-card.json", "history"];
/// Paths at which the API itself answers.
const RESERVED_WHOLE: [&str; 3] = ["/register", "/discover", "/discover/semantic"];

impl EntryPath {
    /// Reads a path as a card or a policy spells it.
    ///
    /// # Errors
    /// A [`PathFault`]; every message says what to change.
    pub fn parse(text: &str) -> Result<EntryPath, PathFault> {
        spelling::check(text)?;
        let last = text.rsplit('/').next().unwrap_or_default();
        if RESERVED_LAST.contains(&last) || RESERVED_WHOLE.contains(&text) {
            return Err(PathFault::Reserved);
        }
        Ok(EntryPath(text.to_owned()))
    }

    /// The path of a card that names none: `/` and a slug of its name.
    pub fn for_name(name: &str) -> Option<EntryPath> {
        let mut slug = String::with_capacity(name.len());
        for c in name.chars().flat_map(char::to_lowercase) {
            match c {
                c if c.is_alphanumeric() => slug.push(c),
                _ if slug.is_empty() || slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
            if slug.len() > 120 {
                break;
            }
        }
        EntryPath::parse(&format!("/{}", slug.trim_end_matches('-'))).ok()
    }

    /// The path with its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as one segment of a URL, without its leading slash: `team%2Freviewer`.
    pub fn as_segment(&self) -> String {
        encode_segment(self.0.trim_start_matches('/'))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Percent-encodes a text so that it is one segment of a URL's path.
pub fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The path of a request, decoded exactly once; borrowed from the target where nothing was encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'t>(Cow<'t, str>);

/// Why a request target is refused: every one of these is read differently by some proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// `http://host/…`, `*`, or nothing.
    #[error("the request target must be a path that starts with '/'")]
    NotAPath,
    /// `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("the path has a broken percent-encoding")]
    BrokenEncoding,
    /// `%2e`, `%25`, `%5c`, `%00`, `%3f` and their like: encodings that only serve to hide something.
    #[error("the path has a percent-encoded character that may not stand in a path")]
    HiddenCharacter,
    /// `//`, `.` or `..`, a backslash, white space, over-long.
    #[error("the path is not spelled canonically: {0}")]
    Spelling(PathFault),
}

impl<'t> RequestPath<'t> {
    /// Reads a request target (`/path?query`) and decodes its path once. `%2F` is
    /// allowed, because generated clients write `/api/agents/team%2Freviewer`.
    ///
    /// # Errors
    /// A [`TargetFault`]: the request must be refused, not repaired.
    pub fn parse(target: &'t str) -> Result<RequestPath<'t>, TargetFault> {
        let raw = target.split('?').next().unwrap_or_default();
        if !raw.starts_with('/') {
            return Err(TargetFault::NotAPath);
        }
        for (at, _) in raw.match_indices('%') {
            let digits = raw.get(at + 1..at + 3).ok_or(TargetFault::BrokenEncoding)?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(TargetFault::BrokenEncoding);
            }
            let byte = u8::from_str_radix(digits, 16).map_err(|_| TargetFault::BrokenEncoding)?;
            if byte.is_ascii() && byte != b'/' && hides(byte) {
                return Err(TargetFault::HiddenCharacter);
            }
        }
        let path = percent_decode_str(raw).decode_utf8().map_err(|_| TargetFault::BrokenEncoding)?;
        // One slash may end a folder-like URL (`/docs/`); an entry's path never ends with one.
        match path.strip_suffix('/').unwrap_or(&path) {
            "" => {}
            trimmed => match spelling::check(trimmed) {
                Ok(()) => {}
                // The target holds a prefix beside the entry's path, so the length limit is the entry's alone.
                Err(PathFault::TooLong) if trimmed.len() <= MAX_TARGET_BYTES => check_each(trimmed)?,
                Err(fault) => return Err(TargetFault::Spelling(fault)),
            },
        }
        Ok(RequestPath(path))
    }

    /// The decoded path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The longest request path, in decoded bytes.
const MAX_TARGET_BYTES: usize = 2048;

/// The spelling check without its length limit: segment by segment.
fn check_each(path: &str) -> Result<(), TargetFault> {
    path.split('/')
        .skip(1)
        .try_for_each(|segment| spelling::check(&format!("/{segment}")))
        .map_err(TargetFault::Spelling)
}

fn hides(byte: u8) -> bool {
    byte.is_ascii_control() || matches!(byte, b'.' | b'%' | b'\\' | b'?' | b'#' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_paths_are_the_apis_own() {
        for path in
            ["/register", "/discover", "/discover/semantic", "/a/toggle", "/toggle", "/x/agent-card.json"]
        {
            assert_eq!(EntryPath::parse(path), Err(PathFault::Reserved), "{path}");
        }
        for path in ["/registered", "/register/x", "/toggle/x", "/discover/semantics"] {
            assert!(EntryPath::parse(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_name_becomes_a_path() {
        for (name, path) in [
            ("Code Reviewer Agent", Some("/code-reviewer-agent")),
            ("  C++ & Rust!  ", Some("/c-rust")),
            ("Übersetzer 2", Some("/übersetzer-2")),
            ("評価", Some("/評価")),
            ("!!!", None),
            ("Toggle", None),
        ] {
            assert_eq!(EntryPath::for_name(name).as_ref().map(EntryPath::as_str), path, "{name}");
        }
        assert!(EntryPath::for_name(&"long name ".repeat(100)).is_some());
    }

    #[test]
    fn a_segment_comes_back_as_the_path() {
        for path in ["/code-reviewer", "/team/reviewer", "/équipe/a+b&c"] {
            let entry = EntryPath::parse(path).expect("a path");
            let target = format!("/api/agents/{}?x=1", entry.as_segment());
            assert_eq!(RequestPath::parse(&target).expect("a target").as_str(), format!("/api/agents{path}"));
        }
    }

    #[test]
    fn targets_are_decoded_once_or_refused() {
        use TargetFault::{BrokenEncoding, HiddenCharacter, NotAPath, Spelling};
        for (target, expected) in [
            ("/api/agents", Ok("/api/agents")),
            ("/api/agents/team%2Freviewer?a=%2e%2e", Ok("/api/agents/team/reviewer")),
            ("/docs/", Ok("/docs/")),
            ("/", Ok("/")),
            ("/api/%C3%A9", Ok("/api/é")),
            ("", Err(NotAPath)),
            ("*", Err(NotAPath)),
            ("http://evil/api/agents", Err(NotAPath)),
            ("/api/agents/%2e%2e/x", Err(HiddenCharacter)),
            ("/api/agents/%252e", Err(HiddenCharacter)),
            ("/api/agents/x%00", Err(HiddenCharacter)),
            ("/api/agents/x%5cy", Err(HiddenCharacter)),
            ("/api/agents/x%3Fy", Err(HiddenCharacter)),
            ("/api/agents/x%20y", Err(HiddenCharacter)),
            ("/api/%2", Err(BrokenEncoding)),
            ("/api/%+1", Err(BrokenEncoding)),
            ("/api/%zz", Err(BrokenEncoding)),
            ("/api/%ff", Err(BrokenEncoding)),
            ("/api/%é", Err(BrokenEncoding)),
            ("/x/../api", Err(Spelling(PathFault::DotSegment))),
            ("/x/./api", Err(Spelling(PathFault::DotSegment))),
            ("/x%2F..%2Fapi", Err(Spelling(PathFault::DotSegment))),
            ("//api", Err(Spelling(PathFault::EmptySegment))),
            ("/api//agents", Err(Spelling(PathFault::EmptySegment))),
            ("/api/agents/%2Fx", Err(Spelling(PathFault::EmptySegment))),
            ("/api/a#b", Err(Spelling(PathFault::Character))),
            ("/api\\agents", Err(Spelling(PathFault::Character))),
        ] {
            let read = RequestPath::parse(target);
            assert_eq!(read.as_ref().map(RequestPath::as_str).map_err(|fault| *fault), expected, "{target}");
        }
        let long = format!("/api/agents/{}", "a".repeat(255));
        assert!(RequestPath::parse(&long).is_ok());
        assert!(RequestPath::parse(&format!("{long}/..")).is_err());
        assert!(RequestPath::parse(&format!("/{}", "a/".repeat(2000))).is_err());
    }
}
