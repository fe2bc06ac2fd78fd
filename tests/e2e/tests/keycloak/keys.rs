//! A realm's keys: of every kind, and turned over while its tokens are in use.

use std::time::{Duration, Instant};

use e2e::forge::{self, Provider, claims_of, kid_of};
use e2e::shared;
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::admin::Admin;
use super::{MANY_KEYS, TURNING, token, validate, world};

/// How long an unknown key may stay unknown: the cool-down, and time to ask.
pub(crate) const KNOWN_WITHIN: Duration = Duration::from_secs(30 + 10);

/// More seconds than the clocks of an issuer and ours may be apart.
const TOLERANCE: u64 = 120;

/// Asks about a token until the answer has this status, and says how long that took.
pub(crate) async fn becomes(stack: &Stack, token: &str, status: u16, provoke: Option<&str>) -> Duration {
    let started = Instant::now();
    loop {
        // A token of a key that nobody knows is what makes the auth-server look again.
        if let Some(unknown) = provoke {
            validate(stack, unknown).await.must_be(401);
        }
        let answer = validate(stack, token).await;
        if answer.status == status {
            // A token that is too old would be refused as well.
            let end = claims_of(token)["exp"].as_u64().unwrap_or_default();
            assert!(end > forge::now() + TOLERANCE, "it proves nothing any more: {answer:?}");
            return started.elapsed();
        }
        assert!([200, 401].contains(&answer.status.as_u16()), "{answer:?}");
        assert!(started.elapsed() < KNOWN_WITHIN, "it never was {status}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// The same for a token whose key is gone: it is refused for that, and for nothing else.
pub(crate) async fn is_unproven(stack: &Stack, token: &str, unknown: &str) -> Duration {
    let took = becomes(stack, token, 401, Some(unknown)).await;
    let answer = validate(stack, token).await;
    answer.must_be(401);
    let why = answer.header("www-authenticate");
    assert!(why.contains("the token was signed by an unknown key"), "{answer:?}");
    took
}

#[tokio::test]
async fn a_realm_may_sign_with_any_algorithm_that_is_taken() {
    let Some((keycloak, stack)) = world().await else { return };
    let admin = Admin::of(keycloak);
    let kinds: [(&str, &str, Value, u16); 7] = [
        ("RS512", "rsa-generated", json!({"algorithm": "RS512"}), 200),
        ("PS256", "rsa-generated", json!({"algorithm": "PS256"}), 200),
        ("PS384", "rsa-generated", json!({"algorithm": "PS384", "keySize": "3072"}), 200),
        ("ES256", "ecdsa-generated", json!({"ecdsaEllipticCurveKey": "P-256"}), 200),
        ("ES384", "ecdsa-generated", json!({"ecdsaEllipticCurveKey": "P-384"}), 200),
        ("EdDSA", "eddsa-generated", json!({"eddsaEllipticCurveKey": "Ed25519"}), 200),
        // Not on the list: its tokens are refused, and its key does no harm to the others.
        ("ES512", "ecdsa-generated", json!({"ecdsaEllipticCurveKey": "P-521"}), 401),
    ];
    let before = token(&keycloak.url(), MANY_KEYS, "mcp-gateway-m2m").await;
    validate(stack, &before).await.must_be(200);
    for (priority, (algorithm, provider, config, _)) in (200..).zip(&kinds) {
        admin.make_key(MANY_KEYS, provider, priority, config.clone()).await;
        let signed = json!({"attributes": {"access.token.signed.response.alg": algorithm}});
        admin.make_client(MANY_KEYS, algorithm, &["basic", "profile", "registry"], signed).await;
    }
    for (algorithm, _, _, status) in kinds {
        let token = token(&keycloak.url(), MANY_KEYS, algorithm).await;
        assert_eq!(forge::algorithm_of(&token), algorithm);
        becomes(stack, &token, status, None).await;
    }
    validate(stack, &before).await.must_be(200);
    // The same for the whole realm.
    admin.put(&format!("/{MANY_KEYS}"), &json!({"defaultSignatureAlgorithm": "ES256"})).await;
    let after = token(&keycloak.url(), MANY_KEYS, "mcp-gateway-m2m").await;
    assert_eq!(forge::algorithm_of(&after), "ES256");
    validate(stack, &after).await.must_be(200);
}

#[tokio::test]
async fn a_key_is_turned_over_as_keycloak_does_it() {
    let Some((keycloak, stack)) = world().await else { return };
    let admin = Admin::of(keycloak);
    let sign_in = async || token(&keycloak.url(), TURNING, "mcp-gateway-m2m").await;
    let old = sign_in().await;
    validate(stack, &old).await.must_be(200);
    let keys = admin.get(&format!("/{TURNING}/keys")).await;
    let list = keys["keys"].as_array().expect("a list");
    let of_old = list.iter().find(|key| key["kid"] == kid_of(&old)).expect("it signed")["providerId"].clone();
    let component = format!("/{TURNING}/components/{}", of_old.as_str().unwrap_or_default());

    // A new one signs; the old one is passive: it proves, and signs no more.
    admin.make_key(TURNING, "rsa-generated", 500, json!({"algorithm": "RS256"})).await;
    let mut passive = admin.get(&component).await;
    passive["config"]["active"] = json!(["false"]);
    admin.put(&component, &passive).await;
    let new = sign_in().await;
    assert_ne!(kid_of(&new), kid_of(&old));
    let taken = becomes(stack, &new, 200, None).await;
    validate(stack, &old).await.must_be(200);

    // It is gone: its tokens count until the key set is fetched again, at the latest within the hour, at once
    // when any token names a key that is not known.
    admin.delete(&component).await;
    let mut claims = claims_of(&new);
    claims["jti"] = json!("unknown-key");
    let unknown = Provider::new("a-key-that-nobody-knows").sign(&claims);
    let refused = is_unproven(stack, &old, &unknown).await;
    validate(stack, &new).await.must_be(200);
    shared::loudly(&format!(
        "key turned over: new tokens taken after {taken:.1?}, those of the removed key refused after {refused:.1?}"
    ));
}
