//! What a token says of itself. Nothing here is proven: whether it is genuine is for the gateway to say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A token that ends while the request is under way is a refusal nobody understands.
const MARGIN_SECONDS: u64 = 30;

/// Scopes that providers give to everybody: OpenID Connect's own, and those Keycloak has ready. They
/// open nothing here.
const EVERYBODYS: [&str; 13] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
    "acr",
    "basic",
    "microprofile-jwt",
    "organization",
    "roles",
    "service_account",
    "web-origins",
];

/// The claims of a token.
#[derive(Clone, Debug)]
pub(crate) struct Claims(Map<String, Value>);

/// How long a token is still worth sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// For so many seconds.
    Fresh(u64),
    /// It ends in so many seconds: too few to send it.
    Ending(u64),
    /// It ended so many seconds ago.
    Expired(u64),
    /// It does not say: the gateway takes no such token.
    Unknown,
}

impl Claims {
    /// The claims of a JWT. `None` too for anything that could not stand in a header.
    pub(crate) fn read(token: &str) -> Option<Claims> {
        let mut parts = token.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        let is_jwt = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if parts.next().is_some() || !token.chars().all(is_jwt) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok().map(Claims)
    }

    /// The end, in seconds since 1970.
    pub(crate) fn end(&self) -> Option<u64> {
        // A NumericDate (RFC 7519 section 2) may have a fraction. A float becomes an integer within
        // its range: what lies beyond is as good as never or long ago.
        let date = self.0.get("exp")?;
        date.as_u64().or_else(|| date.as_f64().map(|date| date as u64))
    }

    /// How old it is at `now`.
    pub(crate) fn age(&self, now: u64) -> Age {
        match self.end() {
            None => Age::Unknown,
            Some(end) if end <= now => Age::Expired(now - end),
            Some(end) if end - now <= MARGIN_SECONDS => Age::Ending(end - now),
            Some(end) => Age::Fresh(end - now),
        }
    }

    /// A claim that is a text with something in it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// The name the gateway knows the holder by.
    pub(crate) fn username(&self) -> Option<&str> {
        self.text("preferred_username").or_else(|| self.text("sub"))
    }

    /// The client the token was given to.
    pub(crate) fn client(&self) -> Option<&str> {
        self.text("azp").or_else(|| self.text("client_id"))
    }

    /// The words of a claim that lists some, or that is a text of some (`scope`, RFC 8693 section 4.2).
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// The groups; a claim that is no list names none, to the gateway too.
    pub(crate) fn groups(&self, claim: &str) -> Vec<String> {
        if self.0.get(claim).is_some_and(Value::is_array) { self.words(claim) } else { Vec::new() }
    }

    /// The scopes that may mean something to the gateway.
    pub(crate) fn own_scopes(&self) -> Vec<String> {
        let mut scopes = self.words("scope");
        scopes.retain(|scope| !EVERYBODYS.contains(&scope.as_str()));
        scopes
    }

    /// All of them, as they came.
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// A length of time, in as few words as a person needs.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(claims: Value) -> Claims {
        let Value::Object(claims) = claims else { panic!("an object") };
        Claims(claims)
    }

    #[test]
    fn a_token_counts_until_half_a_minute_before_its_end() {
        const NOW: u64 = 1_800_000_000;
        for (exp, expected) in [
            (json!(NOW + 31), Age::Fresh(31)),
            (json!(NOW as f64 + 31.5), Age::Fresh(31)),
            (json!(NOW + 30), Age::Ending(30)),
            (json!(NOW), Age::Expired(0)),
            (json!(NOW - 600), Age::Expired(600)),
            (json!(-1.0), Age::Expired(NOW)),
            (json!("soon"), Age::Unknown),
            (Value::Null, Age::Unknown),
        ] {
            assert_eq!(claims(json!({"exp": exp})).age(NOW), expected, "{exp}");
        }
    }

    #[test]
    fn groups_are_a_list_and_everybodys_scopes_do_not_count() {
        let read = |value: Value| {
            let claims = claims(value);
            (claims.groups("groups"), claims.own_scopes())
        };
        for (value, groups, scopes) in [
            (json!({}), &[][..], &[][..]),
            (json!({"groups": "admins"}), &[], &[]),
            (json!({"groups": ["a", 1, "b"]}), &["a", "b"], &[]),
            (json!({"scope": "openid profile email"}), &[], &[]),
            (json!({"groups": [], "scope": "email a2a-agent-admin"}), &[], &["a2a-agent-admin"]),
            (json!({"scope": ["profile", "x"]}), &[], &["x"]),
        ] {
            let (found, own) = read(value.clone());
            assert_eq!((found, own), (owned(groups), owned(scopes)), "{value}");
        }
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_span_is_told_in_few_words() {
        for (seconds, expected) in
            [(0, "0 s"), (119, "119 s"), (600, "10 min"), (3 * 3600, "3 h"), (864_000, "10 days")]
        {
            assert_eq!(span(seconds), expected);
        }
    }
}
