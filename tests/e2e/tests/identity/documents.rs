//! What anybody may read: where the endpoints are, which keys sign, whose tokens a server takes.

use e2e::Caller;
use serde_json::{Value, json};

use super::organisation::{BASE, MOUNTS, Organisation};
use super::shared;

#[tokio::test]
async fn the_documents_say_one_issuer_wherever_they_are_read() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let target = organisation.target("described", "mcp:financial").await;
    let nobody = Caller::new(organisation.stack.gateway(), None);
    let issuer = organisation.issuer();
    let mut places = vec![format!("/.well-known/oauth-authorization-server{BASE}")];
    for mount in MOUNTS {
        places.push(format!("{mount}/.well-known/openid-configuration"));
        places.push(format!("{mount}/.well-known/oauth-authorization-server"));
        places.push(format!("/{mount}//.well-known//openid-configuration"));
    }
    for place in places {
        let answer = nobody.get(&place).await;
        let said = answer.must_be(200);
        for (key, path) in [
            ("issuer", ""),
            ("token_endpoint", "/oauth/token"),
            ("authorization_endpoint", "/oauth/authorize"),
            ("jwks_uri", "/.well-known/jwks.json"),
            ("userinfo_endpoint", "/oauth/userinfo"),
            ("revocation_endpoint", "/oauth/revoke"),
            ("introspection_endpoint", "/oauth/introspect"),
        ] {
            assert_eq!(said[key], format!("{issuer}{path}"), "{place}: {said}");
        }
        let grants = &said["grant_types_supported"];
        for grant in ["client_credentials", super::organisation::EXCHANGE] {
            assert!(grants.as_array().is_some_and(|all| all.contains(&json!(grant))), "{place}: {said}");
        }
        assert!(!answer.header("cache-control").contains("no-store"), "{answer:?}");
    }
    for mount in MOUNTS {
        let refused = nobody.get(&format!("{mount}/oauth/authorize?response_type=code")).await;
        assert_eq!(refused.must_be(400)["error"], "unsupported_response_type");
        let keys = nobody.get(&format!("{mount}/.well-known/jwks.json")).await;
        let keys = keys.must_be(200)["keys"].as_array().expect("a key set").clone();
        assert!(keys.iter().any(|key| key["alg"] == "ES256"), "{keys:?}");
        assert!(keys.iter().all(|key| key.get("d").is_none()), "a private key");

        for described in ["described", target.id.as_str()] {
            let answer =
                nobody.get(&format!("{mount}/.well-known/oauth-protected-resource/{described}")).await;
            if described == target.id && answer.status == 404 {
                continue;
            }
            let said = answer.must_be(200);
            assert_eq!(
                (&said["resource"], &said["authorization_servers"]),
                (&json!(target.uri), &json!([issuer]))
            );
            assert_eq!(said["scopes_supported"], json!(["mcp:financial"]), "{said}");
        }
        let nothing = nobody.get(&format!("{mount}/.well-known/oauth-protected-resource/nobody")).await;
        assert_eq!(nothing.status, 404);
    }
    let nothing: Value = nobody.get("/orgs/nobody/api/v1/.well-known/openid-configuration").await.body;
    assert_eq!(nothing["code"], "not_found", "{nothing}");
}
