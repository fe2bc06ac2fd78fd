//! Signing in, and who one then is: the two mounts, one issuer, one answer to everybody who may not.

use e2e::forge;
use reqwest::Method;
use serde_json::json;

use super::organisation::{BASE, MOUNTS, Organisation, refused, refused_plainly, token_of};
use super::shared;

#[tokio::test]
async fn an_agent_signs_in_at_both_mounts_and_is_told_who_it_is() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let budget = json!({"budget_policy": {"max_tokens_per_day": 1000}});
    let agent = organisation.agent("Signs In", budget).await;
    let slug = agent.facts["slug"].as_str().expect("it has one");
    let credentials = [("client_id", agent.id.as_str()), ("client_secret", agent.secret.as_str())];
    let basic = {
        use base64::Engine as _;
        let pair = format!("{}:{}", agent.id, agent.secret);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    organisation.remember(&basic);
    for mount in MOUNTS {
        let endpoint = format!("{mount}/oauth/token");
        let in_a_form = [("grant_type", "client_credentials"), credentials[0], credentials[1]];
        let in_json = json!({"grant_type": "client_credentials", "client_id": agent.id,
            "client_secret": agent.secret, "scope": "read:documents"});
        let answers = [
            organisation.form(&endpoint, &in_a_form, &[]).await,
            organisation.form(&endpoint, &in_a_form[..1], &[("Authorization", &basic)]).await,
            organisation.send(Method::POST, &endpoint, Some(&in_json), &[]).await,
            organisation.form(&endpoint.replace('/', "//"), &in_a_form, &[]).await,
        ];
        for (at, answer) in answers.iter().enumerate() {
            let token = token_of(answer);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.body["token_type"], "Bearer");
            assert!(
                answer.body["expires_in"].as_u64().is_some_and(|seconds| seconds > 60),
                "{}",
                answer.body
            );
            let mut scopes: Vec<_> = answer.body["scope"].as_str().expect("a string").split(' ').collect();
            scopes.sort_unstable();
            let all = ["mcp:financial", "read:documents"];
            assert_eq!(scopes, if at == 2 { &all[1..] } else { &all }, "{at}");
            let claims = forge::claims_of(&token);
            assert_eq!(
                (&claims["iss"], &claims["aud"]),
                (&json!(organisation.issuer()), &json!(organisation.issuer()))
            );
            assert_eq!(claims["sub"], format!("agent:{slug}"));
            assert_eq!(
                (&claims["client_id"], &claims["agent_id"]),
                (&json!(agent.id), &agent.facts["agentId"])
            );
            assert!(claims["jti"].is_string() && claims.get("act").is_none(), "{claims}");
            for place in MOUNTS {
                for method in [Method::GET, Method::POST] {
                    let bearer = format!("Bearer {token}");
                    let path = format!("{place}/oauth/userinfo");
                    let known = organisation.send(method, &path, None, &[("Authorization", &bearer)]).await;
                    known.must_be(200);
                }
            }
        }
    }
    let token = organisation.sign_in(&agent).await;
    let known = organisation.with(&token, Method::GET, "oauth/userinfo", None).await;
    let known = known.must_be(200);
    for (key, expected) in [
        ("sub", json!(format!("agent:{slug}"))),
        ("name", json!("Signs In")),
        ("agent_id", agent.facts["agentId"].clone()),
        ("identity_type", json!("agent")),
        ("tenant", json!("default")),
        ("workload_identity", agent.facts["workloadIdentity"].clone()),
    ] {
        assert_eq!(known[key], expected, "{key}: {known}");
    }
    assert!(known["workload_identity"].is_string(), "{known}");
    let mut capabilities: Vec<_> = known["capabilities"].as_array().expect("a list").clone();
    capabilities.sort_by_key(ToString::to_string);
    assert_eq!(capabilities, ["mcp:financial", "read:documents"]);
    let budget = &known["budget_policy"];
    assert_eq!((&budget["max_tokens_per_day"], &budget["tokens_used_today"]), (&json!(1000), &json!(0)));
    assert!(budget["resets_at"].as_u64().is_some_and(|at| at > forge::now()), "{budget}");
    assert!(budget.get("max_api_calls_per_hour").is_none(), "no limit is no word: {budget}");
}

#[tokio::test]
async fn whoever_may_not_sign_in_is_told_one_and_the_same() {
    let Some(organisation) = shared().await else { return };
    play_refusals(&organisation).await;
}

pub(crate) async fn play_refusals(organisation: &Organisation<'_>) {
    let agent = organisation.agent("May Not", json!({})).await;
    let suspended = organisation.agent("Suspended Before", json!({})).await;
    organisation.admin(Method::POST, &format!("agents/{}/deactivate", suspended.id), None).await.must_be(200);
    let other = organisation.agent("Has Another Secret", json!({})).await;
    let mut said = Vec::new();
    for (id, secret) in [
        (agent.id.as_str(), other.secret.as_str()),
        ("agt_nobody", &agent.secret),
        (&agent.id, "not-a-secret-at-all"),
        (&suspended.id, &suspended.secret),
        (agent.facts["slug"].as_str().expect("it has one"), &agent.secret),
    ] {
        let answer = organisation.try_to_sign_in(id, secret).await;
        refused(&answer, 401, "invalid_client");
        said.push(answer.text);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");

    // Wrong requests, and an organisation that is not there.
    let token = format!("{BASE}/oauth/token");
    let id = ("client_id", agent.id.as_str());
    let secret = ("client_secret", agent.secret.as_str());
    let kind = ("grant_type", "client_credentials");
    refused(&organisation.form(&token, &[id, secret], &[]).await, 400, "invalid_request");
    let unknown = [("grant_type", "password"), id, secret];
    refused(&organisation.form(&token, &unknown, &[]).await, 400, "unsupported_grant_type");
    let too_much = [kind, id, secret, ("scope", "write:everything")];
    refused(&organisation.form(&token, &too_much, &[]).await, 400, "invalid_scope");
    for mount in ["/orgs/nobody/api/v1", "/t/nobody/api/v1"] {
        let answer = organisation.form(&format!("{mount}/oauth/token"), &[kind, id, secret], &[]).await;
        assert_eq!(answer.status, 404, "{answer:?}");
    }
}

#[tokio::test]
async fn userinfo_opens_to_base_tokens_alone() {
    let Some(organisation) = shared().await else { return };
    play_keys(&organisation).await;
}

/// A key administers, and is nobody.
pub(crate) async fn play_keys(organisation: &Organisation<'_>) {
    let key = organisation.key();
    let bearer = format!("Bearer {key}");
    let ask = json!({"action": "read:documents"});
    for header in
        [("X-API-Key", key.as_str()), ("Authorization", &bearer), ("Authorization", "Bearer nonsense")]
    {
        for (method, path, body) in [
            (Method::GET, "oauth/userinfo", None),
            (Method::GET, "agents/me", None),
            (Method::POST, "agents/ask", Some(&ask)),
            (Method::POST, "agents/me/usage", Some(&json!({"tokens": 1}))),
            (Method::POST, "agents/register", Some(&json!({"client_id": "agt_x", "name": "x"}))),
        ] {
            let answer = organisation.send(method, &format!("{BASE}/{path}"), body, &[header]).await;
            refused_plainly(&answer, 401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}: {answer:?}");
        }
        let answer = organisation.send(Method::GET, "/api/agents", None, &[header]).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
}
