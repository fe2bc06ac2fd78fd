//! Of two who change the same at once, nothing is lost.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::org::{Org, Sent, api_error, bearer, call};

async fn tag(org: &Org, line: &str) -> String {
    let answer = org.admin(line, Value::Null).await;
    let tag = answer.header("etag").to_owned();
    assert!(
        answer.status == 200 && tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
        "{answer:?}"
    );
    tag
}

#[tokio::test]
async fn a_change_made_from_another_state_is_refused() {
    let (org, _) = Org::furnished().await;
    let target = json!({"name": "Documents", "resource_uri": "https://documents"});
    for (show, line, body) in [
        ("GET /admin/agents/research-analyst", "PATCH /admin/agents/research-analyst", json!({"name": "B"})),
        ("GET /admin/agents/research-analyst", "PUT /admin/agents/research-analyst", json!({"name": "C"})),
        (
            "GET /admin/agents/research-analyst/scopes",
            "PUT /admin/agents/research-analyst/scopes",
            json!({"scopes": ["a:b"]}),
        ),
        ("GET /admin/mcp/servers/documents", "PUT /admin/mcp/servers/documents", target),
        ("GET /admin/agents/research-analyst", "DELETE /admin/agents/research-analyst", Value::Null),
        ("GET /admin/mcp/servers/documents", "DELETE /admin/mcp/servers/documents", Value::Null),
    ] {
        let now = tag(&org, show).await;
        let before = org.admin(show, Value::Null).await.json();
        let send = async |matching: &str| {
            let headers = format!("x-api-key: {}\r\nif-match: {matching}\r\n", org.key);
            let sent = if body.is_null() { Sent::Nothing } else { Sent::Json(body.clone()) };
            org.call(line, &headers, sent).await
        };
        for other in ["\"0\"", &format!("W/{now}"), now.trim_matches('"'), "\"\"", "x", "\"99999999\", \"0\""]
        {
            api_error(&send(other).await, 412, "precondition_failed");
        }
        let twice = format!("{now}\r\nif-match: {now}");
        assert!(matches!(send(&twice).await.status, 200 | 412), "one list or none, never a fault of ours");
        if org.admin(show, Value::Null).await.json() == before {
            assert_eq!(send(&format!("\"0\", {now}")).await.status, 200, "{line}");
        }
    }
    let headers = format!("x-api-key: {}\r\nif-match: \"0\"\r\n", org.key);
    let gone =
        org.call("PATCH /admin/agents/research-analyst", &headers, Sent::Json(json!({"name": "D"}))).await;
    api_error(&gone, 404, "not_found");
}

#[tokio::test]
async fn many_changes_at_once_are_all_there() {
    let (org, agent) = Org::furnished().await;
    let mut changes = JoinSet::new();
    for number in 0..12 {
        let (to, id) = (org.stack.main, agent.id.clone());
        let key = format!("x-api-key: {}\r\n", org.key);
        let body = match number % 3 {
            0 => json!({"owner": format!("owner {number}")}),
            1 => json!({"description": format!("description {number}")}),
            _ => json!({"budget_policy": {"max_tokens_per_day": number}}),
        };
        changes.spawn(async move {
            loop {
                let answer =
                    call(to, &format!("PATCH /admin/agents/{id}"), &key, Sent::Json(body.clone())).await;
                match answer.status {
                    200 => return,
                    // It gave up after some tries: it says so, and did nothing.
                    status => assert_eq!((status, answer.header("retry-after")), (503, "1"), "{answer:?}"),
                }
            }
        });
    }
    while let Some(change) = changes.join_next().await {
        change.unwrap();
    }
    let data = org.admin(&format!("GET /admin/agents/{}", agent.id), Value::Null).await.json()["data"].take();
    assert!(data["owner"].as_str().unwrap().starts_with("owner "), "{data}");
    assert!(data["description"].as_str().unwrap().starts_with("description "), "{data}");
    assert_eq!(data["budgetPolicy"]["maxTokensPerDay"].as_u64().unwrap() % 3, 2, "{data}");
    assert_eq!(data["capabilities"], json!(["read:documents", "mcp:financial"]));
}

/// One slug, one name of a target: of many who want it at once one gets it.
#[tokio::test]
async fn of_many_who_want_one_name_one_gets_it() {
    let org = Org::open().await;
    for (line, body) in [
        ("POST /admin/agents", json!({"name": "A", "slug": "one"})),
        ("POST /admin/mcp/servers", json!({"name": "A", "slug": "one", "resource_uri": "https://one"})),
    ] {
        let mut wanted = JoinSet::new();
        for _ in 0..8 {
            let (to, body) = (org.stack.main, body.clone());
            let key = format!("x-api-key: {}\r\n", org.key);
            wanted.spawn(async move { call(to, line, &key, Sent::Json(body)).await.status });
        }
        let mut statuses = wanted.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409], "{line}");
    }
}

/// A directory that cannot be written is no refusal, and what can be answered without it still is.
#[tokio::test]
async fn what_cannot_be_kept_is_not_promised() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    org.stack.app.close().await;
    let key = format!("x-api-key: {}\r\n", org.key);
    let own = bearer(&base);
    let target = json!({"name": "T", "resource_uri": "https://t"});
    for (line, headers, body) in [
        ("POST /agents/me/usage", &own, json!({"tokens": 5})),
        ("POST /agents/register", &own, json!({"client_id": agent.id, "name": "N"})),
        ("POST /admin/agents", &key, json!({"name": "A"})),
        ("PATCH /admin/agents/research-analyst", &key, json!({"name": "B"})),
        ("PATCH /admin/agents/research-analyst", &key, json!({"tokens_used_today": 5})),
        ("POST /admin/agents/research-analyst/deactivate", &key, json!({})),
        ("POST /admin/agents/research-analyst/rotate-credentials", &key, json!({})),
        ("DELETE /admin/agents/research-analyst", &key, json!({})),
        ("POST /admin/mcp/servers", &key, target),
        ("DELETE /admin/mcp/servers/documents", &key, json!({})),
        ("POST /admin/api-key/rotate", &key, json!({})),
        ("POST /oauth/revoke", &String::new(), json!({ "token": base })),
    ] {
        let answer = org.call(line, headers, Sent::Json(body)).await;
        assert_eq!(
            (answer.status, answer.json()["error"].take()),
            (503, json!("temporarily_unavailable")),
            "{line}"
        );
        assert_eq!(
            (answer.header("retry-after"), answer.header("cache-control")),
            ("1", "no-store"),
            "{line}"
        );
        assert!(!answer.body.contains("ags_") && !answer.body.contains("lmk_"), "{line}");
    }
    // Nothing of it was done: neither here, nor, as the next one finds, on the disk.
    let kept = std::fs::read_to_string(org.stack.folder.path().join("state/admin_key")).unwrap();
    assert_eq!(kept.trim_end(), org.key, "the key in the file is the one that opens");
    let again = org.restarted().await;
    assert_eq!(again.stack.validate(&base, "/api/agents").await.status, 200);
    let data = again.admin("GET /admin/agents", Value::Null).await.json();
    assert_eq!((&data["meta"]["total"], &data["data"][0]["name"]), (&json!(1), &json!("Research Analyst")));
    assert_eq!(data["data"][0]["budgetPolicy"]["tokensUsedToday"], 0);
    assert_eq!(again.signs_in(&agent.id, &agent.secret, None).await.status, 200);
}
