//! The admin API: who opens it, what it keeps, what it refuses.

use reqwest::Method;
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::organisation::{BASE, MOUNTS, Organisation, refused_plainly};
use super::shared;

#[tokio::test]
async fn the_key_opens_it_and_no_agents_token_does() {
    let Some(organisation) = shared().await else { return };
    play_doors(&organisation).await;
}

pub(crate) async fn play_doors(organisation: &Organisation<'_>) {
    let scopes = json!({"capabilities": ["admin:agents:read", "admin:agents:write", "read:documents"]});
    let made =
        organisation.admin(Method::POST, "agents", Some(&json!({"name": "Wants To Administer"}))).await;
    let id = made.must_be(201)["data"]["agentId"].as_str().expect("its id").to_owned();
    organisation.remember(made.body["data"]["clientSecret"].as_str().expect("its secret"));
    let agent = organisation.agent("Has A Token", json!({})).await;
    let token = organisation.sign_in(&agent).await;
    let key = organisation.key();
    let some = json!({"name": "x"});
    for mount in MOUNTS {
        for (method, path, body) in [
            (Method::GET, "admin/agents?limit=1".to_owned(), None),
            (Method::POST, "admin/agents".into(), Some(&some)),
            (Method::GET, format!("admin/agents/{id}"), None),
            (Method::PATCH, format!("admin/agents/{id}"), Some(&some)),
            (Method::DELETE, format!("admin/agents/{id}"), None),
            (Method::PUT, format!("admin/agents/{id}/scopes"), Some(&json!({"scopes": []}))),
            (Method::POST, format!("admin/agents/{id}/rotate-credentials"), None),
            (Method::POST, "admin/mcp/servers".into(), Some(&some)),
            (Method::POST, "admin/api-key/rotate".into(), None),
        ] {
            let path = format!("{mount}/{path}");
            let asked =
                async |header: &[(&str, &str)]| organisation.send(method.clone(), &path, body, header).await;
            for header in
                [vec![], vec![("X-API-Key", "lmk_wrong")], vec![("Authorization", "Bearer nonsense")]]
            {
                refused_plainly(&asked(&header).await, 401);
            }
            let bearer = format!("Bearer {token}");
            refused_plainly(&asked(&[("Authorization", &bearer)]).await, 403);
            // A key at its end, or with another's letters, is another key.
            let longer = format!("{key}x");
            refused_plainly(&asked(&[("X-API-Key", &longer)]).await, 401);
        }
    }
    // Nor does one whose capabilities are named like the scopes that open it, if it may have them at all.
    let patched = organisation.admin(Method::PATCH, &format!("agents/{}", agent.id), Some(&scopes)).await;
    if patched.status == 200 {
        let token = organisation.sign_in(&agent).await;
        refused_plainly(&organisation.with(&token, Method::GET, "admin/agents", None).await, 403);
    }
    organisation.admin(Method::GET, &format!("agents/{id}"), None).await.must_be(200);
}

#[tokio::test]
async fn agents_are_made_found_changed_and_taken_away() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let agent = organisation
        .agent(
            "The Kept One",
            json!({"slug": "kept-one", "description": "Is kept", "groups": ["readers"],
            "owner": "ann", "budget_policy": {"max_tokens_per_day": 5, "max_api_calls_per_hour": 7}}),
        )
        .await;
    let facts = &agent.facts;
    assert_eq!(
        (&facts["slug"], &facts["status"], &facts["owner"]),
        (&json!("kept-one"), &json!("active"), &json!("ann"))
    );
    assert_eq!(facts["groups"], json!(["readers"]));
    assert_eq!(facts["budgetPolicy"]["maxTokensPerDay"], 5);
    assert_eq!(facts["budgetPolicy"]["maxApiCallsPerHour"], 7);
    assert_eq!(facts["secrets"].as_array().map(Vec::len), Some(1), "{facts}");
    assert!(
        facts["clientId"].as_str().is_some_and(|id| id.starts_with("agt_"))
            && agent.secret.starts_with("ags_")
    );
    for name in ["kept-one", &agent.id] {
        let answer = organisation.admin(Method::GET, &format!("agents/{name}"), None).await;
        assert_eq!(answer.must_be(200)["data"]["agentId"], facts["agentId"]);
        assert!(!answer.text.contains(&agent.secret) && !answer.text.contains("$argon2"), "{answer:?}");
    }
    let listed = organisation.admin(Method::GET, "agents?limit=1&offset=0&q=kept-one", None).await;
    let listed = listed.must_be(200);
    assert_eq!(e2e::column(&listed["data"], "slug"), ["kept-one"], "{listed}");
    assert_eq!(listed["meta"]["total"], 1);
    assert_eq!(listed["pagination"], json!({"limit": 1, "offset": 0, "total": 1, "has_more": false}));
    let page = organisation.admin(Method::GET, "agents?limit=1", None).await;
    assert_eq!(page.must_be(200)["data"].as_array().map(Vec::len), Some(1));

    let path = "agents/kept-one";
    let change = json!({"description": null, "maxima": 1, "budgetPolicy": {"maxTokensPerDay": 9}});
    let answer = organisation.admin(Method::PATCH, path, Some(&json!({"description": "Is changed"}))).await;
    assert_eq!(answer.must_be(200)["data"]["description"], "Is changed");
    let answer = organisation.admin(Method::PATCH, path, Some(&change)).await;
    let data = &answer.must_be(200)["data"];
    assert_eq!(
        (&data["description"], &data["budgetPolicy"]["maxTokensPerDay"]),
        (&json!(""), &json!(9)),
        "{data}"
    );
    let whole = json!({"name": "The Whole One", "capabilities": ["read:documents"]});
    let answer = organisation.admin(Method::PUT, path, Some(&whole)).await;
    let data = &answer.must_be(200)["data"];
    assert_eq!((&data["name"], &data["capabilities"]), (&json!("The Whole One"), &json!(["read:documents"])));
    assert_eq!((&data["agentId"], &data["createdAt"]), (&facts["agentId"], &facts["createdAt"]));

    // Of two who change at once, the second is told.
    let read = organisation.admin(Method::GET, path, None).await;
    let tag = read.header("etag").to_owned();
    for status in [200, 412] {
        let (place, key, change) =
            (format!("{BASE}/admin/{path}"), organisation.key(), json!({"owner": "bob"}));
        let headers = [("X-API-Key", key.as_str()), ("If-Match", tag.as_str())];
        organisation.send(Method::PATCH, &place, Some(&change), &headers).await.must_be(status);
    }

    let answer =
        organisation.admin(Method::POST, "agents", Some(&json!({"name": "x", "slug": "kept-one"}))).await;
    refused_plainly(&answer, 409);
    for wrong in [
        json!({}),
        json!({"name": 7}),
        json!({"name": "x", "capabilities": ["no capability"]}),
        json!({"name": "x", "budget_policy": {"max_tokens_per_day": -1}}),
    ] {
        let answer = organisation.admin(Method::POST, "agents", Some(&wrong)).await;
        refused_plainly(&answer, 422);
        let fault = &answer.body["faults"][0];
        assert!(fault["field"].is_string() && fault["message"].is_string(), "{answer:?}");
    }
    for path in ["agents/nobody", "agents/agt_nobody/scopes", "agents/nobody/usage", "mcp/servers/nobody"] {
        refused_plainly(&organisation.admin(Method::GET, path, None).await, 404);
    }
    organisation.admin(Method::DELETE, path, None).await.must_be(200);
    refused_plainly(&organisation.admin(Method::GET, path, None).await, 404);
}

#[tokio::test]
async fn targets_are_made_found_changed_and_taken_away() {
    let Some(organisation) = shared().await else { return };
    play_targets(&organisation).await;
}

pub(crate) async fn play_targets(organisation: &Organisation<'_>) {
    let target = organisation.target("kept-target", "read:documents").await;
    let answer = organisation.admin(Method::GET, "mcp/servers/kept-target", None).await;
    let data = answer.must_be(200)["data"].clone();
    assert!(!answer.text.contains(&target.secret), "it is said once");
    assert_eq!((&data["id"], &data["resourceUri"]), (&json!(target.id), &json!(target.uri)));
    assert_eq!((&data["aliases"], &data["tokenLifetime"]), (&json!([target.alias]), &json!(300)));
    assert_eq!(data["requiredCapability"], "read:documents");
    let of_another = json!({"name": "other", "resource_uri": "https://mcp.example.com/other"});
    let with = |key: &str, value: Value| {
        let mut body = of_another.clone();
        body[key] = value;
        body
    };
    for taken in [
        with("slug", json!("kept-target")),
        with("resource_uri", json!(target.uri)),
        with("aliases", json!([target.alias])),
        with("aliases", json!([target.uri])),
    ] {
        refused_plainly(&organisation.admin(Method::POST, "mcp/servers", Some(&taken)).await, 409);
    }
    for wrong in [
        with("resource_uri", json!("no uri")),
        with("token_lifetime", json!(29)),
        with("token_lifetime", json!(601)),
    ] {
        refused_plainly(&organisation.admin(Method::POST, "mcp/servers", Some(&wrong)).await, 422);
    }
    let listed = organisation.admin(Method::GET, "mcp/servers?limit=200", None).await;
    assert!(e2e::column(&listed.must_be(200)["data"], "slug").contains(&"kept-target".to_owned()));
    let path = format!("mcp/servers/{}", target.id);
    let whole =
        json!({"name": "Shorter", "slug": "kept-target", "resource_uri": target.uri, "token_lifetime": 60});
    let answer = organisation.admin(Method::PUT, &path, Some(&whole)).await;
    let data = &answer.must_be(200)["data"];
    assert_eq!(
        (&data["name"], &data["tokenLifetime"], &data["aliases"]),
        (&json!("Shorter"), &json!(60), &json!([]))
    );
    let answer = organisation.admin(Method::POST, &format!("{path}/rotate-credentials"), None).await;
    let secret = answer.must_be(200)["data"]["introspectionSecret"].as_str().expect("the new one").to_owned();
    organisation.remember(&secret);
    for (secret, status) in [(&target.secret, 401), (&secret, 200)] {
        let fields = [("token", "x"), ("client_id", target.id.as_str()), ("client_secret", secret)];
        organisation.form(&format!("{BASE}/oauth/introspect"), &fields, &[]).await.must_be(status);
    }
    organisation.admin(Method::DELETE, &path, None).await.must_be(200);
    refused_plainly(&organisation.admin(Method::GET, &path, None).await, 404);
}

/// Only where nobody else needs the key.
pub(crate) async fn play_key_rotation(organisation: &Organisation<'_>) {
    let before = organisation.key();
    let answer = organisation.admin(Method::POST, "api-key/rotate", None).await;
    let after = answer.must_be(200)["data"]["apiKey"].as_str().expect("the new key").to_owned();
    assert!(after.starts_with("lmk_") && after != before);
    refused_plainly(&organisation.admin(Method::GET, "agents", None).await, 401);
    organisation.change_key(&after);
    organisation.admin(Method::GET, "agents", None).await.must_be(200);
    // Where the next start looks for it, for this user alone.
    assert_eq!(key_file(organisation.stack), after);
}

fn key_file(stack: &Stack) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let file = stack.data().join("auth-server/admin_key");
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::read_to_string(file).expect("it can be read").trim().to_owned()
}
