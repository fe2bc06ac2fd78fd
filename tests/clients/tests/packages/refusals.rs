//! Every refusal, as the package shows it: `False`, `None`, or an error of its own with the status and the code.

use clients::{Agent, Probe, Python, Said, Site, URN, VERSIONS, ground, id_for};
use reqwest::Method;
use serde_json::{Value, json};

use super::{CAPABILITIES, agent, nothing, slug};

/// Signed in, and its token remembered.
fn signed_in(site: &Site, python: &Python, agent: &Agent) -> (Probe, String) {
    let mut probe = Probe::start(python, &site.environment(agent));
    let token = probe.sign_in();
    site.keep(&token);
    (probe, token)
}

/// The exchange both ways: `get_mcp_token` says `None` and logs the status, `mcp.get_token` raises.
fn exchange_is_refused(probe: &mut Probe, id: &str, class: &str, status: u16, code: &str) -> Said {
    let logged = format!("Token exchange failed: HTTP {status} ");
    probe.call("get_mcp_token", json!([id])).returned(&Value::Null, &logged);
    let said = probe.call("mcp.get_token", json!([id]));
    said.raised(class, status, code);
    said
}

/// Signing in both ways.
fn sign_in_is_refused(probe: &mut Probe, agent: &Agent, class: &str, status: u16, code: &str) -> Value {
    let logged = format!("Authentication failed: HTTP {status} ");
    probe.call("authenticate", json!([])).returned(&json!(false), &logged);
    let said = probe.call("_client.auth.client_credentials", json!([agent.id, agent.secret]));
    said.raised(class, status, code)["body"].clone()
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_agent_and_a_suspended_one_are_told_the_same() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let suspended = agent(site, python, "suspended", &CAPABILITIES, nothing()).await;
        let path = format!("agents/{}/deactivate", suspended.id);
        site.admin(Method::POST, &path, None, 200).await;
        let known = agent(site, python, "wrong-secret", &CAPABILITIES, nothing()).await;
        let wrong = Agent { secret: suspended.secret.clone(), ..known.clone() };
        let unknown = Agent { id: "agt_nobody".into(), secret: known.secret };
        let told = [wrong, unknown, suspended].map(|agent| {
            let mut probe = Probe::start(python, &site.environment(&agent));
            sign_in_is_refused(&mut probe, &agent, "LumoAuthAuthenticationError", 401, "invalid_client")
        });
        assert!(told[0] == told[1] && told[1] == told[2], "{told:?}");
        site.is_silent();
    }
}

#[tokio::test]
async fn an_agent_suspended_while_it_runs_is_refused_everywhere_until_it_is_activated() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "stopped", &CAPABILITIES, nothing()).await;
        let (mut probe, _) = signed_in(site, python, &agent);
        let id = id_for(version);
        site.admin(Method::POST, &format!("agents/{}/deactivate", agent.id), None, 200).await;
        exchange_is_refused(&mut probe, id, "LumoAuthApiError", 400, "invalid_grant");
        for (method, args) in
            [("get_agent_info", json!([])), ("get_identity", json!([])), ("ask", json!(["x:y"]))]
        {
            probe.call(method, args).raised("LumoAuthAuthenticationError", 401, "invalid_token");
        }
        sign_in_is_refused(&mut probe, &agent, "LumoAuthAuthenticationError", 401, "invalid_client");
        site.admin(Method::POST, &format!("agents/{}/activate", agent.id), None, 200).await;
        probe.sign_in();
        assert!(probe.call("get_mcp_token", json!([id])).value().is_string());
    }
}

#[tokio::test]
async fn what_it_may_not_do_it_gets_no_token_for() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let reader = agent(site, python, "reader", &["read:documents"], nothing()).await;
        let (mut probe, _) = signed_in(site, python, &reader);
        assert_eq!(probe.call("has_capability", json!(["mcp:financial"])).value(), false);
        assert_eq!(probe.call("has_capability", json!(["read:documents"])).value(), true);
        let class = "LumoAuthPermissionDeniedError";
        exchange_is_refused(&mut probe, id_for(version), class, 403, "capability_denied");
        site.is_silent();
    }
}

#[tokio::test]
async fn a_capability_withdrawn_while_it_runs_counts_at_once_whatever_the_package_remembers() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "withdrawn", &CAPABILITIES, nothing()).await;
        let (mut probe, _) = signed_in(site, python, &agent);
        let (id, may) = (id_for(version), json!(["mcp:financial"]));
        assert_eq!(probe.call("has_capability", may.clone()).value(), true);
        assert!(probe.call("get_mcp_token", json!([id])).value().is_string());

        let scopes = format!("agents/{}/scopes", agent.id);
        site.admin(Method::PUT, &scopes, Some(json!({"scopes": ["read:documents"]})), 200).await;
        // The package remembers what it was told; the server decides.
        assert_eq!(probe.call("has_capability", may.clone()).value(), true);
        exchange_is_refused(&mut probe, id, "LumoAuthPermissionDeniedError", 403, "capability_denied");
        assert_eq!(probe.call("is_allowed", may.clone()).value(), false);
        assert_eq!(
            probe.call("get_agent_info", json!([])).value()["capabilities"],
            json!(["read:documents"])
        );
        assert_eq!(probe.call("has_capability", may).value(), false);

        // Granted again, the token it has from before is enough.
        site.admin(Method::PUT, &scopes, Some(json!({"scopes": CAPABILITIES})), 200).await;
        assert!(probe.call("get_mcp_token", json!([id])).value().is_string());
    }
}

#[tokio::test]
async fn a_budget_that_is_used_up_ends_exchanges_until_it_is_reset() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let more = json!({"budget_policy": {"max_tokens_per_day": 100}});
        let agent = agent(site, python, "spender", &CAPABILITIES, more).await;
        let (mut probe, _) = signed_in(site, python, &agent);
        let id = id_for(version);
        assert_eq!(probe.call("is_budget_exhausted", json!([])).value(), false);
        let used = probe.request("POST", "/orgs/default/api/v1/agents/me/usage", json!({"tokens": 100}));
        assert_eq!(used["status"], 200, "{used}");
        assert_eq!(used["body"], json!({"tokens_used_today": 100, "budget_exhausted": true}));

        let said = exchange_is_refused(&mut probe, id, "LumoAuthRateLimitError", 429, "budget_exceeded");
        until_tomorrow(&said);
        let said = probe.call("ask", json!(["read:documents"]));
        said.raised("LumoAuthRateLimitError", 429, "budget_exceeded");
        until_tomorrow(&said);
        // Signing in and looking at itself go on.
        probe.sign_in();
        let budget = probe.call("get_agent_info", json!([])).value()["budget_policy"].clone();
        assert_eq!((&budget["max_tokens_per_day"], &budget["tokens_used_today"]), (&json!(100), &json!(100)));
        assert_eq!(probe.call("is_budget_exhausted", json!([])).value(), true);

        let path = format!("agents/{}", agent.id);
        site.admin(Method::PATCH, &path, Some(json!({"tokens_used_today": 0})), 200).await;
        assert!(probe.call("get_mcp_token", json!([id])).value().is_string());
        site.is_silent();
    }
}

/// `Retry-After` names the reset, which is less than a day away.
fn until_tomorrow(said: &Said) {
    let seconds = said.raised("LumoAuthRateLimitError", 429, "budget_exceeded")["retry_after"].as_f64();
    assert!(seconds.is_some_and(|seconds| (1.0..=86_400.0).contains(&seconds)), "{said:?}");
}

#[tokio::test]
async fn an_mcp_server_that_nobody_registered_is_no_target() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let (mut probe, _) = signed_in(site, python, &site.demo_agent());
        // Exactly as it was registered, or not at all.
        let ids = ["https://nobody.example.com/mcp", "https://mcp.example.com/financial-data/"];
        for id in ids {
            exchange_is_refused(&mut probe, id, "LumoAuthApiError", 400, "invalid_target");
        }
        let unknown = json!(["urn:mcp:nobody"]);
        if version == VERSIONS[0] {
            probe.call("mcp.get_token", unknown).raised("LumoAuthApiError", 400, "invalid_target");
        } else {
            // Not even sent: no name but the https id will do.
            for urn in [unknown, json!([URN])] {
                probe.call("get_mcp_token", urn).raised_at_once("LumoAuthValidationError");
            }
        }
    }
}

#[tokio::test]
async fn another_organisation_is_not_here_and_another_issuers_token_is_worth_nothing() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let demo = site.demo_agent();
        let mut environment = site.environment(&demo);
        environment.retain(|(name, _)| *name != "LUMOAUTH_ORG_ID");
        environment.push(("LUMOAUTH_ORG_ID", "other".into()));
        let mut elsewhere = Probe::start(python, &environment);
        sign_in_is_refused(&mut elsewhere, &demo, "LumoAuthNotFoundError", 404, "not_found");
    }
    let Some((site, python)) = ground(VERSIONS[1]).await else { return };
    let Ok(stranger) = Site::start("stranger").await.inspect_err(|reason| clients::skipped(reason)) else {
        return;
    };
    // Genuine, of an organisation of the same name, with an agent and a target of the same name.
    let (_, foreign) = signed_in(&stranger, python, &stranger.demo_agent());
    let (mut probe, _) = signed_in(site, python, &site.demo_agent());
    site.keep(&foreign);
    let args = json!([id_for(VERSIONS[1])]);
    let said = probe.call_with("mcp.get_token", args, json!({"subject_token": foreign}));
    said.raised("LumoAuthApiError", 400, "invalid_grant");
    let said = probe.call("_client.auth.userinfo", json!([foreign]));
    said.raised("LumoAuthAuthenticationError", 401, "invalid_token");
    site.is_silent();
    stranger.is_silent();
}

#[tokio::test]
async fn an_exchanged_token_is_for_its_mcp_server_alone() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let (mut probe, _) = signed_in(site, python, &site.demo_agent());
        let exchanged = probe.call("get_mcp_token", json!([id_for(version)])).value();
        site.keep(exchanged.as_str().expect("a token"));
        // Neither for another server nor for the same one once more.
        for id in ["https://mcp.example.com/documents", id_for(version)] {
            let subject = json!({"subject_token": exchanged});
            let said = probe.call_with("mcp.get_token", json!([id]), subject);
            said.raised("LumoAuthApiError", 400, "invalid_grant");
        }
        let said = probe.call("_client.auth.userinfo", json!([exchanged]));
        said.raised("LumoAuthAuthenticationError", 401, "invalid_token");
        probe.set("_access_token", exchanged);
        for (method, args) in
            [("get_identity", json!([])), ("ask", json!(["x:y"])), ("register", json!(["X"]))]
        {
            probe.call(method, args).raised("LumoAuthAuthenticationError", 401, "invalid_token");
        }
        site.is_silent();
    }
}

#[tokio::test]
async fn a_revoked_token_is_worth_nothing_at_once() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        let agent = agent(site, python, "revoker", &CAPABILITIES, nothing()).await;
        let (mut probe, token) = signed_in(site, python, &agent);
        let id = id_for(version);
        let client = json!({"client_id": agent.id, "client_secret": agent.secret});
        let _ = probe.call_with("_client.auth.revoke", json!([token]), client).value();
        exchange_is_refused(&mut probe, id, "LumoAuthApiError", 400, "invalid_grant");
        probe.call("get_agent_info", json!([])).raised("LumoAuthAuthenticationError", 401, "invalid_token");
        // The agent itself is none the worse.
        probe.sign_in();
        assert!(probe.call("get_mcp_token", json!([id])).value().is_string());
        site.is_silent();
    }
}

#[tokio::test]
async fn an_agent_administers_nobody_and_the_key_is_no_agent() {
    for version in VERSIONS {
        let Some((site, python)) = ground(version).await else { return };
        // Not even when the administrator grants it.
        let climber = json!({"name": "climber", "capabilities": ["admin:agents:write"]});
        site.admin(Method::POST, "agents", Some(climber), 422).await;
        let one = agent(site, python, "climber", &CAPABILITIES, nothing()).await;
        let (mut probe, _) = signed_in(site, python, &one);
        let base = "/orgs/default/api/v1";
        for (method, path) in
            [("GET", "/admin/agents"), ("POST", "/admin/agents"), ("GET", "/admin/mcp/servers")]
        {
            let answer = probe.request(method, &format!("{base}{path}"), json!({"name": "x"}));
            assert_eq!(answer["status"], 403, "{method} {path}: {answer}");
        }
        let other = site.demo_agent();
        let said =
            probe.call_with("_client.agents.register", json!(["Mine"]), json!({"client_id": other.id}));
        said.raised("LumoAuthPermissionDeniedError", 403, "forbidden");
        let mut keyed = Probe::start(python, &site.environment_of_the_key());
        let said = keyed.call("_client.agents.info", json!([]));
        said.raised("LumoAuthAuthenticationError", 401, "unauthorized");
        let record = site.admin(Method::GET, &format!("agents/{}", slug("climber", python)), None, 200).await;
        assert_eq!(record["name"], slug("climber", python).as_str());
        site.is_silent();
    }
}
