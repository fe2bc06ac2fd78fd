//! What is remembered, and what makes it void.

use std::time::{Duration, Instant};

use access::identity;
use serde_json::json;
use token::key_set;

use crate::stack::{NOW, Stack};

const HITS: &str = "auth_server_validate_cached_total";

#[tokio::test]
async fn a_hit_never_outlives_the_token() {
    let stack = Stack::start().await;
    let token = stack.token(json!({"exp": NOW + 20}));
    let mut seals = Vec::new();
    for (forward, status, hits) in [(0, 200, 0), (10, 200, 1), (19, 200, 2), (1, 401, 2), (0, 401, 3)] {
        stack.hands.forward(forward);
        let answer = stack.validate(&token, "/api/agents").await;
        assert_eq!(
            (answer.status, stack.count(HITS).await),
            (status, hits),
            "at {}",
            stack.hands.now() - NOW
        );
        seals.push(answer.header(identity::SEALED).to_owned());
    }
    assert_eq!(seals[0], seals[1]);
    assert_eq!(seals[0], seals[2]);
}

#[tokio::test]
async fn the_seal_is_renewed_after_half_a_minute() {
    let stack = Stack::start().await;
    let token = stack.token(json!({}));
    let mut seals = Vec::new();
    for forward in [0, 29, 1, 0] {
        stack.hands.forward(forward);
        seals.push(stack.validate(&token, "/api/agents").await.header(identity::SEALED).to_owned());
    }
    assert_eq!((seals[0] == seals[1], seals[1] == seals[2], seals[2] == seals[3]), (true, false, true));
    assert_eq!(stack.count(HITS).await, 3);
}

#[tokio::test]
async fn a_proof_is_made_anew_after_five_minutes() {
    let stack = Stack::start().await;
    let token = stack.token(json!({"exp": NOW + 10_000}));
    for (forward, hits) in [(0, 0), (299, 1), (1, 1), (0, 2)] {
        stack.hands.forward(forward);
        assert_eq!(stack.validate(&token, "/api/agents").await.status, 200);
        assert_eq!(stack.count(HITS).await, hits);
    }
}

#[tokio::test]
async fn a_refusal_is_remembered_for_seconds() {
    let stack = Stack::start().await;
    let token = stack.token(json!({"nbf": NOW + 13}));
    for (forward, status, hits) in [(0, 401, 0), (4, 401, 1), (1, 200, 1), (0, 200, 2)] {
        stack.hands.forward(forward);
        let answer = stack.validate(&token, "/api/agents").await;
        assert_eq!((answer.status, stack.count(HITS).await), (status, hits));
    }
}

#[tokio::test]
async fn keys_that_change_make_everything_void() {
    let stack = Stack::start().await;
    let token = stack.token(json!({}));
    assert_eq!(stack.validate(&token, "/api/agents").await.status, 200);
    stack.provider.page("/jwks", key_set(&stack.signers[..1]));
    stack.app.refresh_keys().await;
    let answer = stack.validate(&token, "/api/agents").await;
    assert_eq!((answer.status, stack.count(HITS).await), (401, 0), "the key that proved it was withdrawn");
    // The refusal is void with the next change, though it is not five seconds old.
    stack.provider.page("/jwks", key_set(&stack.signers));
    stack.app.refresh_keys().await;
    assert_eq!(stack.validate(&token, "/api/agents").await.status, 200);
}

#[tokio::test]
async fn rotation_is_followed_by_itself() {
    let stack = Stack::cold(&[]).await;
    stack.provider.page("/jwks", key_set(&stack.signers[..1]));
    stack.app.refresh_keys().await;
    let token = stack.token(json!({}));
    stack.provider.page("/jwks", key_set(&stack.signers));
    assert_eq!(stack.validate(&token, "/api/agents").await.status, 401, "asked a moment ago");
    stack.hands.forward(30);
    assert_eq!(stack.validate(&token, "/api/agents").await.status, 200);
}

#[tokio::test]
async fn a_provider_that_hangs_is_not_waited_for() {
    let stack = Stack::cold(&[]).await;
    stack.provider.page("/jwks", key_set(&stack.signers[..1]));
    stack.app.refresh_keys().await;
    stack.hands.forward(30);
    stack.provider.hang(true);
    let begun = Instant::now();
    // nginx gives up after five seconds, and would make a 503 of it.
    assert_eq!(stack.validate(&stack.token(json!({})), "/api/agents").await.status, 401);
    // A fetch is given up after 5 s: without the shorter limit the answer could not come before that.
    assert!(begun.elapsed() < Duration::from_millis(4900), "{:?}", begun.elapsed());
    stack.provider.page("/jwks", key_set(&stack.signers));
    stack.provider.hang(false);
    stack.app.refresh_keys().await;
    assert_eq!(stack.validate(&stack.token(json!({})), "/api/agents").await.status, 200);
}

#[tokio::test]
async fn an_outage_of_the_provider() {
    let stack = Stack::cold(&[]).await;
    let token = stack.token(json!({}));
    for _ in 0..2 {
        let answer = stack.validate(&token, "/api/agents").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
    }
    assert_eq!(stack.provider.asked(), 1, "the cool-down holds");
    assert_eq!(stack.get("/health").await.json()["status"], "degraded");
    stack.provider.page("/jwks", key_set(&stack.signers));
    stack.hands.forward(30);
    assert_eq!(stack.validate(&token, "/api/agents").await.status, 200, "a fault of ours was not remembered");
    stack.provider.answer("/jwks", "500 Oops", "");
    stack.app.refresh_keys().await;
    let again = stack.token(json!({"sub": "again"}));
    assert_eq!(stack.validate(&again, "/api/agents").await.status, 200, "the last good keys stay");
    assert_eq!(stack.get("/health").await.json()["status"], "degraded");
}
