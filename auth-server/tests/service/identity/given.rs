//! Nobody gives more than he has: what a keeper by scope can give, and the limits of what can be asked for.

use serde_json::{Value, json};

use super::org::{FINANCE, ISSUER, Org, Sent, api_error, bearer, oauth_error};
use crate::stack::SECRET;

#[tokio::test]
async fn a_keeper_by_scope_gives_no_more_of_the_registry_than_he_has() {
    let org = Org::open().await;
    let mighty = org.agent("Mighty", json!({"groups": ["mcp-registry-admin"]})).await;
    org.agent("Plain", json!({})).await;
    let keeper = org.stack.token(json!({"groups": ["directory-keepers", "a2a-agent-admin"]}));
    for (line, body, status) in [
        ("POST /admin/agents", json!({"name": "A", "groups": ["a2a-agent-admin"]}), 201),
        ("POST /admin/agents", json!({"name": "B", "groups": ["mcp-registry-admin"]}), 403),
        (
            "POST /admin/agents",
            json!({"name": "C", "groups": ["a2a-agent-admin", "mcp-registry-admin"]}),
            403,
        ),
        // Mapped by nobody today, it may be tomorrow.
        ("POST /admin/agents", json!({"name": "D", "groups": ["nobody-maps-this"]}), 403),
        ("PATCH /admin/agents/plain", json!({"groups": ["mcp-registry-admin"]}), 403),
        ("PUT /admin/agents/plain", json!({"name": "P", "groups": ["mcp-registry-admin"]}), 403),
        ("PATCH /admin/agents/plain", json!({"groups": ["a2a-agent-admin"]}), 200),
        ("PATCH /admin/agents/plain", json!({"groups": []}), 200),
        // Its secret would be his.
        ("POST /admin/agents/mighty/rotate-credentials", json!({}), 403),
        ("POST /admin/agents/plain/rotate-credentials", json!({}), 200),
        ("POST /admin/agents/mighty/deactivate", json!({}), 200),
    ] {
        let answer = org.call(line, &bearer(&keeper), Sent::Json(body.clone())).await;
        if status == 403 {
            api_error(&answer, 403, "forbidden");
        } else {
            assert_eq!(answer.status, status, "{line} {body} {answer:?}");
        }
    }
    let names = org.admin("GET /admin/agents", Value::Null).await.json();
    assert_eq!(names["meta"]["total"], 3, "{names}");
    assert_eq!(org.admin("GET /admin/agents/plain", Value::Null).await.json()["data"]["groups"], json!([]));
    org.change(&mighty, json!({"status": "active", "groups": ["nobody-maps-this", "mcp-registry-admin"]}))
        .await;
    assert_eq!(org.signs_in(&mighty.id, &mighty.secret, None).await.status, 200, "the key may give all");
}

#[tokio::test]
async fn a_sign_in_is_for_us_and_an_exchange_for_few_names() {
    let (org, agent) = Org::furnished().await;
    let sign_in =
        [("grant_type", "client_credentials"), ("client_id", &agent.id), ("client_secret", &agent.secret)];
    for (name, good) in [(ISSUER, true), (FINANCE, false), ("urn:mcp:financial-data", false), ("x", false)] {
        for parameter in ["audience", "resource"] {
            let form = [sign_in.as_slice(), &[(parameter, name)]].concat();
            let answer = org.form("/oauth/token", &form).await;
            if good {
                assert_eq!(answer.status, 200, "{answer:?}");
            } else {
                oauth_error(&answer, 400, "invalid_target");
            }
        }
    }
    let wrong = [("grant_type", "client_credentials"), ("client_id", "lob1-bot"), ("client_secret", SECRET)];
    let form = [wrong.as_slice(), &[("resource", FINANCE)]].concat();
    oauth_error(&org.form("/oauth/token", &form).await, 400, "invalid_target");
    let base = org.token(&agent, None).await;
    let aliases: Vec<String> = (0..9).map(|number| format!("urn:many:{number}")).collect();
    org.target(json!({"name": "Many", "resource_uri": "https://many", "aliases": aliases})).await;
    let names: Vec<(&str, &str)> = aliases.iter().map(|alias| ("audience", alias.as_str())).collect();
    assert_eq!(org.exchanges(&base, &names[..8]).await.status, 200);
    assert_eq!(org.exchanges(&base, &[("audience", FINANCE); 30]).await.status, 200, "one name, said often");
    oauth_error(&org.exchanges(&base, &names).await, 400, "invalid_request");
    for body in [
        json!({"name": "A", "resource_uri": ISSUER}),
        json!({"name": "A", "resource_uri": "https://a", "aliases": [ISSUER]}),
    ] {
        let answer = org.admin("POST /admin/mcp/servers", body).await;
        assert_eq!(
            api_error(&answer, 422, "validation_failed").len(),
            1,
            "no token for us is to be had by it"
        );
    }
}

#[tokio::test]
async fn a_blank_run_is_no_run_and_heads_have_no_body() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    for run in ["", " ", "\t"] {
        let answer = org.asks(&base, "POST /agents/me/usage", json!({"tokens": 1, "run_id": run})).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    for line in ["/agents/me", "/oauth/userinfo"] {
        let get = org.asks(&base, &format!("GET {line}"), Value::Null).await;
        let head = org.asks(&base, &format!("HEAD {line}"), Value::Null).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(head.header("content-length"), get.header("content-length"));
    }
    let refused = org.call("HEAD /admin/agents", "", Sent::Nothing).await;
    assert_eq!((refused.status, refused.body.as_str()), (401, ""));
}
