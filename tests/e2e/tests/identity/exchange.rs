//! A token for one MCP server: how it is had, what it says, and where it is worth nothing.

use e2e::{Answer, Caller, forge};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};

use super::organisation::{
    ACCESS_TOKEN, BASE, EXCHANGE, MOUNTS, Organisation, refused, refused_plainly, token_of,
};
use super::shared;

/// What an MCP server makes of a token: its claims, if everything fits that the design names.
async fn accepted(
    organisation: &Organisation<'_>,
    token: &str,
    audience: &str,
    scope: &str,
) -> Option<Value> {
    let gateway = Caller::new(organisation.stack.gateway(), None);
    let published = gateway.get(&format!("{BASE}/.well-known/jwks.json")).await;
    let keys: JwkSet = serde_json::from_value(published.must_be(200).clone()).expect("a key set");
    let header = decode_header(token).ok()?;
    if header.typ.as_deref() != Some("at+jwt") || header.alg != Algorithm::ES256 {
        return None;
    }
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref()?)?).expect("a key of its set");
    let mut checks = Validation::new(Algorithm::ES256);
    checks.leeway = 0;
    checks.validate_nbf = true;
    checks.set_required_spec_claims(&["exp", "iss", "aud"]);
    checks.set_issuer(&[organisation.issuer()]);
    checks.set_audience(&[audience]);
    let claims = decode::<Value>(token, &key, &checks).ok()?.claims;
    let scopes = claims["scope"].as_str().unwrap_or_default();
    scopes.split(' ').any(|one| one == scope).then_some(claims)
}

#[tokio::test]
async fn a_token_is_exchanged_for_one_that_one_server_accepts() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let target = organisation.target("exchanged-for", "mcp:financial").await;
    let other = organisation.target("another", "mcp:financial").await;
    let agent = organisation.agent("Exchanges", json!({})).await;
    let base = organisation.sign_in(&agent).await;
    let before = forge::claims_of(&base);

    // 1.0.0 sends any name as `audience`; 1.1.0 the https id, twice.
    for names in [
        vec![("audience", target.alias.as_str())],
        vec![("audience", target.uri.as_str())],
        vec![("resource", target.uri.as_str())],
        vec![("audience", target.uri.as_str()), ("resource", target.uri.as_str())],
        vec![("audience", target.alias.as_str()), ("resource", target.uri.as_str())],
        vec![("audience", target.id.as_str())],
    ] {
        let answer = organisation.exchange(&base, &names).await;
        let token = token_of(&answer);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.body["issued_token_type"], ACCESS_TOKEN);
        assert_eq!(
            (&answer.body["token_type"], &answer.body["scope"]),
            (&json!("Bearer"), &json!("mcp:financial"))
        );
        assert!(
            answer.body["expires_in"].as_u64().is_some_and(|life| (1..=300).contains(&life)),
            "{answer:?}"
        );
        let claims = accepted(organisation, &token, &target.uri, "mcp:financial").await;
        let claims = claims.unwrap_or_else(|| panic!("its server refuses it: {}", forge::claims_of(&token)));
        for same in ["sub", "client_id", "agent_id", "tenant"] {
            assert_eq!(claims[same], before[same], "{same}: {claims}");
        }
        assert!(claims.get("act").is_none() && claims["jti"].is_string(), "{claims}");
        assert_ne!(claims["jti"], before["jti"]);
        assert!(claims["exp"].as_u64() <= before["exp"].as_u64(), "{claims}");
        // By its alias it is asked for, by its alias it is named too.
        let by_alias = names.contains(&("audience", &target.alias));
        assert_eq!(
            accepted(organisation, &token, &target.alias, "mcp:financial").await.is_some(),
            by_alias,
            "{claims}"
        );
        assert!(accepted(organisation, &token, &other.uri, "mcp:financial").await.is_none());
        assert!(accepted(organisation, &token, &organisation.issuer(), "mcp:financial").await.is_none());
        worth_nothing_elsewhere(organisation, &token, &target.uri).await;
    }
    assert!(
        accepted(organisation, &base, &target.uri, "mcp:financial").await.is_none(),
        "a base token is for us"
    );

    // JSON is read like a form, at both mounts.
    for mount in MOUNTS {
        let asked = json!({"grant_type": EXCHANGE, "subject_token": base, "subject_token_type": ACCESS_TOKEN,
            "audience": target.alias});
        let path = format!("{mount}/oauth/token");
        let token = token_of(&organisation.send(Method::POST, &path, Some(&asked), &[]).await);
        assert_eq!(forge::claims_of(&token)["iss"], organisation.issuer());
    }
}

async fn worth_nothing_elsewhere(organisation: &Organisation<'_>, token: &str, uri: &str) {
    refused(&organisation.exchange(token, &[("audience", uri)]).await, 400, "invalid_grant");
    for path in ["oauth/userinfo", "agents/me"] {
        refused_plainly(&organisation.with(token, Method::GET, path, None).await, 401);
    }
    let asked = json!({"action": "mcp:financial"});
    refused_plainly(&organisation.with(token, Method::POST, "agents/ask", Some(&asked)).await, 401);
    assert_eq!(organisation.registry(token).await.status, 401);
    let answer = organisation.with(token, Method::GET, "admin/agents", None).await;
    assert!([401, 403].contains(&answer.status.as_u16()), "{answer:?}");
}

#[tokio::test]
async fn what_cannot_be_exchanged_is_said_to_be() {
    let Some(organisation) = shared().await else { return };
    play_refusals(&organisation).await;
}

pub(crate) async fn play_refusals(organisation: &Organisation<'_>) {
    let target = organisation.target("wanted", "mcp:financial").await;
    let other = organisation.target("wanted-too", "read:documents").await;
    let agent = organisation.agent("Is Refused", json!({"capabilities": ["mcp:financial"]})).await;
    let base = organisation.sign_in(&agent).await;
    let wanted = ("audience", target.uri.as_str());
    let unknown = "https://mcp.example.com/nobody";
    for names in [
        vec![("audience", unknown)],
        vec![("audience", "urn:mcp:WANTED")],
        vec![wanted, ("resource", other.uri.as_str())],
        vec![wanted, ("resource", unknown)],
    ] {
        refused(&organisation.exchange(&base, &names).await, 400, "invalid_target");
    }
    refused(&organisation.exchange(&base, &[("audience", &other.uri)]).await, 403, "capability_denied");
    let narrowed = [wanted, ("scope", "write:everything")];
    refused(&organisation.exchange(&base, &narrowed).await, 400, "invalid_scope");

    // Not ours, changed, or no token of an agent.
    let changed = {
        let (head, signature) = base.rsplit_once('.').expect("three parts");
        let flipped: String = signature.chars().rev().collect();
        format!("{head}.{flipped}")
    };
    let person = organisation.stack.token("mcp-gateway-m2m").await.expect("a client of the file signs in");
    organisation.remember(&person);
    for token in [changed.as_str(), "nonsense", &person, &organisation.key()] {
        refused(&organisation.exchange(token, &[wanted]).await, 400, "invalid_grant");
    }
    let endpoint = format!("{BASE}/oauth/token");
    let no_subject = [("grant_type", EXCHANGE), wanted];
    refused(&organisation.form(&endpoint, &no_subject, &[]).await, 400, "invalid_request");
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    let of_another_type =
        [("grant_type", EXCHANGE), ("subject_token", base.as_str()), ("subject_token_type", saml), wanted];
    refused(&organisation.form(&endpoint, &of_another_type, &[]).await, 400, "invalid_request");

    // Credentials need not come along; when they do, they must be right, and the same agent's.
    let somebody = organisation.agent("Somebody", json!({})).await;
    let with = async |id: &str, secret: &str| -> Answer {
        organisation.exchange(&base, &[wanted, ("client_id", id), ("client_secret", secret)]).await
    };
    with(&agent.id, &agent.secret).await.must_be(200);
    refused(&with(&agent.id, &somebody.secret).await, 401, "invalid_client");
    let of_another = with(&somebody.id, &somebody.secret).await;
    assert!([400, 401].contains(&of_another.status.as_u16()), "{of_another:?}");

    // What a server introspects with is its own, and tells it of tokens for it alone.
    let token = token_of(&organisation.exchange(&base, &[wanted]).await);
    let introspect = async |fields: &[(&str, &str)], headers: &[(&str, &str)]| {
        let fields: Vec<_> = [("token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        organisation.form(&format!("{BASE}/oauth/introspect"), &fields, headers).await
    };
    let key = organisation.key();
    let bearer = format!("Bearer {}", target.secret);
    let mine = [("client_id", target.id.as_str()), ("client_secret", target.secret.as_str())];
    for (fields, headers) in [
        (&mine[..], vec![]),
        (&[], vec![("Authorization", bearer.as_str())]),
        (&[], vec![("X-API-Key", &*key)]),
    ] {
        let answer = introspect(fields, &headers).await;
        let said = answer.must_be(200);
        assert_eq!((&said["active"], &said["scope"]), (&json!(true), &json!("mcp:financial")), "{said}");
        assert_eq!(said["client_id"], agent.id, "{said}");
    }
    let others = [("client_id", other.id.as_str()), ("client_secret", other.secret.as_str())];
    assert_eq!(introspect(&others, &[]).await.must_be(200), &json!({"active": false}));
    let wrong = [("client_id", target.id.as_str()), ("client_secret", other.secret.as_str())];
    for (fields, headers) in
        [(&[][..], vec![]), (&wrong[..], vec![]), (&[], vec![("X-API-Key", "lmk_wrong")])]
    {
        refused(&introspect(fields, &headers).await, 401, "invalid_client");
    }
}
