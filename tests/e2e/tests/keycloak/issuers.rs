//! Which of Keycloak's tokens are ours: by issuer, audience and time.

use e2e::forge::{self, claims_of, kid_of};
use serde_json::{Value, json};
use xtask::keycloak::REALM;

use super::admin::{Admin, form};
use super::keys::becomes;
use super::{FOREIGN, LOOSE, MANY_KEYS, OPEN, token, validate, world};

#[tokio::test]
async fn an_issuer_has_the_spellings_that_are_configured() {
    let Some((keycloak, stack)) = world().await else { return };
    // Keycloak names itself as it was called.
    let (inside, outside) = (keycloak.url(), keycloak.other_url());
    for (url, realm, status) in
        [(&inside, REALM, 200), (&outside, REALM, 200), (&inside, MANY_KEYS, 200), (&outside, MANY_KEYS, 401)]
    {
        let token = token(url, realm, "mcp-gateway-m2m").await;
        assert_eq!(claims_of(&token)["iss"], format!("{url}/realms/{realm}"));
        let answer = validate(stack, &token).await;
        answer.must_be(status);
        assert_eq!(answer.header("www-authenticate").contains("invalid_token"), status == 401, "{answer:?}");
    }
}

/// The admin API fills no placeholders in: taken as it stands, the file would make secrets that everybody can
/// read.
#[tokio::test]
async fn the_realm_file_is_refused_where_its_placeholders_are_not_filled_in() {
    let Some((keycloak, _)) = world().await else { return };
    let file = xtask::root().join(format!("keycloak/{REALM}-realm.json"));
    let text = std::fs::read_to_string(file).expect("it is in the tree");
    let answer = Admin::of(keycloak).refused("", &text.replacen(REALM, "as-it-stands", 1)).await;
    assert!(answer.starts_with("400"), "{answer}");
}

#[tokio::test]
async fn other_realms_are_strangers() {
    let Some((keycloak, stack)) = world().await else { return };
    let foreign = token(&keycloak.url(), FOREIGN, "mcp-gateway-m2m").await;
    let master = form(
        &format!("{}/realms/master/protocol/openid-connect/token", keycloak.url()),
        &[
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", xtask::keycloak::ADMIN),
            ("password", keycloak.admin_secret()),
        ],
    )
    .await;
    let master = master["access_token"].as_str().expect("the administrator signs in").to_owned();
    for stranger in [&foreign, &master] {
        validate(stack, stranger).await.must_be(401);
    }
}

/// Each issuer's keys prove its own tokens: a realm that we trust cannot speak for another one.
#[tokio::test]
async fn a_realm_that_we_trust_does_not_prove_what_another_one_signed() {
    let Some((keycloak, stack)) = world().await else { return };
    let key = forge::RsaKey::fresh();
    let config = json!({"privateKey": key.pem(), "algorithm": "RS256"});
    Admin::of(keycloak).make_key(OPEN, "rsa", 500, config).await;
    let honest = token(&keycloak.url(), OPEN, "registry-admin").await;
    becomes(stack, &honest, 200, None).await;

    // The auth-server knows this key, and whoever holds it signs what OPEN may sign.
    let (kid, mut claims) = (kid_of(&honest), claims_of(&honest));
    validate(stack, &key.sign(&kid, &claims)).await.must_be(200);
    for other in [REALM, MANY_KEYS] {
        claims["iss"] = json!(format!("{}/realms/{other}", keycloak.url()));
        let answer = validate(stack, &key.sign(&kid, &claims)).await;
        answer.must_be(401);
        assert!(answer.header("www-authenticate").contains("signed by an unknown key"), "{answer:?}");
    }
    validate(stack, &honest).await.must_be(200);
}

#[tokio::test]
async fn a_token_says_whom_it_is_for() {
    let Some((keycloak, stack)) = world().await else { return };
    let admin = Admin::of(keycloak);
    let scopes = ["basic", "profile"];
    // Without the mapper Keycloak's tokens are for nobody: that is the guide's own example.
    admin.make_client(REALM, "for-nobody", &scopes, json!({})).await;
    let other = mapper("oidc-audience-mapper", &json!({"included.custom.audience": "another-service"}));
    admin.make_client(REALM, "for-another", &scopes, json!({"protocolMappers": [other]})).await;
    let url = keycloak.url();
    for client in ["for-nobody", "for-another"] {
        let token = token(&url, REALM, client).await;
        let answer = validate(stack, &token).await;
        answer.must_be(401);
        assert!(
            answer.header("www-authenticate").contains("not issued for this service"),
            "{}: {answer:?}",
            claims_of(&token)
        );
    }
    // Where the issuer is told `audience: optional`, it is taken.
    let token = token(&url, LOOSE, "mcp-gateway-m2m").await;
    assert_eq!(claims_of(&token)["aud"], Value::Null);
    let answer = validate(stack, &token).await;
    assert_eq!(answer.must_be(200)["scopes"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer.header("x-auth-method"), "oidc");
}

#[tokio::test]
async fn a_token_of_the_near_future_is_taken_and_one_of_the_far_future_is_not() {
    let Some((keycloak, stack)) = world().await else { return };
    // A Keycloak whose clock is ahead of ours, as far as one can be made without another clock.
    let ahead = async |client: &str, seconds: u64| {
        let begins = forge::now() + seconds;
        let later = json!({"claim.name": "nbf", "claim.value": begins.to_string(), "jsonType.label": "long"});
        let more = json!({"protocolMappers": [mapper("oidc-hardcoded-claim-mapper", &later)]});
        let scopes = ["basic", "profile", "registry"];
        Admin::of(keycloak).make_client(REALM, client, &scopes, more).await;
        let token = token(&keycloak.url(), REALM, client).await;
        assert_eq!(claims_of(&token)["nbf"], begins);
        let answer = validate(stack, &token).await;
        // Once its time has come it says nothing about the future.
        (forge::now() < begins).then_some(answer)
    };
    let mut near = None;
    for attempt in 0..10 {
        near = ahead(&format!("a-bit-ahead-{attempt}"), 6).await;
        if near.is_some() {
            break;
        }
    }
    near.expect("one of ten is in time").must_be(200);
    ahead("far-ahead", 120).await.expect("it is far").must_be(401);
}

fn mapper(kind: &str, config: &Value) -> Value {
    let mut config = config.clone();
    config["access.token.claim"] = json!("true");
    json!({"name": kind, "protocol": "openid-connect", "protocolMapper": kind, "config": config})
}
