//! Whose credentials arrive at a server: the ones it is registered with, and none of the caller's.

use clients::gateway::{CALLERS, Era, Ground, KEY, Program};
use serde_json::json;

/// What says who somebody is, or is ours alone.
const NEVER: [&str; 14] = [
    "cookie",
    "x-authorization",
    "proxy-authorization",
    "x-identity",
    "x-user",
    "x-username",
    "x-client-id",
    "x-groups",
    "x-scopes",
    "x-auth-method",
    "x-server-name",
    "x-tool-name",
    "x-original-uri",
    "x-forwarded-for",
];

#[tokio::test]
async fn a_server_sees_its_own_credentials_and_never_the_callers() {
    let Some(ground) = Ground::get().await else { return };
    let server = ground.serve("mcp_server.py", "sessions");
    let secret = xtask::files::secret().expect("randomness");
    ground.site.keep(&secret);
    let upstream = format!("Bearer {secret}");
    let headers = json!({"headers": {KEY: ground.key, "Authorization": upstream}});
    ground.register("with-credentials", &server.url, headers).await;
    let token = ground.site.token(CALLERS[0]).await;
    for url in ground.addresses("with-credentials") {
        for program in [Program::mcp(Era::Old), Program::mcp(Era::Auto), Program::sdk(Era::Old)] {
            let outcomes = ground.play(&program.with_token(&token), &url, &["headers", "interrupted"]);
            let seen = outcomes.well("headers");
            assert_eq!((&seen[KEY], &seen["authorization"]), (&json!(ground.key), &json!(upstream)), "{url}");
        }
        // What a client sends that would like to be somebody else.
        let mut request = ground.site.ask(reqwest::Method::POST, "", Some(&token));
        for name in NEVER.iter().filter(|name| !["x-authorization"].contains(*name)) {
            request = request.header(*name, "forged");
        }
        let mut request = request.build().expect("a request");
        *request.url_mut() = url.parse().expect("a URL");
        request
            .headers_mut()
            .insert("accept", "application/json, text/event-stream".parse().expect("a value"));
        request.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {},
            "protocolVersion": "2025-11-25", "clientInfo": {"name": "forger", "version": "1"}}});
        *request.body_mut() = Some(body.to_string().into());
        let answer =
            xtask::stack::wait::client().expect("a client").execute(request).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap_or_default());
    }
    let signature = token.rsplit('.').next().expect("a signature");
    let arrived = server.arrived();
    // Reading the tools at registration, and everything that was played.
    assert!(arrived.len() > 20, "{}", arrived.len());
    for request in &arrived {
        assert_eq!(request.header("authorization"), [upstream.as_str()], "{}", request.method);
        assert_eq!(request.header(KEY), [ground.key.as_str()], "{}", request.method);
        for name in NEVER {
            assert_eq!(request.header(name), [""; 0], "{name} arrived");
        }
        let host = request.header("host");
        assert!(host.iter().all(|host| server.url.contains(host)), "{host:?}");
        for (name, value) in &request.headers {
            assert!(!value.contains(signature), "the caller's token arrived in {name}");
        }
    }
    // Nobody reads it at the registry, either.
    let (status, card) = ground.admin(reqwest::Method::GET, "/api/servers/with-credentials", None).await;
    assert_eq!(status.as_u16(), 200, "{card}");
    assert!(!card.to_string().contains(&secret), "it can be read");
    ground.site.is_silent();
}
