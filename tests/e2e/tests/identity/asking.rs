//! What an agent asks on its own behalf: may I, who am I, this is me, this is what I used.

use reqwest::Method;
use serde_json::json;

use super::organisation::{Organisation, refused, refused_plainly};
use super::shared;

#[tokio::test]
async fn an_agent_asks_what_it_may_and_says_what_it_is() {
    let Some(organisation) = shared().await else { return };
    play(&organisation).await;
}

pub(crate) async fn play(organisation: &Organisation<'_>) {
    let agent = organisation.agent("Asks", json!({})).await;
    let token = organisation.sign_in(&agent).await;
    for (action, allowed) in [("read:documents", true), ("write:documents", false)] {
        let asked = json!({"action": action, "context": {"for": "a-report"}});
        let answer = organisation.with(&token, Method::POST, "agents/ask", Some(&asked)).await;
        let said = answer.must_be(200);
        assert_eq!((&said["allowed"], &said["action"]), (&json!(allowed), &json!(action)), "{said}");
        assert_eq!(said["context"], asked["context"], "{said}");
        for key in ["reason", "decided_by", "audit_id"] {
            assert!(said[key].is_string(), "{key}: {said}");
        }
    }
    for wrong in [json!({}), json!({"action": 7}), json!([])] {
        let answer = organisation.with(&token, Method::POST, "agents/ask", Some(&wrong)).await;
        refused_plainly(&answer, 400);
    }

    let me = organisation.with(&token, Method::GET, "agents/me", None).await;
    let me = me.must_be(200);
    let identity = &me["identity"];
    assert_eq!(
        (&identity["agent_id"], &identity["status"]),
        (&agent.facts["agentId"], &json!("active")),
        "{me}"
    );
    assert_eq!((&identity["type"], &identity["tenant"]), (&json!("agent"), &json!("default")), "{me}");
    assert_eq!(me["capabilities"].as_array().map(Vec::len), Some(2), "{me}");
    assert_eq!(me["workspace"], json!({"slug": "default", "api_base": organisation.issuer()}));

    let wish = json!({"client_id": agent.id, "name": "Asks Much", "description": "Asks, and asks again",
        "capabilities": ["write:everything"]});
    let answer = organisation.with(&token, Method::POST, "agents/register", Some(&wish)).await;
    let said = answer.must_be(200);
    assert_eq!((&said["success"], &said["agent_id"]), (&json!(true), &agent.facts["agentId"]), "{said}");
    assert_eq!(
        (&said["name"], &said["workload_identity"]),
        (&json!("Asks Much"), &agent.facts["workloadIdentity"])
    );
    // What it wishes to be able to is written down, and not granted.
    let known = organisation.admin(Method::GET, &format!("agents/{}", agent.id), None).await;
    let known = &known.must_be(200)["data"];
    assert_eq!(
        (&known["name"], &known["declaredCapabilities"]),
        (&json!("Asks Much"), &json!(["write:everything"]))
    );
    let asked = json!({"action": "write:everything"});
    let answer = organisation.with(&token, Method::POST, "agents/ask", Some(&asked)).await;
    assert_eq!(answer.must_be(200)["allowed"], false);

    let other = organisation.agent("Somebody Else", json!({})).await;
    let wish = json!({"client_id": other.id, "name": "Taken Over"});
    refused_plainly(&organisation.with(&token, Method::POST, "agents/register", Some(&wish)).await, 403);
}

#[tokio::test]
async fn a_budget_is_what_was_reported_and_stops_what_costs() {
    let Some(organisation) = shared().await else { return };
    play_budget(&organisation).await;
}

pub(crate) async fn play_budget(organisation: &Organisation<'_>) {
    let target = organisation.target("budgeted", "mcp:financial").await;
    let agent = organisation.agent("Uses Up", json!({"budget_policy": {"max_tokens_per_day": 100}})).await;
    let token = organisation.sign_in(&agent).await;
    let report = async |body: serde_json::Value| {
        organisation.with(&token, Method::POST, "agents/me/usage", Some(&body)).await
    };
    let used = async |body, expected: u64, exhausted: bool| {
        let answer = report(body).await;
        let said = answer.must_be(200);
        assert_eq!(said["tokens_used_today"], expected, "{said}");
        assert_eq!(said["budget_exhausted"], exhausted, "{said}");
    };
    let name = [("audience", target.alias.as_str())];
    used(json!({"tokens": 60, "model": "m", "cost_usd": 0.02, "run_id": "run-1"}), 60, false).await;
    used(json!({"tokens": 60, "run_id": "run-1"}), 60, false).await;
    organisation.exchange(&token, &name).await.must_be(200);
    used(json!({"tokens": 0}), 60, false).await;
    used(json!({"tokens": 40, "run_id": "run-2"}), 100, true).await;
    for wrong in [json!({}), json!({"tokens": -1}), json!({"tokens": 1.5}), json!({"tokens": "1"})] {
        refused_plainly(&report(wrong).await, 400);
    }

    let exhausted = organisation.exchange(&token, &name).await;
    refused(&exhausted, 429, "budget_exceeded");
    let seconds: u64 = exhausted.header("retry-after").parse().expect("seconds to the reset");
    assert!((1..=86_400).contains(&seconds), "{seconds}");
    let asked = json!({"action": "read:documents"});
    let answer = organisation.with(&token, Method::POST, "agents/ask", Some(&asked)).await;
    refused_plainly(&answer, 429);
    assert_eq!(answer.body["code"], "budget_exceeded");
    // It can still sign in, and read how it stands.
    let again = organisation.sign_in(&agent).await;
    let known = organisation.with(&again, Method::GET, "oauth/userinfo", None).await;
    assert_eq!(known.must_be(200)["budget_policy"]["tokens_used_today"], 100);

    let usage = organisation.admin(Method::GET, &format!("agents/{}/usage", agent.id), None).await;
    let usage = &usage.must_be(200)["data"];
    assert_eq!(
        (&usage["tokensUsedToday"], &usage["budgetExhausted"]),
        (&json!(100), &json!(true)),
        "{usage}"
    );
    assert_eq!(usage["days"].as_array().map(Vec::len), Some(1), "{usage}");
    let forgiven = json!({"tokens_used_today": 10});
    let answer = organisation.admin(Method::PATCH, &format!("agents/{}", agent.id), Some(&forgiven)).await;
    assert_eq!(answer.must_be(200)["data"]["budgetPolicy"]["tokensUsedToday"], 10, "{answer:?}");
    organisation.exchange(&token, &name).await.must_be(200);
    // No limit is no word, and stops nothing.
    let unlimited = json!({"budget_policy": null});
    let answer = organisation.admin(Method::PATCH, &format!("agents/{}", agent.id), Some(&unlimited)).await;
    assert!(answer.must_be(200)["data"]["budgetPolicy"].get("maxTokensPerDay").is_none(), "{answer:?}");
    used(json!({"tokens": 1_000_000}), 1_000_010, false).await;
}

#[tokio::test]
async fn reports_that_come_together_are_all_counted() {
    let Some(organisation) = shared().await else { return };
    let agent = organisation.agent("Reports Much", json!({})).await;
    let token = organisation.sign_in(&agent).await;
    let one = json!({"tokens": 3});
    let organisation = &organisation;
    let report = async || {
        for _ in 0..25 {
            organisation.with(&token, Method::POST, "agents/me/usage", Some(&one)).await.must_be(200);
        }
    };
    tokio::join!(report(), report(), report(), report(), report(), report(), report(), report());
    let known = organisation.with(&token, Method::GET, "oauth/userinfo", None).await;
    assert_eq!(known.must_be(200)["budget_policy"]["tokens_used_today"], 3 * 25 * 8);
}
