//! The gateway alone, between stand-ins: what it checks, what it lets through, and what it says itself.

mod mcp;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};

use e2e::shared::{folder, skipped};
use e2e::upstream::{self, Request};
use e2e::{Answer, Caller, eventually, raw};
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpSocket;
use xtask::nginx::{self, Gateway, Upstream};
use xtask::setup;

/// A gateway of a test; it ends with it.
struct Running {
    process: Child,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Running {
    fn caller(&self, token: Option<&str>) -> Caller {
        Caller::new(format!("http://{}", self.address), token.map(str::to_owned))
    }
}

fn gateway(dir: &Path, registry: Upstream, auth_server: SocketAddr) -> Gateway {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("some port is free");
    Gateway {
        listen: free.local_addr().expect("it is bound"),
        server_names: nginx::local_names(),
        registries: vec![registry],
        auth_server,
        dir: dir.to_path_buf(),
        user: xtask::shell::is_root().then(|| "www-data".to_owned()),
        workers: Some(1),
        max_body: "1m".into(),
        mcp_max_body: nginx::MCP_MAX_BODY.into(),
        rate: nginx::RATE,
        token_rate: nginx::TOKEN_RATE,
        x_authorization: false,
    }
}

async fn start(gateway: &Gateway) -> Running {
    let file = nginx::write(gateway).expect("nginx takes it");
    let process = nginx::command(&gateway.dir, &file).expect("nginx is there").spawn().expect("nginx starts");
    let running = Running { process, address: gateway.listen };
    eventually("nginx listens", async || tokio::net::TcpStream::connect(running.address).await.ok()).await;
    running
}

/// Judges by the token: `good`, `forbidden`, `broken`; everything else is refused.
fn auth(request: &Request) -> upstream::Reply {
    match request.header("authorization") {
        "Bearer good" => (
            "200 OK",
            vec![
                "X-User: service-account-mcp-gateway-m2m".into(),
                "X-Scopes: a2a-agent-admin, mcp-servers-unrestricted/read".into(),
                "X-Identity: the.sealed.identity".into(),
                // The question, carried to the registry's echo in a header that is passed on.
                format!(
                    "X-Groups: {} {} length={:?} secret={:?}",
                    request.header("x-original-method"),
                    request.header("x-original-uri"),
                    request.header("content-length"),
                    request.header("x-secret"),
                ),
            ],
            "{}".into(),
        ),
        "Bearer verbose" => {
            ("200 OK", vec![format!("X-Groups: {}", "g".repeat(120_000))], "g".repeat(60_000))
        }
        "Bearer endless" => ("200 OK", vec![format!("X-Groups: {}", "g".repeat(140_000))], "{}".into()),
        "Bearer forbidden" => ("403 Forbidden", vec![], "{}".into()),
        "Bearer unreached" => ("403 Forbidden", vec!["X-Refusal: insufficient_scope".into()], "{}".into()),
        "Bearer exhausted" => {
            let said = vec!["X-Refusal: budget_exceeded".into(), "Retry-After: 77".into()];
            ("403 Forbidden", said, "{}".into())
        }
        "Bearer broken" => ("503 Service Unavailable", vec![], "{}".into()),
        _ => ("401 Unauthorized", vec!["WWW-Authenticate: Bearer realm=\"registry\"".into()], "{}".into()),
    }
}

fn registry(request: &Request) -> upstream::Reply {
    let mut json = vec!["Content-Type: application/json".into(), "X-Request-Id: theirs".into()];
    json.push("X-Accel-Redirect: /health".into());
    if request.line.contains("/api/conflict") {
        return ("409 Conflict", json, r#"{"code":"path_taken"}"#.into());
    }
    if request.line.contains("/api/absent") {
        return ("404 Not Found", json, r#"{"code":"no_such_agent"}"#.into());
    }
    ("200 OK", json, request.echo().to_string())
}

/// An address at which connections are refused: as long as the socket is held, nobody else gets it.
fn nobody_listens() -> (TcpSocket, SocketAddr) {
    let held = TcpSocket::new_v4().expect("a socket");
    held.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("some port is free");
    let address = held.local_addr().expect("it is bound");
    (held, address)
}

fn header<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let headers = answer.body["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    headers.iter().filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

fn nginx_is_missing() -> bool {
    setup::nginx().inspect_err(|fault| skipped(&fault.to_string())).is_err()
}

/// A connection for each request would cost more than the decision, and run out of ports under load.
#[tokio::test]
async fn connections_to_the_servers_are_kept() {
    if nginx_is_missing() {
        return;
    }
    let came_by = Arc::new(Mutex::new([BTreeSet::new(), BTreeSet::new()]));
    let noting = |server: usize, rule: fn(&Request) -> upstream::Reply| {
        let came_by = came_by.clone();
        upstream::on_tcp(move |request| {
            came_by.lock().expect("whole")[server].insert(request.connection);
            rule(request)
        })
    };
    let (auth_server, registry) = (noting(0, auth), noting(1, registry));
    let running = start(&gateway(&folder("kept"), Upstream::Tcp(registry), auth_server)).await;
    for (token, status) in [("good", 200), ("forbidden", 403), ("bad", 401), ("broken", 503), ("good", 200)] {
        let caller = running.caller(Some(token));
        for path in ["/api/agents", "/mcp/clock"] {
            caller.send(Method::POST, path, Some("{}"), &[]).await.must_be(status);
        }
    }
    let counts = came_by.lock().expect("whole").each_ref().map(BTreeSet::len);
    assert_eq!(counts, [1, 1], "connections to the auth-server and the registry");
}

#[tokio::test]
async fn nginx_accepts_both_forms() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("forms");
    let auth_server = SocketAddr::from(([127, 0, 0, 1], 4001));
    for registry in
        [Upstream::Socket(dir.join("registry.sock")), Upstream::Tcp(SocketAddr::from(([127, 0, 0, 1], 4002)))]
    {
        nginx::write(&gateway(&dir, registry, auth_server)).expect("nginx takes it");
    }
    let mut other = gateway(&dir, Upstream::Tcp(auth_server), auth_server);
    other.listen = "[::1]:8080".parse().expect("an address");
    other.server_names = vec!["registry.example.com".into(), "*.example.org".into()];
    nginx::write(&other).expect("nginx takes it");
}

#[tokio::test]
async fn what_is_let_through_is_what_was_permitted_and_no_more() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("through");
    let socket = dir.join("registry.sock");
    upstream::on_socket(&socket, registry);
    let running = start(&gateway(&dir, Upstream::Socket(socket), upstream::on_tcp(auth))).await;
    let caller = running.caller(Some("good"));

    let forged = [
        ("X-Identity", "forged"),
        ("x-identity", "forged"),
        ("X_Identity", "forged"),
        ("X-Scopes", "mcp-registry-admin"),
        ("X-User", "admin"),
        ("X-Username", "admin"),
        ("X-Secret", "passed"),
        ("X-API-Key", "lmk_passed"),
        ("Connection", "X-Identity"),
        ("Accept", "application/json"),
        ("If-Match", "\"1\""),
        ("Last-Event-ID", "7"),
        ("X-Request-Id", "mine-1"),
    ];
    let answer = caller.send(Method::POST, "/api/agents/register", Some(r#"{"a":1}"#), &forged).await;
    answer.must_be(200);
    assert_eq!(header(&answer, "x-identity"), ["the.sealed.identity"]);
    assert_eq!(header(&answer, "x-scopes"), ["a2a-agent-admin, mcp-servers-unrestricted/read"]);
    assert_eq!(header(&answer, "x-user"), ["service-account-mcp-gateway-m2m"]);
    for absent in ["x_identity", "x-username", "x-secret", "x-api-key", "authorization"] {
        assert!(header(&answer, absent).is_empty(), "{absent}: {answer:?}");
    }
    assert_eq!(header(&answer, "if-match"), ["\"1\""]);
    assert_eq!(header(&answer, "last-event-id"), ["7"]);
    assert_eq!(header(&answer, "content-type"), ["application/json"]);
    assert_eq!(header(&answer, "x-groups"), ["POST /api/agents/register length=\"\" secret=\"\""]);
    assert_eq!(answer.body["body"], r#"{"a":1}"#);
    assert_eq!(answer.headers.get_all("x-request-id").iter().collect::<Vec<_>>(), ["mine-1"]);

    for target in
        ["/api/agents/team%2Freviewer", "/api/agents/team/reviewer?x=%2e", "/api//agents", "/api/a%20b"]
    {
        let answer = caller.get(target).await;
        assert_eq!(answer.body["line"], format!("GET {target} HTTP/1.1"), "{answer:?}");
        assert!(header(&answer, "x-groups")[0].starts_with(&format!("GET {target} ")), "{answer:?}");
    }

    // The stream has a location of its own, and its callers the same identity.
    let answer = caller.send(Method::GET, "/api/changes?since=1", None, &forged).await;
    assert_eq!(header(&answer, "x-identity"), ["the.sealed.identity"]);
    assert_eq!(header(&answer, "last-event-id"), ["7"]);
    for absent in ["x_identity", "x-username", "x-secret", "x-api-key", "authorization"] {
        assert!(header(&answer, absent).is_empty(), "{absent}: {answer:?}");
    }
    for token in [None, Some("bad")] {
        running.caller(token).get("/api/changes").await.must_refuse(401);
    }
    running.caller(Some("broken")).get("/api/changes").await.must_refuse(503);

    // What the registry answers itself passes untouched.
    assert_eq!(caller.get("/api/conflict").await.must_be(409), &serde_json::json!({"code": "path_taken"}));
    assert_eq!(caller.get("/api/absent").await.must_be(404), &serde_json::json!({"code": "no_such_agent"}));
    let large = "x".repeat(900_000);
    let answer = caller.post_bytes("/api/agents/register", &large).await;
    assert_eq!(answer.must_be(200)["body"].as_str().map(str::len), Some(900_000));
}

#[tokio::test]
async fn what_is_public_reaches_only_what_it_names() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("public");
    let registry = upstream::on_tcp(registry);
    let auth_server = upstream::on_tcp(|request| {
        let line = request.echo().to_string();
        ("200 OK", vec!["Content-Type: application/json".into()], line)
    });
    let running = start(&gateway(&dir, Upstream::Tcp(registry), auth_server)).await;
    let nobody = running.caller(None);
    let issuer = "/orgs/default/api/v1";
    for (path, sent) in [
        ("/health", "/health"),
        ("/api/openapi.json", "/api/openapi.json"),
        ("/docs", "/docs"),
        ("/docs/swagger-ui.css", "/docs/swagger-ui.css"),
        (&format!("{issuer}/.well-known/jwks.json"), &format!("{issuer}/.well-known/jwks.json")),
        ("/t/default/api/v1/.well-known/jwks.json", "/t/default/api/v1/.well-known/jwks.json"),
        ("/t/default/api/v1/oauth/authorize?state=x", "/t/default/api/v1/oauth/authorize"),
        ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource"),
        // Other bytes that nginx reads as a public path: the upstream gets the public path, not the bytes.
        ("/x/%2e%2e/health", "/health"),
        ("/api/agents/..%2f..%2fdocs", "/docs"),
    ] {
        let reply = raw::send(running.address, get(path).as_bytes()).await;
        assert_eq!(reply.json()["line"], format!("GET {sent} HTTP/1.1"), "{path}: {reply:?}");
        assert!(!reply.json()["headers"].to_string().contains("authorization"), "{reply:?}");
    }
    for path in ["//orgs//default/api/v1//.well-known/oauth-protected-resource/financial-data"] {
        assert_eq!(nobody.get(path).await.must_be(200)["line"], format!("GET {path} HTTP/1.1"));
    }
    for endpoint in [format!("{issuer}/oauth/token"), "/t/default/api/v1/oauth/token".to_owned()] {
        let answer =
            nobody.send(Method::POST, &endpoint, Some("{}"), &[("Authorization", "Basic eDp5")]).await;
        assert_eq!(answer.must_be(200)["line"], format!("POST {endpoint} HTTP/1.1"));
        assert_eq!(header(&answer, "authorization"), ["Basic eDp5"]);
    }
    for path in [
        "/",
        "/api",
        "//health",
        "//docs",
        "/docs//index.html",
        "//api/agents",
        "/x/default/api/v1/oauth/token",
        "/validate",
        "/_validate",
        "/identity/jwks.json",
        "/metrics",
        "/apis",
        "/docs/../etc",
        "/orgs/a/b",
    ] {
        let reply = raw::send(running.address, get(path).as_bytes()).await;
        assert_eq!(
            (reply.status(), &reply.json()["code"]),
            (404, &Value::from("not_found")),
            "{path}: {reply:?}"
        );
    }
}

/// What the auth-server serves at both mounts to those that it judges itself, and how they ask.
const IDENTITY: [(Method, &str); 14] = [
    (Method::POST, "oauth/token"),
    (Method::POST, "oauth/revoke"),
    (Method::POST, "oauth/introspect"),
    (Method::GET, "oauth/userinfo"),
    (Method::POST, "agents/ask"),
    (Method::GET, "agents/me"),
    (Method::POST, "agents/me/usage"),
    (Method::POST, "agents/register"),
    (Method::GET, "admin/agents"),
    (Method::PATCH, "admin/agents/agt_1"),
    (Method::PUT, "admin/agents/research-analyst/scopes"),
    (Method::POST, "admin/mcp/servers"),
    (Method::DELETE, "admin/mcp/servers/financial-data"),
    (Method::POST, "admin/api-key/rotate"),
];

#[tokio::test]
async fn the_identity_api_is_shown_who_asks_and_nothing_else() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("identity");
    let auth_server = upstream::on_tcp(|request| ("200 OK", vec![], request.echo().to_string()));
    let running = start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), auth_server)).await;
    let caller = running.caller(Some("a-token"));
    let sent = [
        ("X-API-Key", "lmk_key"),
        ("X-Identity", "forged"),
        ("x-identity", "forged"),
        ("X_Identity", "forged"),
        ("X-User", "admin"),
        ("X-Scopes", "admin:agents:write"),
        ("X-Original-URI", "/api/agents"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Connection", "X-API-Key"),
    ];
    for (method, path) in IDENTITY {
        for base in ["/orgs/default/api/v1/", "/t/default/api/v1/", "//orgs//default/api/v1//"] {
            for query in ["", "?limit=50&offset=0&q=%2e%2e/a"] {
                let target = format!("{base}{path}{query}");
                let answer = caller.send(method.clone(), &target, Some(r#"{"a":1}"#), &sent).await;
                assert_eq!(answer.must_be(200)["line"], format!("{method} {target} HTTP/1.1"));
                assert_eq!(answer.body["body"], r#"{"a":1}"#);
                assert_eq!(header(&answer, "authorization"), ["Bearer a-token"]);
                // A sign-in names its client; a key is nothing there.
                let key: &[&str] = if path == "oauth/token" { &[] } else { &["lmk_key"] };
                assert_eq!(header(&answer, "x-api-key"), key, "{target}");
                assert!(!answer.text.contains("forged"), "{answer:?}");
                for absent in ["x-user", "x-scopes", "x-original-uri", "x-forwarded-for"] {
                    assert!(header(&answer, absent).is_empty(), "{absent}: {answer:?}");
                }
            }
        }
    }
    // hyper would refuse the whole request for one control character.
    let lines = "Authorization: Bearer a\x01\r\nX-API-Key: lmk\x01";
    let bytes = format!("GET /t/default/api/v1/agents/me HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n");
    let reply = raw::send(running.address, bytes.as_bytes()).await.json();
    let headers = reply["headers"].to_string();
    assert!(headers.contains(r#"["authorization","Bearer !"]"#), "{headers}");
    assert!(headers.contains(r#"["x-api-key","!"]"#), "{headers}");
}

#[tokio::test]
async fn the_identity_api_is_asked_for_in_one_spelling() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("spelling");
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let lines = arrived.clone();
    let auth_server = upstream::on_tcp(move |request| {
        lines.lock().expect("whole").push(request.line.clone());
        ("200 OK", vec![], "{}".into())
    });
    let running = start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), auth_server)).await;
    let issuer = "/orgs/default/api/v1";
    for (path, form) in [
        ("/orgs/default/api/v1/oauth/%74oken", "oauth"),
        ("/orgs/default/api/v1/x/%2e%2e/oauth/token", "oauth"),
        ("/x/../orgs/default/api/v1/oauth/revoke", "oauth"),
        ("/t/default/api/v1/oauth/./introspect", "oauth"),
        ("/orgs/default/api/v1/agents/./me", "identity"),
        ("/orgs/default/api/v1/agents%2fme", "identity"),
        ("/api/..%2forgs/default/api/v1/agents/ask", "identity"),
        ("/orgs/default/api/v1/admin/agents/a/..", "registry"),
        ("/orgs/default/api/v1/admin/agents/%2e%2e/mcp/servers", "identity"),
        ("/orgs/default/api/v1/admin/agents/x/%2E%2E/agt_1?limit=1", "identity"),
        ("/orgs/default/api/v1/admin/agents#/x", "identity"),
        ("http://localhost/orgs/default/api/v1/x/../admin/api-key/rotate", "identity"),
        ("/orgs/default/api/v1/oauth/userinfo/", "registry"),
        ("/orgs/default/api/v1/agents", "registry"),
        ("/orgs/default/api/v1/agents/you", "registry"),
        ("/orgs/default/api/v1/agents/me/usage/all", "registry"),
        ("/orgs/default/api/v1/admin", "registry"),
        ("/orgs/default/api/v1/admin/agents/a/b/c", "registry"),
        ("/orgs/default/api/v1/admin/agents/a%00", "early"),
        ("/orgs/default/api/v1/admin/mcp", "registry"),
        ("/orgs/default/api/v2/admin/agents", "registry"),
        ("/orgs/a.b/api/v1/admin/agents", "registry"),
        ("/identity/jwks.json", "registry"),
    ] {
        let reply = raw::send(running.address, get(path).as_bytes()).await;
        let expected = match form {
            "oauth" => serde_json::json!({"error": "invalid_request", "error_description": NOTHING}),
            "identity" => {
                serde_json::json!({"error": "not_found", "message": NOTHING, "status": 404, "code": "not_found"})
            }
            "registry" => serde_json::json!({"code": "not_found", "message": NOTHING, "detail": NOTHING}),
            _ => reply.json(),
        };
        let status = if form == "early" { 400 } else { 404 };
        assert_eq!((reply.status(), reply.json()), (status, expected), "{path}: {reply:?}");
    }
    assert_eq!(*arrived.lock().expect("whole"), Vec::<String>::new(), "nothing of this went on");
    running.caller(None).get(&format!("{issuer}/agents/me")).await.must_be(200);
}

const NOTHING: &str = "there is nothing at this address";

#[tokio::test]
async fn the_gateways_own_refusals_have_the_form_of_the_identity_api() {
    if nginx_is_missing() {
        return;
    }
    let (_held, nobody_listens) = nobody_listens();
    let registry = Upstream::Tcp(upstream::on_tcp(registry));
    let silent = start(&gateway(&folder("no-issuer"), registry.clone(), nobody_listens)).await;
    let mut slow = gateway(&folder("slow-issuer"), registry, upstream::on_tcp(auth));
    slow.rate = 1;
    let slow = start(&slow).await;
    let large = "x".repeat(64 * 1024 + 1);
    for (method, path) in IDENTITY {
        let target = format!("/orgs/default/api/v1/{path}");
        let nobody = silent.caller(None);
        let mut answers = vec![
            (502, nobody.send(method.clone(), &target, Some("{}"), &[]).await),
            (413, nobody.send(method.clone(), &target, Some(&large), &[]).await),
        ];
        // The token endpoint has a rate of its own, and a test of its own.
        if path != "oauth/token" {
            let many = async || {
                let answer = slow.caller(None).send(method.clone(), &target, Some("{}"), &[]).await;
                (answer.status == 429).then_some(answer)
            };
            answers.push((429, eventually("one is too many", many).await));
        }
        for (status, answer) in answers {
            answer.must_be(status);
            assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
            assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
            assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
            assert_eq!(answer.header("retry-after").is_empty(), status == 413, "{answer:?}");
            if ["oauth/token", "oauth/revoke", "oauth/introspect"].contains(&path) {
                let error = if status == 413 { "invalid_request" } else { "temporarily_unavailable" };
                assert_eq!(answer.body["error"], error, "{path}: {answer:?}");
                assert!(answer.body["error_description"].is_string(), "{path}: {answer:?}");
            } else {
                assert_eq!(answer.body["status"], status, "{path}: {answer:?}");
                assert_eq!(answer.body["error"], answer.body["code"], "{path}: {answer:?}");
                assert!(answer.body["message"].is_string(), "{path}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn one_address_gets_a_part_of_the_places_where_secrets_are_compared() {
    if nginx_is_missing() {
        return;
    }
    // Answers a sign-in when it is told to, and everything else at once.
    let (waiting, released) = (Arc::new(Mutex::new(0)), Arc::new((Mutex::new(false), Condvar::new())));
    let (arrived, release) = (waiting.clone(), released.clone());
    let auth_server = upstream::on_tcp(move |request| {
        if request.line.contains("oauth/token") {
            *arrived.lock().expect("whole") += 1;
            let (told, bell) = &*release;
            let told = bell.wait_while(told.lock().expect("whole"), |told| !*told);
            drop(told.expect("whole"));
        }
        ("200 OK", vec![], "{}".into())
    });
    let dir = folder("places");
    let running = start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), auth_server)).await;
    let endpoint = "/orgs/default/api/v1/oauth/token";
    let sign_in =
        |caller: Caller| tokio::spawn(async move { caller.post_bytes(endpoint, "{}").await.status });
    let signing_in: Vec<_> = (0..48).map(|_| sign_in(running.caller(None))).collect();
    eventually("all of them wait", async || (*waiting.lock().expect("whole") == 48).then_some(())).await;
    let nobody = running.caller(None);
    for path in [endpoint, "/t/default/api/v1/oauth/revoke"] {
        let refused = nobody.post_bytes(path, "{}").await;
        assert_eq!(refused.must_be(429)["error"], "temporarily_unavailable", "{path}");
    }
    // What compares no secret goes on.
    nobody.get("/orgs/default/api/v1/oauth/userinfo").await.must_be(200);
    nobody.post_bytes("/orgs/default/api/v1/oauth/introspect", "{}").await.must_be(200);
    nobody.get("/health").await.must_be(200);
    let (told, bell) = &*released;
    *told.lock().expect("whole") = true;
    bell.notify_all();
    for one in signing_in {
        assert_eq!(one.await.expect("it was asked"), 200);
    }
    nobody.post_bytes(endpoint, "{}").await.must_be(200);
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn its_own_refusals_are_json() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("refusals");
    let running =
        start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(auth))).await;
    let with = |token: &str| running.caller(Some(token));

    let answer = running.caller(None).get("/api/agents").await;
    answer.must_refuse(401);
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, ["Bearer realm=\"registry\""]);
    assert!(!answer.header("x-request-id").is_empty());
    assert!(!answer.header("server").contains('/'), "{answer:?}");

    with("forbidden").get("/api/agents").await.must_refuse(403);
    let broken = with("broken").get("/api/agents").await;
    broken.must_refuse(503);
    assert_eq!((&broken.body["code"], broken.header("retry-after")), (&Value::from("auth_unavailable"), "5"));
    with("good").post_bytes("/api/agents/register", &"x".repeat(1_100_000)).await.must_refuse(413);

    let checks: [(&str, String, u16); 11] = [
        ("a target of 40 kB", get(&format!("/api/{}", "a".repeat(40_000))), 414),
        ("a header of 40 kB", format!("GET /api/agents HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(40_000)), 431),
        ("two lengths", "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into(), 400),
        (
            "a length and chunks",
            "POST /api/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            400,
        ),
        ("an unknown coding", "POST /api/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n".into(), 501),
        ("two Authorizations", "GET /api/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nAuthorization: x\r\n\r\n".into(), 400),
        ("a zero byte", "GET /api/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 400),
        ("an encoded zero byte", get("/api/%00"), 400),
        ("above the root", get("/../api/agents"), 400),
        ("TRACE", "TRACE /api/a HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 405),
        ("no HTTP", "HELLO\r\n\r\n".into(), 400),
    ];
    for (what, bytes, status) in checks {
        let reply = raw::send(running.address, bytes.as_bytes()).await;
        assert_eq!(reply.status(), status, "{what}: {reply:?}");
        assert!(reply.json()["code"].is_string() && reply.json()["detail"].is_string(), "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn another_host_gets_no_answer() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("hosts");
    let running =
        start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(auth))).await;
    for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] {
        let bytes = format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(raw::send(running.address, bytes.as_bytes()).await.status(), 200, "{host}");
    }
    for bytes in [
        "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n",
        "GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /health HTTP/1.0\r\n\r\n",
    ] {
        assert_eq!(raw::send(running.address, bytes.as_bytes()).await.text, "", "{bytes}");
    }
}

#[tokio::test]
async fn servers_that_do_not_answer_are_said_so() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("silent");
    let (_held, nobody_listens) = nobody_listens();
    let running = start(&gateway(&dir, Upstream::Tcp(nobody_listens), upstream::on_tcp(auth))).await;
    running.caller(Some("good")).get("/api/agents").await.must_refuse(502);
    running.caller(None).get("/health").await.must_refuse(502);

    let dir = folder("silent-auth");
    let running = start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), nobody_listens)).await;
    running.caller(Some("good")).get("/api/agents").await.must_refuse(503);
}

#[tokio::test]
async fn what_anybody_may_ask_takes_no_large_body() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("bodies");
    // Tells how much of the body arrived.
    let measure = |request: &Request| ("200 OK", vec![], request.body.len().to_string());
    let mut slow = gateway(&dir, Upstream::Tcp(upstream::on_tcp(measure)), upstream::on_tcp(measure));
    slow.token_rate = 1;
    let running = start(&slow).await;
    let nobody = running.caller(None);
    for path in ["/health", "/docs", "/api/openapi.json", "/orgs/default/api/v1/.well-known/jwks.json"] {
        nobody.post_bytes(path, &"x".repeat(1_000)).await.must_be(200);
        let refused = nobody.post_bytes(path, &"x".repeat(1_100)).await;
        refused.must_refuse(413);
        assert!(refused.body["message"].as_str().is_some_and(|text| text.contains("1k")), "{refused:?}");
    }
    let endpoint = "/orgs/default/api/v1/oauth/token";
    let length = 64 * 1024;
    nobody.post_bytes(endpoint, &"x".repeat(length)).await.must_be(200);
    let chunked = chunked(endpoint, &"x".repeat(length));
    let reply = raw::send_to_the_end(running.address, chunked.as_bytes()).await;
    assert_eq!(reply.statuses(), [200, 200], "{reply:?}");
    assert!(reply.text.contains(&format!("\r\n\r\n{length}")), "{reply:?}");

    // At an OAuth endpoint, the form of RFC 6749.
    let refused = nobody.post_bytes(endpoint, &"x".repeat(length + 1)).await;
    assert_eq!(refused.must_be(413)["error"], "invalid_request");
    assert_eq!(refused.body["error_description"], "the request body is larger than 64k");
    let mut last = nobody.post_bytes(endpoint, "").await;
    for _ in 0..30 {
        if last.status == 429 {
            break;
        }
        last = nobody.post_bytes(endpoint, "").await;
    }
    assert_eq!(last.must_be(429)["error"], "temporarily_unavailable");
    assert!(
        last.body["error_description"].is_string() && !last.header("x-request-id").is_empty(),
        "{last:?}"
    );
    assert_eq!((last.header("retry-after"), last.header("cache-control")), ("1", "no-store"));
}

/// A body in chunks of 100 bytes.
fn chunked(path: &str, body: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunks: Vec<String> = body
        .as_bytes()
        .chunks(100)
        .map(|part| format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part)))
        .collect();
    format!("{head}{}0\r\n\r\n", chunks.concat())
}

#[tokio::test]
async fn a_long_identity_fits_through() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("long");
    let running =
        start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(auth))).await;
    // Twice: the second time on the connection that the first left open.
    for _ in 0..2 {
        let answer = running.caller(Some("verbose")).get("/api/agents").await;
        answer.must_be(200);
        assert_eq!(header(&answer, "x-groups")[0].len(), 120_000);
    }
    // What does not fit is never half an identity.
    running.caller(Some("endless")).get("/api/agents").await.must_refuse(503);
}

#[tokio::test]
async fn x_authorization_is_shown_only_where_it_counts() {
    if nginx_is_missing() {
        return;
    }
    let shown = |request: &Request| {
        let value = format!("X-Groups: <{}>", request.header("x-authorization"));
        ("200 OK", vec![value], "{}".into())
    };
    for (counts, sent, expected) in
        [(false, "Bearer a", "<>"), (true, "Bearer a", "<Bearer a>"), (true, "Bearer a\x01", "<Bearer !>")]
    {
        let dir = folder("x-authorization");
        let mut told = gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(shown));
        told.x_authorization = counts;
        let running = start(&told).await;
        let bytes = format!("GET /api/a HTTP/1.1\r\nHost: localhost\r\nX-Authorization: {sent}\r\n\r\n");
        let reply = raw::send(running.address, bytes.as_bytes()).await.json();
        let headers = reply["headers"].to_string();
        assert!(headers.contains(expected), "{headers}");
        assert!(!headers.contains("x-authorization"), "the registry gets no token: {headers}");
    }
}

#[tokio::test]
async fn no_second_request_arrives_upstream() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("smuggling");
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let lines = arrived.clone();
    let upstream = upstream::on_tcp(move |request| {
        lines.lock().expect("no test panics while it holds this").push(request.line.clone());
        registry(request)
    });
    let running = start(&gateway(&dir, Upstream::Tcp(upstream), upstream::on_tcp(auth))).await;
    let hidden = "DELETE /api/agents/x HTTP/1.1\r\nHost: localhost\r\nX-Identity: forged\r\n\r\n";
    let head = "POST /api/agents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n";
    let te = "Transfer-Encoding: chunked\r\n";
    let post: &[&str] = &["POST /api/agents HTTP/1.1", "GET /health HTTP/1.1"];
    let length = hidden.len();
    // The bytes, the answers they get (the last one is of the request that ends the connection), and
    // what the registry sees.
    for (what, bytes, statuses, seen) in [
        ("CL+TE", format!("{head}Content-Length: 4\r\n{te}\r\n0\r\n\r\n{hidden}"), &[400][..], &[][..]),
        ("TE+CL", format!("{head}{te}Content-Length: 4\r\n\r\n0\r\n\r\n{hidden}"), &[400], &[]),
        ("two codings", format!("{head}{te}{te}\r\n0\r\n\r\n{hidden}"), &[400], &[]),
        (
            "two lengths",
            format!("{head}Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{hidden}"),
            &[400],
            &[],
        ),
        (
            "obs-fold of TE",
            format!("{head}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{hidden}"),
            &[400],
            &[],
        ),
        (
            "TE with a space",
            format!("{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
            &[400],
            &[],
        ),
        (
            "an unknown coding",
            format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
            &[501],
            &[],
        ),
        ("a bad chunk size", format!("{head}{te}\r\nzz\r\n{hidden}"), &[400], &[]),
        ("a chunk too short", format!("{head}{te}\r\n1\r\n{hidden}"), &[400], &[]),
        ("a whole body", format!("{head}Content-Length: {length}\r\n\r\n{hidden}"), &[200, 200], post),
        ("a whole chunk", format!("{head}{te}\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"), &[200, 200], post),
        (
            "trailers",
            format!("{head}{te}\r\n2\r\n{{}}\r\n0\r\nX-Identity: forged\r\nContent-Length: {length}\r\n\r\n"),
            &[200, 200],
            post,
        ),
        // What stands behind a whole body is a request of its own, and is asked for its token.
        ("a pipelined request", format!("{head}Content-Length: 0\r\n\r\n{hidden}"), &[200, 401, 200], post),
    ] {
        arrived.lock().expect("nobody panicked").clear();
        let reply = raw::send_to_the_end(running.address, bytes.as_bytes()).await;
        assert_eq!(reply.statuses(), statuses, "{what}: {reply:?}");
        assert_eq!(*arrived.lock().expect("nobody panicked"), seen, "{what}: {reply:?}");
        assert!(!reply.text.contains("forged\""), "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn too_many_requests_are_429() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("many");
    let mut slow = gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(auth));
    slow.rate = 1;
    let running = start(&slow).await;
    let caller = running.caller(None);
    let mut last = caller.get("/health").await;
    for _ in 0..10 {
        if last.status == 429 {
            break;
        }
        last = caller.get("/health").await;
    }
    last.must_refuse(429);
    assert_eq!(last.header("retry-after"), "1");
}

#[tokio::test]
async fn no_log_holds_a_token() {
    if nginx_is_missing() {
        return;
    }
    let dir = folder("logs");
    let running =
        start(&gateway(&dir, Upstream::Tcp(upstream::on_tcp(registry)), upstream::on_tcp(auth))).await;
    running
        .caller(Some("a-secret-token"))
        .get("/api/agents?access_token=a-secret-token")
        .await
        .must_refuse(401);
    let log = eventually("the request is logged", async || {
        let log = std::fs::read_to_string(dir.join("access.log")).ok()?;
        log.contains("/api/agents").then_some(log)
    })
    .await;
    assert!(!log.contains("a-secret-token"), "{log}");
    let line: Value =
        serde_json::from_str(log.lines().next().unwrap_or_default()).expect("each line is JSON");
    assert_eq!((&line["status"], &line["path"]), (&Value::from(401), &Value::from("/api/agents")));
    let errors = std::fs::read_to_string(dir.join("error.log")).unwrap_or_default();
    assert!(!errors.contains("a-secret-token"), "{errors}");
}

/// A registry that notes what it is asked, and dies under every request.
fn dying(asked: &Arc<Mutex<Vec<String>>>) -> Upstream {
    let asked = asked.clone();
    Upstream::Tcp(upstream::on_tcp(move |request| {
        asked.lock().expect("whole").push(request.line.clone());
        (upstream::HANG_UP, vec![], String::new())
    }))
}

#[tokio::test]
async fn what_may_have_been_kept_is_asked_of_no_second_registry() {
    if nginx_is_missing() {
        return;
    }
    let asked = Arc::new(Mutex::new(Vec::new()));
    for (method, times) in [
        (Method::GET, 2),
        (Method::HEAD, 2),
        (Method::PUT, 1),
        (Method::DELETE, 1),
        (Method::PATCH, 1),
        (Method::POST, 1),
    ] {
        // A gateway for each: nginx leaves out a registry for a while that has failed.
        let mut gateway = gateway(&folder("once"), dying(&asked), upstream::on_tcp(auth));
        gateway.registries.push(dying(&asked));
        let running = start(&gateway).await;
        let target = "/api/agents/team%2Fone?a=%20b";
        let answer = running.caller(Some("good")).send(method.clone(), target, Some("{}"), &[]).await;
        assert_eq!(answer.status, 502, "{method}");
        let line = format!("{method} {target} HTTP/1.1");
        assert_eq!(std::mem::take(&mut *asked.lock().expect("whole")), vec![line; times], "{method}");
        // What is asked once only is asked for its token like the rest.
        for (token, status) in [(None, 401), (Some("forbidden"), 403), (Some("broken"), 503)] {
            let refused = running.caller(token).send(method.clone(), target, Some("{}"), &[]).await;
            assert_eq!(refused.status, status, "{method} {token:?} {refused:?}");
            assert!(
                refused.header("content-type").starts_with("application/json"),
                "{method} {token:?} {refused:?}"
            );
        }
        assert_eq!(asked.lock().expect("whole").len(), 0, "{method}");
    }
}
