//! What an agent is told of itself, and what it may ask: userinfo, me, ask.

use serde_json::{Value, json};

use super::org::{
    BASE, DOCUMENTS, FINANCE, ISSUER, Org, Sent, TO_MIDNIGHT, api_error, bearer, claims, token_of,
};
use crate::stack::{NOW, SECRET};

#[tokio::test]
async fn userinfo_says_who_what_and_how_much() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let identity = format!("{ISSUER}/agents/{}", agent.id);
    let midnight = NOW + TO_MIDNIGHT;
    for (policy, used, expected) in [
        (json!(null), 0, json!({"tokens_used_today": 0, "resets_at": midnight})),
        (
            json!({"max_tokens_per_day": 1000}),
            7,
            json!({"max_tokens_per_day": 1000, "tokens_used_today": 7, "resets_at": midnight}),
        ),
        (
            json!({"max_api_calls_per_hour": 5}),
            1000,
            json!({
                "max_tokens_per_day": 1000, "max_api_calls_per_hour": 5, "tokens_used_today": 1000,
                "resets_at": midnight,
            }),
        ),
        (
            json!({"max_tokens_per_day": null, "max_api_calls_per_hour": 0}),
            1000,
            json!({"max_api_calls_per_hour": 0, "tokens_used_today": 1000, "resets_at": midnight}),
        ),
        (json!(null), 3, json!({"tokens_used_today": 3, "resets_at": midnight})),
    ] {
        org.change(&agent, json!({"budget_policy": policy, "tokens_used_today": used})).await;
        for line in [
            "GET /oauth/userinfo",
            "POST /oauth/userinfo",
            "GET ///t/default/api/v1/oauth/userinfo",
            "POST ///t//default/api/v1//oauth/userinfo",
        ] {
            let answer = org.asks(&token, line, Value::Null).await;
            let mut told = answer.json();
            // Beside what the design names.
            told.as_object_mut().unwrap().remove("client_id");
            assert_eq!(
                (answer.status, answer.header("cache-control"), told),
                (
                    200,
                    "no-store",
                    json!({
                        "sub": "agent:research-analyst", "name": "Research Analyst", "agent_id": agent.id,
                        "identity_type": "agent", "capabilities": ["read:documents", "mcp:financial"],
                        "tenant": "default", "workload_identity": identity, "budget_policy": expected,
                    })
                )
            );
        }
    }
    // A form as a body is nothing to it.
    let headers = bearer(&token);
    let answer = org.call("POST /oauth/userinfo", &headers, Sent::Form(&[("access_token", "x")])).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn me_says_the_same_in_other_words() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    for line in ["GET /agents/me", "GET ///t/default/api/v1/agents//me"] {
        let answer = org.asks(&token, line, Value::Null).await;
        assert_eq!(
            (answer.status, answer.header("cache-control"), answer.json()),
            (
                200,
                "no-store",
                json!({
                    "identity": {
                        "id": "agent:research-analyst", "type": "agent", "tenant": "default",
                        "agent_id": agent.id, "status": "active",
                    },
                    "capabilities": ["read:documents", "mcp:financial"],
                    "workspace": {"slug": "default", "api_base": ISSUER},
                })
            )
        );
    }
}

#[tokio::test]
async fn capabilities_are_those_of_the_token_that_are_held_now() {
    let (org, agent) = Org::furnished().await;
    let (whole, narrow) = (org.token(&agent, None).await, org.token(&agent, Some("mcp:financial")).await);
    for (held, of_whole, of_narrow) in [
        (json!(["read:documents", "mcp:financial"]), json!(["read:documents", "mcp:financial"]), {
            json!(["mcp:financial"])
        }),
        (json!(["read:documents", "new:one"]), json!(["read:documents"]), json!([])),
        (json!([]), json!([]), json!([])),
    ] {
        org.change(&agent, json!({ "capabilities": held })).await;
        for (token, expected) in [(&whole, &of_whole), (&narrow, &of_narrow)] {
            for line in ["GET /oauth/userinfo", "GET /agents/me"] {
                assert_eq!(
                    &org.asks(token, line, Value::Null).await.json()["capabilities"],
                    expected,
                    "{line}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_agents_own_token_is_the_only_key() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    let exchanged = org.exchanged(&base, FINANCE).await;
    let client = token_of(&org.signs_in("mcp-gateway-m2m", SECRET, None).await);
    let foreign = org.stack.token(json!({"groups": ["directory-keepers"]}));
    let mut ended = claims(&base);
    // Clocks may be ten seconds apart.
    ended["exp"] = (NOW - 10).into();
    let ended = org.forge(&ended);
    let key = format!("x-api-key: {}\r\n", org.key);
    let twice = [bearer(&base), bearer(&base)].concat();
    for line in [
        "GET /oauth/userinfo",
        "POST /oauth/userinfo",
        "GET /agents/me",
        "POST /agents/ask",
        "POST /agents/register",
        "POST /agents/me/usage",
    ] {
        for (what, headers, code) in [
            ("nothing", String::new(), "unauthorized"),
            ("the key", key.clone(), "unauthorized"),
            ("the key as a bearer", bearer(&org.key), "invalid_token"),
            ("the secret as a bearer", bearer(&agent.secret), "invalid_token"),
            ("an exchanged token", bearer(&exchanged), "invalid_token"),
            ("an exchanged token and the key", bearer(&exchanged) + &key, "invalid_token"),
            ("a client's", bearer(&client), "invalid_token"),
            ("another issuer's", bearer(&foreign), "invalid_token"),
            ("an ended one", bearer(&ended), "invalid_token"),
            ("twice", twice.clone(), "invalid_token"),
            ("no bearer", "authorization: Basic eA==\r\n".to_owned(), ""),
            ("an empty bearer", "authorization: Bearer \r\n".to_owned(), ""),
        ] {
            let answer = org.call(line, &headers, Sent::Json(json!({"action": "x", "tokens": 1}))).await;
            let code = if code.is_empty() {
                answer.json()["error"].as_str().unwrap().to_owned()
            } else {
                code.into()
            };
            api_error(&answer, 401, &code);
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{line} with {what}: {challenge}");
            assert_eq!(challenge.contains("error=\"invalid_token\""), code == "invalid_token", "{what}");
        }
    }
}

#[tokio::test]
async fn ask_answers_what_would_be_enforced() {
    let (org, agent) = Org::furnished().await;
    let (whole, narrow) = (org.token(&agent, None).await, org.token(&agent, Some("mcp:financial")).await);
    let context = json!({"why": "a test", "deep": [1, {"é": null}]});
    let mut audited = Vec::new();
    for (token, action, allowed) in [
        (&whole, "mcp:financial", true),
        (&whole, "read:documents", true),
        (&whole, "write:documents", false),
        (&whole, "MCP:financial", false),
        (&whole, "mcp:financial ", false),
        (&whole, "mcp:financial read:documents", false),
        (&whole, "mcp", false),
        (&narrow, "mcp:financial", true),
        (&narrow, "read:documents", false),
    ] {
        let mut body = json!({"action": action, "context": context, "more": 1});
        if !allowed {
            body.as_object_mut().unwrap().remove("context");
        }
        let answer = org.asks(token, "POST /agents/ask", body).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        let told = answer.json();
        let expected = if allowed { context.clone() } else { json!({}) };
        assert_eq!(
            (&told["allowed"], &told["action"], &told["context"]),
            (&json!(allowed), &json!(action), &expected),
            "{told}"
        );
        assert!(told["reason"].as_str().is_some_and(|text| text.len() > 10), "{told}");
        assert!(told["decided_by"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
        assert_eq!(told.as_object().unwrap().len(), 6, "{told}");
        audited.push((told["audit_id"].as_str().unwrap().to_owned(), action, allowed));
    }
    let records = org.records("ask", audited.len()).await;
    for (record, (audit_id, action, allowed)) in records.iter().zip(&audited) {
        assert_eq!(
            (&record["who"], &record["client_id"], &record["resource"]),
            (&json!("agent:research-analyst"), &json!(agent.id), &json!(action))
        );
        assert_eq!(record["verdict"], if *allowed { "allowed" } else { "denied" }, "{record}");
        assert!(record["rule"].as_str().unwrap().contains(audit_id.as_str()), "{record}");
    }
    org.change(&agent, json!({"capabilities": []})).await;
    let withdrawn = org.asks(&whole, "POST /agents/ask", json!({"action": "mcp:financial"})).await;
    assert_eq!((withdrawn.status, withdrawn.json()["allowed"].take()), (200, json!(false)), "live");
}

#[tokio::test]
async fn what_is_no_question() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    for (body, field) in [
        (json!({}), "action"),
        (json!({"action": null}), "action"),
        (json!({"action": ""}), "action"),
        (json!({"action": "  "}), "action"),
        (json!({"action": 1}), "action"),
        (json!({"action": ["a"]}), "action"),
        (json!({"action": "a".repeat(257)}), "action"),
        (json!({"action": "a\u{0}b"}), "action"),
        (json!({"action": "a", "context": []}), "context"),
        (json!({"action": "a", "context": "b"}), "context"),
    ] {
        let answer = org.asks(&token, "POST /agents/ask", body.clone()).await;
        let code = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(api_error(&answer, 400, &code), [field], "{body}");
    }
}

#[tokio::test]
async fn a_used_up_budget_ends_asking_but_not_reading() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    org.change(&agent, json!({"budget_policy": {"max_tokens_per_day": 5}, "tokens_used_today": 5})).await;
    let answer = org.asks(&token, "POST /agents/ask", json!({"action": "mcp:financial"})).await;
    api_error(&answer, 429, "budget_exceeded");
    assert_eq!(answer.header("retry-after"), TO_MIDNIGHT.to_string());
    for line in ["GET /oauth/userinfo", "GET /agents/me"] {
        assert_eq!(org.asks(&token, line, Value::Null).await.status, 200);
    }
    assert_eq!(org.asks(&token, "POST /agents/me/usage", json!({"tokens": 1})).await.status, 200);
    assert_eq!(org.stack.validate(&token, "/api/agents").await.status, 200, "the registry costs nothing");
    let refused = org.stack.validate(&token, "/currenttime/mcp").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (403, Some("budget_exceeded")));
    let told = (refused.header("x-refusal"), refused.header("retry-after"));
    assert_eq!(told, ("budget_exceeded", &*TO_MIDNIGHT.to_string()), "nginx goes by these");
    org.stack.hands.forward(TO_MIDNIGHT);
    let token = org.token(&agent, None).await;
    let answer = org.asks(&token, "POST /agents/ask", json!({"action": "mcp:financial"})).await;
    assert_eq!((answer.status, answer.json()["allowed"].take()), (200, json!(true)));
}

#[tokio::test]
async fn other_methods_and_other_organisations() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    for (path, allow) in [
        ("/oauth/userinfo", "GET, HEAD, POST"),
        ("/agents/me", "GET, HEAD"),
        ("/agents/ask", "POST"),
        ("/agents/register", "POST"),
        ("/agents/me/usage", "POST"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = org.asks(&token, &format!("{method} {path}"), Value::Null).await;
            if allow.split(", ").any(|fits| fits == method) {
                assert_ne!(answer.status, 405, "{method} {path}");
            } else {
                api_error(&answer, 405, "invalid_request");
                assert_eq!(answer.header("allow"), allow, "{method} {path}");
            }
        }
        for base in ["//orgs/other/api/v1", "//t/other/api/v1", "//orgs/Default/api/v1"] {
            let method = allow.split(", ").next().unwrap();
            let answer = org.asks(&token, &format!("{method} /{base}{path}"), json!({})).await;
            api_error(&answer, 404, "not_found");
        }
    }
    for path in ["/agents", "/agents/you", "/agents/me/", "/oauth/userinfo/x", "/oauth"] {
        let answer = org.asks(&token, &format!("GET {path}"), Value::Null).await;
        assert_eq!(answer.status, if path == "/agents/me/" { 200 } else { 404 }, "{BASE}{path}");
    }
    assert_eq!(org.exchanges(&token, &[("audience", DOCUMENTS)]).await.status, 200);
}
