//! The embedded issuer: sign-in with client credentials, and what its tokens open.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use access::identity;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::stack::{Answer, NOW, SECRET, Stack};

const FORM: &str = "grant_type=client_credentials&client_secret=correct+horse+battery+staple";
const ISSUER: &str = "http://127.0.0.1:8080/orgs/default/api/v1";

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_signs_in_and_is_let_in() {
    let stack = Stack::start().await;
    let answer = stack.sign_in(&format!("{FORM}&client_id=mcp-gateway-m2m")).await;
    let scope = "mcp-servers-unrestricted/read mcp-servers-unrestricted/execute a2a-agent-admin";
    let token = token(&answer);
    assert_eq!(
        (answer.header("cache-control"), answer.json()),
        (
            "no-store",
            json!({"access_token": token, "token_type": "Bearer", "expires_in": 900, "scope": scope})
        )
    );
    let (header, mut claims) = (part(&token, 0), part(&token, 1));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "aud": ISSUER, "sub": "mcp-gateway-m2m",
            "preferred_username": "service-account-mcp-gateway-m2m",
            "azp": "mcp-gateway-m2m", "client_id": "mcp-gateway-m2m",
            "groups": ["mcp-servers-unrestricted", "a2a-agent-admin"], "scope": scope,
            "iat": NOW, "nbf": NOW, "exp": NOW + 900,
        })
    );
    let validated = stack.validate(&token, "/api/agents").await;
    assert_eq!((validated.status, validated.header(identity::AUTH_METHOD)), (200, "embedded"));
    assert_eq!(validated.header(identity::SCOPES), scope.replace(' ', ", "));
}

#[tokio::test]
async fn every_way_to_send_credentials() {
    let stack = Stack::start().await;
    let basic = |id: &str, secret: &str| {
        format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
    };
    let form = "application/x-www-form-urlencoded";
    let json = json!({"grant_type": "client_credentials", "client_id": "lob1-bot", "client_secret": SECRET});
    let plus = SECRET.replace(' ', "+");
    for (content_type, headers, body, status) in [
        (form, String::new(), format!("{FORM}&client_id=lob1-bot"), 200),
        ("application/json", String::new(), json.to_string(), 200),
        (form, basic("lob1-bot", &plus), "grant_type=client_credentials".into(), 200),
        (form, basic("somebody", "else"), format!("{FORM}&client_id=lob1-bot"), 200),
        (form, basic("lob1-bot", "different"), format!("{FORM}&client_id=lob1-bot"), 400),
        (form, basic("lob1-bot", "wrong"), "grant_type=client_credentials".into(), 401),
        (form, String::new(), "grant_type=client_credentials&client_id=lob1-bot".into(), 401),
        (form, String::new(), format!("{FORM}&client_id=lob1-bot&grant_type=client_credentials"), 400),
        (form, String::new(), "client_id=lob1-bot".into(), 400),
        (form, String::new(), format!("{FORM}&client_id=lob1-bot&x={}", "x".repeat(70_000)), 413),
        ("text/plain", String::new(), format!("{FORM}&client_id=lob1-bot"), 400),
    ] {
        let answer = stack.post(content_type, &headers, &body).await;
        assert_eq!(answer.status, status, "{headers} {body:.200} {answer:?}");
        let challenged = answer.header("www-authenticate").starts_with("Basic ");
        assert_eq!(challenged, status == 401 && headers.contains("Basic"), "{headers}");
        assert_eq!(answer.json()["access_token"].is_string(), status == 200);
    }
    let chunked = "POST /t/default//api/v1/oauth/token HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let body = json.to_string();
    let body = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(stack.send(chunked, &body).await.status, 200, "the older mount, slashes repeated");
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_look_alike() {
    let stack = Stack::start().await;
    let wrong = stack.sign_in("grant_type=client_credentials&client_id=lob1-bot&client_secret=wrong").await;
    let unknown = stack.sign_in(&format!("{FORM}&client_id=nobody")).await;
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
    assert_eq!(wrong.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_narrowed_token_is_truly_narrow() {
    let stack = Stack::start().await;
    let sign_in = |scope: &'static str| {
        let form = format!("{FORM}&client_id=mcp-gateway-m2m&scope={scope}");
        let stack = &stack;
        async move { stack.sign_in(&form).await }
    };
    let answer = sign_in("a2a-agent-admin+mcp-registry-admin+openid").await;
    assert_eq!(answer.json()["scope"], "a2a-agent-admin");
    let narrow = token(&answer);
    assert_eq!(part(&narrow, 1).get("groups"), None);
    let validated = stack.validate(&narrow, "/api/agents").await;
    assert_eq!(
        (validated.header(identity::SCOPES), validated.header(identity::GROUPS)),
        ("a2a-agent-admin", "")
    );
    assert_eq!(stack.validate(&narrow, "/currenttime/mcp").await.status, 403);

    let all = "mcp-servers-unrestricted/execute+a2a-agent-admin+mcp-servers-unrestricted/read";
    assert!(
        part(&token(&sign_in(all).await), 1)["groups"].is_array(),
        "asking for all is asking for nothing less"
    );
    let nothing = sign_in("mcp-registry-admin").await;
    assert_eq!((nothing.status, nothing.json()["error"].as_str()), (400, Some("invalid_scope")));
    let stranger = stack.sign_in(&format!("{FORM}&client_id=stranger-bot")).await;
    assert_eq!(stranger.json()["scope"], "");
    let validated = stack.validate(&token(&stranger), "/api/agents").await;
    assert_eq!((validated.status, validated.header(identity::SCOPES)), (200, ""));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_oauths_words() {
    let stack = Stack::start().await;
    let line = |method: &str| format!("{method} /orgs/default/api/v1/oauth/token HTTP/1.1\r\n");
    let chunked = format!("{}transfer-encoding: chunked\r\n", line("POST"));
    let large = format!("{:x}\r\n{}\r\n0\r\n\r\n", 70_000, "x".repeat(70_000));
    for (head, body, status) in [
        (line("GET"), "", 405),
        (line("PUT"), "", 405),
        (format!("{}content-length: 70000\r\n", line("POST")), "", 413),
        (chunked.clone(), large.as_str(), 413),
        (chunked, "no chunk\r\n\r\n", 400),
    ] {
        let answer = stack.send(&head, body).await;
        assert_eq!(answer.status, status, "{head} {body:.20} {answer:?}");
        let told = answer.json();
        assert_eq!(told["error"], "invalid_request", "{told}");
        assert!(told["error_description"].as_str().is_some_and(|text| text.len() > 10), "{told}");
        assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
        assert_eq!(answer.header("allow"), if status == 405 { "POST" } else { "" });
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn discovery_leads_to_the_keys() {
    let stack = Stack::start().await;
    for document in ["openid-configuration", "oauth-authorization-server"] {
        let metadata = stack.get(&format!("/orgs/default/api/v1/.well-known/{document}")).await.json();
        assert_eq!(metadata["issuer"], ISSUER);
        assert_eq!(metadata["token_endpoint"], format!("{ISSUER}/oauth/token"));
        assert_eq!(metadata["jwks_uri"], format!("{ISSUER}/.well-known/jwks.json"));
    }
    let keys = stack.get("/orgs/default/api/v1/.well-known/jwks.json").await.json();
    let token = token(&stack.sign_in(&format!("{FORM}&client_id=lob1-bot")).await);
    assert_eq!(keys["keys"][0]["kid"], part(&token, 0)["kid"]);
    assert_eq!(stack.get("/identity/jwks.json").await.json()["keys"][0]["crv"], "Ed25519");
    let other = stack.send("POST /orgs/other/api/v1/oauth/token HTTP/1.1\r\ncontent-length: 0\r\n", "").await;
    assert_eq!((other.status, other.json()["error"].as_str()), (404, Some("not_found")));
}

#[tokio::test]
async fn keys_are_private_and_kept_across_a_restart() {
    // Two servers on one folder: a directory of agents is one server's.
    let first = Stack::cold(&["--agents=off"]).await;
    let answer = first.sign_in(&format!("{FORM}&client_id=lob1-bot")).await;
    let token = token(&answer);
    let state = first.folder.path().join("state");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o7777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["identity.eddsa.pk8", "issuer.es256.pk8"]);
    assert_eq!(std::fs::metadata(&state).unwrap().mode() & 0o7777, 0o700);

    // With another algorithm the old key still proves its tokens, and new ones are of the new.
    let folder = Arc::clone(&first.folder);
    let second =
        Stack::over(folder, first.provider.clone(), &["--signing-algorithm=RS256", "--agents=off"]).await;
    assert_eq!(second.validate(&token, "/api/agents").await.status, 200);
    let identity = |answer: Value| answer["keys"].clone();
    let keys = "/identity/jwks.json";
    assert_eq!(identity(first.get(keys).await.json()), identity(second.get(keys).await.json()));
    let renewed = second.sign_in(&format!("{FORM}&client_id=lob1-bot")).await;
    assert_eq!(part(&self::token(&renewed), 0)["alg"], "RS256");
}
