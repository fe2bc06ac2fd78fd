//! The admin API's agents: made, shown, listed, changed, removed.

use serde_json::{Value, json};

use super::org::{Agent, ISSUER, Org, TO_MIDNIGHT, api_error};
use crate::stack::NOW;

async fn shown(org: &Org, name: &str) -> Value {
    let answer = org.admin(&format!("GET /admin/agents/{name}"), Value::Null).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    answer.json()["data"].take()
}

#[tokio::test]
async fn an_agent_is_made_in_either_spelling_and_shows_its_secret_once() {
    let org = Org::open().await;
    let snake = json!({
        "name": "Research Analyst", "slug": "analyst-1", "description": "Reads.", "type": "assistant",
        "capabilities": ["read:documents", "mcp:financial", "read:documents"], "owner": "ann",
        "groups": ["a2a-agent-admin"], "jwks_uri": "https://a.example.com/jwks", "unknown": [1],
        "budget_policy": {"max_tokens_per_day": 100, "max_api_calls_per_hour": 5},
    });
    let camel = json!({
        "name": "Research Analyst", "slug": "analyst-2", "description": "Reads.", "type": "assistant",
        "capabilities": ["read:documents", "mcp:financial"], "owner": "ann",
        "groups": ["a2a-agent-admin"], "jwksUri": "https://a.example.com/jwks",
        "budgetPolicy": {"maxTokensPerDay": 100, "max_api_calls_per_hour": 5},
    });
    for (base, body) in [("", snake), ("//t/default//api/v1/", camel)] {
        let slug = body["slug"].clone();
        let line =
            if base.is_empty() { "POST /admin/agents" } else { "POST ///t/default//api/v1//admin/agents" };
        let answer = org.admin(line, body).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{answer:?}");
        let told = answer.json();
        assert!(told["message"].is_string() && told.as_object().unwrap().len() == 2, "{told}");
        let mut data = told["data"].clone();
        let secret = data.as_object_mut().unwrap().remove("clientSecret").unwrap();
        let key = secret.as_str().unwrap().split('_').nth(1).unwrap().to_owned();
        let id = data["agentId"].as_str().unwrap().to_owned();
        assert!(id.starts_with("agt_") && id.len() == 36, "{id}");
        let mut expected = json!({
            "agentId": id, "clientId": id, "slug": slug, "name": "Research Analyst", "description": "Reads.",
            "type": "assistant", "status": "active", "capabilities": ["read:documents", "mcp:financial"],
            "declaredCapabilities": [], "groups": ["a2a-agent-admin"], "owner": "ann",
            "budgetPolicy": {
                "maxTokensPerDay": 100, "maxApiCallsPerHour": 5, "tokensUsedToday": 0,
                "resetsAt": NOW + TO_MIDNIGHT,
            },
            "createdAt": NOW, "updatedAt": NOW, "secrets": [{"id": key, "createdAt": NOW}],
            "workloadIdentity": format!("{ISSUER}/agents/{id}"), "jwksUri": "https://a.example.com/jwks",
        });
        expected["createdBy"] = data["createdBy"].clone();
        assert!(data["createdBy"].as_str().is_some_and(|by| by.contains("key")), "{data}");
        assert_eq!(data, expected);
        for name in [&id, slug.as_str().unwrap()] {
            assert_eq!(shown(&org, name).await, expected, "without the secret");
        }
        assert_eq!(org.signs_in(&id, secret.as_str().unwrap(), None).await.status, 200);
    }
    // The least; no limit is no number, and what there is none of is left out or empty.
    let data = org.admin("POST /admin/agents", json!({"name": "Größte  Bot!"})).await.json()["data"].take();
    assert_eq!(
        (&data["slug"], &data["type"], &data["capabilities"], &data["groups"], &data["owner"]),
        (&json!("gr-te-bot"), &json!("agent"), &json!([]), &json!([]), &Value::Null)
    );
    assert_eq!(data["budgetPolicy"], json!({"tokensUsedToday": 0, "resetsAt": NOW + TO_MIDNIGHT}));
    // Another of the same name gets a slug of its own.
    let (first, second) = (org.agent("Twin", json!({})).await, org.agent("Twin", json!({})).await);
    assert_eq!(first.slug, "twin");
    assert!(second.slug.starts_with("twin-"), "{}", second.slug);
}

#[tokio::test]
async fn every_fault_is_told_with_its_field() {
    let org = Org::open().await;
    let agent = org.agent("Good", json!({})).await;
    let before = shown(&org, &agent.id).await;
    let long = "n".repeat(257);
    let caps = |list: Value| json!({"name": "a", "capabilities": list});
    let budget = |policy: Value| json!({"name": "a", "budget_policy": policy});
    for (body, fields) in [
        (json!({}), vec!["name"]),
        (json!({"name": null}), vec!["name"]),
        (json!({"name": "  "}), vec!["name"]),
        (json!({"name": 5}), vec!["name"]),
        (json!({ "name": long }), vec!["name"]),
        (json!({"name": "a\u{0}"}), vec!["name"]),
        (json!({"name": "a", "description": {}}), vec!["description"]),
        (json!({"name": "a", "description": "d".repeat(4097)}), vec!["description"]),
        (json!({"name": "a", "type": 1}), vec!["type"]),
        (json!({"name": "a", "owner": []}), vec!["owner"]),
        (json!({"name": "a", "status": "gone"}), vec!["status"]),
        (json!({"name": "a", "jwks_uri": "ftp://x"}), vec!["jwks_uri"]),
        (json!({"name": "a", "client_id": "mine"}), vec!["client_id"]),
        (caps(json!("read:documents")), vec!["capabilities"]),
        (caps(json!(["a:b", 1, null])), vec!["capabilities[1]", "capabilities[2]"]),
        (caps(json!(["", "read", "a b:c", "read:", ":x", "a:\"", "a:\n", "ä:b"])), {
            (0..8).map(|at| ["[0]", "[1]", "[2]", "[3]", "[4]", "[5]", "[6]", "[7]"][at]).collect()
        }),
        (caps(json!(["admin:agents:write", "ADMIN:x", "admin:agents:read"])), vec!["[0]", "[1]", "[2]"]),
        (caps(json!([format!("a:{}", "b".repeat(127))])), vec!["[0]"]),
        (caps(json!(vec!["a:b"; 257])), vec!["capabilities"]),
        (json!({"name": "a", "groups": ["", "a,b", "a\nb"]}), vec!["groups[0]", "groups[1]", "groups[2]"]),
        (json!({"name": "a", "groups": {"a": 1}}), vec!["groups"]),
        (budget(json!([])), vec!["budget_policy"]),
        (budget(json!({"max_tokens_per_day": -1})), vec!["budget_policy.max_tokens_per_day"]),
        (budget(json!({"maxTokensPerDay": "5"})), vec!["budget_policy.max_tokens_per_day"]),
        (budget(json!({"max_api_calls_per_hour": 0.5})), vec!["budget_policy.max_api_calls_per_hour"]),
        (
            budget(json!({"max_tokens_per_day": 1, "maxTokensPerDay": 1})),
            vec!["budget_policy.max_tokens_per_day"],
        ),
        (json!({"name": "a", "budget_policy": {}, "budgetPolicy": {}}), vec!["budget_policy"]),
        (json!({"name": "a", "jwks_uri": "https://a", "jwksUri": "https://b"}), vec!["jwks_uri"]),
        (json!({"type": 1, "owner": 2, "groups": 3, "budget_policy": {"max_tokens_per_day": true}}), {
            vec!["name", "type", "groups", "owner", "budget_policy.max_tokens_per_day"]
        }),
    ] {
        for line in ["POST /admin/agents", &format!("PUT /admin/agents/{}", agent.id)] {
            if line.starts_with("PUT") && body.get("client_id").is_some() {
                continue;
            }
            let mut told = api_error(&org.admin(line, body.clone()).await, 422, "validation_failed");
            let mut expected: Vec<String> =
                fields
                    .iter()
                    .map(|field| {
                        if field.starts_with('[') { format!("capabilities{field}") } else { (*field).into() }
                    })
                    .collect();
            told.sort();
            expected.sort();
            assert_eq!(told, expected, "{line} {body}");
        }
    }
    for slug in ["", "-a", "a-", "A", "a_b", "a b", "ü", &"s".repeat(65)] {
        let answer = org.admin("POST /admin/agents", json!({"name": "a", "slug": slug})).await;
        assert_eq!(api_error(&answer, 422, "validation_failed"), ["slug"], "{slug}");
    }
    let answer = org.admin("POST /admin/agents", json!({"name": "!?"})).await;
    assert_eq!(api_error(&answer, 422, "validation_failed"), ["slug"], "no slug can be made of it");
    assert_eq!(shown(&org, &agent.id).await, before);
    let line = format!("POST /admin/agents/{}/rotate-credentials", agent.id);
    for overlap in [json!(-1), json!("1"), json!(30 * 86_400 + 1), json!(1.5)] {
        let answer = org.admin(&line, json!({ "overlap_seconds": overlap })).await;
        assert_eq!(api_error(&answer, 422, "validation_failed"), ["overlap_seconds"]);
    }
    for (body, fields) in [
        (json!({}), vec!["scopes"]),
        (json!({"scopes": null}), vec!["scopes"]),
        (json!({"scopes": "a:b"}), vec!["scopes"]),
        (json!({"scopes": ["a:b", "admin:agents:read"]}), vec!["scopes[1]"]),
    ] {
        let answer = org.admin(&format!("PUT /admin/agents/{}/scopes", agent.id), body).await;
        assert_eq!(api_error(&answer, 422, "validation_failed"), fields);
    }
    assert_eq!(shown(&org, &agent.id).await, before);
}

#[tokio::test]
async fn faults_of_a_change_are_told_together() {
    let org = Org::open().await;
    let agent = org.agent("Good", json!({})).await;
    let line = format!("PATCH /admin/agents/{}", agent.id);
    let answer = org.admin(&line, json!({"tokens_used_today": -1, "name": "", "type": 1})).await;
    let mut told = api_error(&answer, 422, "validation_failed");
    told.sort();
    assert_eq!(told, ["name", "tokens_used_today", "type"]);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_takes_away() {
    let org = Org::open().await;
    let everything = json!({
        "description": "d", "type": "t", "capabilities": ["a:b"], "groups": ["g"], "owner": "o",
        "jwks_uri": "https://j", "budget_policy": {"max_tokens_per_day": 9, "max_api_calls_per_hour": 8},
    });
    let agent = org.agent("Name", everything).await;
    let line = format!("PATCH /admin/agents/{}", agent.slug);
    let budget = |day: Option<u64>, hour: Option<u64>, used: u64| {
        let mut policy = json!({"tokensUsedToday": used, "resetsAt": NOW + TO_MIDNIGHT});
        if let Some(day) = day {
            policy["maxTokensPerDay"] = day.into();
        }
        if let Some(hour) = hour {
            policy["maxApiCallsPerHour"] = hour.into();
        }
        policy
    };
    let mut expected = shown(&org, &agent.id).await;
    for (body, field, value) in [
        (json!({}), "name", json!("Name")),
        (json!({"name": "Other"}), "name", json!("Other")),
        (json!({"slug": "name"}), "slug", json!("name")),
        (json!({"status": "suspended"}), "status", json!("suspended")),
        (json!({"status": null}), "status", json!("suspended")),
        (json!({"status": "active"}), "status", json!("active")),
        (json!({"budgetPolicy": {"maxTokensPerDay": 50}}), "budgetPolicy", budget(Some(50), Some(8), 0)),
        (json!({"tokens_used_today": 7}), "budgetPolicy", budget(Some(50), Some(8), 7)),
        (json!({"budget_policy": {"max_tokens_per_day": null}}), "budgetPolicy", budget(None, Some(8), 7)),
        (json!({"budget_policy": {}, "tokensUsedToday": 0}), "budgetPolicy", budget(None, Some(8), 0)),
        (json!({"budget_policy": null}), "budgetPolicy", budget(None, None, 0)),
        (json!({"description": null}), "description", json!("")),
        (json!({"owner": null}), "owner", Value::Null),
        (json!({"type": null}), "type", json!("agent")),
        (json!({"capabilities": null}), "capabilities", json!([])),
        (json!({"groups": null}), "groups", json!([])),
    ] {
        let answer = org.admin(&line, body.clone()).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
        expected[field] = value;
        assert_eq!(answer.json()["data"], expected, "{body}");
        assert!(answer.json()["message"].is_string());
        assert_eq!(shown(&org, &agent.id).await, expected, "{body}");
    }
    org.change(&agent, json!({"jwks_uri": null})).await;
    assert_eq!(shown(&org, &agent.id).await.get("jwksUri"), None);
    org.stack.hands.forward(3);
    org.change(&agent, json!({"name": "Again"})).await;
    let data = shown(&org, &agent.id).await;
    assert_eq!((&data["updatedAt"], &data["createdAt"]), (&json!(NOW + 3), &json!(NOW)));
    let slug = org.admin(&line, json!({"slug": "another"})).await;
    assert_eq!(api_error(&slug, 422, "validation_failed"), ["slug"], "tokens say it");
}

#[tokio::test]
async fn a_put_says_everything() {
    let org = Org::open().await;
    let everything = json!({
        "description": "d", "type": "t", "capabilities": ["a:b"], "groups": ["g"], "owner": "o",
        "jwks_uri": "https://j", "budget_policy": {"max_tokens_per_day": 9, "max_api_calls_per_hour": 8},
    });
    let agent = org.agent("Name", everything).await;
    org.change(&agent, json!({"status": "suspended", "tokens_used_today": 4})).await;
    let mut expected = shown(&org, &agent.id).await;
    let line = format!("PUT /admin/agents/{}", agent.id);
    let answer = org.admin(&line, json!({"name": "New", "budget_policy": {"max_tokens_per_day": 5}})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for (name, value) in [
        ("name", json!("New")),
        ("description", json!("")),
        ("type", json!("agent")),
        ("capabilities", json!([])),
        ("groups", json!([])),
        ("owner", Value::Null),
        ("budgetPolicy", json!({"maxTokensPerDay": 5, "tokensUsedToday": 4, "resetsAt": NOW + TO_MIDNIGHT})),
    ] {
        expected[name] = value;
    }
    expected.as_object_mut().unwrap().remove("jwksUri");
    assert_eq!(answer.json()["data"], expected, "id, slug, secret, use and suspension stay");
    assert_eq!(org.admin(&line, json!({"name": "New", "status": "active"})).await.status, 200);
    assert_eq!(org.signs_in(&agent.id, &agent.secret, None).await.status, 200);
}

#[tokio::test]
async fn scopes_status_and_removal_have_places_of_their_own() {
    let org = Org::open().await;
    let agent = org.agent("Name", json!({"capabilities": ["a:b"]})).await;
    let line = |method: &str, rest: &str| format!("{method} /admin/agents/{}{rest}", agent.slug);
    let scopes = |list: Value| json!({"agentId": agent.id, "scopes": list});
    let got = org.admin(&line("GET", "/scopes"), Value::Null).await;
    assert_eq!((got.status, got.json()["data"].take()), (200, scopes(json!(["a:b"]))));
    for list in [json!(["c:d", "e:f", "c:d"]), json!([])] {
        let put = org.admin(&line("PUT", "/scopes"), json!({ "scopes": list })).await;
        let expected = if list == json!([]) { list } else { json!(["c:d", "e:f"]) };
        assert_eq!((put.status, put.json()["data"].take()), (200, scopes(expected.clone())));
        assert!(put.json()["message"].is_string());
        assert_eq!(shown(&org, &agent.id).await["capabilities"], expected);
    }
    for (verb, status) in [
        ("deactivate", "suspended"),
        ("deactivate", "suspended"),
        ("activate", "active"),
        ("activate", "active"),
    ] {
        let answer = org.admin(&line("POST", &format!("/{verb}")), Value::Null).await;
        assert_eq!(
            (answer.status, answer.json()["data"]["status"].take()),
            (200, json!(status)),
            "{answer:?}"
        );
        assert_eq!(answer.json()["data"], shown(&org, &agent.id).await);
    }
    let gone = org.admin(&line("DELETE", ""), Value::Null).await;
    assert_eq!((gone.status, gone.json()["data"].take()), (200, json!({"agentId": agent.id})));
    for (method, rest, body) in [
        ("GET", "", Value::Null),
        ("PUT", "", json!({"name": "a"})),
        ("PATCH", "", json!({"name": "a"})),
        ("DELETE", "", Value::Null),
        ("GET", "/scopes", Value::Null),
        ("PUT", "/scopes", json!({"scopes": []})),
        ("POST", "/activate", Value::Null),
        ("POST", "/deactivate", Value::Null),
        ("POST", "/rotate-credentials", Value::Null),
        ("GET", "/usage", Value::Null),
    ] {
        api_error(&org.admin(&line(method, rest), body).await, 404, "not_found");
    }
    // Tokens and records say its slug: it is nobody's again, not even after a restart.
    let org = org.restarted().await;
    let taken = org.admin("POST /admin/agents", json!({"name": "x", "slug": agent.slug})).await;
    api_error(&taken, 409, "conflict");
    assert!(org.agent("Name", json!({})).await.slug.starts_with("name-"));
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let org = Org::open().await;
    let mut agents: Vec<Agent> = Vec::new();
    for name in ["Ann", "Bob", "Cleo", "Dan", "Eve"] {
        agents.push(org.agent(&format!("{name} the bot"), json!({})).await);
    }
    org.change(&agents[1], json!({"status": "suspended"})).await;
    let bob = agents[1].id.to_uppercase();
    let by_id = format!("q={bob}");
    for (query, names, limit, offset, total, more) in [
        ("", "Ann Bob Cleo Dan Eve", 50, 0, 5, false),
        ("limit=2", "Ann Bob", 2, 0, 5, true),
        ("limit=2&offset=2", "Cleo Dan", 2, 2, 5, true),
        ("limit=2&offset=4", "Eve", 2, 4, 5, false),
        ("limit=500&offset=5", "", 500, 5, 5, false),
        ("offset=18446744073709551615", "", 50, usize::MAX, 5, false),
        ("status=active", "Ann Cleo Dan Eve", 50, 0, 4, false),
        ("status=suspended", "Bob", 50, 0, 1, false),
        ("status=&q=", "Ann Bob Cleo Dan Eve", 50, 0, 5, false),
        ("q=E+THE&limit=1", "Eve", 1, 0, 1, false),
        ("q=n%20the&status=active&limit=1", "Ann", 1, 0, 2, true),
        (&by_id, "Bob", 50, 0, 1, false),
        ("q=nobody", "", 50, 0, 0, false),
    ] {
        for line in
            [format!("GET /admin/agents?{query}"), format!("GET ///t/default/api/v1/admin//agents?{query}")]
        {
            let answer = org.admin(&line, Value::Null).await;
            assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
            let told = answer.json();
            let listed = told["data"].as_array().unwrap().iter();
            let listed: Vec<&str> =
                listed.map(|agent| agent["name"].as_str().unwrap().split(' ').next().unwrap()).collect();
            assert_eq!(listed, names.split_whitespace().collect::<Vec<_>>(), "{query}");
            assert_eq!(
                (&told["meta"], &told["pagination"]),
                (
                    &json!({ "total": total }),
                    &json!({"limit": limit, "offset": offset, "total": total, "has_more": more})
                )
            );
        }
    }
    let one = org.admin("GET /admin/agents?limit=1", Value::Null).await.json()["data"][0].take();
    assert_eq!(one, shown(&org, &agents[0].id).await, "an entry is what it is alone");
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("page=2", "page"),
    ] {
        let answer = org.admin(&format!("GET /admin/agents?{query}"), Value::Null).await;
        assert_eq!(api_error(&answer, 422, "validation_failed"), [field], "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_can_fit_nothing_is_a_slip() {
    let org = Org::open().await;
    let answer = org.admin("GET /admin/agents?status=deleted", Value::Null).await;
    assert_eq!(api_error(&answer, 422, "validation_failed"), ["status"]);
}
