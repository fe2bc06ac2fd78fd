//! Everything that can be wrong with a token or a key.

/// Why there is no proof. The text of each variant may be shown to the caller: it holds
/// nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No bearer token was sent (RFC 6750 section 3.1: answered without an `error` code).
    #[error("a bearer token is required")]
    Missing,
    /// It is longer than [`crate::MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// It is not a JWT in compact form.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `none`, a shared-secret algorithm, or one that the key is not for (RFC 8725 section 3.1).
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// The header demands an extension that we do not know (RFC 7515 section 4.1.11).
    #[error("the token's header has critical extensions")]
    Critical,
    /// The token is of another kind: an ID token, a refresh token, an identity of ours.
    #[error("this kind of token is not accepted")]
    Kind,
    /// Nobody we know signed it.
    #[error("the token's issuer is not known")]
    UnknownIssuer,
    /// The issuer has no such key, not even after asking again.
    #[error("the token was signed by an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is wrong")]
    Signature,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was made for somebody else.
    #[error("the token was not issued for this service")]
    Audience,
    /// It was taken back, or whoever it speaks of is suspended or gone (RFC 7009).
    #[error("the token was revoked, or whoever it speaks of is suspended")]
    Revoked,
    /// A claim is missing or has a form that we refuse; its name is in the text.
    #[error("the token's claim '{0}' is missing or not acceptable")]
    Claim(&'static str),
    /// A fault of ours: the issuer's keys cannot be had at present.
    #[error("the issuer's keys are not available at present")]
    Unavailable,
    /// A fault of ours: what was revoked elsewhere has not been read for too long.
    #[error("whether the token was revoked cannot be known at present")]
    RevocationUnknown,
    /// A fault of ours: a key, a key set or its configuration cannot be used. For the log
    /// and for the start, never for a caller.
    #[error("{0}")]
    Key(String),
}
