//! `If-Match` and `If-None-Match` (RFC 9110 section 13.1).

use std::pin::Pin;

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

/// Repeats a write that lost a race, as long as the caller set no condition on which state he
/// changes: he wants his change on whatever is there. Each loss is another writer's success,
/// so this ends.
pub(crate) async fn settle<'a, T>(
    if_match: Option<&str>,
    attempt: impl Fn() -> Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>,
) -> Result<T, ApiError> {
    let any_state = if_match.is_none_or(|tags| tags.trim() == "*");
    loop {
        match attempt().await {
            Err(ApiError::Stale(_)) if any_state => {}
            outcome => return outcome,
        }
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
