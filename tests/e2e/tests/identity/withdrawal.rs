//! What is taken back is gone at once: a token, a capability, an agent, a secret.

use reqwest::Method;
use serde_json::{Value, json};

use super::organisation::{Agent, BASE, Organisation, refused, refused_plainly, token_of};
use super::shared;

/// A group that may use the registry.
const GROUP: &str = "a2a-agent-admin";

async fn member(organisation: &Organisation<'_>, name: &str) -> Agent {
    organisation.agent(name, json!({"groups": [GROUP]})).await
}

/// Checks that a token is worth nothing anywhere.
async fn must_be_void(organisation: &Organisation<'_>, token: &str, uri: &str) {
    assert_eq!(organisation.registry(token).await.status, 401);
    refused_plainly(&organisation.with(token, Method::GET, "oauth/userinfo", None).await, 401);
    refused_plainly(&organisation.with(token, Method::GET, "agents/me", None).await, 401);
    refused(&organisation.exchange(token, &[("audience", uri)]).await, 400, "invalid_grant");
    let asked = [("token", token)];
    let key = organisation.key();
    let answer = organisation.form(&format!("{BASE}/oauth/introspect"), &asked, &[("X-API-Key", &key)]).await;
    assert_eq!(answer.must_be(200), &json!({"active": false}));
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let Some(organisation) = shared().await else { return };
    play_revocation(&organisation).await;
}

pub(crate) async fn play_revocation(organisation: &Organisation<'_>) {
    let target = organisation.target("revoked-for", "mcp:financial").await;
    let agent = member(organisation, "Revokes").await;
    let stranger = member(organisation, "Revokes Not").await;
    let kept = organisation.sign_in(&agent).await;
    let revoke = format!("{BASE}/oauth/revoke");
    let own = [("client_id", agent.id.as_str()), ("client_secret", agent.secret.as_str())];
    let bearer = format!("Bearer {kept}");
    let key = organisation.key();
    for (fields, headers) in [
        (&own[..], vec![]),
        (&[], vec![("Authorization", bearer.as_str())]),
        (&[("token_type_hint", "access_token")], vec![("X-API-Key", &*key)]),
    ] {
        let token = organisation.sign_in(&agent).await;
        let for_server = token_of(&organisation.exchange(&token, &[("audience", &target.uri)]).await);
        // In every cache that there is.
        for _ in 0..3 {
            organisation.registry(&token).await.must_be(200);
        }
        let fields: Vec<_> = [("token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let done = organisation.form(&revoke, &fields, &headers).await;
        done.must_be(200);
        must_be_void(organisation, &token, &target.uri).await;
        // Again, it is revoked still; and the others are what they were.
        organisation.form(&revoke, &fields, &headers).await.must_be(200);
        organisation.registry(&kept).await.must_be(200);

        let introspected = async || {
            let asked = [("token", for_server.as_str())];
            organisation.form(&format!("{BASE}/oauth/introspect"), &asked, &[("X-API-Key", &key)]).await
        };
        introspected().await.must_be(200);
        let fields = [("token", for_server.as_str()), own[0], own[1]];
        organisation.form(&revoke, &fields, &[]).await.must_be(200);
        assert_eq!(introspected().await.must_be(200), &json!({"active": false}));
    }
    // Nobody revokes another's.
    let theirs = organisation.sign_in(&stranger).await;
    let fields = [("token", theirs.as_str()), own[0], own[1]];
    let answer = organisation.form(&revoke, &fields, &[]).await;
    assert!(answer.status.as_u16() < 500, "{answer:?}");
    organisation.registry(&theirs).await.must_be(200);
    let wrong = [("token", theirs.as_str()), own[0], ("client_secret", stranger.secret.as_str())];
    refused(&organisation.form(&revoke, &wrong, &[]).await, 401, "invalid_client");
    organisation.registry(&theirs).await.must_be(200);
    // Whoever has a token can use it, and so may end it: nothing else is asked of him.
    organisation.form(&revoke, &[("token", theirs.as_str())], &[]).await.must_be(200);
    must_be_void(organisation, &theirs, &target.uri).await;
    // What is no token is revoked already (RFC 7009 section 2.2).
    organisation.form(&revoke, &[("token", "nonsense"), own[0], own[1]], &[]).await.must_be(200);
}

#[tokio::test]
async fn a_suspended_agent_has_nothing_left() {
    let Some(organisation) = shared().await else { return };
    play_suspension(&organisation).await;
}

pub(crate) async fn play_suspension(organisation: &Organisation<'_>) {
    let target = organisation.target("suspended-for", "mcp:financial").await;
    let agent = member(organisation, "Is Suspended").await;
    let other = member(organisation, "Goes On").await;
    let (token, others) = (organisation.sign_in(&agent).await, organisation.sign_in(&other).await);
    for _ in 0..3 {
        organisation.registry(&token).await.must_be(200);
    }
    let path = format!("agents/{}", agent.id);
    let answer = organisation.admin(Method::POST, &format!("{path}/deactivate"), None).await;
    assert_eq!(answer.must_be(200)["data"]["status"], "suspended");
    must_be_void(organisation, &token, &target.uri).await;
    refused(&organisation.try_to_sign_in(&agent.id, &agent.secret).await, 401, "invalid_client");
    organisation.registry(&others).await.must_be(200);

    let answer = organisation.admin(Method::POST, &format!("{path}/activate"), None).await;
    assert_eq!(answer.must_be(200)["data"]["status"], "active");
    let token = organisation.sign_in(&agent).await;
    organisation.registry(&token).await.must_be(200);
    // PATCH suspends too, and an agent that is gone is gone.
    let answer = organisation.admin(Method::PATCH, &path, Some(&json!({"status": "suspended"}))).await;
    assert_eq!(answer.must_be(200)["data"]["status"], "suspended");
    must_be_void(organisation, &token, &target.uri).await;
    organisation.admin(Method::PATCH, &path, Some(&json!({"status": "active"}))).await.must_be(200);
    let token = organisation.sign_in(&agent).await;
    organisation.registry(&token).await.must_be(200);
    let answer = organisation.admin(Method::DELETE, &path, None).await;
    assert_eq!(answer.must_be(200)["data"]["agentId"], agent.facts["agentId"]);
    must_be_void(organisation, &token, &target.uri).await;
    refused(&organisation.try_to_sign_in(&agent.id, &agent.secret).await, 401, "invalid_client");
    refused_plainly(&organisation.admin(Method::GET, &path, None).await, 404);
}

#[tokio::test]
async fn a_withdrawn_capability_is_gone_from_tokens_that_are_out() {
    let Some(organisation) = shared().await else { return };
    play_capabilities(&organisation).await;
}

pub(crate) async fn play_capabilities(organisation: &Organisation<'_>) {
    let target = organisation.target("withdrawn-for", "mcp:financial").await;
    let agent = organisation.agent("Loses One", json!({})).await;
    let token = organisation.sign_in(&agent).await;
    let name = [("audience", target.alias.as_str())];
    organisation.exchange(&token, &name).await.must_be(200);
    let scopes = format!("agents/{}/scopes", agent.id);
    let fewer = json!({"scopes": ["read:documents"]});
    let answer = organisation.admin(Method::PUT, &scopes, Some(&fewer)).await;
    assert_eq!(answer.must_be(200)["data"]["scopes"], json!(["read:documents"]));
    refused(&organisation.exchange(&token, &name).await, 403, "capability_denied");
    let asked = json!({"action": "mcp:financial"});
    let answer = organisation.with(&token, Method::POST, "agents/ask", Some(&asked)).await;
    assert_eq!(answer.must_be(200)["allowed"], false);
    let known = organisation.with(&token, Method::GET, "oauth/userinfo", None).await;
    assert_eq!(known.must_be(200)["capabilities"], json!(["read:documents"]));
    // The package repeats the scopes it was granted: it gets what is held today, and nothing when nothing is.
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", agent.id.as_str()),
        ("client_secret", agent.secret.as_str()),
        ("scope", "mcp:financial read:documents"),
    ];
    let endpoint = format!("{BASE}/oauth/token");
    let answer = organisation.form(&endpoint, &fields, &[]).await;
    assert_eq!(answer.must_be(200)["scope"], "read:documents");
    organisation.admin(Method::PUT, &scopes, Some(&json!({"scopes": []}))).await.must_be(200);
    refused(&organisation.form(&endpoint, &fields, &[]).await, 400, "invalid_scope");
    let known = organisation.with(&token, Method::GET, "oauth/userinfo", None).await;
    assert_eq!(known.must_be(200)["capabilities"], json!([]));
}

#[tokio::test]
async fn a_secret_is_rotated_with_overlap_or_at_once() {
    let Some(organisation) = shared().await else { return };
    play_rotation(&organisation).await;
}

pub(crate) async fn play_rotation(organisation: &Organisation<'_>) {
    let agent = organisation.agent("Rotates", json!({})).await;
    let rotate = format!("agents/{}/rotate-credentials", agent.id);
    let new_secret = async |body: &Value| {
        let answer = organisation.admin(Method::POST, &rotate, Some(body)).await;
        let data = &answer.must_be(200)["data"];
        assert_eq!(data["clientId"], agent.id);
        let secret = data["clientSecret"].as_str().expect("the new one").to_owned();
        organisation.remember(&secret);
        secret
    };
    let opens = async |secret: &str| organisation.try_to_sign_in(&agent.id, secret).await.status == 200;
    let second = new_secret(&json!({})).await;
    assert!(opens(&agent.secret).await && opens(&second).await, "both are good for a day");
    let third = new_secret(&json!({})).await;
    assert!(
        !opens(&agent.secret).await && opens(&second).await && opens(&third).await,
        "two at once, not three"
    );
    let fourth = new_secret(&json!({"overlap_seconds": 0})).await;
    assert!(!opens(&second).await && !opens(&third).await && opens(&fourth).await, "the old ones end now");
}
