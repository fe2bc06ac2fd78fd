//! A token for an MCP server, in exchange for an agent's own (RFC 8693): who gets one, and what it says.

use serde_json::{Value, json};

use super::org::{
    ACCESS_TOKEN, DOCUMENTS, EXCHANGE, FINANCE, FINANCE_URN, ISSUER, Org, Sent, basic, claims, oauth_error,
    part, token_of,
};
use crate::stack::{NOW, SECRET};

#[tokio::test]
async fn what_an_exchanged_token_says() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    org.stack.hands.forward(7);
    let id =
        org.admin("GET /admin/mcp/servers/financial-data", Value::Null).await.json()["data"]["id"].take();
    let id = id.as_str().unwrap();
    let alone = json!(FINANCE);
    let named = json!([FINANCE, FINANCE_URN]);
    let (audience, resource) = (|name| ("audience", name), |name| ("resource", name));
    for (asked, aud) in [
        (vec![audience(FINANCE)], &alone),
        (vec![resource(FINANCE)], &alone),
        (vec![audience(id)], &alone),
        (vec![audience(FINANCE), resource(FINANCE)], &alone),
        (vec![resource(FINANCE), resource(FINANCE)], &alone),
        (vec![audience(FINANCE), resource("")], &alone),
        (vec![audience(FINANCE_URN)], &named),
        (vec![resource(FINANCE_URN)], &named),
        (vec![audience(FINANCE_URN), resource(FINANCE)], &named),
        (vec![audience(FINANCE_URN), audience(FINANCE_URN)], &named),
        (vec![audience(id), resource(FINANCE_URN)], &named),
    ] {
        let answer = org.exchanges(&base, &asked).await;
        let token = token_of(&answer);
        assert_eq!(
            (answer.header("cache-control"), answer.json()),
            (
                "no-store",
                json!({
                    "access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer",
                    "expires_in": 300, "scope": "mcp:financial",
                })
            )
        );
        assert_eq!((&part(&token, 0)["typ"], &part(&token, 0)["alg"]), (&json!("at+jwt"), &json!("ES256")));
        let mut said = claims(&token);
        let jti = said.as_object_mut().unwrap().remove("jti").unwrap();
        let from = claims(&base)["jti"].as_str().unwrap().to_owned();
        let derived = jti.as_str().unwrap().strip_prefix(&from).and_then(|rest| rest.strip_prefix('.'));
        assert_eq!(derived.map(str::len), Some(22), "{jti} of {from}");
        assert_eq!(
            said,
            json!({
                "iss": ISSUER, "aud": aud, "sub": "agent:research-analyst", "preferred_username": agent.id,
                "client_id": agent.id, "agent_id": agent.id, "tenant": "default", "scope": "mcp:financial",
                "iat": NOW + 7, "nbf": NOW + 7, "exp": NOW + 307,
            }),
            "{asked:?}"
        );
    }
    // As JSON, by the older mount, with a list.
    let body = json!({
        "grant_type": EXCHANGE, "subject_token": base, "audience": [FINANCE, FINANCE_URN],
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "requested_token_type": ACCESS_TOKEN,
    });
    let answer = org.call("POST ///t/default/api/v1//oauth/token", "", Sent::Json(body)).await;
    assert_eq!(claims(&token_of(&answer))["aud"], named);
    assert_eq!(org.stack.count("auth_server_tokens_exchanged_total").await, 12);
    assert_eq!(org.stack.count("auth_server_tokens_issued_total").await, 1);
}

#[tokio::test]
async fn its_scope_is_what_target_token_and_agent_have_in_common() {
    let org = Org::open().await;
    let held = json!({"capabilities": ["use:it", "a:1", "b:2", "c:3"], "groups": ["a2a-agent-admin"]});
    let agent = org.agent("Analyst", held).await;
    org.target(json!({
        "name": "It", "resource_uri": "https://it", "required_capability": "use:it",
        "scopes_supported": ["a:1", "b:2", "x:9"],
    }))
    .await;
    org.target(json!({"name": "Open", "resource_uri": "https://open", "scopes_supported": ["b:2", "c:3"]}))
        .await;
    org.target(json!({"name": "Bare", "resource_uri": "https://bare"})).await;
    let (whole, narrow) = (None, Some("use:it b:2 a2a-agent-admin"));
    for (signed_in, target, asked, expected) in [
        (whole, "https://it", None, Some("use:it a:1 b:2")),
        (whole, "https://it", Some("b:2 c:3 x:9"), Some("b:2")),
        (whole, "https://it", Some("c:3"), None),
        (whole, "https://it", Some("x:9"), None),
        (whole, "https://it", Some("a2a-agent-admin"), None),
        (whole, "https://it", Some(" "), Some("use:it a:1 b:2")),
        (narrow, "https://it", None, Some("use:it b:2")),
        (narrow, "https://it", Some("a:1"), None),
        (whole, "https://open", None, Some("b:2 c:3")),
        (narrow, "https://open", None, Some("b:2")),
        // What it knows none of is not bound to it: such a token would open nothing.
        (Some("a:1"), "https://open", None, None),
        (whole, "https://bare", None, Some("")),
        (whole, "https://bare", Some("a:1"), None),
    ] {
        let base = org.token(&agent, signed_in).await;
        let more: Vec<_> =
            [("audience", target)].into_iter().chain(asked.map(|scope| ("scope", scope))).collect();
        let answer = org.exchanges(&base, &more).await;
        match expected {
            None => oauth_error(&answer, 400, "invalid_scope"),
            Some(expected) => {
                assert_eq!(answer.json()["scope"], expected, "{signed_in:?} {target} {asked:?}");
                let said = claims(&token_of(&answer));
                assert_eq!(
                    (&said["scope"], said.get("groups")),
                    (&json!(expected), None),
                    "never with groups"
                );
            }
        }
    }
    // Its scope is as of now, too: what was taken meanwhile is not in it.
    let base = org.token(&agent, None).await;
    org.change(&agent, json!({"capabilities": ["use:it", "b:2"]})).await;
    let answer = org.exchanges(&base, &[("audience", "https://it")]).await;
    assert_eq!(answer.json()["scope"], "use:it b:2");
    // And what was given meanwhile is not in the token.
    org.change(&agent, json!({"capabilities": ["use:it", "b:2", "a:1", "x:9"]})).await;
    let answer = org.exchanges(&base, &[("audience", "https://it")]).await;
    assert_eq!(answer.json()["scope"], "use:it a:1 b:2");
}

#[tokio::test]
async fn it_lives_no_longer_than_its_target_ten_minutes_and_its_subject() {
    let (org, agent) = Org::furnished().await;
    for (life, uri) in [(30, "https://short"), (600, "https://long")] {
        org.target(json!({"name": format!("T{life}"), "resource_uri": uri, "token_lifetime": life})).await;
    }
    let base = org.token(&agent, None).await;
    let mut at = 0;
    for (after, uri, life) in [
        (0, "https://long", 600),
        (0, "https://short", 30),
        (300, "https://long", 600),
        (301, "https://long", 599),
        (601, FINANCE, 299),
        (899, "https://short", 1),
    ] {
        org.stack.hands.forward(after - at);
        at = after;
        let answer = org.exchanges(&base, &[("resource", uri)]).await;
        assert_eq!(answer.json()["expires_in"], life, "{after} {uri}");
        let said = claims(&token_of(&answer));
        assert_eq!((&said["iat"], &said["exp"]), (&json!(NOW + after), &json!(NOW + after + life)));
    }
    org.stack.hands.forward(1);
    oauth_error(&org.exchanges(&base, &[("resource", FINANCE)]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn whoever_acts_is_named_outermost() {
    let (org, agent) = Org::furnished().await;
    let helper = org.agent("Helper", json!({})).await;
    let (base, acting) = (org.token(&agent, None).await, org.token(&helper, None).await);
    let with = [("audience", FINANCE), ("actor_token", &acting), ("actor_token_type", ACCESS_TOKEN)];
    let said = claims(&token_of(&org.exchanges(&base, &with).await));
    let actor = json!({"sub": "agent:helper", "client_id": helper.id, "agent_id": helper.id});
    assert_eq!((&said["act"], &said["sub"]), (&actor, &json!("agent:research-analyst")));
    // A suspended actor takes the token with it.
    let bound = token_of(&org.exchanges(&base, &with).await);
    let key = format!("x-api-key: {}\r\n", org.key);
    for (status, active) in [("active", true), ("suspended", false), ("active", true)] {
        org.change(&helper, json!({ "status": status })).await;
        let told = org.call("POST /oauth/introspect", &key, Sent::Form(&[("token", &bound)])).await;
        assert_eq!(told.json()["active"], active, "{status}");
    }

    let exchanged = org.exchanged(&acting_able(&org).await, FINANCE).await;
    for (token, kind, code) in [
        (Some(&acting), None, "invalid_request"),
        (None, Some(ACCESS_TOKEN), "invalid_request"),
        (Some(&acting), Some("urn:ietf:params:oauth:token-type:id_token"), "invalid_request"),
        (Some(&exchanged), Some(ACCESS_TOKEN), "invalid_grant"),
        (Some(&"garbage".to_owned()), Some(ACCESS_TOKEN), "invalid_grant"),
    ] {
        let mut more = vec![("audience", FINANCE)];
        more.extend(token.map(|token| ("actor_token", token.as_str())));
        more.extend(kind.map(|kind| ("actor_token_type", kind)));
        oauth_error(&org.exchanges(&base, &more).await, 400, code);
    }
    org.change(&helper, json!({"status": "suspended"})).await;
    oauth_error(&org.exchanges(&base, &with).await, 400, "invalid_grant");
}

async fn acting_able(org: &Org) -> String {
    let able = org.agent("Able", json!({"capabilities": ["mcp:financial"]})).await;
    org.token(&able, None).await
}

#[tokio::test]
async fn targets_that_are_none_and_requests_that_are_none() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    let (audience, resource) = (|name| ("audience", name), |name| ("resource", name));
    for (asked, code) in [
        (vec![], "invalid_request"),
        (vec![audience("")], "invalid_request"),
        (vec![audience("urn:mcp:nothing")], "invalid_target"),
        (vec![audience("https://mcp.example.com/financial-data/")], "invalid_target"),
        (vec![audience("HTTPS://mcp.example.com/financial-data")], "invalid_target"),
        (vec![audience("financial-data")], "invalid_target"),
        (vec![audience(&format!(" {FINANCE}"))], "invalid_target"),
        (vec![audience(&format!("{FINANCE} {DOCUMENTS}"))], "invalid_target"),
        (vec![audience(ISSUER)], "invalid_target"),
        (vec![audience(FINANCE), resource(DOCUMENTS)], "invalid_target"),
        (vec![resource(FINANCE), resource(DOCUMENTS)], "invalid_target"),
        (vec![audience(FINANCE_URN), audience("urn:mcp:documents")], "invalid_target"),
        (vec![audience(FINANCE), resource("urn:mcp:nothing")], "invalid_target"),
        (vec![audience(FINANCE), ("requested_token_type", "urn:x")], "invalid_request"),
        (vec![audience(FINANCE), ("subject_token", "again")], "invalid_request"),
        (vec![audience(FINANCE), ("scope", "a"), ("scope", "b")], "invalid_request"),
    ] {
        oauth_error(&org.exchanges(&base, &asked).await, 400, code);
    }
    let (grant, named) = (("grant_type", EXCHANGE), ("audience", FINANCE));
    for (kind, token) in [
        (None, Some(&base)),
        (Some("urn:ietf:params:oauth:token-type:id_token"), Some(&base)),
        (Some("urn:ietf:params:oauth:token-type:refresh_token"), Some(&base)),
        (Some(""), Some(&base)),
        (Some(ACCESS_TOKEN), None),
    ] {
        let mut form = vec![grant, named];
        form.extend(kind.map(|kind| ("subject_token_type", kind)));
        form.extend(token.map(|token| ("subject_token", token.as_str())));
        oauth_error(&org.form("/oauth/token", &form).await, 400, "invalid_request");
    }
    let elsewhere = org.form("//orgs/other/api/v1/oauth/token", &[grant, named]).await;
    oauth_error(&elsewhere, 404, "not_found");
}

#[tokio::test]
async fn a_subject_must_be_an_agents_own_token_of_ours_for_us() {
    let (org, agent) = Org::furnished().await;
    let base = org.token(&agent, None).await;
    let good = claims(&base);
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let client = token_of(&org.signs_in("mcp-gateway-m2m", SECRET, None).await);
    let typed = {
        let pkcs8 = std::fs::read(org.stack.folder.path().join("state/issuer.es256.pk8")).unwrap();
        let signer = token::Signer::from_pkcs8(token::SigningAlgorithm::Es256, &pkcs8).unwrap();
        signer.sign("JWT", &good).unwrap()
    };
    let mut cut = base.clone();
    cut.truncate(base.len() - 4);
    for (what, subject) in [
        ("another issuer's", org.stack.token(json!({}))),
        ("another issuer's, with our words", org.stack.token(good.clone())),
        ("a client's", client),
        ("exchanged already", org.exchanged(&base, FINANCE).await),
        ("of another type", typed),
        ("a broken signature", cut),
        ("none", "x".to_owned()),
        ("empty", String::new()),
        ("the key", org.key.clone()),
        ("the secret", agent.secret.clone()),
        ("of another organisation", org.forge(&with("iss", json!(ISSUER.replace("default", "other"))))),
        ("for a server", org.forge(&with("aud", json!(FINANCE)))),
        ("for nobody", org.forge(&with("aud", Value::Null))),
        ("ended, though clocks may be apart", org.forge(&with("exp", json!(NOW)))),
        ("long ended", org.forge(&with("exp", json!(NOW - 60)))),
        ("not yet", org.forge(&with("nbf", json!(NOW + 600)))),
        ("of no agent there is", org.forge(&with("agent_id", json!("agt_00")))),
        ("with an id that is no text", org.forge(&with("agent_id", json!(1)))),
        ("without a name of its own", org.forge(&with("jti", Value::Null))),
    ] {
        let answer = org.exchanges(&subject, &[("audience", FINANCE)]).await;
        oauth_error(&answer, 400, "invalid_grant");
        assert!(!answer.body.contains(&subject) || subject.len() < 2, "{what}");
    }
    assert_eq!(org.exchanges(&base, &[("audience", FINANCE)]).await.status, 200);
    let revoked = org.form("/oauth/revoke", &[("token", &base)]).await;
    assert_eq!(revoked.status, 200);
    oauth_error(&org.exchanges(&base, &[("audience", FINANCE)]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_client_beside_the_token_must_be_right_and_the_same() {
    let (org, agent) = Org::furnished().await;
    let other = org.agent("Other", json!({"capabilities": ["mcp:financial"]})).await;
    let base = org.token(&agent, None).await;
    fn id(id: &str) -> (&'static str, &str) {
        ("client_id", id)
    }
    fn secret(secret: &str) -> (&'static str, &str) {
        ("client_secret", secret)
    }
    let wrong = format!("{}x", agent.secret);
    for (headers, more, status) in [
        (String::new(), vec![id(&agent.id)], 200),
        (String::new(), vec![id(&agent.id), secret(&agent.secret)], 200),
        (basic(&agent.id, &agent.secret), vec![], 200),
        (basic(&agent.id, &agent.secret), vec![id(&agent.id)], 200),
        (String::new(), vec![id(&other.id)], 401),
        (String::new(), vec![id("nobody")], 401),
        (String::new(), vec![id(&agent.id), secret(&wrong)], 401),
        (String::new(), vec![id(&other.id), secret(&other.secret)], 401),
        (String::new(), vec![id("lob1-bot"), secret(SECRET)], 401),
        (basic(&agent.id, &wrong), vec![], 401),
        (basic(&other.id, &other.secret), vec![], 401),
        (String::new(), vec![secret(&agent.secret)], 400),
        (basic(&agent.id, &wrong), vec![id(&agent.id), secret(&agent.secret)], 400),
    ] {
        let mut form = vec![
            ("grant_type", EXCHANGE),
            ("subject_token", &base),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", FINANCE),
        ];
        form.extend(&more);
        let answer = org.call("POST /oauth/token", &headers, Sent::Form(&form)).await;
        match status {
            200 => assert_eq!(answer.status, 200, "{more:?} {answer:?}"),
            401 => {
                oauth_error(&answer, 401, "invalid_client");
                let challenged = answer.header("www-authenticate").starts_with("Basic ");
                assert_eq!(challenged, !headers.is_empty(), "{more:?}");
            }
            _ => oauth_error(&answer, status, "invalid_request"),
        }
    }
}

#[tokio::test]
async fn a_capability_must_be_held_now_and_be_in_the_token() {
    let (org, agent) = Org::furnished().await;
    let exchanges = async |token: &str| org.exchanges(token, &[("audience", FINANCE_URN)]).await;
    let (base, narrow) = (org.token(&agent, None).await, org.token(&agent, Some("read:documents")).await);
    oauth_error(&exchanges(&narrow).await, 403, "capability_denied");
    assert_eq!(exchanges(&base).await.status, 200);
    let line = format!("PUT /admin/agents/{}/scopes", agent.id);
    assert_eq!(org.admin(&line, json!({"scopes": ["read:documents"]})).await.status, 200);
    let denied = exchanges(&base).await;
    oauth_error(&denied, 403, "capability_denied");
    assert!(denied.body.contains("mcp:financial"), "which one, so that it can be asked for: {}", denied.body);
    // Refused before the scope is looked at.
    let asked = [("audience", FINANCE), ("scope", "read:documents")];
    oauth_error(&org.exchanges(&base, &asked).await, 403, "capability_denied");
    assert_eq!(org.admin(&line, json!({"scopes": ["mcp:financial"]})).await.status, 200);
    assert_eq!(exchanges(&base).await.status, 200, "given back, the token is as good as before");
    oauth_error(&exchanges(&narrow).await, 403, "capability_denied");
    for (change, good) in [(json!({"status": "suspended"}), false), (json!({"status": "active"}), true)] {
        org.change(&agent, change).await;
        let answer = exchanges(&base).await;
        if good { assert_eq!(answer.status, 200) } else { oauth_error(&answer, 400, "invalid_grant") }
    }
    assert_eq!(org.admin(&format!("DELETE /admin/agents/{}", agent.id), Value::Null).await.status, 200);
    oauth_error(&exchanges(&base).await, 400, "invalid_grant");
}
