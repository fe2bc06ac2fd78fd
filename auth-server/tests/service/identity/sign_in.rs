//! An agent signs in: what it gets, and that a refusal tells nobody why.

use std::sync::mpsc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::org::{Agent, ISSUER, Org, Sent, api_error, basic, claims, oauth_error, part, seen, token_of};
use crate::stack::{Answer, NOW, SECRET};

#[tokio::test]
async fn by_every_mount_and_in_every_form_it_is_one_issuer() {
    let (org, agent) = Org::furnished().await;
    let (id, secret) = (agent.id.as_str(), agent.secret.as_str());
    let grant = ("grant_type", "client_credentials");
    for path in [
        "/oauth/token",
        "//t/default/api/v1/oauth/token",
        "///orgs//default///api/v1//oauth/token",
        "///t/default//api/v1/oauth//token",
    ] {
        let whole = [grant, ("client_id", id), ("client_secret", secret)];
        let line = format!("POST {path}");
        let json = json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret});
        for (headers, sent) in [
            (String::new(), Sent::Form(&whole)),
            (String::new(), Sent::Json(json)),
            (basic(id, secret), Sent::Form(&[grant])),
            (basic(id, secret), Sent::Form(&whole[..2])),
            // Attached by an HTTP library: the form wins.
            (basic("somebody", "else"), Sent::Form(&whole)),
        ] {
            let answer = org.call(&line, &headers, sent).await;
            let token = token_of(&answer);
            let expected = json!({
                "access_token": token, "token_type": "Bearer", "expires_in": 900,
                "scope": "read:documents mcp:financial",
            });
            assert_eq!((answer.header("cache-control"), answer.json()), ("no-store", expected), "{path}");
            assert_eq!(claims(&token)["iss"], ISSUER, "{path}");
        }
    }
}

#[tokio::test]
async fn what_the_token_says() {
    let org = Org::open().await;
    for (name, more, scope, groups) in [
        ("Plain", json!({}), "", None),
        ("Able", json!({"capabilities": ["b:2", "a:1"]}), "b:2 a:1", None),
        ("Both", json!({"capabilities": ["a:1"], "groups": ["a2a-agent-admin"]}), "a:1 a2a-agent-admin", {
            Some(json!(["a2a-agent-admin"]))
        }),
        ("Unmapped", json!({"groups": ["nobody-maps-this"]}), "", Some(json!(["nobody-maps-this"]))),
    ] {
        let agent = org.agent(name, more).await;
        let answer = org.signs_in(&agent.id, &agent.secret, None).await;
        assert_eq!(answer.json()["scope"], scope, "{name}");
        let token = token_of(&answer);
        assert_eq!((&part(&token, 0)["typ"], &part(&token, 0)["alg"]), (&json!("at+jwt"), &json!("ES256")));
        let mut said = claims(&token);
        let jti = said.as_object_mut().unwrap().remove("jti").unwrap();
        assert_eq!(jti.as_str().map(str::len), Some(22));
        let mut expected = json!({
            "iss": ISSUER, "aud": ISSUER, "sub": format!("agent:{}", agent.slug),
            "preferred_username": agent.id, "client_id": agent.id, "agent_id": agent.id,
            "tenant": "default", "scope": scope, "iat": NOW, "nbf": NOW, "exp": NOW + 900,
        });
        if let Some(groups) = groups {
            expected["groups"] = groups;
        }
        assert_eq!(said, expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_held_today_is_granted_and_no_more() {
    let (org, agent) = Org::furnished().await;
    let asks = async |scope: &'static str| org.signs_in(&agent.id, &agent.secret, Some(scope)).await;
    let both = "read:documents mcp:financial";
    for (scope, granted) in [
        ("mcp:financial", Some("mcp:financial")),
        ("mcp:financial other:thing openid", Some("mcp:financial")),
        ("  ", Some(both)),
        ("mcp:financial read:documents", Some(both)),
        ("other:thing", None),
        // A comma is part of a name.
        ("mcp:financial,read:documents", None),
        ("MCP:FINANCIAL", None),
        ("admin:agents:write", None),
    ] {
        let answer = asks(scope).await;
        match granted {
            Some(granted) => {
                assert_eq!(answer.json()["scope"], granted, "{scope}");
                assert_eq!(claims(&token_of(&answer))["scope"], granted, "{scope}");
            }
            None => oauth_error(&answer, 400, "invalid_scope"),
        }
    }
    // The package signs in again with what it once had: it gets what it still has.
    org.change(&agent, json!({"capabilities": ["mcp:financial"]})).await;
    assert_eq!(asks(both).await.json()["scope"], "mcp:financial");
    org.change(&agent, json!({"capabilities": []})).await;
    oauth_error(&asks(both).await, 400, "invalid_scope");
    let nothing = org.signs_in(&agent.id, &agent.secret, None).await;
    assert_eq!((nothing.status, nothing.json()["scope"].as_str()), (200, Some("")), "a text, and empty");
}

/// Agents of every kind that must not get in, with what they show.
async fn strangers(org: &Org) -> Vec<(&'static str, String, String)> {
    let agent = async |name| org.agent(name, json!({})).await;
    let (good, other, suspended) = (agent("Good").await, agent("Other").await, agent("Suspended").await);
    let (removed, rotated, ended) = (agent("Removed").await, agent("Rotated").await, agent("Ended").await);
    org.change(&suspended, json!({"status": "suspended"})).await;
    org.admin(&format!("DELETE /admin/agents/{}", removed.id), Value::Null).await;
    for (agent, overlap) in [(&rotated, 0), (&ended, 60)] {
        let line = format!("POST /admin/agents/{}/rotate-credentials", agent.id);
        assert_eq!(org.admin(&line, json!({"overlap_seconds": overlap})).await.status, 200);
    }
    org.stack.hands.forward(60);
    let wrong = |agent: &Agent| format!("{}x", agent.secret);
    vec![
        ("unknown", "nobody".to_owned(), good.secret.clone()),
        ("unknown, but it looks right", format!("agt_{}", "0".repeat(32)), good.secret.clone()),
        ("wrong secret", good.id.clone(), wrong(&good)),
        ("no such secret", good.id.clone(), "ags_00000000_x".to_owned()),
        ("not even one", good.id.clone(), "x".to_owned()),
        ("empty", good.id.clone(), String::new()),
        ("another's", good.id.clone(), other.secret.clone()),
        ("a slug for an id", good.slug.clone(), good.secret.clone()),
        ("suspended", suspended.id.clone(), suspended.secret.clone()),
        ("suspended, and wrong", suspended.id.clone(), wrong(&suspended)),
        ("removed", removed.id.clone(), removed.secret.clone()),
        ("replaced at once", rotated.id.clone(), rotated.secret.clone()),
        ("ended", ended.id.clone(), ended.secret.clone()),
        ("a client's, wrong", "lob1-bot".to_owned(), good.secret.clone()),
        ("the agent, with a client's", good.id.clone(), SECRET.to_owned()),
    ]
}

#[tokio::test]
async fn a_refusal_tells_nobody_why() {
    let org = Org::open().await;
    let strangers = strangers(&org).await;
    type Way = fn(&str, &str) -> (String, Value);
    let body: Way = |id, secret| {
        (String::new(), json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret}))
    };
    let header: Way = |id, secret| (basic(id, secret), json!({"grant_type": "client_credentials"}));
    for way in [body, header] {
        let mut answers: Vec<(&str, Answer)> = Vec::new();
        for (who, id, secret) in &strangers {
            let (headers, json) = way(id, secret);
            answers.push((who, org.call("POST /oauth/token", &headers, Sent::Json(json)).await));
        }
        let (_, first) = &answers[0];
        oauth_error(first, 401, "invalid_client");
        let challenged = first.header("www-authenticate");
        assert_eq!(challenged.starts_with("Basic realm="), std::ptr::fn_addr_eq(way, header), "{challenged}");
        for (who, answer) in &answers {
            assert_eq!(seen(answer), seen(first), "{who}");
        }
    }
}

/// One thread for hashing, which the test holds: so many sign-ins find a place, and one more finds none. Were one
/// kind of them refused without a hash, it would answer first; did it take two, more than one would find no place.
#[test]
fn whoever_is_refused_takes_one_turn_to_hash() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let org = Org::open().await;
        let strangers: Vec<_> =
            strangers(&org).await.into_iter().filter(|(who, ..)| *who != "empty").collect();
        let places = (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1) + 64;
        let (release, held) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            begin.send(()).unwrap();
            let _ = held.recv();
        });
        begun.await.unwrap();
        let mut asked = JoinSet::new();
        for number in 0..=places {
            let (_, id, secret) = strangers[number % strangers.len()].clone();
            let to = org.stack.main;
            asked.spawn(async move {
                let form = format!("grant_type=client_credentials&client_id={id}&client_secret=");
                let form =
                    form + &url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
                let head = format!(
                    "POST /orgs/default/api/v1/oauth/token HTTP/1.1\r\ncontent-length: {}\r\n\
                     content-type: application/x-www-form-urlencoded\r\n",
                    form.len()
                );
                crate::stack::send(to, &head, form).await
            });
        }
        let first = asked.join_next().await.unwrap().unwrap();
        oauth_error(&first, 503, "temporarily_unavailable");
        assert_eq!(first.header("retry-after"), "1");
        release.send(()).unwrap();
        while let Some(answer) = asked.join_next().await {
            oauth_error(&answer.unwrap(), 401, "invalid_client");
        }
    });
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_count() {
    let org = Org::open().await;
    let agent = org.agent("Research Analyst", json!({})).await;
    let rotate = async |body: Value| {
        let line = format!("POST /admin/agents/{}/rotate-credentials", agent.slug);
        let answer = org.admin(&line, body).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        let data = answer.json()["data"].take();
        assert_eq!((&data["agentId"], &data["clientId"]), (&json!(agent.id), &json!(agent.id)));
        data
    };
    let secret = |data: &Value| data["clientSecret"].as_str().unwrap().to_owned();
    let counts = async |secret: &str| org.signs_in(&agent.id, secret, None).await.status == 200;

    let second = rotate(json!({"overlap_seconds": 100})).await;
    assert_eq!(second["previousExpiresAt"], NOW + 100);
    for (forward, first_counts) in [(0, true), (99, true), (1, false)] {
        org.stack.hands.forward(forward);
        assert_eq!(counts(&agent.secret).await, first_counts, "after {forward}");
        assert!(counts(&secret(&second)).await);
    }
    // Without a word it is a day; with one more meanwhile, those before the last one end.
    let third = rotate(Value::Null).await;
    assert_eq!(third["previousExpiresAt"], NOW + 100 + 86_400);
    let fourth = rotate(json!({"overlapSeconds": 5})).await;
    for (held, expected) in [(&second, false), (&third, true), (&fourth, true)] {
        assert_eq!(counts(&secret(held)).await, expected);
    }
    let fifth = rotate(json!({"overlap_seconds": 0})).await;
    assert!(fifth.get("previousExpiresAt").is_none(), "{fifth}");
    for (held, expected) in [(&third, false), (&fourth, false), (&fifth, true)] {
        assert_eq!(counts(&secret(held)).await, expected);
    }
    let shown = org.admin(&format!("GET /admin/agents/{}", agent.id), Value::Null).await.json();
    assert_eq!(shown["data"]["secrets"].as_array().unwrap().len(), 1, "{shown}");
}

#[tokio::test]
async fn what_is_no_sign_in() {
    let (org, agent) = Org::furnished().await;
    let (id, secret) = (("client_id", agent.id.as_str()), ("client_secret", agent.secret.as_str()));
    let grant = ("grant_type", "client_credentials");
    let malformed = format!("authorization: Basic {}\r\n", STANDARD.encode("no colon"));
    for (headers, sent, status, code) in [
        ("", Sent::Form(&[id, secret]), 400, "invalid_request"),
        ("", Sent::Form(&[("grant_type", "password"), id, secret]), 400, "unsupported_grant_type"),
        ("", Sent::Form(&[("grant_type", "authorization_code"), id]), 400, "unsupported_grant_type"),
        ("", Sent::Form(&[grant, id, secret, id]), 400, "invalid_request"),
        ("", Sent::Form(&[grant, grant, id, secret]), 400, "invalid_request"),
        ("", Sent::Form(&[grant, secret]), 400, "invalid_request"),
        ("", Sent::Form(&[grant, id]), 401, "invalid_client"),
        ("", Sent::Form(&[grant]), 401, "invalid_client"),
        (&malformed, Sent::Form(&[grant]), 400, "invalid_request"),
        (&basic(&agent.id, "other"), Sent::Form(&[grant, id, secret]), 400, "invalid_request"),
        ("", Sent::As("text/plain", b"grant_type=client_credentials"), 400, "invalid_request"),
        ("", Sent::As("", b"grant_type=client_credentials"), 400, "invalid_request"),
        ("", Sent::As("application/json", b"[]"), 400, "invalid_request"),
        ("", Sent::As("application/json", br#"{"grant_type":1}"#), 400, "invalid_request"),
    ] {
        oauth_error(&org.call("POST /oauth/token", headers, sent).await, status, code);
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = org.call(&format!("{method} /oauth/token"), "", Sent::Nothing).await;
        oauth_error(&answer, 405, "invalid_request");
        assert_eq!(answer.header("allow"), "POST");
    }
    for path in ["//orgs/other/api/v1/oauth/token", "//t/DEFAULT/api/v1/oauth/token"] {
        let answer = org.form(path, &[grant, id, secret]).await;
        oauth_error(&answer, 404, "not_found");
    }
    let nowhere = org.call("POST /oauth/tokens", "", Sent::Form(&[grant, id, secret])).await;
    assert_eq!(nowhere.json()["error"], "not_found");
    let off = Org { stack: crate::stack::Stack::cold(&["--agents=off"]).await, ..org };
    for line in ["GET /agents/me", "POST /agents/ask", "GET /admin/agents", "GET /oauth/userinfo"] {
        api_error(&off.call(line, "", Sent::Nothing).await, 404, "not_found");
    }
}

/// All secrets cost the same to compare with, those of agents as much as those of the clients' file.
#[tokio::test]
async fn agents_secrets_are_hashed_at_the_cost_of_all() {
    let org = Org::open().await;
    let agent = org.agent("Research Analyst", json!({})).await;
    let state = org.stack.folder.path().join("state");
    let kept: String = ["directory.journal", "directory.json"]
        .iter()
        .filter_map(|name| std::fs::read_to_string(state.join(name)).ok())
        .collect();
    assert!(kept.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "the cost of the clients' file");
    // `_` is a letter of base64url too.
    let random = agent.secret.splitn(3, '_').last().unwrap();
    assert!(!kept.contains(random) && !kept.contains(&agent.secret) && !kept.contains(&org.key));
    assert!(agent.secret.starts_with("ags_") && agent.secret.len() > 50, "256 bits and a key");
}
