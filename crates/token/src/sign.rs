//! Signs tokens: with Ed25519 for identities, ES256 or RS256 for access tokens.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use crate::TokenError;
use crate::key_set::thumbprint;

/// What we sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8037): small and quick, for readers of our own.
    EdDsa,
    /// ECDSA on P-256 (RFC 7518 section 3.4): what every client library reads.
    Es256,
    /// RSA, PKCS#1 v1.5, 2048 bits (RFC 7518 section 3.3): for clients that know nothing newer.
    Rs256,
}

impl SigningAlgorithm {
    /// Its name in a token's header (RFC 7518 section 3.1).
    pub fn name(self) -> &'static str {
        match self {
            SigningAlgorithm::EdDsa => "EdDSA",
            SigningAlgorithm::Es256 => "ES256",
            SigningAlgorithm::Rs256 => "RS256",
        }
    }
}

impl FromStr for SigningAlgorithm {
    type Err = TokenError;

    fn from_str(name: &str) -> Result<SigningAlgorithm, TokenError> {
        [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256, SigningAlgorithm::Rs256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| TokenError::Key(format!("{name:?} is none of EdDSA, ES256, RS256")))
    }
}

/// Bytes of claims that mostly suffice: what is longer grows.
const USUAL: usize = 1024;

/// A private key, kept parsed, and the name its public half is published under.
pub struct Signer {
    algorithm: SigningAlgorithm,
    pair: Pair,
    kid: String,
    jwk: Value,
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// Makes a new key; the second value is its PKCS#8 form (RFC 5208), which the caller keeps secret.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the system has no randomness to give.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<(Signer, Vec<u8>), TokenError> {
        let pkcs8 = match algorithm {
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate()
                .and_then(|pair| pair.to_pkcs8())
                .map(|document| document.as_ref().to_vec()),
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec()),
            SigningAlgorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|document| document.as_ref().to_vec()),
        }
        .map_err(|_| TokenError::Key("no key could be generated".to_owned()))?;
        Ok((Signer::from_pkcs8(algorithm, &pkcs8)?, pkcs8))
    }

    /// Reads a key that [`Signer::generate`] made.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the bytes are no key of this algorithm.
    pub fn from_pkcs8(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Signer, TokenError> {
        let pair = match algorithm {
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::Ed),
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Ec)
            }
            SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rsa),
        }
        .map_err(|fault| TokenError::Key(format!("not a PKCS#8 key for {}: {fault}", algorithm.name())))?;
        let members = pair.public_members();
        let members: Vec<(&str, &str)> =
            members.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let kid = thumbprint(&members);
        let mut jwk = json!({"kid": kid, "use": "sig", "alg": algorithm.name()});
        for (name, value) in members {
            jwk[name] = Value::from(value);
        }
        Ok(Signer { algorithm, pair, kid, jwk })
    }

    /// Its name in tokens: the thumbprint of the public key (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// What it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Signs claims into a compact JWT with this `typ` (of letters, digits, `+`, `-`) in its header.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the claims are no JSON or the key refuses.
    pub fn sign<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, TokenError> {
        // Neither name has a character that JSON would have to escape.
        let header =
            format!("{{\"alg\":\"{}\",\"typ\":\"{typ}\",\"kid\":\"{}\"}}", self.algorithm.name(), self.kid);
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, claims).map_err(|fault| TokenError::Key(fault.to_string()))?;
        let claims = json;
        let mut token = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 400);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// The key set (RFC 7517 section 5) that publishes these signers' public halves.
pub fn key_set<'s>(signers: impl IntoIterator<Item = &'s Signer>) -> String {
    let keys: Vec<&Value> = signers.into_iter().map(Signer::jwk).collect();
    json!({ "keys": keys }).to_string()
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        match self {
            Pair::Ed(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::Ec(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map(|()| signature)
            }
        }
        .map_err(|_| TokenError::Key("the key did not sign".to_owned()))
    }

    /// The members that make the public key, in the order of their names (RFC 7638 section 3.2).
    fn public_members(&self) -> Vec<(&'static str, String)> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Pair::Ed(pair) => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", encode(pair.public_key().as_ref())),
            ],
            Pair::Ec(pair) => {
                // An uncompressed point: 0x04, then both coordinates (SEC 1 section 2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                vec![
                    ("crv", "P-256".to_owned()),
                    ("kty", "EC".to_owned()),
                    ("x", encode(x)),
                    ("y", encode(y)),
                ]
            }
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                vec![("e", encode(&public.e)), ("kty", "RSA".to_owned()), ("n", encode(&public.n))]
            }
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({}, {})", self.algorithm.name(), self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_key_is_the_same_key() {
        for name in ["EdDSA", "ES256", "RS256"] {
            let algorithm: SigningAlgorithm = name.parse().expect("a name");
            let (made, pkcs8) = Signer::generate(algorithm).expect("a key");
            let kept = Signer::from_pkcs8(algorithm, &pkcs8).expect("the same key");
            assert_eq!((made.kid(), made.jwk()), (kept.kid(), kept.jwk()));
            assert!(!key_set([&kept]).contains("\"d\""), "only the public half is published");
        }
        assert!("HS256".parse::<SigningAlgorithm>().is_err());
        assert!(Signer::from_pkcs8(SigningAlgorithm::Es256, b"no key").is_err());
    }
}
