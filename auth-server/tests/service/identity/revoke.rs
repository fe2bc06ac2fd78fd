//! Making a token void (RFC 7009): at once, everywhere, with all that was made from it.

use serde_json::{Value, json};

use super::org::{DOCUMENTS, FINANCE, Org, Sent, basic, bearer, claims, oauth_error, token_of};
use crate::stack::{Answer, SECRET};

const PATH: &str = "POST /oauth/revoke";

#[track_caller]
fn done(answer: &Answer) {
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    assert_eq!(answer.json(), json!({}));
}

/// Whether a base token still opens anything.
async fn counts(org: &Org, token: &str) -> bool {
    let userinfo = org.asks(token, "GET /oauth/userinfo", Value::Null).await.status;
    let exchange = org.exchanges(token, &[("audience", FINANCE)]).await.status;
    let registry = org.stack.validate(token, "/api/agents").await.status;
    match (userinfo, exchange, registry) {
        (200, 200, 200) => true,
        (401, 400, 401) => false,
        mixed => panic!("one door is open, another closed: {mixed:?}"),
    }
}

#[tokio::test]
async fn every_way_to_revoke() {
    let (org, agent) = Org::furnished().await;
    let key = format!("x-api-key: {}\r\n", org.key);
    let (id, secret) = (agent.id.as_str(), agent.secret.as_str());
    for (headers, credentials) in [
        (String::new(), vec![]),
        (String::new(), vec![("client_id", id)]),
        (String::new(), vec![("client_id", id), ("client_secret", secret)]),
        (String::new(), vec![("token_type_hint", "access_token")]),
        (String::new(), vec![("token_type_hint", "refresh_token")]),
        (String::new(), vec![("token_type_hint", "nothing_known")]),
        (basic(id, secret), vec![]),
        (basic(id, secret), vec![("client_id", id)]),
        (bearer(&org.token(&agent, None).await), vec![]),
        (key, vec![]),
    ] {
        let token = org.token(&agent, None).await;
        assert!(counts(&org, &token).await);
        let form: Vec<_> = [("token", token.as_str())].into_iter().chain(credentials.clone()).collect();
        done(&org.call(PATH, &headers, Sent::Form(&form)).await);
        assert!(!counts(&org, &token).await, "{headers} {credentials:?}");
        // Again it is the same; nobody learns whether it counted.
        done(&org.call(PATH, &headers, Sent::Form(&form)).await);
    }
    let token = org.token(&agent, None).await;
    let body = json!({"token": token, "client_id": id, "client_secret": secret});
    done(&org.call("POST ///t/default//api/v1/oauth/revoke", "", Sent::Json(body)).await);
    assert!(!counts(&org, &token).await);
    let itself = org.token(&agent, None).await;
    done(&org.call(PATH, &bearer(&itself), Sent::Form(&[("token", &itself)])).await);
    assert!(!counts(&org, &itself).await);
}

#[tokio::test]
async fn whoever_shows_wrong_credentials_revokes_nothing() {
    let (org, agent) = Org::furnished().await;
    let other = org.agent("Other", json!({})).await;
    let token = org.token(&agent, None).await;
    let wrong = format!("{}x", agent.secret);
    for (headers, more, status) in [
        (String::new(), vec![("client_id", agent.id.as_str()), ("client_secret", &wrong)], 401),
        (String::new(), vec![("client_id", "nobody"), ("client_secret", &wrong)], 401),
        (basic(&agent.id, &wrong), vec![], 401),
        (basic(&other.id, &other.secret), vec![], 400),
        (String::new(), vec![("client_id", "lob1-bot"), ("client_secret", SECRET)], 400),
        (String::new(), vec![("client_secret", &agent.secret)], 400),
        ("authorization: Digest x\r\n".to_owned(), vec![], 400),
    ] {
        let form: Vec<_> = [("token", token.as_str())].into_iter().chain(more.clone()).collect();
        let answer = org.call(PATH, &headers, Sent::Form(&form)).await;
        oauth_error(&answer, status, if status == 401 { "invalid_client" } else { "invalid_request" });
        assert_eq!(
            answer.header("www-authenticate").starts_with("Basic "),
            status == 401 && !headers.is_empty(),
            "{headers} {more:?}"
        );
        assert!(counts(&org, &token).await, "{headers} {more:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_or_anothers_token_revokes_nothing() {
    let (org, agent) = Org::furnished().await;
    let other = org.agent("Other", json!({})).await;
    let (token, others) = (org.token(&agent, None).await, org.token(&other, None).await);
    let key = format!("x-api-key: {}\r\n", org.key);
    for (headers, more) in [
        ("x-api-key: lmk_wrong\r\n".to_owned(), None),
        ([key.as_str(), key.as_str()].concat(), None),
        ("x-api-key: lmk_wrong\r\n".to_owned() + &basic(&agent.id, &agent.secret), None),
        (bearer(&others), None),
        (bearer("garbage"), None),
        (bearer(&org.key), None),
        (String::new(), Some(("client_id", other.id.as_str()))),
        (String::new(), Some(("client_id", "nobody"))),
    ] {
        let form: Vec<_> = [("token", token.as_str())].into_iter().chain(more).collect();
        let answer = org.call(PATH, &headers, Sent::Form(&form)).await;
        assert!(matches!(answer.status, 400 | 401), "{headers} {more:?} {answer:?}");
        assert!(counts(&org, &token).await, "{headers} {more:?}");
    }
}

#[tokio::test]
async fn what_is_no_token_needs_no_revoking() {
    let (org, agent) = Org::furnished().await;
    let mut ended = claims(&org.token(&agent, None).await);
    ended["exp"] = 1.into();
    let ended = org.forge(&ended);
    let foreign = org.stack.token(json!({}));
    for token in ["garbage", "a.b.c", ended.as_str(), foreign.as_str(), "", "\u{0}"] {
        done(&org.form("/oauth/revoke", &[("token", token)]).await);
    }
    assert_eq!(org.stack.validate(&foreign, "/api/agents").await.status, 200, "not ours to revoke");
    assert_eq!(org.stack.count("auth_server_tokens_revoked_total").await, 0);
    for sent in [
        Sent::Form(&[]),
        Sent::Form(&[("token_type_hint", "access_token")]),
        Sent::Form(&[("token", "a"), ("token", "b")]),
        Sent::As("text/plain", b"token=a"),
        Sent::As("application/json", b"[]"),
        Sent::As("application/json", br#"{"token":1}"#),
        Sent::As("application/json", br#"{"token":"a","token":"b"}"#),
    ] {
        oauth_error(&org.call(PATH, "", sent).await, 400, "invalid_request");
    }
    for path in ["/oauth/revoke", "/oauth/introspect"] {
        let get = org.call(&format!("GET {path}"), "", Sent::Nothing).await;
        oauth_error(&get, 405, "invalid_request");
        assert_eq!(get.header("allow"), "POST");
        let elsewhere = org.form(&format!("//orgs/other/api/v1{path}"), &[("token", "x")]).await;
        oauth_error(&elsewhere, 404, "not_found");
    }
}

async fn is_active(org: &Org, token: &str) -> bool {
    let key = format!("x-api-key: {}\r\n", org.key);
    let answer = org.call("POST /oauth/introspect", &key, Sent::Form(&[("token", token)])).await;
    answer.json()["active"].as_bool().unwrap()
}

#[tokio::test]
async fn with_a_token_goes_what_was_made_from_it_and_nothing_else() {
    let (org, agent) = Org::furnished().await;
    let (base, second) = (org.token(&agent, None).await, org.token(&agent, None).await);
    let (one, two) = (org.exchanged(&base, FINANCE).await, org.exchanged(&base, DOCUMENTS).await);
    let of_second = org.exchanged(&second, FINANCE).await;
    // An exchanged token alone first.
    done(&org.form("/oauth/revoke", &[("token", &one)]).await);
    assert_eq!((is_active(&org, &one).await, is_active(&org, &two).await), (false, true));
    assert!(counts(&org, &base).await, "what it was made from stays");
    done(&org.form("/oauth/revoke", &[("token", &base)]).await);
    assert_eq!((is_active(&org, &two).await, is_active(&org, &of_second).await), (false, true));
    assert_eq!((counts(&org, &base).await, counts(&org, &second).await), (false, true));
    assert!(counts(&org, &org.token(&agent, None).await).await, "the agent signs in again");
    assert_eq!(org.stack.count("auth_server_tokens_revoked_total").await, 2);
    let revoked = org.records("revoke", 2).await;
    for (record, token) in revoked.iter().zip([&one, &base]) {
        let jti = claims(token)["jti"].take();
        assert_eq!(
            (&record["who"], &record["client_id"], &record["verdict"]),
            (&json!("agent:research-analyst"), &json!(agent.id), &json!("allowed"))
        );
        assert!(record["resource"].as_str().unwrap().contains(jti.as_str().unwrap()), "{record}");
    }
}

#[tokio::test]
async fn a_clients_token_can_be_revoked_too() {
    let (org, _) = Org::furnished().await;
    let token = token_of(&org.signs_in("mcp-gateway-m2m", SECRET, None).await);
    assert_eq!(org.stack.validate(&token, "/api/agents").await.status, 200);
    assert!(is_active(&org, &token).await);
    let form = [("token", token.as_str()), ("client_id", "mcp-gateway-m2m"), ("client_secret", SECRET)];
    done(&org.form("/oauth/revoke", &form).await);
    assert_eq!(org.stack.validate(&token, "/api/agents").await.status, 401);
    assert!(!is_active(&org, &token).await);
}

#[tokio::test]
async fn a_revocation_outlives_a_restart() {
    let (org, agent) = Org::furnished().await;
    let (base, kept) = (org.token(&agent, None).await, org.token(&agent, None).await);
    let exchanged = org.exchanged(&base, FINANCE).await;
    done(&org.form("/oauth/revoke", &[("token", &base)]).await);
    let again = org.restarted().await;
    assert_eq!((counts(&again, &base).await, counts(&again, &kept).await), (false, true));
    assert!(!is_active(&again, &exchanged).await);
}
