//! Who the registry believes: the auth-server's seal, whole and of now, and nothing else.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use access::identity;
use common::{NOW, Role, World};
use poem::Request;
use poem::http::Method;
use registry::Seal;
use token::{KeySet, LocalKeys, Signer, SigningAlgorithm, key_set};

fn list(headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().uri("/api/agents".parse().expect("a target"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.finish()
}

#[tokio::test]
async fn forged_and_foreign_identities_are_nobody() {
    let world = World::new();
    let good = world.seal(&world.claims(Role::Admin));
    world.send(list(&[("X-Identity", &good)])).await.is(200);

    let mut claims = world.claims(Role::Admin);
    claims.exp = NOW - 60;
    let expired = world.seal(&claims);
    let mut claims = world.claims(Role::Admin);
    claims.aud = "somebody-else".into();
    let foreign = world.seal(&claims);
    let mut claims = world.claims(Role::Admin);
    claims.iss = "http://evil.example".into();
    let issuer = world.seal(&claims);
    let (other, _) = Signer::generate(SigningAlgorithm::EdDsa).expect("a key");
    let wrong_key = other.sign(identity::TYPE, &world.claims(Role::Admin)).expect("signed");
    let wrong_type = world.signer.sign("at+jwt", &world.claims(Role::Admin)).expect("signed");
    let stranger = world.seal(&world.claims(Role::Stranger));

    for (why, headers) in [
        ("nothing", vec![]),
        (
            "plain headers",
            vec![
                ("X-User", "registry-admin"),
                ("X-Scopes", "mcp-registry-admin"),
                ("X-Groups", "mcp-registry-admin"),
            ],
        ),
        ("a bearer token", vec![("Authorization", good.as_str())]),
        ("garbage", vec![("X-Identity", "garbage")]),
        ("empty", vec![("X-Identity", "")]),
        ("expired", vec![("X-Identity", &expired)]),
        ("another audience", vec![("X-Identity", &foreign)]),
        ("another issuer", vec![("X-Identity", &issuer)]),
        ("another key", vec![("X-Identity", &wrong_key)]),
        ("another type", vec![("X-Identity", &wrong_type)]),
        ("two", vec![("X-Identity", &stranger), ("X-Identity", &good)]),
        ("the same twice", vec![("X-Identity", &good), ("X-Identity", &good)]),
    ] {
        let answer = world.send(list(&headers)).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        assert_eq!(answer.json()["code"], "unauthenticated", "{why}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{why}");
    }
    let both =
        [("X-Identity", stranger.as_str()), ("X-Scopes", "mcp-registry-admin"), ("X-User", "registry-admin")];
    let answer = world.send(list(&both)).await.is(200).json();
    assert_eq!(answer["agents"], serde_json::json!([]), "the seal decides, not what stands beside it");
}

#[tokio::test]
async fn a_remembered_seal_ends_with_its_own_end() {
    let world = World::new();
    let seal = world.seal(&world.claims(Role::Admin));
    world.send(list(&[("X-Identity", &seal)])).await.is(200);
    world.clock.store(NOW + 71, Ordering::SeqCst);
    world.send(list(&[("X-Identity", &seal)])).await.is(401);
}

#[tokio::test]
async fn plain_headers_count_only_where_the_operator_said_so() {
    let world = World::with(|app| {
        let (signer, _) = Signer::generate(SigningAlgorithm::EdDsa).expect("a key");
        let keys = KeySet::parse(key_set([&signer]).as_bytes()).expect("a key set");
        app.seal = Seal::new(Arc::new(LocalKeys::new(keys)), true);
    });
    let plain = [("X-User", "me"), ("X-Scopes", "mcp-registry-admin, mcp-servers-unrestricted/read")];
    world.send(list(&plain)).await.is(200);
    world.send(list(&[("X-Scopes", "mcp-registry-admin")])).await.is(401);
    // A seal that is there must be right, also where plain headers are believed.
    world.send(list(&[plain[0], plain[1], ("X-Identity", "garbage")])).await.is(401);
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_server_opens_no_route() {
    let world = World::new();
    let mut claims = world.claims(Role::Admin);
    world.send(list(&[("X-Identity", &world.seal(&claims))])).await.is(200);
    for server in ["currenttime", "registry", "", "*"] {
        claims.server = Some(server.to_owned());
        let seal = world.seal(&claims);
        // Also the second time, when it is remembered.
        for _ in 0..2 {
            world.send(list(&[("X-Identity", &seal)])).await.is(401);
        }
        for (method, path) in [
            (Method::GET, "/api/agents"),
            (Method::GET, "/api/agents/code-reviewer"),
            (Method::GET, "/api/changes"),
            (Method::POST, "/api/agents/discover/semantic?query=x"),
            (Method::POST, "/api/access/explain"),
            (Method::GET, "/api/servers"),
        ] {
            let request = Request::builder().method(method).uri(path.parse().expect("a target"));
            world.send(request.header("X-Identity", &seal).finish()).await.is(401);
        }
    }
    // What a token was made from changes nothing.
    let mut claims = world.claims(Role::Admin);
    (claims.base, claims.capabilities) = (Some("jti".to_owned()), vec!["a:b".to_owned()]);
    world.send(list(&[("X-Identity", &world.seal(&claims))])).await.is(200);
}
