//! Secrets and tokens in every place where they can arrive, right and wrong: none of them stands in a file
//! afterwards, but for those that are there to keep it.

use clients::{Probe, ground};
use reqwest::Method;
use serde_json::{Value, json};

use super::CAPABILITIES;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[tokio::test]
async fn no_secret_and_no_token_stands_in_a_log() {
    let Some((site, python)) = ground("1.1.0").await else { return };
    let agent = site.agent("quiet", &CAPABILITIES, json!({})).await;
    let target = site.target("quiet", json!({"scopes_supported": ["mcp:financial"]})).await;
    let mut probe = Probe::start(python, &site.environment(&agent));
    let base = probe.sign_in();
    let exchanged = probe.call("mcp.get_token", json!([target.uri])).value();
    let exchanged = exchanged.as_str().expect("a token");
    // Never issued: what somebody mistypes is as secret as what is right.
    let wrong = format!("ags_{}_{}", "k".repeat(8), "wrong0secret0".repeat(4));
    for secret in [&base, exchanged, &wrong] {
        site.keep(secret);
    }
    let spoilt = format!("{base}x");
    let words = [&*agent.secret, &target.secret, &wrong, &base, exchanged, &spoilt];

    for word in words {
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
            let grant =
                [("grant_type", "client_credentials"), ("client_id", &*agent.id), ("client_secret", word)];
            let token =
                [("grant_type", EXCHANGE), ("subject_token", word), ("subject_token_type", ACCESS_TOKEN)];
            let more = [("audience", word), ("token", word), ("scope", word), ("actor_token", word)];
            for form in [&grant[..], &[&token[..], &more[..2]].concat(), &[&grant[..], &more[..]].concat()] {
                let _ = site.form(path, form).await;
            }
            let json: Value = grant.iter().chain(&token).map(|(name, value)| (*name, json!(value))).collect();
            let _ = site.request(Method::POST, path).json(&json).send().await;
            let _ = site.request(Method::POST, path).basic_auth(&agent.id, Some(word)).send().await;
            let _ = site.request(Method::POST, path).basic_auth(word, Some(word)).send().await;
        }
        for path in
            ["/oauth/userinfo", "/agents/me", "/agents/ask", "/admin/agents", "/oauth/token", "/nothing"]
        {
            for method in [Method::GET, Method::POST] {
                let _ = site.request(method.clone(), path).bearer_auth(word).send().await;
                let _ = site.request(method.clone(), path).header("X-API-Key", word).send().await;
                // Nobody should (RFC 6750 section 2.3 says why), and somebody will.
                let asked = format!("{path}?access_token={word}&client_secret={word}");
                let _ = site.request(method.clone(), &asked).send().await;
                let asked =
                    json!({"action": word, "name": word, "client_id": word, "context": {"token": word}});
                let _ = site.request(method, path).bearer_auth(&base).json(&asked).send().await;
            }
        }
    }
    // The key's own errands: what it makes and rotates is said once, to whoever asked.
    let path = format!("agents/{}/rotate-credentials", agent.id);
    for body in [json!({}), json!({"overlap_seconds": 0})] {
        let rotated = site.admin(Method::POST, &path, Some(body), 200).await;
        site.keep(rotated["clientSecret"].as_str().expect("a secret"));
    }
    let path = format!("mcp/servers/{}/rotate-credentials", target.id);
    let rotated = site.admin(Method::POST, &path, Some(json!({})), 200).await;
    site.keep(rotated["introspectionSecret"].as_str().expect("a secret"));
    site.is_silent();
}
