//! What a good token gets.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use access::identity::{self, IdentityClaims};
use serde_json::json;
use token::{Audience, Issuer, Location, RemoteKeys, TokenError, TokenType, verify};

use crate::stack::{NOW, Stack, send};

const GUIDE: &str = "mcp-servers-unrestricted/read, mcp-servers-unrestricted/execute, a2a-agent-admin";

#[tokio::test]
async fn the_guides_service_account_gets_exactly_its_three_scopes() {
    let stack = Stack::start().await;
    for signer in &stack.signers {
        let token = signer.sign("JWT", &crate::stack::claims(json!({}))).unwrap();
        for _ in 0..2 {
            let answer = stack.validate(&token, "/api/agents/register").await;
            let policy = answer.json()["policy_version"].clone();
            assert_eq!(
                (answer.status, answer.json()),
                (
                    200,
                    json!({
                        "valid": true,
                        "username": "service-account-mcp-gateway-m2m",
                        "client_id": "mcp-gateway-m2m",
                        "groups": ["mcp-servers-unrestricted", "a2a-agent-admin"],
                        "scopes": GUIDE.split(", ").collect::<Vec<_>>(),
                        "method": "keycloak",
                        "server_name": null,
                        "tool_name": null,
                        "expires_at": NOW + 300,
                        "policy_version": policy,
                    })
                )
            );
            assert_eq!(policy.as_str().map(str::len), Some(16));
            for (name, value) in [
                (identity::USER, "service-account-mcp-gateway-m2m"),
                (identity::USERNAME, "service-account-mcp-gateway-m2m"),
                (identity::CLIENT_ID, "mcp-gateway-m2m"),
                (identity::GROUPS, "mcp-servers-unrestricted, a2a-agent-admin"),
                (identity::SCOPES, GUIDE),
                (identity::AUTH_METHOD, "keycloak"),
            ] {
                assert_eq!(answer.header(name), value, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn any_method_and_version_and_the_body_is_never_read() {
    let stack = Stack::start().await;
    let token = stack.token(json!({}));
    for line in [
        "GET /validate HTTP/1.0\r\ncontent-length: 100000\r\n",
        "POST /validate HTTP/1.0\r\ncontent-length: 100000\r\n",
        "POST /validate HTTP/1.1\r\ncontent-length: 100000\r\n",
        "DELETE /validate HTTP/1.1\r\n",
        "HEAD /validate HTTP/1.1\r\n",
    ] {
        let answer = stack.send(&format!("{line}authorization: bEaReR  {token}\r\n"), "").await;
        assert_eq!((answer.status, answer.header(identity::SCOPES)), (200, GUIDE), "{line}");
        assert_eq!(answer.body.is_empty(), line.starts_with("HEAD"), "{line}");
    }
}

#[tokio::test]
async fn names_become_headers_without_becoming_more_than_one() {
    let stack = Stack::start().await;
    let token = stack.token(json!({
        "preferred_username": "Jörg, x",
        "groups": ["a, mcp-registry-admin", "b c", "100%"],
    }));
    let answer = stack.validate(&token, "/api/agents").await;
    assert_eq!(answer.header(identity::USER), "J%C3%B6rg%2C%20x");
    assert_eq!(answer.header(identity::GROUPS), "a%2C%20mcp-registry-admin, b%20c, 100%25");
    assert_eq!(answer.header(identity::SCOPES), "");
    assert_eq!(answer.json()["username"], "Jörg, x");
}

#[tokio::test]
async fn a_server_within_reach_is_named() {
    let stack = Stack::start().await;
    let token = stack.token(json!({}));
    for _ in 0..2 {
        let answer = stack.validate(&token, "/team%2Fclock/mcp?x=1").await;
        assert_eq!((answer.status, answer.header(identity::SERVER_NAME)), (200, "team/clock"));
        assert_eq!(answer.json()["server_name"], "team/clock");
    }
}

#[tokio::test]
async fn issuers_are_read_as_they_are_configured() {
    let stack = Stack::start().await;
    for (changes, status, scopes) in [
        (json!({"iss": "http://keycloak:8080/realms/mcp-gateway"}), 200, GUIDE),
        // No groups: the scope claim of an issuer that is not trusted for it means nothing.
        (json!({"groups": null}), 200, ""),
        (json!({"groups": ["unknown"]}), 200, ""),
        (json!({"iss": "http://lax", "aud": null}), 200, ""),
        (json!({"iss": "http://lax", "aud": "x", "roles": ["/a2a-agent-admin"]}), 200, "a2a-agent-admin"),
    ] {
        let answer = stack.validate(&stack.token(changes.clone()), "/api/agents").await;
        assert_eq!((answer.status, answer.header(identity::SCOPES)), (status, scopes), "{changes}");
    }
}

#[tokio::test]
async fn the_sealed_identity_is_proven_by_the_published_keys() {
    let stack = Stack::start().await;
    let location = Location::at(&format!("http://{}/identity/jwks.json", stack.main)).unwrap();
    let keys = RemoteKeys::new(location, stack.hands.clock(), Arc::new(AtomicU64::new(0))).unwrap();
    let issuers = [Issuer {
        names: vec![identity::ISSUER.into()],
        audiences: vec![identity::AUDIENCE.into()],
        audience: Audience::Required,
        token_type: TokenType::Exactly(identity::TYPE),
        keys: Arc::new(keys),
    }];
    let token = stack.token(json!({}));
    let seal = stack.validate(&token, "/api/agents").await.header(identity::SEALED).to_owned();
    let verified = verify::<IdentityClaims, _>(&seal, &issuers, NOW).await.unwrap();
    assert_eq!((verified.claims.sub.as_str(), verified.claims.iat), ("user-id-uuid", NOW));
    assert_eq!((verified.expires_at, verified.claims.jti.len()), (NOW + 90, 22));
    let who = verified.claims.into_principal();
    assert_eq!((who.username.as_str(), who.scopes.len()), ("service-account-mcp-gateway-m2m", 3));
    // It is no access token, and an access token is no identity.
    assert_eq!(stack.validate(&seal, "/api/agents").await.status, 401);
    assert_eq!(
        verify::<IdentityClaims, _>(&token, &issuers, NOW).await.err(),
        Some(TokenError::UnknownIssuer)
    );
}

#[tokio::test]
async fn the_rest_is_json_too() {
    let stack = Stack::start().await;
    for (line, status, allow) in [
        ("GET / HTTP/1.1\r\n", 404, ""),
        ("GET /validate/x HTTP/1.1\r\n", 404, ""),
        ("GET /metrics HTTP/1.1\r\n", 404, ""),
        ("DELETE /health HTTP/1.1\r\n", 405, "GET, HEAD"),
        ("POST /identity/jwks.json HTTP/1.1\r\n", 405, "GET, HEAD"),
        ("GET /orgs/other/api/v1/.well-known/jwks.json HTTP/1.1\r\n", 404, ""),
    ] {
        let answer = stack.send(line, "").await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{line}");
        assert_eq!(answer.json()["status"], status, "{line}");
    }
    let health = stack.get("/health").await.json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["issuers"][0]["keys"], json!({"keys": 3, "refreshed_at": NOW, "fault": null}));
    assert_eq!(health["issuers"][2]["method"], "embedded");
    for path in ["/live", "/ready"] {
        assert_eq!(send(stack.admin, &format!("GET {path} HTTP/1.1\r\n"), "").await.status, 200, "{path}");
    }
    assert_eq!(send(stack.admin, "GET /validate HTTP/1.1\r\n", "").await.status, 404);
}
