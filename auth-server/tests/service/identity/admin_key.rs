//! Who opens the admin API: the organisation's key, and whoever holds the scope; never an agent.

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use super::org::{Org, Sent, api_error, bearer, oauth_error, token_of};
use crate::stack::SECRET;

/// Every call of the admin API: whether it writes, and a body that it takes.
const CALLS: [(&str, bool); 19] = [
    ("GET /admin/agents", false),
    ("GET /admin/agents/worker", false),
    ("GET /admin/agents/worker/scopes", false),
    ("GET /admin/agents/worker/usage", false),
    ("GET /admin/mcp/servers", false),
    ("GET /admin/mcp/servers/documents", false),
    ("POST /admin/agents", true),
    ("PUT /admin/agents/worker", true),
    ("PATCH /admin/agents/worker", true),
    ("PUT /admin/agents/worker/scopes", true),
    ("POST /admin/agents/worker/deactivate", true),
    ("POST /admin/agents/worker/activate", true),
    ("POST /admin/agents/worker/rotate-credentials", true),
    ("POST /admin/mcp/servers", true),
    ("PUT /admin/mcp/servers/documents", true),
    ("POST /admin/mcp/servers/documents/rotate-credentials", true),
    ("DELETE /admin/mcp/servers/documents", true),
    ("DELETE /admin/agents/worker", true),
    ("POST /admin/api-key/rotate", true),
];

fn body() -> Sent<'static> {
    Sent::Json(json!({"name": "New", "resource_uri": "https://new", "scopes": []}))
}

async fn worked() -> (Org, String) {
    let org = Org::open().await;
    // Its groups give it the scopes that open the API to people and services.
    let held = json!({"capabilities": ["read:documents"], "groups": ["directory-keepers"]});
    let agent = org.agent("Worker", held).await;
    org.targets().await;
    let token = org.token(&agent, None).await;
    (org, token)
}

#[tokio::test]
async fn whoever_has_neither_key_nor_scope_opens_nothing() {
    let (org, agents) = worked().await;
    let exchanged = org.exchanged(&agents, "urn:mcp:documents").await;
    let narrow = {
        let answer = org.admin("GET /admin/agents/worker", Value::Null).await;
        answer.json()["data"]["agentId"].as_str().unwrap().to_owned()
    };
    let reader = org.stack.token(json!({"groups": ["directory-readers"]}));
    let keeper = org.stack.token(json!({"groups": ["directory-keepers"]}));
    let nobody = org.stack.token(json!({"scope": "admin:agents:read admin:agents:write"}));
    let client = token_of(&org.signs_in("mcp-gateway-m2m", SECRET, None).await);
    let ended = org.stack.token(json!({"groups": ["directory-keepers"], "exp": 1}));
    let wrong = "x-api-key: lmk_wrong\r\n";
    let key = format!("x-api-key: {}\r\n", org.key);
    for (what, headers, status, code) in [
        ("nothing", String::new(), 401, "unauthorized"),
        ("a wrong key", wrong.to_owned(), 401, "invalid_key"),
        ("an empty key", "x-api-key: \r\n".to_owned(), 401, "invalid_key"),
        ("the key with more", format!("x-api-key: {}x\r\n", org.key), 401, "invalid_key"),
        ("the key in capitals", format!("x-api-key: {}\r\n", org.key.to_uppercase()), 401, "invalid_key"),
        ("two keys", [key.as_str(), wrong].concat(), 401, "invalid_key"),
        ("an agent's id as a key", format!("x-api-key: {narrow}\r\n"), 401, "invalid_key"),
        ("a wrong key beside a good token", wrong.to_owned() + &bearer(&keeper), 401, "invalid_key"),
        ("the key as a bearer", bearer(&org.key), 401, "invalid_token"),
        ("the key as a password", super::org::basic("x", &org.key), 401, "invalid_token"),
        ("an ended token", bearer(&ended), 401, "invalid_token"),
        ("two tokens", [bearer(&keeper), bearer(&keeper)].concat(), 401, "invalid_token"),
        ("an exchanged token", bearer(&exchanged), 401, "invalid_token"),
        ("an agent's own token", bearer(&agents), 403, "forbidden"),
        ("a token without the groups", bearer(&nobody), 403, "forbidden"),
        ("a client's", bearer(&client), 403, "forbidden"),
        ("a reader's", bearer(&reader), 403, "forbidden"),
    ] {
        for (line, writes) in CALLS {
            let answer = org.call(line, &headers, body()).await;
            if what == "a reader's" && !writes {
                assert_eq!(answer.status, 200, "{line}");
                continue;
            }
            let told = answer.json()["error"].as_str().unwrap().to_owned();
            let code = if code == "invalid_token" { told.as_str() } else { code };
            assert!(api_error(&answer, status, code).is_empty(), "{what} {line}");
            let challenge = answer.header("www-authenticate");
            assert!(status == 403 || challenge.starts_with("Bearer realm="), "{what} {line}: {challenge}");
            assert!(!answer.body.contains(&org.key) && !challenge.contains(&org.key), "{what}");
        }
    }
    let list = org.admin("GET /admin/agents", Value::Null).await.json();
    assert_eq!((&list["meta"]["total"], &list["data"][0]["name"]), (&json!(1), &json!("Worker")));
    assert_eq!(org.admin("GET /admin/mcp/servers", Value::Null).await.json()["meta"]["total"], 2);
    assert_eq!(org.asks(&agents, "GET /agents/me", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_keepers_token_does_all_but_replace_the_key() {
    let (org, _) = worked().await;
    let keeper = org.stack.token(json!({"groups": ["directory-keepers"]}));
    for (line, _) in CALLS {
        let answer = org.call(line, &bearer(&keeper), body()).await;
        if line.contains("api-key") {
            api_error(&answer, 403, "forbidden");
        } else {
            assert!(matches!(answer.status, 200 | 201), "{line} {answer:?}");
        }
        if line == "POST /admin/agents" {
            let by = answer.json()["data"]["createdBy"].take();
            assert_eq!(by, "service-account-mcp-gateway-m2m", "its author is the token's");
            let gone = format!("DELETE /admin/agents/{}", answer.json()["data"]["agentId"].as_str().unwrap());
            assert_eq!(org.call(&gone, &bearer(&keeper), Sent::Nothing).await.status, 200);
        }
        if line == "POST /admin/mcp/servers" {
            assert_eq!(
                org.call("DELETE /admin/mcp/servers/new", &bearer(&keeper), Sent::Nothing).await.status,
                200
            );
        }
    }
    // Right beside the key, a bad token does no harm.
    let both = format!("x-api-key: {}\r\n", org.key) + &bearer("garbage");
    assert_eq!(org.call("GET /admin/agents", &both, Sent::Nothing).await.status, 200);
}

#[tokio::test]
async fn other_methods_and_places() {
    let (org, _) = worked().await;
    for (path, allow) in [
        ("/admin/agents", "GET, HEAD, POST"),
        ("/admin/agents/worker", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/admin/agents/worker/scopes", "GET, HEAD, PUT"),
        ("/admin/agents/worker/usage", "GET, HEAD"),
        ("/admin/agents/worker/activate", "POST"),
        ("/admin/agents/worker/deactivate", "POST"),
        ("/admin/agents/worker/rotate-credentials", "POST"),
        ("/admin/mcp/servers", "GET, HEAD, POST"),
        ("/admin/mcp/servers/documents", "GET, HEAD, PUT, DELETE"),
        ("/admin/mcp/servers/documents/rotate-credentials", "POST"),
        ("/admin/api-key/rotate", "POST"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if allow.split(", ").any(|fits| fits == method) {
                continue;
            }
            for base in ["", "///t/default//api/v1"] {
                let answer = org.admin(&format!("{method} {base}{path}"), Value::Null).await;
                api_error(&answer, 405, "invalid_request");
                assert_eq!(answer.header("allow"), allow, "{method} {path}");
            }
        }
        let elsewhere = org.admin(&format!("GET ///orgs/other/api/v1{path}"), Value::Null).await;
        api_error(&elsewhere, 404, "not_found");
    }
    for path in
        ["/admin", "/admin/agents/a/b/c", "/admin/agents/worker/other", "/admin/mcp", "/admin/api-key"]
    {
        let answer = org.admin(&format!("GET {path}"), Value::Null).await;
        assert_eq!((answer.status, answer.json()["error"].take()), (404, json!("not_found")), "{path}");
    }
    for name in ["nobody", "..", "%2e%2e", "%00", "agt_0", "a%2Fb", "WORKER"] {
        for room in ["agents", "mcp/servers"] {
            api_error(&org.admin(&format!("GET /admin/{room}/{name}"), Value::Null).await, 404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_replaced_key_is_void_at_once() {
    let (org, _) = worked().await;
    let file = org.stack.folder.path().join("state/admin_key");
    let kept = || {
        let mode = std::fs::metadata(&file).unwrap().mode() & 0o7777;
        (std::fs::read_to_string(&file).unwrap(), mode)
    };
    assert_eq!(kept(), (format!("{}\n", org.key), 0o600));
    assert!(org.key.starts_with("lmk_") && org.key.len() > 40, "256 bits");
    let mut key = org.key.clone();
    for base in ["", "///t/default/api/v1/"] {
        let headers = format!("x-api-key: {key}\r\n");
        let answer = org.call(&format!("POST {base}/admin/api-key/rotate"), &headers, Sent::Nothing).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        assert!(answer.json()["message"].is_string());
        let new = answer.json()["data"]["apiKey"].as_str().unwrap().to_owned();
        assert_ne!(new, key);
        assert_eq!(kept(), (format!("{new}\n"), 0o600));
        api_error(&org.call("GET /admin/agents", &headers, Sent::Nothing).await, 401, "invalid_key");
        api_error(&org.call("POST /admin/api-key/rotate", &headers, Sent::Nothing).await, 401, "invalid_key");
        let form = Sent::Form(&[("token", "x")]);
        oauth_error(&org.call("POST /oauth/introspect", &headers, form).await, 401, "invalid_client");
        let headers = format!("x-api-key: {new}\r\n");
        assert_eq!(org.call("GET /admin/agents", &headers, Sent::Nothing).await.status, 200);
        key = new;
    }
    let first = org.key.clone();
    let again = org.restarted().await;
    assert_eq!(again.key, key, "and it stays so");
    let old = format!("x-api-key: {first}\r\n");
    api_error(&again.call("GET /admin/agents", &old, Sent::Nothing).await, 401, "invalid_key");
    assert_eq!(again.admin("GET /admin/agents", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let (org, token) = worked().await;
    let everything = json!({
        "description": "d", "type": "t", "capabilities": ["a:b", "read:documents"], "groups": ["g"], "owner": "o",
        "jwks_uri": "https://j", "budget_policy": {"max_tokens_per_day": 90, "max_api_calls_per_hour": 8},
    });
    let full = org.agent("Full", everything).await;
    let full_token = org.token(&full, None).await;
    org.asks(&full_token, "POST /agents/me/usage", json!({"tokens": 7, "run_id": "r", "cost_usd": 0.5}))
        .await;
    let body = json!({"client_id": full.id, "name": "Full", "capabilities": ["x:y"]});
    org.asks(&full_token, "POST /agents/register", body).await;
    let rotated = org.admin("POST /admin/agents/full/rotate-credentials", Value::Null).await.json();
    let gone = org.agent("Gone", json!({})).await;
    org.admin("DELETE /admin/agents/gone", Value::Null).await;
    let news = org.target(json!({"name": "News", "resource_uri": "https://news"})).await;
    let secret = news["introspectionSecret"].as_str().unwrap();
    let exchanged = org.exchanged(&token, "urn:mcp:documents").await;
    let reads = CALLS.iter().filter(|(_, writes)| !writes).map(|(line, _)| *line);
    let reads: Vec<&str> = reads.chain(["GET /admin/agents/full", "GET /admin/agents/full/usage"]).collect();
    let picture = async |org: &Org| {
        let mut answers = Vec::new();
        for line in &reads {
            let answer = org.admin(line, Value::Null).await;
            assert_eq!(answer.status, 200, "{line}");
            answers.push(answer.json());
        }
        answers
    };
    let before = picture(&org).await;
    let org = org.restarted().await;
    assert_eq!(picture(&org).await, before);
    for (id, shown, status) in [
        (&full.id, full.secret.as_str(), 200),
        (&full.id, rotated["data"]["clientSecret"].as_str().unwrap(), 200),
        (&gone.id, &gone.secret, 401),
    ] {
        assert_eq!(org.signs_in(id, shown, None).await.status, status);
    }
    assert_eq!(org.asks(&full_token, "GET /agents/me", Value::Null).await.status, 200, "tokens outlive it");
    let again = json!({"tokens": 7, "run_id": "r"});
    let again = org.asks(&full_token, "POST /agents/me/usage", again).await.json();
    assert_eq!(again["tokens_used_today"], 7, "the same run, told again after a restart");
    let told =
        org.call("POST /oauth/introspect", &bearer(secret), Sent::Form(&[("token", &exchanged)])).await;
    assert_eq!((told.status, told.json()), (200, json!({"active": false})));
    // And once more, from what the first one wrote at its end.
    let before = picture(&org).await;
    let org = org.restarted().await;
    assert_eq!(picture(&org).await, before);
}

#[tokio::test]
async fn what_a_crash_left_of_a_key_is_settled_at_the_next_start() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let provider = crate::fixture::Provider::start().await;
    let first = crate::stack::Stack::over(std::sync::Arc::clone(&folder), provider.clone(), &[]).await;
    let state = folder.path().join("state");
    let key = std::fs::read(state.join("admin_key")).unwrap();
    first.app.close().await;
    drop(first);
    // As if it had been killed between the store's yes and the name, and another time before the yes.
    std::fs::rename(state.join("admin_key"), state.join("admin_key.0123")).unwrap();
    boot::files::write_new(&state.join("admin_key.4567"), b"lmk_of-a-key-that-never-counted\n").unwrap();
    let second = crate::stack::Stack::over(std::sync::Arc::clone(&folder), provider, &[]).await;
    assert_eq!(std::fs::read(state.join("admin_key")).unwrap(), key);
    let drafts = std::fs::read_dir(&state)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("admin_key."));
    assert_eq!(drafts.count(), 0);
    second.app.close().await;
}
