//! What agents report to both servers at once, some of it to both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::pair::{Pair, soon};
use super::server::AuthServer;

const TASKS: u64 = 64;
const REPORTS: u64 = 2000;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn reports_to_both_at_once_are_counted_to_the_token() {
    let Some(pair) = Pair::start("counted").await else { return };
    let pair = Arc::new(pair);
    let Pair { near, far, .. } = &*pair;
    let key = near.key().expect("it came first");
    near.make_target(&key).await;
    let agent = near.make(&key, "Reports Much").await;
    let expected: u64 = (0..REPORTS).map(tokens_of).sum();
    let policy = json!({"budget_policy": {"max_tokens_per_day": expected}});
    near.admin(&key, Method::PATCH, &format!("agents/{}", agent.id), Some(&policy)).await.must_be(200);
    let token: Arc<str> = near.token(&agent).await.into();
    soon(200, async || far.exchange(&token).await).await;

    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (pair, token) = (Arc::clone(&pair), Arc::clone(&token));
        tasks.spawn(async move {
            for number in (task..REPORTS).step_by(TASKS as usize) {
                let (here, there) =
                    if number % 2 == 0 { (&pair.near, &pair.far) } else { (&pair.far, &pair.near) };
                match number % 5 {
                    // Both at once: whichever comes second is a repetition.
                    0 => drop(tokio::join!(count(here, &token, number), count(there, &token, number))),
                    1 => {
                        count(here, &token, number).await;
                        count(there, &token, number).await;
                    }
                    _ => count(here, &token, number).await,
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("each is counted");
    }

    for server in [near, far] {
        // Whoever writes knows all that was written before.
        let answer = server.report(&token, 0, "nothing").await;
        let said = answer.must_be(200);
        assert_eq!((&said["tokens_used_today"], &said["budget_exhausted"]), (&json!(expected), &json!(true)));
        assert_eq!(server.exchange(&token).await.must_be(429)["error"], "budget_exceeded");
    }
    // What was counted long ago still is.
    far.report(&token, 1, "run-0").await.must_be(200);
    for server in [near, far] {
        let shown = server.admin(&key, Method::GET, &format!("agents/{}/usage", agent.id), None).await;
        let shown = &shown.must_be(200)["data"];
        assert_eq!(shown["tokensUsedToday"], expected, "{shown}");
    }
    let info = far.userinfo(&token).await;
    assert_eq!(info.must_be(200)["budget_policy"]["tokens_used_today"], expected);
}

/// Reports a run until it is acknowledged: what has no answer, or 503, is sent again.
async fn count(server: &AuthServer, token: &str, number: u64) {
    let run = format!("run-{number}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = server.report(token, tokens_of(number), &run).await;
        match answer.status.as_u16() {
            200 => return,
            503 => assert!(Instant::now() < deadline, "{run}: {answer:?}"),
            _ => panic!("{run}: {answer:?}"),
        }
    }
}

/// What a run costs: seldom the same as another.
fn tokens_of(number: u64) -> u64 {
    1 + number * 7919 % 1013
}
