//! What an agent may use: by the day and by the hour, both of UTC.

use serde_json::{Value, json};

use super::org::{Agent, DOCUMENTS, FINANCE, Org, TO_MIDNIGHT, claims, oauth_error};

async fn budgeted(name: &str, policy: Value) -> (Org, Agent, String) {
    let org = Org::open().await;
    let agent = org.agent(name, json!({"capabilities": ["mcp:financial"], "budget_policy": policy})).await;
    org.targets().await;
    let base = org.token(&agent, None).await;
    (org, agent, base)
}

#[tokio::test]
async fn a_used_up_day_ends_at_midnight_utc() {
    let (org, agent, base) = budgeted("Spender", json!({"max_tokens_per_day": 100})).await;
    let exchanges = async |token: &str| org.exchanges(token, &[("audience", FINANCE)]).await;
    let uses = async |tokens: u64| org.asks(&base, "POST /agents/me/usage", json!({"tokens": tokens})).await;
    assert_eq!(uses(99).await.json()["budget_exhausted"], false);
    assert_eq!(exchanges(&base).await.status, 200, "99 of 100");
    assert_eq!(uses(1).await.json(), json!({"tokens_used_today": 100, "budget_exhausted": true}));
    let refused = exchanges(&base).await;
    oauth_error(&refused, 429, "budget_exceeded");
    assert_eq!(refused.header("retry-after"), TO_MIDNIGHT.to_string());
    // It can sign in, and see for itself.
    let late = org.token(&agent, None).await;
    assert_eq!(org.asks(&late, "GET /oauth/userinfo", Value::Null).await.status, 200);
    org.stack.hands.forward(TO_MIDNIGHT - 1);
    let late = org.token(&agent, None).await;
    assert_eq!(exchanges(&late).await.header("retry-after"), "1");
    org.stack.hands.forward(1);
    assert_eq!(exchanges(&late).await.status, 200, "it is 00:00:00");
    // The keeper of the directory can give a day anew, and take it.
    for (used, good) in [(100, false), (99, true), (101, false), (0, true)] {
        org.change(&agent, json!({"tokens_used_today": used})).await;
        assert_eq!(exchanges(&late).await.status == 200, good, "{used}");
    }
    org.change(&agent, json!({"tokens_used_today": 500})).await;
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": null}})).await;
    assert_eq!(exchanges(&late).await.status, 200, "no limit");
}

#[tokio::test]
async fn calls_are_counted_by_the_hour() {
    let (org, _, base) = budgeted("Caller", json!({"maxApiCallsPerHour": 3})).await;
    let exchanges = async || org.exchanges(&base, &[("audience", FINANCE)]).await;
    org.stack.hands.forward(600);
    assert_eq!(exchanges().await.status, 200);
    // Who is refused for something else has not used a call.
    for _ in 0..5 {
        oauth_error(&org.exchanges(&base, &[("audience", DOCUMENTS)]).await, 403, "capability_denied");
    }
    assert_eq!(org.asks(&base, "POST /agents/ask", json!({"action": "x"})).await.status, 200);
    assert_eq!(exchanges().await.status, 200);
    let refused = exchanges().await;
    oauth_error(&refused, 429, "budget_exceeded");
    assert_eq!(refused.header("retry-after"), "3000");
    let asked = org.asks(&base, "POST /agents/ask", json!({"action": "x"})).await;
    assert_eq!((asked.status, asked.header("retry-after")), (429, "3000"));
    let agent = claims(&base)["client_id"].as_str().unwrap().to_owned();
    let usage = org.admin(&format!("GET /admin/agents/{agent}/usage"), Value::Null).await.json();
    assert_eq!(usage["data"]["apiCallsThisHour"], 3);
    let second = org.agent("Second", json!({"capabilities": ["mcp:financial"]})).await;
    let other = org.token(&second, None).await;
    assert_eq!(org.exchanges(&other, &[("audience", FINANCE)]).await.status, 200, "each its own");
    org.stack.hands.forward(3000);
    oauth_error(&exchanges().await, 400, "invalid_grant");
}

#[tokio::test]
async fn an_hour_begins_with_the_clock_and_nothing_is_a_limit_too() {
    let (org, agent, base) = budgeted("Caller", json!({"max_api_calls_per_hour": 1})).await;
    let exchanges = async |token: &str| org.exchanges(token, &[("audience", FINANCE)]).await;
    assert_eq!((exchanges(&base).await.status, exchanges(&base).await.status), (200, 429));
    org.stack.hands.forward(3599);
    let late = org.token(&agent, None).await;
    assert_eq!(exchanges(&late).await.header("retry-after"), "1");
    org.stack.hands.forward(1);
    assert_eq!((exchanges(&late).await.status, exchanges(&late).await.status), (200, 429));
    for (policy, wait) in [
        (json!({"max_tokens_per_day": 0, "max_api_calls_per_hour": null}), TO_MIDNIGHT - 3600),
        (json!({"max_tokens_per_day": null, "max_api_calls_per_hour": 0}), 3600),
    ] {
        org.change(&agent, json!({"budget_policy": policy})).await;
        let refused = exchanges(&late).await;
        oauth_error(&refused, 429, "budget_exceeded");
        assert_eq!(refused.header("retry-after"), wait.to_string());
        assert_eq!(org.signs_in(&agent.id, &agent.secret, None).await.status, 200);
    }
}
