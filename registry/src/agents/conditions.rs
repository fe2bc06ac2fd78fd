//! `If-Match` and `If-None-Match` (RFC 9110 section 13.1).

use crate::error::ApiError;

/// Whether `If-None-Match` lists the tag, so that the answer is 304 (weak comparison).
pub(crate) fn not_modified(if_none_match: Option<&str>, etag: &str) -> bool {
    if_none_match.is_some_and(|tags| tags.trim() == "*" || listed(tags).any(|tag| strong(tag) == etag))
}

/// Refuses a write made from another state of the entry (strong comparison).
pub(crate) fn check_match(if_match: Option<&str>, etag: &str) -> Result<(), ApiError> {
    match if_match {
        None => Ok(()),
        Some(tags) if tags.trim() == "*" || listed(tags).any(|tag| tag == etag) => Ok(()),
        Some(_) => Err(ApiError::Stale(etag.to_owned())),
    }
}

/// Whether a write is tried again when another writer came first. A caller who set no
/// condition wants his change on whatever is there, and was promised no 412.
pub(crate) struct Attempts {
    left: usize,
}

impl Attempts {
    /// Each lost race means that another writer got through, so a handful is plenty.
    const MOST: usize = 8;

    pub(crate) fn under(if_match: Option<&str>) -> Attempts {
        Attempts { left: if if_match.is_none() { Attempts::MOST } else { 0 } }
    }

    pub(crate) fn again(&mut self, error: &ApiError) -> bool {
        let lost = matches!(error, ApiError::Stale(_)) && self.left > 0;
        self.left = self.left.saturating_sub(1);
        lost
    }
}

fn listed(tags: &str) -> impl Iterator<Item = &str> {
    // Our tags hold no comma, so a tag that was cut at one inside its quotes matches nothing.
    tags.split(',').map(str::trim)
}

fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_as_http_says() {
        let etag = "\"abc\"";
        for (header, weak, strong) in [
            (Some("\"abc\""), true, true),
            (Some("\"x\", \"abc\""), true, true),
            (Some("W/\"abc\""), true, false),
            (Some("*"), true, true),
            (Some("\"x\""), false, false),
            (Some(""), false, false),
            (None, false, true),
        ] {
            assert_eq!(not_modified(header, etag), weak, "If-None-Match {header:?}");
            assert_eq!(check_match(header, etag).is_ok(), strong, "If-Match {header:?}");
        }
    }
}
