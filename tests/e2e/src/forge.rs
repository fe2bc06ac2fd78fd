//! Tokens that a trusted provider, a foreign one or a liar would make.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// An identity provider with one P-256 key.
pub struct Provider {
    signing: EncodingKey,
    public: Vec<u8>,
    /// Its key id.
    pub kid: String,
}

impl Provider {
    /// With a new key.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new(kid: &str) -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pkcs8 = made.unwrap_or_else(|_| panic!("no new key"));
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref());
        let pair = pair.unwrap_or_else(|_| panic!("the new key cannot be read"));
        let public = pair.public_key().as_ref().to_vec();
        Self { signing: EncodingKey::from_ec_der(pkcs8.as_ref()), public, kid: kid.to_owned() }
    }

    /// The key set it publishes.
    #[must_use]
    pub fn jwks(&self) -> Value {
        // An uncompressed point: 4, then x and y of 32 bytes each.
        let (x, y) = self.public[1..].split_at(32);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]})
    }

    /// A token with these claims, signed as it should be.
    ///
    /// # Panics
    /// When the claims cannot be signed.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) }, claims)
    }

    /// A token with these claims under this header.
    ///
    /// # Panics
    /// When the claims cannot be signed.
    #[must_use]
    pub fn sign_with(&self, header: Header, claims: &Value) -> String {
        encode(&header, claims, &self.signing).unwrap_or_else(|cause| panic!("it cannot be signed: {cause}"))
    }
}

/// An RSA key that can be given to somebody else.
pub struct RsaKey(String);

impl RsaKey {
    /// A new one.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn fresh() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap_or_else(|_| panic!("no new key"));
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap_or_else(|_| panic!("the new key cannot be written"));
        let text = STANDARD.encode(der.as_ref());
        Self(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"))
    }

    /// The private key, as PKCS#8.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.0
    }

    /// A token with these claims under this key id.
    ///
    /// # Panics
    /// When the claims cannot be signed.
    #[must_use]
    pub fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::RS256) };
        let key = EncodingKey::from_rsa_pem(self.0.as_bytes());
        let signed = key.and_then(|key| encode(&header, claims, &key));
        signed.unwrap_or_else(|cause| panic!("it cannot be signed: {cause}"))
    }
}

/// Seals identities as the auth-server does: with its own key, or with one that only looks like it.
pub struct Sealer {
    signing: EncodingKey,
    /// The key id it claims.
    pub kid: String,
}

impl Sealer {
    /// With the key in a PKCS#8 file, under this id.
    ///
    /// # Panics
    /// When the file cannot be read.
    #[must_use]
    pub fn of(file: &Path, kid: &str) -> Self {
        let pkcs8 = std::fs::read(file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
        Self { signing: EncodingKey::from_ed_der(&pkcs8), kid: kid.to_owned() }
    }

    /// With a new key under somebody's id.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn liar(kid: &str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let pkcs8 = made.unwrap_or_else(|_| panic!("no new key"));
        Self { signing: EncodingKey::from_ed_der(pkcs8.as_ref()), kid: kid.to_owned() }
    }

    /// The header of an honest seal.
    #[must_use]
    pub fn header(&self) -> Header {
        let (kid, typ) = (Some(self.kid.clone()), Some(SEAL.to_owned()));
        Header { kid, typ, ..Header::new(Algorithm::EdDSA) }
    }

    /// An identity with these claims.
    #[must_use]
    pub fn seal(&self, claims: &Value) -> String {
        self.seal_with(&self.header(), claims)
    }

    /// An identity with these claims under this header.
    ///
    /// # Panics
    /// When the claims cannot be signed.
    #[must_use]
    pub fn seal_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.signing).unwrap_or_else(|cause| panic!("it cannot be signed: {cause}"))
    }
}

/// The `typ` of a sealed identity.
pub const SEAL: &str = "identity+jwt";
/// The `typ` of most tokens.
pub const JWT: &str = "JWT";

/// A token that is not signed at all, spelled in any case.
#[must_use]
pub fn unsigned(alg: &str, typ: &str, claims: &Value) -> String {
    format!("{}.", content(&json!({"alg": alg, "typ": typ}), claims))
}

/// HS256 with something public as the secret: a verifier that lets the token choose the algorithm
/// takes the public key for a shared secret.
#[must_use]
pub fn confused(kid: &str, typ: &str, public_bytes: &[u8], claims: &Value) -> String {
    let content = content(&json!({"alg": "HS256", "typ": typ, "kid": kid}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public_bytes), content.as_bytes());
    format!("{content}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// The claims of a token, unchecked.
#[must_use]
pub fn claims_of(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The key id of a token.
#[must_use]
pub fn kid_of(token: &str) -> String {
    header_of(token)["kid"].as_str().unwrap_or_default().to_owned()
}

/// The algorithm of a token.
#[must_use]
pub fn algorithm_of(token: &str) -> String {
    header_of(token)["alg"].as_str().unwrap_or_default().to_owned()
}

fn header_of(token: &str) -> Value {
    let part = token.split('.').next().unwrap_or_default();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

fn content(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
