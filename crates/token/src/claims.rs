//! What a proven token says of its subject.

use serde_json::{Map, Value};

use crate::TokenError;

/// The claims of a token as its issuer wrote them, each name once.
pub type Claims = Map<String, Value>;

/// Kinds of tokens that OpenID providers sign with the same key and name in the claim
/// `typ`: none of them opens anything (RFC 8725 section 3.11, substitution).
const OTHER_KINDS: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];

/// Who a token speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `sub`; the username where there is none.
    pub subject: String,
    /// `preferred_username`, else `sub`.
    pub username: String,
    /// `azp`, else `client_id`.
    pub client_id: Option<String>,
    /// The groups; empty without the claim.
    pub groups: Vec<String>,
    /// The `scope` claim, its words separated by spaces; empty without the claim.
    pub scope: String,
}

impl Subject {
    /// Reads the subject; `groups_claim` is the name of the claim that lists the groups.
    ///
    /// # Errors
    /// [`TokenError::Claim`] for a claim of the wrong type, one with control characters (it
    /// would become a header, and a line break a second header), or no name at all.
    /// [`TokenError::Kind`] for an ID or refresh token.
    pub fn read(claims: &Claims, groups_claim: &str) -> Result<Subject, TokenError> {
        let kind = text(claims, "typ")?;
        if kind.is_some_and(|kind| OTHER_KINDS.iter().any(|other| other.eq_ignore_ascii_case(kind))) {
            return Err(TokenError::Kind);
        }
        let subject = text(claims, "sub")?;
        let username = text(claims, "preferred_username")?.or(subject).ok_or(TokenError::Claim("sub"))?;
        let client = text(claims, "azp")?.or(text(claims, "client_id")?);
        Ok(Subject {
            subject: subject.unwrap_or(username).to_owned(),
            username: username.to_owned(),
            client_id: client.map(str::to_owned),
            groups: words(claims.get(groups_claim)).ok_or(TokenError::Claim("groups"))?,
            scope: match claims.get("scope") {
                Some(Value::String(scope)) => clean(scope).ok_or(TokenError::Claim("scope"))?.to_owned(),
                other => words(other).ok_or(TokenError::Claim("scope"))?.join(" "),
            },
        })
    }
}

/// A claim that is a text; an empty one is as good as none.
fn text<'c>(claims: &'c Claims, name: &'static str) -> Result<Option<&'c str>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            clean(text).map(|text| Some(text).filter(|text| !text.is_empty())).ok_or(TokenError::Claim(name))
        }
        Some(_) => Err(TokenError::Claim(name)),
    }
}

/// A claim that is a list of texts; none is the empty list.
fn words(claim: Option<&Value>) -> Option<Vec<String>> {
    match claim {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(words)) => {
            words.iter().map(|word| word.as_str().and_then(clean).map(str::to_owned)).collect()
        }
        Some(_) => None,
    }
}

fn clean(text: &str) -> Option<&str> {
    (!text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: Value) -> Result<Subject, TokenError> {
        let Value::Object(claims) = claims else { panic!("an object") };
        Subject::read(&claims, "groups")
    }

    #[test]
    fn names_come_in_their_order() {
        for (claims, username, client) in [
            (
                json!({"sub": "u1", "preferred_username": "ann", "azp": "a", "client_id": "b"}),
                "ann",
                Some("a"),
            ),
            (json!({"sub": "u1", "preferred_username": "", "client_id": "b"}), "u1", Some("b")),
            (json!({"preferred_username": "ann", "azp": null}), "ann", None),
        ] {
            let subject = read(claims.clone()).expect("a subject");
            assert_eq!(
                (subject.username.as_str(), subject.client_id.as_deref()),
                (username, client),
                "{claims}"
            );
        }
    }

    #[test]
    fn groups_and_scopes() {
        let subject = read(json!({"sub": "u", "groups": ["a", "/b c"], "scope": "x y"})).expect("a subject");
        assert_eq!(
            (subject.groups, subject.scope.as_str()),
            (vec!["a".to_owned(), "/b c".to_owned()], "x y")
        );
        let bare = read(json!({"sub": "u"})).expect("a subject");
        assert!(bare.groups.is_empty() && bare.scope.is_empty());
    }

    #[test]
    fn what_is_refused() {
        for (claims, expected) in [
            (json!({}), TokenError::Claim("sub")),
            (json!({"sub": 7}), TokenError::Claim("sub")),
            (
                json!({"sub": "u", "preferred_username": "a\nX-Scopes: b"}),
                TokenError::Claim("preferred_username"),
            ),
            (json!({"sub": "u", "azp": "a\u{0}"}), TokenError::Claim("azp")),
            (json!({"sub": "u", "groups": "admins"}), TokenError::Claim("groups")),
            (json!({"sub": "u", "groups": ["a", 1]}), TokenError::Claim("groups")),
            (json!({"sub": "u", "groups": ["a\u{85}"]}), TokenError::Claim("groups")),
            (json!({"sub": "u", "scope": "a\tb"}), TokenError::Claim("scope")),
            (json!({"sub": "u", "typ": "Refresh"}), TokenError::Kind),
            (json!({"sub": "u", "typ": "ID"}), TokenError::Kind),
        ] {
            assert_eq!(read(claims.clone()), Err(expected), "{claims}");
        }
        assert!(read(json!({"sub": "u", "typ": "Bearer"})).is_ok());
    }
}
