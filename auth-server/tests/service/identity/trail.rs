//! The audit trail: one record for each exchange, question, revocation and change, and no secret in any.

use serde_json::{Value, json};

use super::org::{FINANCE, FINANCE_URN, Org, Sent, basic, bearer, claims};

#[tokio::test]
async fn each_exchange_is_told_with_agent_and_target() {
    let (org, agent) = Org::furnished().await;
    org.target(
        json!({"name": "Closed", "resource_uri": "https://closed", "required_capability": "not:held"}),
    )
    .await;
    let base = org.token(&agent, None).await;
    let exchanged = org.exchanged(&base, FINANCE).await;
    let long = "é".repeat(3000);
    let (known, nobody) = (json!("agent:research-analyst"), Value::Null);
    let mut expected = vec![(known.clone(), FINANCE.to_owned(), "allowed")];
    for (token, more, who, named, verdict) in [
        (&base, vec![("audience", FINANCE_URN)], &known, FINANCE_URN, "allowed"),
        (&base, vec![("audience", "https://closed")], &known, "https://closed", "refused"),
        (&base, vec![("audience", FINANCE), ("scope", "x:y")], &known, FINANCE, "refused"),
        (
            &base,
            vec![("audience", FINANCE), ("resource", "https://closed")],
            &known,
            "https://closed",
            "refused",
        ),
        (&exchanged, vec![("audience", FINANCE)], &nobody, FINANCE, "refused"),
        (&"garbage".to_owned(), vec![("audience", FINANCE)], &nobody, FINANCE, "refused"),
        (&base, vec![("audience", &long)], &known, "", "refused"),
        // A token where a name belongs is a slip that the trail must not keep.
        (&base, vec![("audience", &base)], &known, "", "refused"),
        (&base, vec![("resource", &agent.secret)], &known, "", "refused"),
    ] {
        org.exchanges(token, &more).await;
        expected.push((who.clone(), named.to_owned(), verdict));
    }
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": 0}})).await;
    org.exchanges(&base, &[("audience", FINANCE)]).await;
    expected.push((known.clone(), FINANCE.to_owned(), "refused"));
    let records = org.records("exchange", expected.len()).await;
    for (record, (who, named, verdict)) in records.iter().zip(&expected) {
        assert_eq!((&record["who"], record["verdict"].as_str()), (who, Some(*verdict)), "{record}");
        assert_eq!(record["client_id"].is_string(), who.is_string(), "{record}");
        let resource = record["resource"].as_str().unwrap();
        assert!(resource.contains(named.as_str()) && resource.len() < 2100, "{record}");
        assert_eq!(record["rule"].is_string(), *verdict == "refused", "{record}");
        assert!(record["time"].is_u64() && record["server"] == "auth-server", "{record}");
    }
    let text = std::fs::read_to_string(&org.trail).unwrap();
    for secret in [&base, &exchanged, &agent.secret, &org.key] {
        assert!(!text.contains(secret.as_str()));
    }
    assert!(!text.contains("eyJ"), "not even a part of a token");
    assert!(!text.contains(agent.secret.rsplit('_').next().unwrap()));
}

#[tokio::test]
async fn a_refused_sign_in_is_told_and_a_good_one_is_not() {
    let (org, agent) = Org::furnished().await;
    org.token(&agent, None).await;
    org.signs_in(&agent.id, "ags_00000000_hunter2", None).await;
    org.call("POST /oauth/token", &basic("hunter3", "hunter2"), Sent::Form(&[])).await;
    org.records("token", 2).await;
    assert!(!std::fs::read_to_string(&org.trail).unwrap().contains("hunter2"));
}

#[tokio::test]
async fn each_change_is_told_with_its_author() {
    let (org, _) = Org::furnished().await;
    let keeper = org.stack.token(json!({"groups": ["directory-keepers"]}));
    let reader = org.stack.token(json!({"groups": ["directory-readers"]}));
    let worker = org.agent("Worker", json!({"capabilities": ["a:b"]})).await;
    let worker_token = org.token(&worker, None).await;
    let target = org.target(json!({"name": "New", "resource_uri": "https://new"})).await;
    let target_id = target["id"].as_str().unwrap();
    let made = org.records("create_agent_identity", 2).await;
    assert!(made[1].to_string().contains(&worker.id), "which was made: {}", made[1]);
    let made = org.records("create_mcp_target", 3).await;
    assert!(made[2].to_string().contains(target_id), "which was made: {}", made[2]);

    let (as_keeper, as_agent) = (bearer(&keeper), bearer(&worker_token));
    for (line, action, body) in [
        ("PATCH /admin/agents/worker", "change_agent_identity", json!({"name": "W"})),
        ("PUT /admin/agents/worker/scopes", "set_capabilities", json!({"scopes": ["a:b"]})),
        ("POST /admin/agents/worker/deactivate", "suspend_agent", json!({})),
        ("POST /admin/agents/worker/activate", "activate_agent", json!({})),
        ("POST /admin/agents/worker/rotate-credentials", "rotate_agent_secret", json!({})),
        (
            "PUT /admin/mcp/servers/new",
            "change_mcp_target",
            json!({"name": "New", "resource_uri": "https://n"}),
        ),
        ("POST /admin/mcp/servers/new/rotate-credentials", "rotate_mcp_target_secret", json!({})),
        ("DELETE /admin/mcp/servers/new", "remove_mcp_target", json!({})),
        ("DELETE /admin/agents/worker", "remove_agent_identity", json!({})),
    ] {
        org.call(line, &as_agent, Sent::Json(body.clone())).await;
        org.call(line, "x-api-key: lmk_hunter2\r\n", Sent::Json(body.clone())).await;
        assert_eq!(org.call(line, &as_keeper, Sent::Json(body.clone())).await.status, 200, "{line}");
        let records = org.records(action, 3).await;
        let told: Vec<(&str, &str)> = records
            .iter()
            .map(|record| (record["who"].as_str().unwrap_or("-"), record["verdict"].as_str().unwrap()))
            .collect();
        let author = "service-account-mcp-gateway-m2m";
        assert_eq!((told[1], told[2]), (("-", "refused"), (author, "allowed")), "{line}");
        assert_eq!(told[0].1, "refused", "an agent's own token: {line}");
        for record in &records {
            let named = record["resource"].as_str().unwrap();
            assert!(named.contains("worker") || named.contains("new"), "{record}");
        }
    }
    // Who only reads is told of when it is refused.
    org.call("GET /admin/agents", &bearer(&reader), Sent::Nothing).await;
    org.call("GET /admin/agents", "", Sent::Nothing).await;
    assert_eq!(org.records("list_agent_identities", 1).await[0]["verdict"], "refused");
    let name = "n".repeat(20_000);
    org.admin(&format!("DELETE /admin/agents/{name}"), Value::Null).await;
    let long = org.records("remove_agent_identity", 4).await.pop().unwrap();
    assert!(long["resource"].as_str().unwrap().len() <= 512, "a trail is no place to store things");
    let rotated = org.admin("POST /admin/api-key/rotate", Value::Null).await.json();
    org.records("rotate_admin_key", 1).await;
    let text = std::fs::read_to_string(&org.trail).unwrap();
    for secret in [&org.key, rotated["data"]["apiKey"].as_str().unwrap(), &keeper, "hunter2", "argon2"] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn a_question_is_told_whatever_comes_of_it() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    for (body, status) in [
        (json!({"action": "mcp:financial"}), 200),
        (json!({"action": "not:held"}), 200),
        (json!({"action": base[..200]}), 200),
        (json!({"action": 5}), 400),
    ] {
        assert_eq!(org.asks(&base, "POST /agents/ask", body).await.status, status);
    }
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": 0}})).await;
    org.asks(&base, "POST /agents/ask", json!({"action": "mcp:financial"})).await;
    let records = org.records("ask", 5).await;
    let verdicts: Vec<&str> = records.iter().map(|record| record["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["allowed", "denied", "denied", "refused", "refused"]);
    for record in &records {
        assert_eq!(record["who"], "agent:research-analyst");
    }
    assert!(!std::fs::read_to_string(&org.trail).unwrap().contains("eyJ"));
    assert_eq!(claims(&base)["agent_id"], agent.id);
}

#[tokio::test]
async fn a_secret_in_an_address_is_not_kept() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    for secret in [&agent.secret, &base, &org.key] {
        for line in ["PATCH /admin/agents/", "DELETE /admin/agents/", "DELETE /admin/mcp/servers/"] {
            assert_eq!(org.admin(&format!("{line}{secret}"), json!({"name": "a"})).await.status, 404);
        }
        assert_eq!(org.admin(&format!("GET /admin/agents?{secret}=1"), Value::Null).await.status, 422);
    }
    // What could be a name is told: somebody must be able to see what was tried.
    org.admin("DELETE /admin/mcp/servers/no-such-server", Value::Null).await;
    let removed = org.records("remove_mcp_target", 4).await;
    assert_eq!(removed[3]["resource"], "no-such-server");
    let text = std::fs::read_to_string(&org.trail).unwrap();
    for secret in [&agent.secret, &base, &org.key] {
        assert!(!text.contains(secret.get(..60).unwrap_or(secret)), "{text}");
    }
}
