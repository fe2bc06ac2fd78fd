//! Every known way around the gatekeeper, once, through the real gateway and past it: all refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::forge::{self, Provider};
use e2e::{Answer, Caller, Shared, raw, upstream};
use jsonwebtoken::{Algorithm, Header};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::stack::{Stack, StackOptions};

/// A provider that the stack trusts, so that a token can be wrong in one thing only.
static PROVIDER: OnceLock<(Provider, String)> = OnceLock::new();
static STACK: Shared = Shared::new(trust_the_provider);

const AUDIENCE: &str = "mcp-registry";

fn trust_the_provider(options: &mut StackOptions) {
    let provider = Provider::new("trusted-1");
    let jwks = provider.jwks().to_string();
    let address =
        upstream::on_tcp(move |_| ("200 OK", vec!["Content-Type: application/json".into()], jwks.clone()));
    let issuer = format!("http://{address}/realms/trusted");
    let entry =
        json!([{"issuer": issuer, "jwks_uri": format!("http://{address}/jwks"), "audiences": [AUDIENCE]}]);
    let file = options.data.join("issuers.yml");
    std::fs::write(&file, entry.to_string()).expect("the data folder is ours");
    options.issuers = Some(file);
    let mut groups: Vec<String> =
        (0..249).map(|number| format!("a-group-that-nobody-maps-{number:04}")).collect();
    groups.push("mcp-registry-admin".into());
    options.extra_clients.push(("many-groups".into(), groups));
    let _ = PROVIDER.set((provider, issuer));
}

fn provider() -> &'static (Provider, String) {
    PROVIDER.get().expect("the stack was started first")
}

/// Claims that would be believed.
fn claims() -> Value {
    json!({"iss": provider().1, "aud": AUDIENCE, "sub": "u-1", "preferred_username": "ann", "azp": "web",
        "groups": ["mcp-registry-admin"], "iat": forge::now(), "exp": forge::now() + 300})
}

fn changed(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("claims are an object").remove(key);
    claims
}

async fn list_with(stack: &Stack, token: &str) -> Answer {
    Caller::new(stack.gateway(), Some(token.to_owned())).get("/api/agents").await
}

#[track_caller]
fn must_challenge(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{what}: {answer:?}");
    answer.must_refuse(401);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{what}: {challenge:?}");
    assert_eq!(challenge.contains(r#"error="invalid_token""#), what != "no token", "{what}: {challenge:?}");
}

#[tokio::test]
async fn wrong_tokens_are_401_with_a_challenge() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    list_with(stack, &trusted.sign(&claims())).await.must_be(200);
    must_challenge("no token", &Caller::new(stack.gateway(), None).get("/api/agents").await);

    let liar = Provider::new(&trusted.kid);
    let mut other_part = trusted.sign(&claims());
    other_part.truncate(other_part.rfind('.').expect("a token has dots"));
    let signature_of_another = trusted.sign(&without("groups"));
    other_part.push_str(&signature_of_another[signature_of_another.rfind('.').expect("a token has dots")..]);
    let header_with = |change: fn(&mut Header)| {
        let mut header = Header { kid: Some("unknown".into()), ..Header::new(Algorithm::ES256) };
        change(&mut header);
        trusted.sign_with(header, &claims())
    };
    let tokens = [
        ("garbage", "garbage".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("expired", trusted.sign(&changed("exp", json!(forge::now() - 60)))),
        ("no exp", trusted.sign(&without("exp"))),
        ("not yet valid", trusted.sign(&changed("nbf", json!(forge::now() + 600)))),
        ("issued in the future", trusted.sign(&changed("iat", json!(forge::now() + 600)))),
        ("a foreign issuer", trusted.sign(&changed("iss", json!("https://evil.example/realms/trusted")))),
        ("no issuer", trusted.sign(&without("iss"))),
        ("a foreign audience", trusted.sign(&changed("aud", json!("another-service")))),
        ("no audience", trusted.sign(&without("aud"))),
        ("another key under the same id", liar.sign(&claims())),
        ("another token's signature", other_part),
        ("alg none", forge::unsigned("none", &claims())),
        ("alg nOnE", forge::unsigned("nOnE", &claims())),
        ("kid with a path", header_with(|header| header.kid = Some("../../../../dev/null".into()))),
        ("kid with a URL", header_with(|header| header.kid = Some("http://127.0.0.1:1/jwks".into()))),
        ("12 kB", trusted.sign(&changed("padding", json!("x".repeat(9_000)))) + "x"),
    ];
    for (what, token) in &tokens {
        must_challenge(what, &list_with(stack, token).await);
    }
    // nginx refuses what no token needs, before anybody reads it.
    assert_eq!(list_with(stack, &"x".repeat(200_000)).await.status, 431);
}

#[tokio::test]
async fn a_token_brings_no_key_of_its_own() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    // The liar's key under the good id, offered in every header that can name or hold a key.
    let liar = Provider::new(&trusted.kid);
    let (asked, keys) = (Arc::new(AtomicUsize::new(0)), liar.jwks().to_string());
    let count = asked.clone();
    let address = upstream::on_tcp(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        ("200 OK", vec!["Content-Type: application/json".into()], keys.clone())
    });
    let url = format!("http://{address}/jwks");
    let good_id = || Header { kid: Some(trusted.kid.clone()), ..Header::new(Algorithm::ES256) };
    let key = serde_json::from_value(liar.jwks()["keys"][0].clone()).expect("it is a key");
    for (what, header) in [
        ("jku", Header { jku: Some(url.clone()), ..good_id() }),
        ("x5u", Header { x5u: Some(url.clone()), ..good_id() }),
        ("jwk", Header { jwk: Some(key), ..good_id() }),
        ("kid with a URL", Header { kid: Some(url.clone()), ..good_id() }),
        ("kid with a URL, and jku", Header { kid: Some(url.clone()), jku: Some(url.clone()), ..good_id() }),
    ] {
        must_challenge(what, &list_with(stack, &liar.sign_with(header, &claims())).await);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a URL in a token was fetched");
    // The listener counts: it is not the silence of a listener that nobody could have reached.
    Caller::new(format!("http://{address}"), None).get("/jwks").await.must_be(200);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_long_token_is_as_good_as_a_short_one() {
    let Some(stack) = STACK.get().await else { return };
    let many = Caller::sign_in(stack, "many-groups").await;
    assert!((11_000..24_000).contains(&many.token().len()), "{} bytes", many.token().len());
    many.get("/api/agents").await.must_be(200);
    many.publish(&card("/of-many-groups")).await;
    many.delete("/api/agents/of-many-groups").await.must_be(204);
}

#[tokio::test]
async fn control_characters_in_a_token_are_401() {
    let Some(stack) = STACK.get().await else { return };
    let address = raw::address(&stack.gateway());
    for byte in ["\x01", "\x0b", "\x1f", "\x7f", "\u{80}", "\u{e9}"] {
        for authorization in [format!("Bearer a{byte}b"), format!("Bearer {byte}"), format!("{byte}Bearer a")]
        {
            let bytes = format!(
                "GET /api/agents HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n"
            );
            let reply = raw::send(address, bytes.as_bytes()).await;
            assert_eq!(reply.status(), 401, "{authorization:?}: {reply:?}");
            assert!(
                reply.text.to_lowercase().contains("www-authenticate: bearer"),
                "{authorization:?}: {reply:?}"
            );
        }
    }
    // The longest line nginx reads, beside the longest target: still the caller's fault, not ours.
    let (long, target) = ("a".repeat(32_600), "a".repeat(32_600));
    let bytes =
        format!("GET /api/{target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {long}\r\n\r\n");
    let reply = raw::send(address, bytes.as_bytes()).await;
    assert_eq!(reply.status(), 403, "{reply:?}");
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let Some(stack) = STACK.get().await else { return };
    // Of the trusted provider, and of the embedded issuer; as every byte string a library might take.
    let (trusted, _) = provider();
    let genuine = stack.token("registry-admin").await.expect("the administrator signs in");
    let embedded: Value = Caller::new(stack.gateway(), None)
        .get("/orgs/default/api/v1/.well-known/jwks.json")
        .await
        .must_be(200)
        .clone();
    let mut renewed = forge::claims_of(&genuine);
    renewed["groups"] = json!(["mcp-registry-admin", "a2a-agent-admin"]);
    for (jwks, kid, claims) in
        [(trusted.jwks(), trusted.kid.clone(), claims()), (embedded, forge::kid_of(&genuine), renewed)]
    {
        for secret in public_spellings(&jwks) {
            must_challenge(
                "HS256 with the public key",
                &list_with(stack, &forge::confused(&kid, &secret, &claims)).await,
            );
        }
        must_challenge("alg none", &list_with(stack, &forge::unsigned("none", &claims)).await);
    }
}

fn public_spellings(jwks: &Value) -> Vec<Vec<u8>> {
    let key = &jwks["keys"][0];
    let part =
        |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default()).unwrap_or_default();
    let point = [vec![4], part("x"), part("y")].concat();
    // SubjectPublicKeyInfo of a P-256 key: a fixed head, then the point.
    let head = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let der = [&head[..], &point].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let lines: Vec<String> =
        base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    vec![
        Vec::new(),
        point,
        der,
        pem.trim_end().into(),
        pem.into(),
        key.to_string().into(),
        jwks.to_string().into(),
    ]
}

/// What somebody would send who wants to be an administrator.
fn forged_identity() -> Vec<(String, String)> {
    let sealed = Provider::new("identity-1").sign(&json!({
        "iss": "auth-server", "aud": "registry", "sub": "root", "username": "root", "client_id": "root",
        "groups": ["mcp-registry-admin"], "scopes": ["mcp-registry-admin"], "policy": "1",
        "iat": forge::now(), "exp": forge::now() + 60, "jti": "1"
    }));
    let spellings = ["X-Identity", "x-identity", "X-IDENTITY", "X_Identity", "X-Identity ", "X.Identity"];
    let mut headers: Vec<(String, String)> =
        spellings.iter().map(|name| ((*name).to_owned(), sealed.clone())).collect();
    for name in ["X-Scopes", "x-scopes", "X_Scopes", "X-Groups", "X_GROUPS", "X-Auth-Groups"] {
        headers.push((name.into(), "mcp-registry-admin".into()));
    }
    for name in ["X-User", "X-Username", "x_user", "X-Client-Id", "X-Forwarded-User", "Remote-User"] {
        headers.push((name.into(), "root".into()));
    }
    headers
}

#[tokio::test]
async fn forged_headers_through_the_gateway_give_nothing() {
    let Some(stack) = STACK.get().await else { return };
    let address = raw::address(&stack.gateway());
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let admin = Caller::sign_in(stack, "registry-admin").await;
    admin.publish(&card("/secret-of-the-house")).await;
    for (name, value) in forged_identity() {
        for more in
            ["", "Connection: X-Identity\r\n", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"]
        {
            let head = format!("Host: localhost\r\n{name}: {value}\r\n{name}: {value}\r\n{more}");
            let nobody =
                raw::send(address, format!("GET /api/agents HTTP/1.1\r\n{head}\r\n").as_bytes()).await;
            assert!([400, 401].contains(&nobody.status()), "{name} {more}: {nobody:?}");

            let request =
                format!("GET /api/agents HTTP/1.1\r\nAuthorization: Bearer {stranger}\r\n{head}\r\n");
            let reply = raw::send(address, request.as_bytes()).await;
            assert!(!reply.text.contains("secret-of-the-house"), "{name} {more}: {reply:?}");
            assert!([200, 400].contains(&reply.status()), "{name} {more}: {reply:?}");
        }
        let register = Caller::new(stack.gateway(), Some(stranger.clone()));
        if name.trim() == name {
            let body = card("/taken-over").to_string();
            let answer =
                register.send(Method::POST, "/api/agents/register", Some(&body), &[(&name, &value)]).await;
            answer.must_refuse(403);
        }
    }
}

#[tokio::test]
async fn forged_headers_at_the_registry_itself_give_nothing() {
    let Some(stack) = STACK.get().await else { return };
    let admin = Caller::sign_in(stack, "registry-admin").await;
    admin.publish(&card("/another-secret")).await;
    let direct = Caller::new(stack.registry_url(), None);
    direct.get("/api/agents").await.must_refuse(401);
    for (name, value) in forged_identity().iter().filter(|(name, _)| name.trim() == name) {
        for (method, path) in [
            (Method::GET, "/api/agents"),
            (Method::GET, "/api/agents/another-secret"),
            (Method::DELETE, "/api/agents/another-secret"),
            (Method::POST, "/api/agents/another-secret/toggle?enabled=false"),
        ] {
            direct.send(method, path, None, &[(name, value)]).await.must_refuse(401);
        }
    }
    // A real access token is no identity: only the gatekeeper turns one into the other.
    let token = admin.token().to_owned();
    direct.send(Method::GET, "/api/agents", None, &[("X-Identity", &token)]).await.must_refuse(401);
    Caller::new(stack.registry_url(), Some(token)).get("/api/agents").await.must_refuse(401);
}

#[tokio::test]
async fn an_identity_that_is_not_for_this_registry_now_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    // A genuine identity can be had at the auth-server by whoever reaches it on loopback; changed in one
    // character of its signed content it is worth nothing.
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let sealed = sealed_identity(stack, &admin).await;
    let direct = Caller::new(stack.registry_url(), None);
    direct.send(Method::GET, "/api/agents", None, &[("X-Identity", &sealed)]).await.must_be(200);

    let parts: Vec<&str> = sealed.split('.').collect();
    let mut claims = forge::claims_of(&sealed);
    claims["exp"] = json!(forge::now() + 86_400);
    let longer = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2]);
    let unsigned = forge::unsigned("none", &claims);
    let stripped = format!("{}.{}.", parts[0], parts[1]);
    let twice = format!("{sealed},{sealed}");
    for forged in [&longer, &unsigned, &stripped, &twice] {
        direct.send(Method::GET, "/api/agents", None, &[("X-Identity", forged)]).await.must_refuse(401);
    }
}

#[tokio::test]
async fn no_spelling_of_a_target_slips_past() {
    let Some(stack) = STACK.get().await else { return };
    let admin = Caller::sign_in(stack, "registry-admin").await;
    admin.publish(&card("/third-secret")).await;
    let address = raw::address(&stack.gateway());
    let lob = stack.token("lob1-bot").await.expect("the bot signs in");
    for target in [
        "/x/../api/agents/third-secret",
        "/api/agents/code-reviewer/../third-secret",
        "/api/agents/code-reviewer/%2e%2e/third-secret",
        "/api/agents/code-reviewer/..%2fthird-secret",
        "/api/agents/code-reviewer/..%252fthird-secret",
        "/api/agents//third-secret",
        "//api/agents/third-secret",
        "/api/agents/third-secret/",
        "/api/agents/./third-secret",
        "/api/agents/third%2dsecret%00",
        "/api/agents/code-reviewer%00/../third-secret",
        "/api/agents/code-reviewer\\..\\third-secret",
        "/api/agents/code-reviewer;/../third-secret",
        "/health/..%2fapi/agents/third-secret",
        "/docs/%2e%2e/api/agents/third-secret",
        "http://localhost/api/agents/third-secret",
        "/api/agents/third-secret",
    ] {
        for token in [None, Some(&lob)] {
            let authorization =
                token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
            let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n");
            let reply = raw::send(address, request.as_bytes()).await;
            assert!((400..500).contains(&reply.status()), "{target}: {reply:?}");
            assert!(!reply.text.contains("agents.example.com"), "{target}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn no_second_request_hides_in_a_body() {
    let Some(stack) = STACK.get().await else { return };
    let address = raw::address(&stack.gateway());
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let admin = Caller::sign_in(stack, "registry-admin").await;
    admin.publish(&card("/kept")).await;
    // What is hidden would work at the registry: its seal is genuine. Only nginx stands before it.
    let sealed = sealed_identity(stack, &admin).await;
    let hidden =
        format!("DELETE /api/agents/kept HTTP/1.1\r\nHost: localhost\r\nX-Identity: {sealed}\r\n\r\n");
    let head = format!(
        "POST /api/agents/discover HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stranger}\r\n"
    );
    for (what, bytes) in [
        ("CL+TE", format!("{head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("two lengths", format!("{head}Content-Length: 4\r\nContent-Length: 0\r\n\r\n{hidden}")),
        ("TE with a space", format!("{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("an unknown coding", format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}")),
        ("a bad chunk size", format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{hidden}")),
        ("a negative length", format!("{head}Content-Length: -1\r\n\r\n{hidden}")),
        ("obs-fold", format!("{head}X-A: b\r\n X-Identity: {sealed}\r\nContent-Length: 0\r\n\r\n{hidden}")),
    ] {
        let reply = raw::send_to_the_end(address, bytes.as_bytes()).await;
        // One refusal at most, and the connection is over: nothing behind it was read as a request.
        assert!([&[][..], &[400], &[501]].contains(&&*reply.statuses()), "{what}: {reply:?}");
        admin.get("/api/agents/kept").await.must_be(200);
    }
    // A body that is whole, and what follows is a request like any other: without a token, 401.
    let json = "Content-Type: application/json\r\n";
    let whole = format!("{head}{json}Content-Length: {}\r\n\r\n{hidden}", hidden.len());
    let reply = raw::send_to_the_end(address, whole.as_bytes()).await;
    assert_eq!(reply.statuses(), [400, 200], "{reply:?}");
    let shorter = format!("{head}{json}Content-Length: 2\r\n\r\n{{}}{hidden}");
    let reply = raw::send_to_the_end(address, shorter.as_bytes()).await;
    assert_eq!(reply.statuses(), [400, 401, 200], "{reply:?}");
    // Trailers of a chunked body are no headers: a seal there does not make the stranger an administrator.
    let register = head.replace("/api/agents/discover", "/api/agents/register");
    let body = card("/trailed").to_string();
    let trailers = format!(
        "{register}{json}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nX-Identity: {sealed}\r\n\r\n",
        body.len()
    );
    let reply = raw::send_to_the_end(address, trailers.as_bytes()).await;
    assert!([&[403, 200][..], &[400], &[403]].contains(&&*reply.statuses()), "{reply:?}");
    admin.get("/api/agents/trailed").await.must_be(404);
    admin.get("/api/agents/kept").await.must_be(200);
}

/// What the gatekeeper hands nginx for this caller.
async fn sealed_identity(stack: &Stack, caller: &Caller) -> String {
    let auth_server = Caller::new(stack.auth_url(), Some(caller.token().to_owned()));
    let original = [("X-Original-URI", "/api/agents"), ("X-Original-Method", "GET")];
    let genuine = auth_server.send(Method::GET, "/validate", None, &original).await;
    genuine.must_be(200);
    genuine.header("x-identity").to_owned()
}

#[tokio::test]
async fn a_wrong_host_gets_no_answer() {
    let Some(stack) = STACK.get().await else { return };
    let address = raw::address(&stack.gateway());
    let reply = raw::send(address, b"GET /api/agents HTTP/1.1\r\nHost: rebound.example\r\n\r\n").await;
    assert_eq!(reply.text, "");
}

fn card(path: &str) -> Value {
    json!({"name": "Card", "description": "A card of the attack tests", "url": "https://agents.example.com/x",
        "path": path, "protocol_version": "1.0", "tags": ["attack"]})
}
