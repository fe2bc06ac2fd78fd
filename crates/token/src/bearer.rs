//! The Authorization header → the token in it (RFC 6750 section 2.1).

use crate::TokenError;

/// The longest token that is looked at, in bytes. A token with two hundred groups has about
/// 12 kB; what is larger is refused before any work is spent on it.
pub const MAX_TOKEN_BYTES: usize = 24 * 1024;

/// Reads the token from the value of an Authorization header. The scheme's case is free and
/// one or more spaces follow it (RFC 9110 section 11.1).
///
/// # Errors
/// [`TokenError::Missing`] for another scheme: the caller has not tried to show a token.
/// [`TokenError::TooLong`] and [`TokenError::Malformed`] for what cannot be one.
pub fn bearer(header: &[u8]) -> Result<&str, TokenError> {
    const SCHEME: usize = "bearer".len();
    let header = header.trim_ascii();
    if header.len() < SCHEME || !header[..SCHEME].eq_ignore_ascii_case(b"bearer") {
        return Err(TokenError::Missing);
    }
    let rest = &header[SCHEME..];
    let token = &rest[rest.iter().take_while(|&&byte| byte == b' ').count()..];
    if !rest.is_empty() && rest.len() == token.len() {
        // `BearerX …` is some other scheme.
        return Err(TokenError::Missing);
    }
    if token.is_empty() {
        return Err(TokenError::Malformed("there is no token after the scheme"));
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    // A comma would be a second credential in one header, a space a second token.
    // One byte at a time: sixteen at once is four times faster alone, and yet made a whole
    // cached answer 5 % dearer each time it was measured (benches/hit.rs of the auth-server).
    if !token.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
        return Err(TokenError::Malformed("it has characters that no token has"));
    }
    std::str::from_utf8(token).map_err(|_| TokenError::Malformed("it is not ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_token_and_nothing_else() {
        let malformed = |text| Err(TokenError::Malformed(text));
        for (header, expected) in [
            ("Bearer a.b.c", Ok("a.b.c")),
            ("bearer a.b.c", Ok("a.b.c")),
            ("BEARER    a.b.c ", Ok("a.b.c")),
            ("Bearer\ta.b.c", Err(TokenError::Missing)),
            ("", Err(TokenError::Missing)),
            ("Basic dTpw", Err(TokenError::Missing)),
            ("Bearera.b.c", Err(TokenError::Missing)),
            ("Bearer", malformed("there is no token after the scheme")),
            ("Bearer  ", malformed("there is no token after the scheme")),
            ("Bearer a.b.c, Bearer d.e.f", malformed("it has characters that no token has")),
            ("Bearer a.b.c d.e.f", malformed("it has characters that no token has")),
            ("Bearer a\u{e9}", malformed("it has characters that no token has")),
        ] {
            assert_eq!(bearer(header.as_bytes()), expected, "{header:?}");
        }
    }

    #[test]
    fn the_length_is_limited() {
        for (length, expected) in [(12_000, true), (MAX_TOKEN_BYTES, true), (MAX_TOKEN_BYTES + 1, false)] {
            let header = format!("Bearer {}", "a".repeat(length));
            assert_eq!(bearer(header.as_bytes()).is_ok(), expected, "{length}");
        }
    }
}
