//! `If-Match` and `If-None-Match` (RFC 9110 section 13.1).

use crate::error::ApiError;

/// Which state of an entry a write was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whichever is there: no condition, or `*`.
    Any,
    /// One of these: strong tags with their quotes.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Reads the header, all its lines joined by commas.
    ///
    /// # Errors
    /// What is no list of tags is refused: taken for no condition it would overwrite, taken for a tag
    /// that does not match it would send its writer round in circles.
    pub(crate) fn read(header: Option<&str>) -> Result<IfMatch, ApiError> {
        let Some(header) = header else { return Ok(IfMatch::Any) };
        if header.trim() == "*" {
            return Ok(IfMatch::Any);
        }
        let tags = tags(header).filter(|tags| !tags.is_empty());
        let tags = tags.ok_or_else(|| {
            let message =
                "If-Match is no list of entity tags: send the ETag of the card, quotes and all, or *";
            ApiError::Malformed(message.to_owned())
        })?;
        Ok(IfMatch::OneOf(
            tags.into_iter().filter(|tag| !tag.weak).map(|tag| tag.opaque.to_owned()).collect(),
        ))
    }

    /// The same condition on what is kept, where a tag is `"kept.shown"`: what a caller is shown may change
    /// while the entry stays as it is.
    pub(crate) fn of_kept(self) -> IfMatch {
        let kept = |tag: String| match tag.split_once('.') {
            Some((kept, _)) => format!("{kept}\""),
            None => tag,
        };
        match self {
            IfMatch::Any => IfMatch::Any,
            IfMatch::OneOf(tags) => IfMatch::OneOf(tags.into_iter().map(kept).collect()),
        }
    }

    /// Refuses a write made from another state of the entry (strong comparison: weak tags never match).
    pub(crate) fn check(&self, etag: &str) -> Result<(), ApiError> {
        match self {
            IfMatch::Any => Ok(()),
            IfMatch::OneOf(tags) if tags.iter().any(|tag| tag == etag) => Ok(()),
            IfMatch::OneOf(_) => Err(ApiError::Stale(etag.to_owned())),
        }
    }
}

/// Whether `If-None-Match` lists the tag, so that the answer is 304 (weak comparison). What is no list of
/// tags lists none.
pub(crate) fn not_modified(if_none_match: Option<&str>, etag: &str) -> bool {
    let listed = |header| tags(header).is_some_and(|tags| tags.iter().any(|tag| tag.opaque == etag));
    if_none_match.is_some_and(|header| header.trim() == "*" || listed(header))
}

/// One entity tag (RFC 9110 section 8.8.3), its opaque part with the quotes.
struct EntityTag<'t> {
    weak: bool,
    opaque: &'t str,
}

/// A list of tags; `None` when it is none. Elements may be empty (section 5.6.1.2), tags may hold commas.
fn tags(header: &str) -> Option<Vec<EntityTag<'_>>> {
    let space = |c: char| c == ' ' || c == '\t';
    let mut tags = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c| space(c) || c == ',');
        if rest.is_empty() {
            return Some(tags);
        }
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let end = quoted.strip_prefix('"')?.find('"')? + 2;
        let (opaque, after) = quoted.split_at(end);
        if opaque.chars().any(|c| c.is_ascii_control() || c == ' ') {
            return None;
        }
        tags.push(EntityTag { weak, opaque });
        rest = after.trim_start_matches(space);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_what_was_shown_is_one_of_what_is_kept() {
        for (header, matched) in [
            ("\"abc.1\"", true),
            ("\"abc.2\"", true),
            ("\"abc\"", true),
            ("\"abd.1\"", false),
            ("\".1\"", false),
        ] {
            let condition = IfMatch::read(Some(header)).expect("a list of tags").of_kept();
            assert_eq!(condition.check("\"abc\"").is_ok(), matched, "{header}");
        }
    }

    #[test]
    fn tags_are_compared_as_http_says() {
        let etag = "\"abc\"";
        for (header, weak, strong) in [
            (Some("\"abc\""), true, Some(true)),
            (Some("\"x\", \"abc\""), true, Some(true)),
            (Some("\"x\" ,, \t\"abc\","), true, Some(true)),
            (Some("\"a,b\",\"abc\""), true, Some(true)),
            (Some("\"x, \"abc\""), false, None),
            (Some("\"x,\"abc\","), false, None),
            (Some("W/\"abc\""), true, Some(false)),
            (Some("W/\"abc\", \"abc\""), true, Some(true)),
            (Some("w/\"abc\""), false, None),
            (Some("*"), true, Some(true)),
            (Some(" * "), true, Some(true)),
            (Some("*, \"abc\""), false, None),
            (Some("\"x\""), false, Some(false)),
            (Some("\"é\""), false, Some(false)),
            (Some("\"\""), false, Some(false)),
            (Some("abc"), false, None),
            (Some("\"abc"), false, None),
            (Some("\"abc\" \"x\""), false, None),
            (Some("\"a bc\""), false, None),
            (Some(""), false, None),
            (Some(" , "), false, None),
            (None, false, Some(true)),
        ] {
            assert_eq!(not_modified(header, etag), weak, "If-None-Match {header:?}");
            let matched = IfMatch::read(header).ok().map(|condition| condition.check(etag).is_ok());
            assert_eq!(matched, strong, "If-Match {header:?}");
        }
    }
}
