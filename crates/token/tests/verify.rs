//! Every way in which a token can fail to be proof.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use token::{
    Audience, Claims, Issuer, KeySet, LocalKeys, Signer, SigningAlgorithm, TokenError, TokenType, key_set,
    verify,
};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example/realms/r";

struct World {
    signers: Vec<Signer>,
    /// The private key of the first.
    pkcs8: Vec<u8>,
    issuers: Vec<Issuer>,
}

fn world() -> World {
    let (first, pkcs8) = Signer::generate(SigningAlgorithm::EdDsa).unwrap();
    let others = [SigningAlgorithm::Es256, SigningAlgorithm::Rs256];
    let mut signers = vec![first];
    signers.extend(others.map(|algorithm| Signer::generate(algorithm).unwrap().0));
    let keys = KeySet::parse(key_set(&signers).as_bytes()).unwrap();
    let issuers = vec![Issuer {
        names: vec![ISSUER.into(), "http://keycloak:8080/realms/r".into()],
        audiences: vec!["registry".into(), "other-name".into()],
        audience: Audience::Required,
        token_type: TokenType::Access,
        keys: Arc::new(LocalKeys::new(keys)),
    }];
    World { signers, pkcs8, issuers }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "registry", "sub": "u", "exp": NOW + 300, "iat": NOW, "nbf": NOW})
}

/// The good claims with some replaced; null takes one away.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

async fn check(world: &World, token: &str) -> Result<u64, TokenError> {
    verify::<Claims, _>(token, &world.issuers, NOW).await.map(|verified| verified.expires_at)
}

fn part(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

/// A token with whatever header, honestly signed by the first signer.
fn honest(world: &World, header: &Value) -> String {
    let message = format!("{}.{}", part(&header.to_string()), part(&claims().to_string()));
    let key = jsonwebtoken::EncodingKey::from_ed_der(&world.pkcs8);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::EdDSA).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn each_kind_of_key_proves() {
    let world = world();
    for signer in &world.signers {
        for typ in ["JWT", "at+jwt", "application/at+JWT"] {
            let token = signer.sign(typ, &claims()).unwrap();
            assert_eq!(check(&world, &token).await, Ok(NOW + 300), "{signer:?} {typ}");
        }
        let token = signer.sign("identity+jwt", &claims()).unwrap();
        assert_eq!(check(&world, &token).await, Err(TokenError::Kind));
    }
}

#[tokio::test]
async fn claims_are_checked_one_by_one() {
    let world = world();
    for (changes, expected) in [
        (json!({}), None),
        (json!({"iss": "http://keycloak:8080/realms/r"}), None),
        (json!({"iss": "https://idp.example/realms/r/"}), Some(TokenError::UnknownIssuer)),
        (json!({"iss": "https://IDP.example/realms/r"}), Some(TokenError::UnknownIssuer)),
        (json!({"iss": null}), Some(TokenError::Claim("iss"))),
        (json!({"iss": [ISSUER]}), Some(TokenError::Claim("iss"))),
        (json!({"aud": ["x", "other-name"]}), None),
        (json!({"aud": ["x"]}), Some(TokenError::Audience)),
        (json!({"aud": "x"}), Some(TokenError::Audience)),
        (json!({"aud": null}), Some(TokenError::Audience)),
        (json!({"aud": {"a": "registry"}}), Some(TokenError::Audience)),
        (json!({"exp": null}), Some(TokenError::Claim("exp"))),
        (json!({"exp": "1900000000"}), Some(TokenError::Claim("exp"))),
        (json!({"exp": -1}), Some(TokenError::Claim("exp"))),
        (json!({"exp": NOW - 9}), None),
        (json!({"exp": NOW as f64 - 8.5}), None),
        (json!({"exp": NOW - 10}), Some(TokenError::Expired)),
        (json!({"exp": 0}), Some(TokenError::Expired)),
        (json!({"nbf": NOW + 10}), None),
        (json!({"nbf": NOW + 11}), Some(TokenError::NotYetValid)),
        (json!({"nbf": "soon"}), Some(TokenError::Claim("nbf"))),
        (json!({"nbf": null, "iat": null}), None),
        (json!({"iat": NOW + 11}), Some(TokenError::NotYetValid)),
        (json!({"exp": u64::MAX}), None),
    ] {
        let token = world.signers[0].sign("JWT", &with(changes.clone())).unwrap();
        assert_eq!(check(&world, &token).await.err(), expected, "{changes}");
    }
}

#[tokio::test]
async fn the_header_decides_nothing_but_which_key() {
    let world = world();
    let [ed, ec, rsa] = &world.signers[..] else { panic!("three signers") };
    let kid = ed.kid();
    let elsewhere = "http://127.0.0.1:1/";
    for (header, expected) in [
        (json!({"alg": "EdDSA", "kid": kid}), None),
        (json!({"alg": "EdDSA"}), None),
        // Not followed, not even looked at.
        (
            json!({"alg": "EdDSA", "kid": kid, "jku": elsewhere, "x5u": elsewhere, "jwk": {"kty": "oct"}}),
            None,
        ),
        (json!({"alg": "EdDSA", "kid": kid, "crit": ["exp"]}), Some(TokenError::Critical)),
        (json!({"alg": "none", "kid": kid}), Some(TokenError::Algorithm)),
        (json!({"alg": "None", "kid": kid}), Some(TokenError::Algorithm)),
        (json!({"alg": "HS256", "kid": kid}), Some(TokenError::Algorithm)),
        (json!({"alg": "ES256", "kid": kid}), Some(TokenError::Algorithm)),
        (json!({"kid": kid}), Some(TokenError::Algorithm)),
        (json!({"alg": ["EdDSA"], "kid": kid}), Some(TokenError::Malformed("its header"))),
        (json!({"alg": "EdDSA", "kid": "../../etc/passwd"}), Some(TokenError::UnknownKey)),
        (json!({"alg": "EdDSA", "kid": "http://127.0.0.1:1/jwks"}), Some(TokenError::UnknownKey)),
        (json!({"alg": "EdDSA", "kid": ec.kid()}), Some(TokenError::Algorithm)),
        (json!({"alg": "PS256", "kid": rsa.kid()}), Some(TokenError::Algorithm)),
        (json!({"alg": "EdDSA", "kid": 7}), Some(TokenError::Malformed("its header"))),
    ] {
        assert_eq!(check(&world, &honest(&world, &header)).await.err(), expected, "{header}");
    }
}

#[tokio::test]
async fn the_public_key_is_no_secret() {
    let world = world();
    for signer in &world.signers {
        let public = signer.jwk().to_string();
        for secret in [public.as_bytes(), signer.jwk()["x"].as_str().unwrap_or("n").as_bytes()] {
            let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
            header.kid = Some(signer.kid().to_owned());
            let key = jsonwebtoken::EncodingKey::from_secret(secret);
            let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
            assert_eq!(check(&world, &token).await, Err(TokenError::Algorithm));
        }
    }
}

#[tokio::test]
async fn shape_and_signature() {
    let world = world();
    let stranger = Signer::generate(SigningAlgorithm::EdDsa).unwrap().0;
    let good = world.signers[0].sign("JWT", &claims()).unwrap();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let other = part(&with(json!({"sub": "admin"})).to_string());
    let twice = part(&claims().to_string().replacen('{', "{\"sub\":\"admin\",", 1));
    let three = || TokenError::Malformed("it has not three parts");
    let base64 = || TokenError::Malformed("it is not base64url");
    let object = || TokenError::Malformed("it is not a JSON object with each name once");
    for (token, expected) in [
        (String::new(), three()),
        ("garbage".into(), three()),
        ("a.b".into(), three()),
        (format!("{good}.x"), three()),
        (format!("{header}.{payload}."), three()),
        (format!(".{payload}.{signature}"), three()),
        ("!.!.!".into(), base64()),
        (format!("{header}=.{payload}.{signature}"), base64()),
        ("bm8.bm8.bm8".into(), object()),
        (format!("{header}.{twice}.{signature}"), object()),
        (format!("{header}.{other}.{signature}"), TokenError::Signature),
        (format!("{header}.{payload}.AAAA"), TokenError::Signature),
        (format!("{header}.{payload}.!"), TokenError::Signature),
        (stranger.sign("JWT", &claims()).unwrap(), TokenError::UnknownKey),
        ("a".repeat(128 * 1024 + 1), TokenError::TooLong),
    ] {
        assert_eq!(check(&world, &token).await, Err(expected), "{token:.60}");
    }
    let long = world.signers[0].sign("JWT", &with(json!({"groups": vec!["g".repeat(100); 90]}))).unwrap();
    assert!(long.len() > 12_000);
    assert!(check(&world, &long).await.is_ok());
}

#[tokio::test]
async fn typed_claims_and_one_exact_type() {
    #[derive(serde::Deserialize)]
    struct Seal {
        username: String,
    }
    let mut world = world();
    world.issuers[0].token_type = TokenType::Exactly("identity+jwt");
    world.issuers[0].audience = Audience::Optional;
    let token = |typ, changes| world.signers[0].sign(typ, &with(changes)).unwrap();
    let good = token("identity+jwt", json!({"username": "ann", "aud": null}));
    let verified = verify::<Seal, _>(&good, &world.issuers, NOW).await.unwrap();
    assert_eq!((verified.claims.username.as_str(), verified.expires_at), ("ann", NOW + 300));
    for (token, expected) in [
        (token("JWT", json!({"username": "ann"})), TokenError::Kind),
        (token("identity+jwt", json!({})), TokenError::Malformed("its claims")),
    ] {
        assert_eq!(verify::<Seal, _>(&token, &world.issuers, NOW).await.err(), Some(expected));
    }
}
