//! A request that has a body, as it came: what the rooms behind the router read.

use crate::validate::Field;

/// Why a body could not even be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// The path has other methods; these.
    #[error("this path takes {0} alone")]
    Method(&'static str),
    /// More bytes than any request here has.
    #[error("the body is larger than 64 KiB")]
    TooLarge,
    /// The client sends too slowly.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// A broken chunk, or the client hung up half-way.
    #[error("the body is broken off or not framed as HTTP says")]
    Broken,
}

/// A request. Which path and method it was, its reader knows.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'r> {
    pub(crate) content_type: Field<'r>,
    pub(crate) authorization: Field<'r>,
    /// `X-API-Key`.
    pub(crate) api_key: Field<'r>,
    /// Which state a change was made from (RFC 9110 section 13.1.1).
    pub(crate) if_match: Field<'r>,
    /// For log and audit trail alone.
    pub(crate) request_id: Field<'r>,
    /// What stands behind the question mark.
    pub(crate) query: Option<&'r str>,
    /// Its body, or why there is none.
    pub(crate) body: Result<&'r [u8], Unread>,
}

/// A request without anything.
impl Default for Asked<'_> {
    fn default() -> Self {
        let field = Field::Absent;
        Asked {
            content_type: field,
            authorization: field,
            api_key: field,
            if_match: field,
            request_id: field,
            query: None,
            body: Ok(&[]),
        }
    }
}

impl Asked<'_> {
    /// The body's kind, without parameters and in lower case; `None` when there is not exactly one.
    pub(crate) fn media_type(&self) -> Option<String> {
        let Field::Once(value) = self.content_type else { return None };
        let value = std::str::from_utf8(value).ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}
