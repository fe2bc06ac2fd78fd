//! Public keys, each tied to the algorithms it is for (RFC 7517).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::TokenError;
use crate::verify::asymmetric;

/// One public key and the algorithms it may be used with.
pub struct Key {
    kid: Option<String>,
    thumbprint: String,
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

impl Key {
    /// Checks a signature. The key says which algorithms it is for; the token only picks
    /// among them (RFC 8725 section 3.1).
    pub(crate) fn check(
        &self,
        message: &str,
        signature: &str,
        algorithm: Algorithm,
    ) -> Result<(), TokenError> {
        if !self.algorithms.contains(&algorithm) {
            return Err(TokenError::Algorithm);
        }
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.public, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

/// The usable keys of a JSON Web Key Set (RFC 7517 section 5).
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Arc<Key>>);

impl KeySet {
    /// Reads a key set. Only asymmetric signing keys are taken; an entry of another kind is
    /// passed over, as RFC 7517 section 5 wants, so that it does not take the good ones with it.
    ///
    /// # Errors
    /// [`TokenError::Key`] when it is no key set, or has no key that can be used.
    pub fn parse(json: &[u8]) -> Result<KeySet, TokenError> {
        #[derive(Deserialize)]
        struct File {
            keys: Vec<Value>,
        }
        let file: File = serde_json::from_slice(json)
            .map_err(|fault| TokenError::Key(format!("not a key set: {fault}")))?;
        let mut set = KeySet::default();
        for key in file.keys.into_iter().filter_map(|entry| serde_json::from_value::<Jwk>(entry).ok()?.key())
        {
            // Of two keys with one name only the first can be meant.
            if key.kid.is_none() || !set.0.iter().any(|held| held.kid == key.kid) {
                set.0.push(Arc::new(key));
            }
        }
        if set.0.is_empty() {
            return Err(TokenError::Key("the key set has no asymmetric signing key".to_owned()));
        }
        Ok(set)
    }

    /// The key with this name, or the only one for the algorithm when the token has no `kid`.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let Some(kid) = kid else {
            let mut fitting = self.0.iter().filter(|key| key.algorithms.contains(&algorithm));
            return fitting.next().filter(|_| fitting.next().is_none()).cloned();
        };
        self.0.iter().find(|key| key.kid.as_deref() == Some(kid)).cloned()
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether both have the same keys under the same names.
    pub(crate) fn same(&self, other: &KeySet) -> bool {
        let line = |set: &KeySet| -> Vec<_> {
            set.0
                .iter()
                .map(|key| (key.kid.clone(), key.thumbprint.clone(), key.algorithms.clone()))
                .collect()
        };
        line(self) == line(other)
    }
}

/// The members of a JWK that decide anything (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The key, when it is an asymmetric one for signatures.
    fn key(self) -> Option<Key> {
        let signs = self.r#use.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs {
            return None;
        }
        let (members, family): (Vec<(&str, &str)>, &[Algorithm]) =
            match (self.kty.as_str(), self.crv.as_deref()) {
                ("RSA", _) => (
                    vec![("e", self.e.as_deref()?), ("kty", "RSA"), ("n", self.n.as_deref()?)],
                    &[
                        Algorithm::RS256,
                        Algorithm::RS384,
                        Algorithm::RS512,
                        Algorithm::PS256,
                        Algorithm::PS384,
                        Algorithm::PS512,
                    ],
                ),
                ("EC", Some(curve @ ("P-256" | "P-384"))) => (
                    vec![("crv", curve), ("kty", "EC"), ("x", self.x.as_deref()?), ("y", self.y.as_deref()?)],
                    if curve == "P-256" { &[Algorithm::ES256] } else { &[Algorithm::ES384] },
                ),
                ("OKP", Some("Ed25519")) => {
                    (vec![("crv", "Ed25519"), ("kty", "OKP"), ("x", self.x.as_deref()?)], &[Algorithm::EdDSA])
                }
                _ => return None,
            };
        let public = match self.kty.as_str() {
            "RSA" => DecodingKey::from_rsa_components(self.n.as_deref()?, self.e.as_deref()?),
            "EC" => DecodingKey::from_ec_components(self.x.as_deref()?, self.y.as_deref()?),
            _ => DecodingKey::from_ed_components(self.x.as_deref()?),
        }
        .ok()?;
        // A key that names its algorithm is for that one alone.
        let algorithms: Vec<_> = match &self.alg {
            Some(name) => family.iter().filter(|fits| asymmetric(name) == Some(**fits)).copied().collect(),
            None => family.to_vec(),
        };
        (!algorithms.is_empty()).then(|| Key {
            thumbprint: thumbprint(&members),
            kid: self.kid,
            algorithms,
            public,
        })
    }
}

/// The thumbprint of RFC 7638: SHA-256 over the required members, in the order of their names.
pub(crate) fn thumbprint(members: &[(&str, &str)]) -> String {
    let members: serde_json::Map<String, Value> =
        members.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    let canonical = Value::Object(members).to_string();
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({:?}, {:?})", self.kid, self.algorithms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let kid = thumbprint(&[("e", "AQAB"), ("kty", "RSA"), ("n", n)]);
        assert_eq!(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn only_asymmetric_signing_keys_are_taken() {
        let ed = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        for (entry, taken) in [
            (format!("{{{ed}}}"), true),
            (format!(r#"{{{ed},"use":"sig","alg":"EdDSA","kid":"k"}}"#), true),
            (format!(r#"{{{ed},"use":"enc"}}"#), false),
            (format!(r#"{{{ed},"key_ops":["sign"]}}"#), false),
            (format!(r#"{{{ed},"alg":"HS256"}}"#), false),
            (format!(r#"{{{ed},"alg":"RS256"}}"#), false),
            (r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}"#.to_owned(), false),
            (r#"{"kty":"RSA","e":"AQAB"}"#.to_owned(), false),
            (r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#.to_owned(), false),
            ("7".to_owned(), false),
        ] {
            let alone = KeySet::parse(format!("{{\"keys\":[{entry}]}}").as_bytes());
            assert_eq!(alone.is_ok(), taken, "{entry}");
            let beside =
                KeySet::parse(format!("{{\"keys\":[{entry},{{{ed},\"kid\":\"good\"}}]}}").as_bytes());
            let beside = beside.expect("the good key is not lost");
            assert!(beside.find(Some("good"), Algorithm::EdDSA).is_some(), "{entry}");
        }
    }

    #[test]
    fn a_token_without_kid_needs_the_only_key() {
        let key = |kid: &str| {
            format!(
                r#"{{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"{kid}"}}"#
            )
        };
        let one = KeySet::parse(format!("{{\"keys\":[{}]}}", key("a")).as_bytes()).expect("a set");
        let two =
            KeySet::parse(format!("{{\"keys\":[{},{}]}}", key("a"), key("b")).as_bytes()).expect("a set");
        assert!(one.find(None, Algorithm::EdDSA).is_some());
        assert!(one.find(None, Algorithm::ES256).is_none());
        assert!(two.find(None, Algorithm::EdDSA).is_none());
        assert!(two.find(Some("b"), Algorithm::EdDSA).is_some());
        assert!(two.find(Some("../b"), Algorithm::EdDSA).is_none());
    }
}
