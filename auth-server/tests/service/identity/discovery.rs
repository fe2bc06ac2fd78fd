//! What the issuer and the MCP servers say of themselves in public.

use serde_json::{Value, json};

use super::org::{ACCESS_TOKEN, BASE, DOCUMENTS, EXCHANGE, FINANCE, ISSUER, Org, Sent, part, token_of};
use crate::stack::Answer;

#[track_caller]
fn public(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"), "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn the_issuer_says_what_it_does() {
    let (org, agent) = Org::furnished().await;
    let expected = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/oauth/token"),
        "authorization_endpoint": format!("{ISSUER}/oauth/authorize"),
        "userinfo_endpoint": format!("{ISSUER}/oauth/userinfo"),
        "revocation_endpoint": format!("{ISSUER}/oauth/revoke"),
        "introspection_endpoint": format!("{ISSUER}/oauth/introspect"),
        "jwks_uri": format!("{ISSUER}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials", EXCHANGE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    for document in ["openid-configuration", "oauth-authorization-server"] {
        for path in [
            format!("{BASE}/.well-known/{document}"),
            format!("/t/default//api/v1/.well-known//{document}"),
            format!("/.well-known/{document}{BASE}"),
        ] {
            let told = public(&org.stack.get(&path).await);
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&told[name], value, "{name} at {path}");
            }
            assert_eq!(told["issuer"], ISSUER, "one issuer, by either mount");
        }
    }
    // Every address in it is there.
    let base = org.token(&agent, None).await;
    for (path, status) in [("token", 400), ("revoke", 400), ("introspect", 400), ("userinfo", 401)] {
        let answer = org.call(&format!("POST /oauth/{path}"), "", Sent::Nothing).await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
    }
    for path in
        [format!("{BASE}/.well-known/jwks.json"), "/t/default/api/v1/.well-known/jwks.json".to_owned()]
    {
        let keys = public(&org.stack.get(&path).await);
        let key = &keys["keys"][0];
        assert_eq!(
            (&key["kid"], &key["kty"], &key["crv"]),
            (&part(&base, 0)["kid"], &json!("EC"), &json!("P-256"))
        );
        assert!(key.get("d").is_none(), "the public half alone");
    }
}

#[tokio::test]
async fn nobody_signs_in_with_a_browser() {
    let (org, _) = Org::furnished().await;
    let asked = "?response_type=code&client_id=x&redirect_uri=https://x";
    for path in [format!("{BASE}/oauth/authorize"), format!("/t/default//api/v1/oauth//authorize{asked}")] {
        let answer = org.stack.get(&path).await;
        let expected = json!({"error": "unsupported_response_type",
            "error_description": "this issuer signs agents in by client credentials alone"});
        assert_eq!((answer.status, answer.json()), (400, expected), "{path}");
        assert_eq!((answer.header("cache-control"), answer.header("location")), ("no-store", ""), "{path}");
    }
    assert_eq!(org.stack.get("/orgs/other/api/v1/oauth/authorize").await.status, 404);
    let posted = org.call("POST /oauth/authorize", "", Sent::Nothing).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn a_resource_says_who_makes_its_tokens() {
    let (org, _) = Org::furnished().await;
    let resource = "oauth-protected-resource";
    for (path, named, scopes) in [
        (format!("{BASE}/.well-known/{resource}"), ISSUER, None),
        (format!("/t/default/api/v1//.well-known/{resource}"), ISSUER, None),
        (format!("/.well-known/{resource}{BASE}"), ISSUER, None),
        (format!("{BASE}/.well-known/{resource}/financial-data"), FINANCE, Some(json!(["mcp:financial"]))),
        (
            format!("/t/default/api/v1/.well-known/{resource}/documents"),
            DOCUMENTS,
            Some(json!(["read:documents"])),
        ),
    ] {
        let told = public(&org.stack.get(&path).await);
        assert_eq!(
            (&told["resource"], &told["authorization_servers"]),
            (&json!(named), &json!([ISSUER])),
            "{path}"
        );
        assert_eq!(told["bearer_methods_supported"], json!(["header"]));
        assert_eq!(told.get("scopes_supported"), scopes.as_ref(), "{path}");
    }
    // It is public, and follows the directory.
    assert_eq!(org.admin("DELETE /admin/mcp/servers/documents", Value::Null).await.status, 200);
    for (path, status) in [
        (format!("{BASE}/.well-known/{resource}/documents"), 404),
        (format!("{BASE}/.well-known/{resource}/nothing"), 404),
        (format!("/orgs/other/api/v1/.well-known/{resource}"), 404),
        (format!("/orgs/other/api/v1/.well-known/{resource}/financial-data"), 404),
        (format!("{BASE}/.well-known/other"), 404),
        (format!("{BASE}/.well-known/{resource}/financial-data/x"), 404),
    ] {
        let answer = org.stack.get(&path).await;
        assert_eq!((answer.status, answer.json()["error"].take()), (status, json!("not_found")), "{path}");
    }
    let posted = org.call(&format!("POST /.well-known/{resource}"), "", Sent::Nothing).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn another_organisation_at_another_address() {
    let flags = ["--org=acme", "--public-url=https://gw.example.com/tools", "--signing-algorithm=RS256"];
    let org = Org::with(&[flags.as_slice(), &["--token-lifetime=120"]].concat()).await;
    let issuer = "https://gw.example.com/tools/orgs/acme/api/v1";
    let (key, base) = (format!("x-api-key: {}\r\n", org.key), "///orgs/acme/api/v1");
    let made = json!({"name": "A", "capabilities": ["a:b"]});
    let made = org.call(&format!("POST {base}/admin/agents"), &key, Sent::Json(made)).await.json();
    let (id, secret) = (&made["data"]["agentId"], &made["data"]["clientSecret"]);
    let target = json!({"name": "T", "resource_uri": "https://t", "required_capability": "a:b", "token_lifetime": 600});
    org.call(&format!("POST {base}/admin/mcp/servers"), &key, Sent::Json(target)).await;
    for base in [base, "///t/acme/api/v1"] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str().unwrap()),
            ("client_secret", secret.as_str().unwrap()),
        ];
        let token = token_of(&org.form(&format!("{base}/oauth/token"), &form).await);
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", token.as_str()),
            ("subject_token_type", ACCESS_TOKEN),
            ("resource", "https://t"),
        ];
        let answer = org.form(&format!("{base}/oauth/token"), &form).await;
        assert_eq!(answer.json()["expires_in"], 120, "what is left of the subject");
        let bound = token_of(&answer);
        for (token, aud) in [(&token, issuer), (&bound, "https://t")] {
            let (head, said) = (part(token, 0), part(token, 1));
            assert_eq!((&head["alg"], &head["typ"]), (&json!("RS256"), &json!("at+jwt")));
            assert_eq!(
                (&said["iss"], &said["aud"], &said["tenant"]),
                (&json!(issuer), &json!(aud), &json!("acme"))
            );
        }
        let me = org.asks(&token, &format!("GET {base}/agents/me"), Value::Null).await.json();
        assert_eq!(me["workspace"], json!({"slug": "acme", "api_base": issuer}));
    }
    for path in [
        "/tools/orgs/acme/api/v1/.well-known/openid-configuration",
        "/orgs/default/api/v1/.well-known/openid-configuration",
        "/.well-known/openid-configuration/orgs/acme/api/v1",
        "/.well-known/oauth-protected-resource/orgs/acme/api/v1",
    ] {
        assert_eq!(org.stack.get(path).await.status, 404, "{path}");
    }
    let root = "/.well-known/oauth-protected-resource/tools/orgs/acme/api/v1";
    assert_eq!(public(&org.stack.get(root).await)["resource"], issuer);
    let root = "/.well-known/openid-configuration/tools/orgs/acme/api/v1";
    assert_eq!(public(&org.stack.get(root).await)["issuer"], issuer);
    for line in ["GET /admin/agents", "GET /agents/me"] {
        assert_eq!(org.call(line, &key, Sent::Nothing).await.status, 404, "no other organisation lives here");
    }
}
