//! Everything else that the package does for an agent that is what it says.

use clients::{HTTPS, Probe, URN, VERSIONS, ground, id_for};
use reqwest::Method;
use serde_json::{Value, json};

use super::{CAPABILITIES, agent, nothing, slug};

const BASE: &str = "/orgs/default/api/v1";

/// In any order.
fn sorted(list: &Value) -> Vec<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut words: Vec<String> =
        list.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect();
    words.sort();
    words
}

#[tokio::test]
async fn it_learns_who_it_is() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let more = json!({"budget_policy": {"max_tokens_per_day": 1000}});
        let agent = agent(site, python, "self", &CAPABILITIES, more).await;
        let (slug, sub) = (slug("self", python), format!("agent:{}", slug("self", python)));
        let mut probe = Probe::start(python, &site.environment(&agent));
        site.keep(&probe.sign_in());
        assert_eq!(sorted(&probe.read("token_scopes")), ["mcp:financial", "read:documents"]);

        let info = probe.call("get_agent_info", json!([])).value();
        assert_eq!(sorted(&info["capabilities"]), ["mcp:financial", "read:documents"]);
        let expected = [
            ("sub", &*sub),
            ("name", &slug),
            ("agent_id", &agent.id),
            ("identity_type", "agent"),
            ("tenant", "default"),
        ];
        for (key, value) in expected {
            assert_eq!(info[key], value, "{key}: {info}");
        }
        assert!(info["workload_identity"].as_str().is_some_and(|id| id.ends_with(&agent.id)), "{info}");
        let budget = probe.call("get_budget_status", json!([])).value();
        assert_eq!((&budget["max_tokens_per_day"], &budget["tokens_used_today"]), (&json!(1000), &json!(0)));
        assert!(budget["resets_at"].is_u64() && budget.get("max_api_calls_per_hour").is_none(), "{budget}");

        let me = probe.call("get_identity", json!([])).value();
        let identity = json!({"id": sub, "type": "agent", "tenant": "default", "agent_id": agent.id, "status": "active"});
        assert_eq!(me["identity"], identity);
        assert_eq!(sorted(&me["capabilities"]), ["mcp:financial", "read:documents"]);
        assert_eq!(me["workspace"], json!({"slug": "default", "api_base": site.issuer()}));
        site.is_silent();
    }
}

#[tokio::test]
async fn it_asks_before_it_acts() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "asker", &["read:documents"], nothing()).await;
        let mut probe = Probe::start(python, &site.environment(&agent));
        site.keep(&probe.sign_in());
        let mut audits = Vec::new();
        for (action, allowed) in [("read:documents", true), ("mcp:financial", false)] {
            let said = probe.call("ask", json!([action, {"id": "doc_99"}])).value();
            assert_eq!((&said["allowed"], &said["action"]), (&json!(allowed), &json!(action)), "{said}");
            assert_eq!(said["context"]["id"], "doc_99", "{said}");
            for key in ["reason", "decided_by", "audit_id"] {
                assert!(said[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {said}");
            }
            audits.push(said["audit_id"].clone());
            assert_eq!(probe.call("is_allowed", json!([action])).value(), allowed);
        }
        assert_ne!(audits[0], audits[1]);
    }
}

#[tokio::test]
async fn signing_in_again_it_is_granted_what_it_still_may() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "again", &CAPABILITIES, nothing()).await;
        let mut probe = Probe::start(python, &site.environment(&agent));
        let first = probe.sign_in();
        site.keep(&first);
        let scopes = format!("agents/{}/scopes", agent.id);
        // The package thinks that its token is about to expire, and repeats the scopes it was granted.
        probe.set("_token_expires_at", json!(0));
        site.admin(Method::PUT, &scopes, Some(json!({"scopes": ["read:documents"]})), 200).await;
        assert_eq!(probe.call("ensure_authenticated", json!([])).value(), true);
        assert_eq!(probe.read("token_scopes"), json!(["read:documents"]));
        assert_ne!(probe.read("access_token"), first.as_str());
        // Any call signs in again by itself.
        probe.set("_token_expires_at", json!(0));
        assert_eq!(
            probe.call("get_agent_info", json!([])).value()["capabilities"],
            json!(["read:documents"])
        );
        // Nothing of what it was granted is left.
        probe.set("_token_expires_at", json!(0));
        site.admin(Method::PUT, &scopes, Some(json!({"scopes": ["mcp:financial"]})), 200).await;
        let said = probe.call("ensure_authenticated", json!([]));
        said.returned(&json!(false), "Authentication failed: HTTP 400 ");
        // Asked without scopes, there is something again.
        assert_eq!(probe.call("authenticate", json!([])).value(), true);
        assert_eq!(probe.read("token_scopes"), json!(["mcp:financial"]));
        site.is_silent();
    }
}

#[tokio::test]
async fn it_signs_in_with_less_than_it_may() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "modest", &CAPABILITIES, nothing()).await;
        let mut probe = Probe::start(python, &site.environment(&agent));
        assert_eq!(probe.call("authenticate", json!([["read:documents"]])).value(), true);
        assert_eq!(probe.read("token_scopes"), json!(["read:documents"]));
        // The token it has does not grant what that server asks for, though the agent may have it.
        let said = probe.call("mcp.get_token", json!([id_for(version)]));
        said.raised("LumoAuthPermissionDeniedError", 403, "capability_denied");
        assert!(
            probe.call("mcp.get_token", json!(["https://mcp.example.com/documents"])).value().is_string()
        );
    }
}

#[tokio::test]
async fn it_says_what_it_is_and_declares_what_it_would_like() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "declarer", &["read:documents"], nothing()).await;
        let mut probe = Probe::start(python, &site.environment(&agent));
        probe.sign_in();
        let args = json!(["Document Analyser", "Reads", ["read:documents", "mcp:financial"]]);
        let said = probe.call("register", args).value();
        let told = (&said["success"], &said["agent_id"], &said["name"]);
        assert_eq!(told, (&json!(true), &json!(agent.id), &json!("Document Analyser")), "{said}");
        assert!(said["workload_identity"].as_str().is_some_and(|id| id.ends_with(&agent.id)), "{said}");
        // A wish, and not a grant.
        let record = site.admin(Method::GET, &format!("agents/{}", agent.id), None, 200).await;
        assert_eq!(record["capabilities"], json!(["read:documents"]));
        assert_eq!(sorted(&record["declaredCapabilities"]), ["mcp:financial", "read:documents"]);
        let info = probe.call("get_agent_info", json!([])).value();
        assert_eq!(info["capabilities"], json!(["read:documents"]));
        assert_eq!(info["name"], "Document Analyser");
    }
}

#[tokio::test]
async fn it_reports_what_it_used_and_a_run_counts_once() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "reporter", &CAPABILITIES, nothing()).await;
        let mut probe = Probe::start(python, &site.environment(&agent));
        probe.sign_in();
        let report = |tokens: u64, run: &str| json!({"tokens": tokens, "model": "gpt-4", "cost_usd": 0.01, "run_id": run});
        // By both mounts, and with the slashes that a base with one at its end brings.
        let told = [
            (BASE.to_owned(), report(700, "one"), 700),
            (BASE.to_owned(), report(700, "one"), 700),
            ("/t/default/api/v1".to_owned(), report(300, "two"), 1000),
            ("//orgs//default/api/v1/".to_owned(), json!({"tokens": 5}), 1005),
            (BASE.to_owned(), json!({"tokens": 0}), 1005),
        ];
        for (base, body, sum) in told {
            let answer = probe.request("POST", &format!("{base}/agents/me/usage"), body);
            let expected = json!({"tokens_used_today": sum, "budget_exhausted": false});
            assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &expected), "{answer}");
        }
        for body in [json!({"tokens": -1}), json!({}), json!({"tokens": "many"})] {
            let answer = probe.request("POST", &format!("{BASE}/agents/me/usage"), body);
            assert_eq!(answer["status"], 400, "{answer}");
        }
        assert_eq!(probe.call("get_budget_status", json!([])).value()["tokens_used_today"], 1005);
        // Nobody set a limit.
        assert_eq!(probe.call("is_budget_exhausted", json!([])).value(), false);
    }
}

/// The claims of an exchanged token, whoever asked for it by whichever name.
#[tokio::test]
async fn the_exchanged_token_names_its_server() {
    for (version, id, audience) in [
        (VERSIONS[0], URN, json!([HTTPS, URN])),
        (VERSIONS[0], HTTPS, json!(HTTPS)),
        (VERSIONS[1], HTTPS, json!(HTTPS)),
    ] {
        let Some((site, python)) = ground(version).await else { return };
        let demo = site.demo_agent();
        let mut probe = Probe::start(python, &site.environment(&demo));
        let base = probe.sign_in();
        let whole =
            probe.call_with("_client.auth.token_exchange", json!([base]), json!({"audience": id})).value();
        assert_eq!(
            (&whole["token_type"], &whole["scope"]),
            (&json!("Bearer"), &json!("mcp:financial")),
            "{whole}"
        );
        assert_eq!(whole["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
        let token = whole["access_token"].as_str().expect("a token");
        site.keep(token);
        let claims = clients::python::claims(python, token);
        assert_eq!(claims["header"]["typ"], "at+jwt", "{claims}");
        let claims = &claims["payload"];
        assert_eq!(claims["aud"], audience, "{claims}");
        let expected = [
            ("iss", site.issuer()),
            ("sub", "agent:research-analyst".into()),
            ("client_id", demo.id.clone()),
            ("agent_id", demo.id.clone()),
            ("tenant", "default".into()),
            ("scope", "mcp:financial".into()),
        ];
        for (key, value) in expected {
            assert_eq!(claims[key], value, "{key}: {claims}");
        }
        let life = claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat);
        assert_eq!(life, whole["expires_in"].as_u64(), "{claims}");
        assert!(
            claims.get("act").is_none() && claims["jti"].is_string() && claims["nbf"].is_u64(),
            "{claims}"
        );
    }
}
