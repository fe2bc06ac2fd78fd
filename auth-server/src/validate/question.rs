//! Headers → what is asked. Nothing a client can add beside these decides anything.

use std::borrow::Cow;

use token::{TokenError, bearer};

use super::Refusal;

/// One header of a request: how often it came decides as much as what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Field<'r> {
    /// It was not sent.
    #[default]
    Absent,
    /// It was sent once.
    Once(&'r [u8]),
    /// It was sent more than once.
    Repeated,
}

impl<'r> Field<'r> {
    /// Notes that it was sent, once more.
    pub(crate) fn note(&mut self, value: &'r [u8]) {
        *self = match self {
            Field::Absent => Field::Once(value),
            Field::Once(_) | Field::Repeated => Field::Repeated,
        };
    }

    /// A request's id as a log may hold it: what is no such id is left out.
    pub(crate) fn printable(self) -> Cow<'r, str> {
        match self {
            Field::Once(id) if id.len() <= 128 && id.iter().all(u8::is_ascii_graphic) => {
                String::from_utf8_lossy(id)
            }
            Field::Once(_) | Field::Absent | Field::Repeated => Cow::Borrowed("-"),
        }
    }
}

/// The headers that are read. X-Original-Method, which nginx sends too, is not: no method
/// changes who the caller is, and what a method may do the registry decides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw<'r> {
    pub(crate) authorization: Field<'r>,
    pub(crate) x_authorization: Field<'r>,
    pub(crate) original_uri: Field<'r>,
    /// For the log alone.
    pub(crate) request_id: Field<'r>,
}

/// The token of a request. X-Authorization counts only where the operator said so; two
/// tokens are taken only if they are one and the same: otherwise nginx, the gateway behind
/// it and we could each act for another caller.
pub(crate) fn token<'r>(raw: &Raw<'r>, x_authorization: bool) -> Result<&'r str, Refusal> {
    let other = if x_authorization { raw.x_authorization } else { Field::Absent };
    match (raw.authorization, other) {
        (Field::Repeated, _) => Err(Refusal::Repeated("Authorization")),
        (_, Field::Repeated) => Err(Refusal::Repeated("X-Authorization")),
        (Field::Absent, Field::Absent) => Err(Refusal::Token(TokenError::Missing)),
        (Field::Once(value), Field::Absent) | (Field::Absent, Field::Once(value)) => {
            bearer(value).map_err(Refusal::Token)
        }
        (Field::Once(first), Field::Once(second)) => match (bearer(first), bearer(second)) {
            (Ok(first), Ok(second)) if first == second => Ok(first),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(Refusal::TwoTokens),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_identity_or_none() {
        use Field::{Absent, Once, Repeated};
        let (a, b, basic) = (Once(b"Bearer a"), Once(b"bearer  b"), Once(b"Basic eDp5"));
        let missing = Err(Refusal::Token(TokenError::Missing));
        for (authorization, x_authorization, read, expected) in [
            (a, Absent, false, Ok("a")),
            (Absent, Absent, true, missing),
            (Absent, b, true, Ok("b")),
            (Absent, b, false, Err(Refusal::Token(TokenError::Missing))),
            (a, b, false, Ok("a")),
            (a, b, true, Err(Refusal::TwoTokens)),
            (a, Once(b"BEARER a"), true, Ok("a")),
            (basic, b, true, Err(Refusal::TwoTokens)),
            (basic, Absent, true, Err(Refusal::Token(TokenError::Missing))),
            (Repeated, Absent, true, Err(Refusal::Repeated("Authorization"))),
            (a, Repeated, true, Err(Refusal::Repeated("X-Authorization"))),
            (a, Repeated, false, Ok("a")),
        ] {
            let raw = Raw { authorization, x_authorization, original_uri: Absent, request_id: Absent };
            assert_eq!(token(&raw, read), expected, "{raw:?}");
        }
    }
}
