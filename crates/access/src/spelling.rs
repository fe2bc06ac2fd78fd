//! The one spelling of an entry's path (design page "registry-api", "Paths of agents").
//!
//! It stands here, below the catalogue, because a policy names the same paths:
//! were they spelled twice, a resource in `scopes.yml` could mean another entry.

/// The longest path, in bytes.
pub const MAX_BYTES: usize = 256;

/// Why a text is no path; each message says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with `/`.
    #[error("a path must start with '/'")]
    NoLeadingSlash,
    /// It is `/` alone, ends with `/` or has `//` inside.
    #[error("a path must not have an empty segment: no '//' and no '/' at its end")]
    EmptySegment,
    /// A segment is `.` or `..`.
    #[error("a path must not have a '.' or '..' segment")]
    DotSegment,
    /// It has a character that URLs, shells or proxies read in more than one way.
    #[error("a path must not contain control characters, white space, '%', '?', '#' or '\\'")]
    Character,
    /// It is longer than [`MAX_BYTES`].
    #[error("a path must be at most 256 bytes long")]
    TooLong,
    /// The registry's own routes need this path.
    #[error("this path is reserved for the registry's own routes: choose another last segment")]
    Reserved,
}

/// Checks that `path` is spelled canonically; there is no second spelling that it accepts.
///
/// # Errors
/// The first [`PathFault`] found.
pub fn check(path: &str) -> Result<(), PathFault> {
    if path.len() > MAX_BYTES {
        return Err(PathFault::TooLong);
    }
    let segments = path.strip_prefix('/').ok_or(PathFault::NoLeadingSlash)?;
    for segment in segments.split('/') {
        match segment {
            "" => return Err(PathFault::EmptySegment),
            "." | ".." => return Err(PathFault::DotSegment),
            _ if segment.chars().any(forbidden) => return Err(PathFault::Character),
            _ => {}
        }
    }
    Ok(())
}

fn forbidden(c: char) -> bool {
    c.is_control() || c.is_whitespace() || matches!(c, '%' | '?' | '#' | '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        for (path, expected) in [
            ("/code-reviewer", Ok(())),
            ("/team/reviewer", Ok(())),
            ("/équipe/評価", Ok(())),
            ("/...", Ok(())),
            ("", Err(PathFault::NoLeadingSlash)),
            ("code-reviewer", Err(PathFault::NoLeadingSlash)),
            ("/", Err(PathFault::EmptySegment)),
            ("/a/", Err(PathFault::EmptySegment)),
            ("/a//b", Err(PathFault::EmptySegment)),
            ("/a/./b", Err(PathFault::DotSegment)),
            ("/..", Err(PathFault::DotSegment)),
            ("/a%2fb", Err(PathFault::Character)),
            ("/a?b", Err(PathFault::Character)),
            ("/a#b", Err(PathFault::Character)),
            ("/a\\b", Err(PathFault::Character)),
            ("/a b", Err(PathFault::Character)),
            ("/a\0", Err(PathFault::Character)),
            ("/a\u{85}", Err(PathFault::Character)),
        ] {
            assert_eq!(check(path), expected, "{path:?}");
        }
        assert_eq!(check(&format!("/{}", "a".repeat(MAX_BYTES - 1))), Ok(()));
        assert_eq!(check(&format!("/{}", "a".repeat(MAX_BYTES))), Err(PathFault::TooLong));
    }
}
