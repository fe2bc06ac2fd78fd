//! The second part of the job: an agent of the directory signs in, is told who it is, and exchanges its token
//! for one that a certain MCP server takes.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::print;
use crate::fault::{Doing as _, Fault, Outcome};
use crate::say;
use crate::stack::{RunFile, wait};

/// One of the two targets that a new stack has.
const TARGET: &str = "urn:mcp:financial-data";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Plays it; a fault when anything answered otherwise than documented.
pub async fn play(run: &RunFile) -> Outcome<()> {
    let (Some(agent), Some(admin_key)) = (&run.demo_agent, &run.admin_key) else {
        say("no agent with an identity: this stack has no directory, or nothing in it");
        return Ok(());
    };
    say("an agent with an identity signs in, and exchanges its token for one that an MCP server takes");
    let client = Client { http: wait::client()?, run };

    let asked = json!({"grant_type": "client_credentials", "client_id": agent.client_id,
        "client_secret": agent.client_secret});
    let signed_in = client.ask(Method::POST, "/oauth/token", |request| request.json(&asked)).await?;
    let (seconds, scopes) = (&signed_in["expires_in"], text(&signed_in, "scope"));
    say_what("POST /oauth/token", &format!("{}: a token for {seconds} s, scopes: {scopes}", agent.client_id));
    let token = text(&signed_in, "access_token");

    let known = client.ask(Method::GET, "/oauth/userinfo", |request| request.bearer_auth(token)).await?;
    let budget = &known["budget_policy"];
    let (used, most) = (&budget["tokens_used_today"], &budget["max_tokens_per_day"]);
    say_what("GET /oauth/userinfo", &format!("{}: {used} of {most} tokens used today", text(&known, "sub")));

    let asked = json!({"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN,
        "audience": TARGET});
    let exchanged = client.ask(Method::POST, "/oauth/token", |request| request.json(&asked)).await?;
    let (seconds, scopes) = (&exchanged["expires_in"], text(&exchanged, "scope"));
    say_what(
        &format!("POST /oauth/token for {TARGET}"),
        &format!("a token for {seconds} s, scopes: {scopes}"),
    );

    let asked = json!({"token": text(&exchanged, "access_token")});
    let key = |request: RequestBuilder| request.header("X-API-Key", admin_key).json(&asked);
    let inside = client.ask(Method::POST, "/oauth/introspect", key).await?;
    let audiences = audiences(&inside);
    say_what(
        "POST /oauth/introspect",
        &format!("aud: {}, scope: {}", audiences.join(" "), text(&inside, "scope")),
    );
    if inside["active"] == true && audiences.contains(&TARGET) {
        return Ok(());
    }
    Err(Fault::new(format!("the demo failed: the token is for {audiences:?}, not for {TARGET}")))
}

struct Client<'a> {
    http: reqwest::Client,
    run: &'a RunFile,
}

impl Client<'_> {
    /// The answer; a fault when it is a refusal, which holds no secret.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Outcome<Value> {
        let endpoint = &self.run.token_endpoint;
        let base = endpoint.strip_suffix("/oauth/token").unwrap_or(endpoint);
        let request = with(self.http.request(method, format!("{base}{path}")));
        let answer = request.send().await.doing(|| format!("call {path}"))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(Fault::new(format!("the demo failed: {path} answered {status}: {body}")))
    }
}

fn say_what(line: &str, excerpt: &str) {
    print(line, StatusCode::OK, excerpt);
}

/// One audience or a list of them (RFC 7519 section 4.1.3).
fn audiences(claims: &Value) -> Vec<&str> {
    match &claims["aud"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body[key].as_str().unwrap_or_default()
}
