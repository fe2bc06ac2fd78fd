//! Whether a token counts now (RFC 7662): an MCP server learns of its own tokens, the organisation's key of all.

use serde_json::{Value, json};

use super::org::{
    DOCUMENTS, FINANCE, FINANCE_URN, ISSUER, Org, Sent, TO_MIDNIGHT, basic, bearer, claims, oauth_error,
    token_of,
};
use crate::stack::{Answer, NOW, SECRET};

const PATH: &str = "POST /oauth/introspect";

/// A third target, with the secret that it introspects with.
async fn news(org: &Org) -> (String, String) {
    let target = org
        .target(json!({
            "name": "News", "resource_uri": "https://news", "aliases": ["urn:mcp:news"],
            "required_capability": "read:documents",
        }))
        .await;
    let text = |name: &str| target[name].as_str().unwrap().to_owned();
    (text("id"), text("introspectionSecret"))
}

#[track_caller]
fn inactive(answer: &Answer) {
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    assert_eq!(answer.json(), json!({"active": false}), "and not a word more");
}

#[tokio::test]
async fn a_server_asks_in_every_way_and_learns_what_the_token_says() {
    let (org, agent) = Org::furnished().await;
    let (id, secret) = news(&org).await;
    let base = org.token(&agent, None).await;
    for audience in ["https://news", "urn:mcp:news"] {
        let token = org.exchanged(&base, audience).await;
        let mut expected = claims(&token);
        expected.as_object_mut().unwrap().remove("preferred_username");
        expected["active"] = true.into();
        expected["token_type"] = "Bearer".into();
        let named = [("token", token.as_str())];
        let with = |id| [("token", token.as_str()), ("client_id", id), ("client_secret", secret.as_str())];
        for (headers, sent) in [
            (bearer(&secret), Sent::Form(&named)),
            (bearer(&secret), Sent::Json(json!({"token": token, "token_type_hint": "access_token"}))),
            (basic(&id, &secret), Sent::Form(&named)),
            (basic("news", &secret), Sent::Form(&named)),
            (String::new(), Sent::Form(&with(&id))),
            (String::new(), Sent::Json(json!({"token": token, "client_id": id, "client_secret": secret}))),
            (format!("x-api-key: {}\r\n", org.key), Sent::Form(&named)),
        ] {
            for path in [PATH, "POST ///t/default//api/v1/oauth/introspect"] {
                let sent = match &sent {
                    Sent::Form(form) => Sent::Form(form),
                    Sent::Json(json) => Sent::Json(json.clone()),
                    Sent::Nothing | Sent::As(..) => unreachable!("not in this table"),
                };
                let answer = org.call(path, &headers, sent).await;
                assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
                assert_eq!(answer.json(), expected, "{headers}");
            }
        }
    }
}

#[tokio::test]
async fn who_may_not_ask() {
    let (org, agent) = Org::furnished().await;
    let (id, secret) = news(&org).await;
    let token = org.exchanged(&org.token(&agent, None).await, "https://news").await;
    let finance = org.admin("GET /admin/mcp/servers/financial-data", Value::Null).await.json();
    let finance = finance["data"]["id"].as_str().unwrap();
    let keeper = org.stack.token(json!({"groups": ["directory-keepers"]}));
    let wrong = format!("{secret}x");
    for (headers, more, challenged) in [
        (String::new(), vec![], false),
        (String::new(), vec![("client_id", id.as_str())], false),
        (String::new(), vec![("client_id", &id), ("client_secret", &wrong)], false),
        (String::new(), vec![("client_id", finance), ("client_secret", &secret)], false),
        (String::new(), vec![("client_id", &agent.id), ("client_secret", &agent.secret)], false),
        (basic(&id, &wrong), vec![], true),
        (basic(finance, &secret), vec![], true),
        (basic("https://news", &secret), vec![], true),
        (basic("lob1-bot", SECRET), vec![], true),
        (bearer(&wrong), vec![], false),
        (bearer(&token), vec![], false),
        (bearer(&keeper), vec![], false),
        (bearer(&org.key), vec![], false),
        (bearer(&agent.secret), vec![], false),
        ("x-api-key: lmk_wrong\r\n".to_owned(), vec![], false),
        (format!("x-api-key: {secret}\r\n"), vec![], false),
        // A wrong key is not made good by what stands beside it.
        ("x-api-key: lmk_wrong\r\n".to_owned() + &bearer(&secret), vec![], false),
    ] {
        let form: Vec<_> = [("token", token.as_str())].into_iter().chain(more.clone()).collect();
        let answer = org.call(PATH, &headers, Sent::Form(&form)).await;
        let alone = headers.starts_with("authorization: Bearer");
        oauth_error(&answer, 401, if alone { "invalid_token" } else { "invalid_client" });
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.starts_with("Basic "), challenged, "{headers} {more:?}");
        assert_eq!(challenge.starts_with("Bearer "), alone, "{headers} {more:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_sent_twice_opens_nothing() {
    let (org, agent) = Org::furnished().await;
    let (_, secret) = news(&org).await;
    let token = org.exchanged(&org.token(&agent, None).await, "https://news").await;
    let key = format!("x-api-key: {}\r\n", org.key);
    for headers in [[key.as_str(), key.as_str()].concat(), [&key, &key, bearer(&secret).as_str()].concat()] {
        oauth_error(&org.call(PATH, &headers, Sent::Form(&[("token", &token)])).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_server_learns_nothing_of_what_is_not_its_own() {
    let (org, agent) = Org::furnished().await;
    let (_, secret) = news(&org).await;
    let base = org.token(&agent, None).await;
    let client = token_of(&org.signs_in("mcp-gateway-m2m", SECRET, None).await);
    let mut forged = claims(&org.exchanged(&base, "https://news").await);
    forged["exp"] = NOW.into();
    for (what, token) in [
        ("a base token", base.clone()),
        ("another server's", org.exchanged(&base, FINANCE_URN).await),
        ("of the same capability", org.exchanged(&base, DOCUMENTS).await),
        ("a client's", client),
        ("another issuer's", org.stack.token(json!({"aud": "https://news"}))),
        ("ended", org.forge(&forged)),
        ("none", "x.y.z".to_owned()),
        ("empty", String::new()),
        ("its own secret", secret.clone()),
    ] {
        let answer = org.call(PATH, &bearer(&secret), Sent::Form(&[("token", &token)])).await;
        assert_eq!(answer.json()["active"], false, "{what}");
        inactive(&answer);
    }
    // The key sees all that is ours.
    let key = format!("x-api-key: {}\r\n", org.key);
    for (token, aud) in [(&base, json!(ISSUER)), (&org.exchanged(&base, FINANCE).await, json!(FINANCE))] {
        let told = org.call(PATH, &key, Sent::Form(&[("token", token)])).await.json();
        assert_eq!((&told["active"], &told["aud"]), (&json!(true), &aud));
    }
    inactive(&org.call(PATH, &key, Sent::Form(&[("token", &org.stack.token(json!({})))])).await);
    oauth_error(&org.call(PATH, &key, Sent::Form(&[])).await, 400, "invalid_request");
}

#[tokio::test]
async fn it_follows_the_directory_live() {
    let (org, agent) = Org::furnished().await;
    let (id, mut secret) = news(&org).await;
    let base = org.token(&agent, None).await;
    let token = org.exchanged(&base, "https://news").await;
    let active = async |secret: &str| {
        let answer = org.call(PATH, &bearer(secret), Sent::Form(&[("token", &token)])).await;
        answer.json()["active"].as_bool()
    };
    for (change, expected) in [
        (json!({"status": "suspended"}), false),
        (json!({"status": "active"}), true),
        (json!({"capabilities": ["mcp:financial"]}), false),
        (json!({"capabilities": ["read:documents"]}), true),
        // Its budget is looked at when it is exchanged.
        (json!({"budget_policy": {"max_tokens_per_day": 0}}), true),
    ] {
        org.change(&agent, change.clone()).await;
        assert_eq!(active(&secret).await, Some(expected), "{change}");
    }
    // The server's secret is replaced: the old one is void at once.
    let rotated = org.admin(&format!("POST /admin/mcp/servers/{id}/rotate-credentials"), Value::Null).await;
    let new = rotated.json()["data"]["introspectionSecret"].as_str().unwrap().to_owned();
    assert_ne!(new, secret);
    let old = org.call(PATH, &bearer(&secret), Sent::Form(&[("token", &token)])).await;
    oauth_error(&old, 401, "invalid_token");
    secret = new;
    assert_eq!(active(&secret).await, Some(true));
    org.stack.hands.forward(300);
    assert_eq!(active(&secret).await, Some(false), "it has ended");
    org.stack.hands.forward(TO_MIDNIGHT);
    assert_eq!(org.admin(&format!("DELETE /admin/agents/{}", agent.id), Value::Null).await.status, 200);
    assert_eq!(org.admin(&format!("DELETE /admin/mcp/servers/{id}"), Value::Null).await.status, 200);
    oauth_error(
        &org.call(PATH, &bearer(&secret), Sent::Form(&[("token", &token)])).await,
        401,
        "invalid_token",
    );
}
