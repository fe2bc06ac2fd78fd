//! A server that cannot reach the database does not know what was revoked: after a while it says so, to agents
//! and whoever keeps them, and to nobody else; and it comes back by itself.

use std::time::{Duration, Instant};

use e2e::Answer;
use reqwest::Method;
use serde_json::json;
use xtask::postgres::Cable;

use super::pair::{Pair, WORKER, WORKERS_SECRET, soon};
use super::server::{Agent, AuthServer, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_by_one_who_hears_nothing() {
    play("silent", Cable::silence).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_by_one_who_is_turned_away() {
    play("refused", Cable::cut).await;
}

async fn play(name: &str, separate: fn(&Cable)) {
    let Some(pair) = &Pair::start(name).await else { return };
    let Pair { near, far, cable, .. } = pair;
    let key = near.key().expect("it came first");
    near.make_target(&key).await;
    let [stays, suspended] = [near.make(&key, "Stays").await, near.make(&key, "Suspended").await];
    let [kept, revoked, spent] =
        [near.token(&stays).await, near.token(&stays).await, near.token(&stays).await];
    let theirs = near.token(&suspended).await;
    let workers = token_of(&near.sign_in(WORKER, WORKERS_SECRET).await);
    for token in [&kept, &revoked, &theirs, &workers] {
        soon(200, async || far.validate(token).await).await;
    }
    far.exchange(&kept).await.must_be(200);
    far.report(&kept, 1, "before").await.must_be(200);

    separate(cable);
    let tokens = [kept.as_str(), &revoked, &theirs, &spent];
    let outage = async {
        unknown_from_now_on(far, &kept).await;
        must_not_know(far, &key, &tokens, &stays).await;
        // Elsewhere life goes on.
        near.revoke(&revoked).await.must_be(200);
        let place = format!("agents/{}/deactivate", suspended.id);
        near.admin(&key, Method::POST, &place, None).await.must_be(200);
        let late = near.make(&key, "Late").await;
        assert_eq!(near.health().await["status"], "ok");
        must_be_degraded(pair).await;
        // Whoever has no entry in the directory needs none.
        far.validate(&workers).await.must_be(200);
        let again = token_of(&far.sign_in(WORKER, WORKERS_SECRET).await);
        assert_eq!(far.validate(&again).await.must_be(200)["client_id"], WORKER);
        far.sign_in(WORKER, "not the worker's secret").await.must_be(401);
        must_not_know(far, &key, &tokens, &late).await;
        must_not_write(far, &key, &stays).await;
        late
    };
    // Still within the time in which it answers: nobody knows what becomes of this one.
    let (unanswered, late) = tokio::join!(far.report(&kept, 100, "under-way"), outage);
    unanswered.must_be(503);

    cable.mend();
    comes_back(far, &kept, [&revoked, &theirs]).await;
    far.validate(&revoked).await.must_be(401);
    far.exchange(&revoked).await.must_be(400);
    far.userinfo(&theirs).await.must_be(401);
    far.sign_in(&suspended.id, &suspended.secret).await.must_be(401);
    far.sign_in(&late.id, &late.secret).await.must_be(200);
    far.exchange(&kept).await.must_be(200);
    far.admin(&key, Method::PATCH, &format!("agents/{}", late.id), Some(&json!({"name": "Later"})))
        .await
        .must_be(200);
    // It is reported again, and counts once.
    soon(200, async || far.report(&kept, 100, "under-way").await).await;
    let answer = near.report(&kept, 0, "after").await;
    assert_eq!(answer.must_be(200)["tokens_used_today"], 101);
    assert_eq!(far.health().await["status"], "ok");
}

/// It answers as before until it no longer does; from then on nobody can know.
async fn unknown_from_now_on(far: &AuthServer, token: &str) {
    soon(503, async || {
        let answer = far.validate(token).await;
        assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        answer
    })
    .await;
}

/// To agents: neither yes nor no, whatever is asked.
async fn must_not_know(far: &AuthServer, key: &str, tokens: &[&str], agent: &Agent) {
    for token in tokens {
        must_be_away("validate", &far.validate(token).await);
        must_be_away("exchange", &far.exchange(token).await);
        must_be_away("userinfo", &far.userinfo(token).await);
        must_be_away("me", &far.with(token, Method::GET, "agents/me", None).await);
        must_be_away("ask", &far.ask(token, "read:documents").await);
        must_be_away("usage", &far.report(token, 1000, "never").await);
        must_be_away("introspect", &far.introspect(key, token).await);
        let (bearer, of_it) = (format!("Bearer {token}"), json!({ "token": token }));
        must_be_away("revoke", &far.oauth("revoke", &of_it, &[("Authorization", &bearer)]).await);
    }
    must_be_away("sign in", &far.sign_in(&agent.id, &agent.secret).await);
    must_be_away("a wrong secret", &far.sign_in(&agent.id, "ags_not_the_agents_secret").await);
    must_be_away("somebody unknown", &far.sign_in("agt_nobody", "ags_not_the_agents_secret").await);
    must_be_away("read", &far.admin(key, Method::GET, "agents", None).await);
}

/// Who writes waits for the database: all of them together.
async fn must_not_write(far: &AuthServer, key: &str, agent: &Agent) {
    let (named, place) = (json!({"name": "Never"}), format!("agents/{}", agent.id));
    let (made, changed, removed, replaced, wrong) = tokio::join!(
        far.admin(key, Method::POST, "agents", Some(&named)),
        far.admin(key, Method::PATCH, &place, Some(&named)),
        far.admin(key, Method::DELETE, &place, None),
        far.admin(key, Method::POST, "api-key/rotate", None),
        far.admin("lmk_not_the_key", Method::POST, "agents", Some(&named)),
    );
    for (what, answer) in [
        ("make", made),
        ("change", changed),
        ("remove", removed),
        ("rotate", replaced),
        ("a wrong key", wrong),
    ] {
        must_be_away(what, &answer);
    }
}

fn must_be_away(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    assert_eq!(answer.body["error"], "temporarily_unavailable", "{what}: {answer:?}");
    assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{what}: {answer:?}");
}

/// It says that the directory is the reason, and not with which password it is opened.
async fn must_be_degraded(pair: &Pair) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let health = loop {
        let health = pair.far.health().await;
        if health["status"] == "degraded" {
            break health;
        }
        assert!(Instant::now() < deadline, "it is never degraded: {health}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    };
    assert_eq!(health["directory"]["store"], "postgres", "{health}");
    let fault = health["directory"]["fault"].as_str().unwrap_or_else(|| panic!("no fault: {health}"));
    let password = pair.url.split(['@', ':']).nth(2).expect("a password");
    assert!(!fault.is_empty() && password.len() > 16, "{health}");
    for said in [health.to_string(), pair.far.log()] {
        assert!(!said.contains(password), "the password is said");
    }
}

/// It lets in whoever may, by itself; and who was shut out meanwhile is not let in for a moment.
async fn comes_back(far: &AuthServer, kept: &str, shut_out: [&str; 2]) {
    soon(200, async || {
        let answer = far.validate(kept).await;
        assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        for token in shut_out {
            let answer = far.validate(token).await;
            assert!([401, 503].contains(&answer.status.as_u16()), "{answer:?}");
        }
        answer
    })
    .await;
}
