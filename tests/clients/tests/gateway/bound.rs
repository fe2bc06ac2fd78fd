//! Tokens that are bound to one MCP server: at the gateway, and made by the gateway for the server behind it.

use clients::gateway::{CALLERS, Era, Ground, Program};
use clients::{Agent, McpServer, Target};
use reqwest::Method;
use serde_json::{Value, json};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The base token of an agent.
async fn sign_in(ground: &Ground, agent: &Agent) -> String {
    let form =
        [("grant_type", "client_credentials"), ("client_id", &*agent.id), ("client_secret", &*agent.secret)];
    token(ground, &form).await
}

/// A token for this audience, made from another one.
async fn exchange(ground: &Ground, base: &str, audience: &str) -> String {
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", base),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", audience),
    ];
    token(ground, &form).await
}

async fn token(ground: &Ground, form: &[(&str, &str)]) -> String {
    let (status, said) = ground.site.form("/oauth/token", form).await;
    assert_eq!(status.as_u16(), 200, "{said}");
    let token = said["access_token"].as_str().expect("a token").to_owned();
    ground.site.keep(&token);
    token
}

#[tokio::test]
async fn a_bound_token_opens_its_server_and_nothing_else() {
    let Some(ground) = Ground::get().await else { return };
    let capability = "mcp:sessions";
    let [own, beside] = ground.addresses("sessions");
    let body = json!({"name": "Sessions", "slug": "sessions", "resource_uri": own,
        "required_capability": capability, "scopes_supported": [capability]});
    ground.site.admin(Method::POST, "mcp/servers", Some(body), 201).await;
    let agent = ground.site.agent("bound-agent", &[capability], json!({})).await;
    let base = sign_in(ground, &agent).await;
    let bound = exchange(ground, &base, &own).await;
    let echo = json!(["echo", {"text": "bound"}]).to_string();
    for program in Program::all() {
        let program = program.with_token(&bound).with("CALL", &echo);
        for url in [&own, &beside] {
            let outcomes = ground.play(&program, url, &["tools", "call", "secret"]);
            assert_eq!(outcomes.well("tools"), &json!(["echo", "whoami"]), "{program:?} at {url}");
            assert_eq!(outcomes.well("call"), &json!({"text": "bound"}), "{program:?} at {url}");
            let (status, error) = outcomes.refused("secret");
            assert!(status.is_none_or(|status| status == 403), "{error}");
        }
        // Its words would open this one too, but it is not for it.
        for url in ground.addresses("stateless") {
            let outcomes = ground.play(&program, &url, &["connect"]);
            let (status, error) = outcomes.refused("connect");
            assert!(status.is_none_or(|status| status == 401), "{program:?} at {url}: {error}");
        }
    }
    // Nor is it for us.
    for path in ["/api/servers", "/api/agents", "/mcp/registry"] {
        let method = if path.starts_with("/api") { Method::GET } else { Method::POST };
        let (status, said) = clients::site::send(ground.site.ask(method, path, Some(&bound))).await;
        assert_eq!(status.as_u16(), 401, "{path}: {said}");
    }
    ground.site.is_silent();
}

/// The sample's server demands a token that was exchanged for it. The caller brings his own, and the gateway sees
/// to it.
#[tokio::test]
async fn the_gateway_brings_the_token_that_the_server_demands() {
    let Some(ground) = Ground::get().await else { return };
    let capability = "mcp:financial";
    // Its names say that it stands here: a registrant can ask for no tokens of a server that is somewhere else.
    let addresses = ground.addresses("guarded");
    let known =
        json!({"required_capability": capability, "scopes_supported": [capability], "aliases": addresses});
    let target: Target = ground.site.target("guarded", known).await;
    let server = McpServer::start(ground.python(), &ground.site, &target, capability, false);
    let card = json!({"token_exchange": {"audience": target.uri}, "headers": {}});
    ground.register("guarded", &server.url, card).await;
    let agent =
        ground.site.agent("exchanging-agent", &[capability], json!({"groups": ["guarded-users"]})).await;
    let base = sign_in(ground, &agent).await;
    let metric = json!(["financial_metric", {"metric": "EBITDA"}]).to_string();
    for url in addresses {
        for program in [Program::mcp(Era::Auto), Program::sdk(Era::Old)] {
            let program = program.with_token(&base).with("CALL", &metric);
            let outcomes = ground.play(&program, &url, &["tools", "call"]);
            assert_eq!(outcomes.well("tools"), &json!(["financial_metric"]), "{program:?} at {url}");
            let expected = "EBITDA: $1.2M (asked by agent:exchanging-agent)";
            assert_eq!(outcomes.well("call")["text"], expected, "{program:?} at {url}");
        }
    }
    // Who is no agent of the directory has nothing that could be exchanged.
    let person = ground.site.token(CALLERS[0]).await;
    let [url, _] = ground.addresses("guarded");
    let program = Program::mcp(Era::Old).with_token(&person);
    let refused: Value = ground.play(&program, &url, &["connect"]).refused("connect").1;
    assert!(refused["code"].is_i64(), "{refused}");
    ground.site.is_silent();
}
