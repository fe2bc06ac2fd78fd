//! What is not let in, and how that is said.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use token::{Signer, SigningAlgorithm, key_set};

use crate::stack::{NOW, Stack, claims};

#[tokio::test]
async fn no_token_is_asked_for_one_without_an_error_code() {
    let stack = Stack::start().await;
    for headers in
        ["", "authorization: Basic dTpw\r\n", "x-authorization: Bearer x\r\n", "cookie: token=x\r\n"]
    {
        let answer = stack.send(&format!("GET /validate HTTP/1.1\r\n{headers}"), "").await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"registry\""));
        assert_eq!(answer.json()["error"], "unauthorized");
    }
    let answer = stack.send("GET /validate HTTP/1.1\r\nx-original-uri: /currenttime/mcp\r\n", "").await;
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"registry\", resource_metadata=\"http://127.0.0.1:8080/.well-known/oauth-protected-resource/currenttime/mcp\""
    );
}

#[tokio::test]
async fn tokens_that_prove_nothing() {
    let stack = Stack::start().await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let stranger = Signer::generate(SigningAlgorithm::Es256).unwrap().0;
    let kid = stack.signers[1].kid().to_owned();
    let good = stack.token(json!({}));
    let (_, rest) = good.split_once('.').unwrap();
    let header = |header: Value| format!("{}.{rest}", part(&header));
    let confused = {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        header.kid = Some(kid.clone());
        let public = stack.signers[1].jwk().to_string();
        let key = jsonwebtoken::EncodingKey::from_secret(public.as_bytes());
        jsonwebtoken::encode(&header, &claims(json!({})), &key).unwrap()
    };
    let none = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims(json!({}))));
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("expired", stack.token(json!({"exp": NOW - 10}))),
        ("no exp", stack.token(json!({"exp": null}))),
        ("future nbf", stack.token(json!({"nbf": NOW + 60}))),
        ("future iat", stack.token(json!({"iat": NOW + 60}))),
        ("foreign issuer", stack.token(json!({"iss": "http://evil/realms/mcp-gateway"}))),
        ("wrong aud", stack.token(json!({"aud": ["account"]}))),
        ("no aud", stack.token(json!({"aud": null}))),
        ("refresh token", stack.token(json!({"typ": "Refresh"}))),
        ("control character", stack.token(json!({"preferred_username": "a\r\nX-Scopes: mcp-registry-admin"}))),
        ("control character in a group", stack.token(json!({"groups": ["a\u{0}"]}))),
        ("nobody", stack.token(json!({"preferred_username": null, "sub": null}))),
        ("alg none", none),
        ("alg none with a signature", header(json!({"alg": "none", "kid": kid}))),
        ("HS256 with the public key", confused),
        ("the key's algorithm overridden", header(json!({"alg": "EdDSA", "kid": kid}))),
        ("kid is a path", header(json!({"alg": "ES256", "kid": "../../../dev/null"}))),
        ("kid is a URL", header(json!({"alg": "ES256", "kid": format!("{}/jwks", stack.provider.url)}))),
        ("jku", header(json!({"alg": "ES256", "kid": kid, "jku": format!("{}/evil", stack.provider.url)}))),
        ("crit", header(json!({"alg": "ES256", "kid": kid, "crit": ["b64"], "b64": false}))),
        ("another key", stranger.sign("JWT", &claims(json!({}))).unwrap()),
        ("our own identity", stack.signers[1].sign("identity+jwt", &claims(json!({}))).unwrap()),
        ("a foreign token in our issuer's name", stack.token(json!({
            "iss": "http://127.0.0.1:8080/orgs/default/api/v1", "aud": "http://127.0.0.1:8080/orgs/default/api/v1"}))),
        ("too long", format!("{good}{}", "A".repeat(30_000))),
    ] {
        let answer = stack.validate(&token, "/api/agents").await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{what}: {answer:?}");
        assert_eq!(answer.json()["error"], "invalid_token", "{what}");
        assert!(!answer.headers.keys().any(|name| name.starts_with("x-")), "{what}: {answer:?}");
        assert!(!answer.body.contains(&token), "{what}");
    }
    assert_eq!(stack.provider.asked(), 2, "nothing made the server ask anybody (two issuers, at start)");
    assert_eq!(stack.validate(&good, "/api/agents").await.status, 200);
}

#[tokio::test]
async fn one_identity_per_request() {
    let stack = Stack::start().await;
    let (good, other) = (stack.token(json!({})), stack.token(json!({"sub": "other"})));
    for headers in [
        format!("authorization: Bearer {good}\r\nauthorization: Bearer {other}\r\n"),
        format!("authorization: Bearer {good}\r\nAUTHORIZATION: Bearer {good}\r\n"),
        format!("authorization: Bearer {good}, Bearer {other}\r\n"),
        format!("authorization: Bearer {good} {other}\r\n"),
    ] {
        let answer = stack.send(&format!("GET /validate HTTP/1.1\r\n{headers}"), "").await;
        assert_eq!(answer.status, 401, "{headers:.60}");
    }
    let strict = Stack::cold(&["--x-authorization"]).await;
    strict.provider.page("/jwks", key_set(&strict.signers));
    strict.app.refresh_keys().await;
    let (good, other) = (strict.token(json!({})), strict.token(json!({"sub": "other"})));
    for (headers, status) in [
        (format!("x-authorization: Bearer {good}\r\n"), 200),
        (format!("x-authorization: bearer {good}\r\nauthorization: Bearer   {good}\r\n"), 200),
        (format!("x-authorization: Bearer {good}\r\nauthorization: Bearer {other}\r\n"), 401),
        (format!("x-authorization: Bearer {good}\r\nauthorization: Basic dTpw\r\n"), 401),
        (format!("x-authorization: Bearer {good}\r\nx-authorization: Bearer {good}\r\n"), 401),
    ] {
        let answer = strict.send(&format!("GET /validate HTTP/1.1\r\n{headers}"), "").await;
        assert_eq!(answer.status, status, "{headers:.60} {answer:?}");
    }
}

#[tokio::test]
async fn long_tokens() {
    let stack = Stack::start().await;
    let groups: Vec<String> =
        (0..250).map(|number| format!("a-group-with-a-long-name-{number:04}")).collect();
    let long = stack.token(json!({"groups": groups}));
    assert!(long.len() > 10_000 && long.len() < 14_000, "{}", long.len());
    assert_eq!(stack.validate(&long, "/api/agents").await.status, 200);
    let huge = stack.validate(&"A".repeat(200_000), "/api/agents").await;
    assert_eq!(huge.status, 431);
}

#[tokio::test]
async fn hidden_paths_and_servers_out_of_reach() {
    let stack = Stack::start().await;
    let lob1 = stack.token(json!({"groups": ["registry-users-lob1"]}));
    for (uri, status, error) in [
        ("/api/agents", 200, ""),
        ("/currenttime/mcp", 200, ""),
        ("/currenttime/", 200, ""),
        ("/realserverfaketools/mcp", 403, "insufficient_scope"),
        ("/apis/mcp", 403, "insufficient_scope"),
        ("/x/../api/agents", 403, "forbidden"),
        ("/%2e%2e/api/agents", 403, "forbidden"),
        ("/..%252fapi", 403, "forbidden"),
        ("//api/agents", 403, "forbidden"),
        ("/api/agents%00", 403, "forbidden"),
        ("http://gateway/api/agents", 403, "forbidden"),
    ] {
        for _ in 0..2 {
            let answer = stack.validate(&lob1, uri).await;
            assert_eq!(answer.status, status, "{uri} {answer:?}");
            if status == 403 {
                assert_eq!(
                    (&answer.json()["error"], answer.header("x-refusal")),
                    (&json!(error), error),
                    "{uri}"
                );
                assert!(!answer.headers.contains_key("x-identity"), "{uri}");
            }
        }
    }
    let twice = "GET /validate HTTP/1.1\r\nx-original-uri: /api/a\r\nx-original-uri: /currenttime/mcp\r\n";
    let answer = stack.send(&format!("{twice}authorization: Bearer {lob1}\r\n"), "").await;
    assert_eq!(answer.status, 403);
}
