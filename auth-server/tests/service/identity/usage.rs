//! What an agent reports of its use, and what the directory's keeper sees of it.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::org::{Agent, Org, Sent, TO_MIDNIGHT, api_error, bearer};

async fn seen(org: &Org, agent: &Agent) -> Value {
    let answer = org.admin(&format!("GET /admin/agents/{}/usage", agent.slug), Value::Null).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    answer.json()["data"].take()
}

#[tokio::test]
async fn reports_add_up_by_days_and_a_run_counts_once() {
    let (org, agent) = Org::furnished().await;
    let mut token = org.token(&agent, None).await;
    let day = |date: &str, tokens: u64, reports: u64, cost: f64| json!({"date": date, "tokens": tokens, "reports": reports, "costUsd": cost});
    for (body, used) in [
        (json!({"tokens": 0}), 0),
        (json!({"tokens": 10, "model": "some-model", "cost_usd": 0.25}), 10),
        (json!({"tokens": 5, "run_id": "r1", "cost_usd": 0.5}), 15),
        (json!({"tokens": 5, "run_id": "r1", "cost_usd": 0.5}), 15),
        (json!({"tokens": 999, "run_id": "r1"}), 15),
        (json!({"tokens": 5, "run_id": "R1"}), 20),
        (json!({"tokens": 1, "run_id": null, "model": null, "cost_usd": null, "more": true}), 21),
    ] {
        let answer = org.asks(&token, "POST /agents/me/usage", body.clone()).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        assert_eq!(answer.json(), json!({"tokens_used_today": used, "budget_exhausted": false}), "{body}");
    }
    let first = day("2027-01-15", 21, 5, 0.75);
    let usage = seen(&org, &agent).await;
    assert_eq!(
        (&usage["days"], &usage["tokensUsedToday"], &usage["budgetExhausted"], &usage["apiCallsThisHour"]),
        (&json!([first]), &json!(21), &json!(false), &json!(0))
    );
    assert_eq!(usage["agentId"], agent.id);

    org.stack.hands.forward(TO_MIDNIGHT);
    token = org.token(&agent, None).await;
    assert_eq!(seen(&org, &agent).await["tokensUsedToday"], 0);
    // Repeated over midnight it is still the same run.
    let again =
        org.asks(&token, "POST ///t/default/api/v1/agents/me/usage", json!({"tokens": 5, "run_id": "r1"}));
    assert_eq!(again.await.json()["tokens_used_today"], 0);
    let answer = org.asks(&token, "POST /agents/me/usage", json!({"tokens": 7, "run_id": "r2"})).await;
    assert_eq!(answer.json()["tokens_used_today"], 7);
    assert_eq!(seen(&org, &agent).await["days"], json!([day("2027-01-16", 7, 1, 0.0), first]));
    org.change(&agent, json!({"tokens_used_today": 3})).await;
    assert_eq!(seen(&org, &agent).await["tokensUsedToday"], 3);
}

#[tokio::test]
async fn a_run_of_one_agent_is_not_that_of_another() {
    let org = Org::open().await;
    for name in ["One", "Other"] {
        let agent = org.agent(name, json!({})).await;
        let token = org.token(&agent, None).await;
        let answer = org.asks(&token, "POST /agents/me/usage", json!({"tokens": 4, "run_id": "same"})).await;
        assert_eq!(answer.json()["tokens_used_today"], 4, "{name}");
    }
}

#[tokio::test]
async fn the_limit_is_reached_with_its_last_token() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": 10}})).await;
    for (tokens, used, exhausted) in [(9, 9, false), (1, 10, true), (5, 15, true)] {
        let answer = org.asks(&token, "POST /agents/me/usage", json!({"tokens": tokens})).await;
        assert_eq!(answer.json(), json!({"tokens_used_today": used, "budget_exhausted": exhausted}));
    }
    assert_eq!(seen(&org, &agent).await["budgetExhausted"], true);
}

#[tokio::test]
async fn what_is_no_report() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    for (body, field) in [
        (json!({}), "tokens"),
        (json!({"tokens": null}), "tokens"),
        (json!({"tokens": -1}), "tokens"),
        (json!({"tokens": 1.5}), "tokens"),
        (json!({"tokens": 1e30}), "tokens"),
        (json!({"tokens": "1"}), "tokens"),
        (json!({"tokens": u64::MAX}), "tokens"),
        (json!({"tokens": true}), "tokens"),
        (json!({"tokens": 1, "cost_usd": -0.1}), "cost_usd"),
        (json!({"tokens": 1, "cost_usd": "1"}), "cost_usd"),
        (json!({"tokens": 1, "run_id": 5}), "run_id"),
        (json!({"tokens": 1, "run_id": "r".repeat(257)}), "run_id"),
        (json!({"tokens": 1, "model": {}}), "model"),
    ] {
        let answer = org.asks(&token, "POST /agents/me/usage", body.clone()).await;
        let code = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(api_error(&answer, 400, &code), [field], "{body}");
    }
    assert_eq!(seen(&org, &agent).await["days"], json!([]), "nothing of it was counted");
}

#[tokio::test]
async fn many_at_once_lose_nothing() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let mut reports = JoinSet::new();
    for number in 0..200_u64 {
        // Each run is told twice.
        let body = json!({"tokens": number / 2, "run_id": format!("run-{}", number / 2)}).to_string();
        let head = format!(
            "POST /orgs/default/api/v1/agents/me/usage HTTP/1.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{}",
            body.len(),
            bearer(&token)
        );
        let to = org.stack.main;
        reports.spawn(async move { crate::stack::send(to, &head, body).await.status });
    }
    while let Some(status) = reports.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    let usage = seen(&org, &agent).await;
    assert_eq!(
        (&usage["tokensUsedToday"], &usage["days"][0]["reports"]),
        (&json!(99 * 100 / 2), &json!(100))
    );
}

#[tokio::test]
async fn nobody_reports_for_another() {
    let (org, agent) = Org::furnished().await;
    let other = org.agent("Other", json!({})).await;
    let token = org.token(&other, None).await;
    let body = json!({"tokens": 5, "agent_id": agent.id, "client_id": agent.id});
    assert_eq!(org.asks(&token, "POST /agents/me/usage", body).await.status, 200);
    let (own, others) = (seen(&org, &other).await, seen(&org, &agent).await);
    assert_eq!((&own["tokensUsedToday"], &others["tokensUsedToday"]), (&json!(5), &json!(0)));
    let form = org.call("POST /agents/me/usage", &bearer(&token), Sent::Form(&[("tokens", "1")])).await;
    api_error(&form, 400, "invalid_request");
}
