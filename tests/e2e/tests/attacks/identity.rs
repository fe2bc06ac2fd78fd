//! Who is calling: forged headers, forged seals, and genuine ones where they do not belong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::forge::{self, Provider, Sealer};
use e2e::{Caller, column};
use jsonwebtoken::Header;
use reqwest::Method;
use serde_json::json;
use xtask::stack::Stack;

use super::{
    MARK, STACK, admin_with, bearer, card, changed, claims, get_raw, provider, registry, registry_with,
    sealed_identity, sealer, without,
};

/// These header lines, once and twice, through the gateway: nobody stays nobody (401), and a stranger sees
/// and registers nothing.
async fn give_nothing(stack: &Stack, lines: &[String]) {
    let stranger = Caller::sign_in(stack, "stranger-bot").await;
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let gateway = stack.gateway();
    for line in lines {
        for lines in [line.clone(), format!("{line}{line}")] {
            let nobody = get_raw(&gateway, "/api/agents", &lines).await;
            assert_eq!(nobody.status(), 401, "{lines}: {nobody:?}");

            let lines = bearer(stranger.token()) + &lines;
            let seen = get_raw(&gateway, "/api/agents", &lines).await;
            assert_eq!((seen.status(), &seen.json()["total_count"]), (200, &json!(0)), "{lines}: {seen:?}");
            assert!(!seen.text.contains(MARK), "{lines}: {seen:?}");
        }
        let headers: Vec<_> = line.lines().filter_map(|line| line.split_once(": ")).collect();
        let body = card("/taken-over").to_string();
        let post = stranger.send(Method::POST, "/api/agents/register", Some(&body), &headers).await;
        post.must_refuse(403);
    }
    admin.get("/api/agents/taken-over").await.must_be(404);
}

fn lines(names: &[&str], value: &str) -> Vec<String> {
    names.iter().map(|name| format!("{name}: {value}\r\n")).collect()
}

#[tokio::test]
async fn a_forged_x_user_is_not_believed() {
    let Some(stack) = STACK.get().await else { return };
    admin_with(stack, "/users-secret").await;
    let names = [
        "X-User",
        "x-user",
        "X-USER",
        "X_User",
        "X-Username",
        "x_username",
        "X-Client-Id",
        "X-Forwarded-User",
        "Remote-User",
    ];
    give_nothing(stack, &lines(&names, "service-account-registry-admin")).await;
}

#[tokio::test]
async fn a_forged_x_scopes_is_not_believed() {
    let Some(stack) = STACK.get().await else { return };
    admin_with(stack, "/scopes-secret").await;
    let names = ["X-Scopes", "x-scopes", "X-SCOPES", "X_Scopes", "X-Groups", "X_GROUPS", "X-Auth-Groups"];
    give_nothing(stack, &lines(&names, "mcp-registry-admin")).await;
}

#[tokio::test]
async fn a_stolen_x_identity_does_not_pass_the_gateway_in_any_spelling() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/identitys-secret").await;
    // The best forgery there is: a genuine seal. At the registry it would open everything.
    let seal = sealed_identity(stack, &admin).await;
    let seen = registry_with(stack, &seal).await;
    assert!(column(&seen.must_be(200)["agents"], "path").contains(&"/identitys-secret".to_owned()));
    let names = ["X-Identity", "x-identity", "X-IDENTITY", "X_Identity", "x_identity", "X.Identity"];
    give_nothing(stack, &lines(&names, &seal)).await;
}

#[tokio::test]
async fn a_header_name_that_ends_with_a_space_is_no_header() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/spaces-secret").await;
    let seal = sealed_identity(stack, &admin).await;
    let stranger = Caller::sign_in(stack, "stranger-bot").await;
    let line = format!("X-Identity : {seal}\r\n");
    for (url, lines) in [
        (stack.gateway(), line.clone()),
        (stack.gateway(), bearer(stranger.token()) + &line),
        (stack.registry_url(), line.clone()),
        (stack.auth_url(), bearer(stranger.token()) + &line),
    ] {
        let reply = get_raw(&url, "/api/agents", &lines).await;
        assert_eq!(reply.status(), 400, "{url} {lines}: {reply:?}");
    }
}

#[tokio::test]
async fn connection_x_identity_takes_no_identity_away_and_brings_none() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/code-reviewer").await;
    let seal = sealed_identity(stack, &admin).await;
    let lob = Caller::sign_in(stack, "lob1-bot").await;
    let gateway = stack.gateway();
    for named in ["X-Identity", "x-identity, close", "Authorization", "X-Original-URI, X-User, X-Scopes"] {
        let line = format!("Connection: {named}\r\n");
        give_nothing(stack, &[line.clone() + &format!("X-Identity: {seal}\r\n")]).await;
        // The identity that nginx itself sets is no header of the caller: it arrives in any case.
        let seen = get_raw(&gateway, "/api/agents", &(bearer(lob.token()) + &line)).await;
        assert_eq!(seen.status(), 200, "{named}: {seen:?}");
        assert_eq!(column(&seen.json()["agents"], "path"), ["/code-reviewer"], "{named}: {seen:?}");
        // Past the gateway, what Connection names is still nobody's identity.
        for url in [stack.registry_url(), stack.auth_url()] {
            let reply =
                get_raw(&url, if url == stack.auth_url() { "/validate" } else { "/api/agents" }, &line);
            assert_eq!(reply.await.status(), 401, "{url} {named}");
        }
    }
}

#[tokio::test]
async fn at_the_registrys_own_port_no_plain_header_is_believed() {
    let Some(stack) = STACK.get().await else { return };
    let admin = admin_with(stack, "/ports-secret").await;
    let direct = registry(stack);
    direct.get("/api/agents").await.must_refuse(401);
    let token = admin.token().to_owned();
    for (name, value) in [
        ("X-User", "service-account-registry-admin"),
        ("X-Username", "service-account-registry-admin"),
        ("X-Client-Id", "registry-admin"),
        ("X-Scopes", "mcp-registry-admin"),
        ("X-Groups", "mcp-registry-admin"),
        ("X_Identity", "mcp-registry-admin"),
        ("X-Forwarded-User", "registry-admin"),
        // A real access token: only the gatekeeper turns one into an identity.
        ("Authorization", &format!("Bearer {token}")),
        ("X-Identity", &token),
    ] {
        for (method, path) in [
            (Method::GET, "/api/agents"),
            (Method::GET, "/api/agents/ports-secret"),
            (Method::DELETE, "/api/agents/ports-secret"),
            (Method::POST, "/api/agents/ports-secret/toggle?enabled=false"),
        ] {
            direct.send(method, path, None, &[(name, value)]).await.must_refuse(401);
        }
    }
    let kept = admin.get("/api/agents/ports-secret").await;
    assert_eq!(kept.must_be(200)["is_enabled"], true, "{kept:?}");
}

#[tokio::test]
async fn an_identity_is_no_access_token() {
    let Some(stack) = STACK.get().await else { return };
    let (sealer, claims) = sealer(stack).await;
    let seal = sealer.seal(&claims);
    // Nor one that our own key signed for the audience and under the type of access tokens.
    let audience = json!([claims["aud"], stack.run().issuer, "mcp-registry"]);
    let typed = Header { typ: Some("at+jwt".into()), ..sealer.header() };
    let dressed = sealer.seal_with(&typed, &changed(&claims, "aud", audience.clone()));
    let as_issuer = changed(&changed(&claims, "aud", audience), "iss", json!(stack.run().issuer));
    for token in [seal, dressed, sealer.seal_with(&typed, &as_issuer)] {
        Caller::new(stack.gateway(), Some(token.clone())).get("/api/agents").await.must_refuse(401);
        Caller::new(stack.auth_url(), Some(token)).get("/validate").await.must_be(401);
    }
}

#[tokio::test]
async fn an_identity_signed_by_another_key_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    let (sealer, claims) = sealer(stack).await;
    let (provider, _) = provider();
    let es256 = |kid: &str| Header {
        kid: Some(kid.to_owned()),
        typ: Some(forge::SEAL.into()),
        ..Header::new(jsonwebtoken::Algorithm::ES256)
    };
    for (what, seal) in [
        ("a liar's key under the good id", Sealer::liar(&sealer.kid).seal(&claims)),
        ("a liar's key under its own id", Sealer::liar("mine").seal(&claims)),
        ("a liar's key of another kind", Provider::new("x").sign_with(es256(&sealer.kid), &claims)),
        ("the key of a provider we trust", provider.sign_with(es256(&provider.kid), &claims)),
        ("our issuer's key", issuers_key(stack, &claims)),
    ] {
        let answer = registry_with(stack, &seal).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        answer.must_refuse(401);
    }
}

/// The embedded issuer's own key signs access tokens, and is trusted for nothing else.
fn issuers_key(stack: &Stack, claims: &serde_json::Value) -> String {
    let file = stack.data().join("auth-server/issuer.es256.pk8");
    let pkcs8 = std::fs::read(&file).expect("the issuer has a key");
    let header = Header { typ: Some(forge::SEAL.into()), ..Header::new(jsonwebtoken::Algorithm::ES256) };
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_ec_der(&pkcs8)).expect("it signs")
}

#[tokio::test]
async fn an_expired_identity_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    let (sealer, claims) = sealer(stack).await;
    for (what, claims) in [
        ("a minute ago", changed(&claims, "exp", json!(forge::now() - 60))),
        ("in 1970", changed(&claims, "exp", json!(0))),
        ("never", without(&claims, "exp")),
        ("as a word", changed(&claims, "exp", json!("tomorrow"))),
        ("issued in the future", changed(&claims, "iat", json!(forge::now() + 600))),
    ] {
        let answer = registry_with(stack, &sealer.seal(&claims)).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn an_identity_for_another_audience_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    let (sealer, claims) = sealer(stack).await;
    for (what, claims) in [
        ("another service", changed(&claims, "aud", json!("another-service"))),
        ("a list without us", changed(&claims, "aud", json!(["a", "Registry", "registry "]))),
        ("nobody", without(&claims, "aud")),
        ("null", changed(&claims, "aud", json!(null))),
        ("another issuer", changed(&claims, "iss", json!("https://evil.example"))),
        ("no issuer", without(&claims, "iss")),
    ] {
        let answer = registry_with(stack, &sealer.seal(&claims)).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn an_identity_of_another_type_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    let (sealer, claims) = sealer(stack).await;
    for typ in [None, Some("JWT"), Some("at+jwt"), Some("identity"), Some("")] {
        let header = Header { typ: typ.map(str::to_owned), ..sealer.header() };
        let answer = registry_with(stack, &sealer.seal_with(&header, &claims)).await;
        assert_eq!(answer.status, 401, "{typ:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_genuine_identity_cannot_be_changed_or_doubled() {
    let Some(stack) = STACK.get().await else { return };
    let lob = Caller::sign_in(stack, "lob1-bot").await;
    let seal = sealed_identity(stack, &lob).await;
    registry_with(stack, &seal).await.must_be(200);
    let parts: Vec<&str> = seal.split('.').collect();
    let promoted = changed(&forge::claims_of(&seal), "groups", json!(["mcp-registry-admin"]));
    let promoted = changed(&promoted, "scopes", json!(["mcp-registry-admin"]));
    for forged in [
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(promoted.to_string()), parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{seal},{seal}"),
        format!("{seal}x"),
        format!("Bearer {seal}"),
    ] {
        registry_with(stack, &forged).await.must_refuse(401);
    }
    // Two headers: two readers could believe different ones.
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let other = sealed_identity(stack, &admin).await;
    for (first, second) in [(&seal, &other), (&other, &seal), (&seal, &seal)] {
        let lines = format!("X-Identity: {first}\r\nX-Identity: {second}\r\n");
        assert_eq!(get_raw(&stack.registry_url(), "/api/agents", &lines).await.status(), 401);
    }
    // It was the seal that was refused, not its bearer.
    registry_with(stack, &seal).await.must_be(200);
}

#[tokio::test]
async fn an_access_token_for_the_provider_alone_seals_nothing() {
    let Some(stack) = STACK.get().await else { return };
    // A token the stack believes, in the place of the seal: another issuer's word, so nobody.
    let (provider, _) = provider();
    let token = provider.sign(&claims());
    Caller::new(stack.gateway(), Some(token.clone())).get("/api/agents").await.must_be(200);
    registry_with(stack, &token).await.must_refuse(401);
}

#[tokio::test]
async fn a_narrowed_token_stays_narrow() {
    let Some(stack) = STACK.get().await else { return };
    admin_with(stack, "/narrows-secret").await;
    let secret = stack.run().clients["registry-admin"].secret.clone();
    let kept = "mcp-servers-unrestricted/read";
    let asked = json!({"grant_type": "client_credentials", "client_id": "registry-admin",
        "client_secret": secret, "scope": kept});
    let nobody = Caller::new(stack.gateway(), None);
    let issued = nobody.post_json("/orgs/default/api/v1/oauth/token", &asked).await;
    let token = issued.must_be(200)["access_token"].as_str().expect("a token").to_owned();
    let narrow = Caller::new(stack.gateway(), Some(token));
    assert_eq!(narrow.get("/api/agents").await.must_be(200)["total_count"], 0);
    narrow.get("/api/agents/narrows-secret").await.must_refuse(403);
    narrow.delete("/api/agents/narrows-secret").await.must_refuse(403);
    narrow.post_json("/api/agents/register", &card("/taken-by-narrow")).await.must_refuse(403);
    // Past nginx: its seal names that one scope, and no group from which another could be mapped.
    let seal = sealed_identity(stack, &narrow).await;
    let sealed = forge::claims_of(&seal);
    assert_eq!((&sealed["scopes"], &sealed["groups"]), (&json!([kept]), &json!([])));
    assert_eq!(registry_with(stack, &seal).await.must_be(200)["total_count"], 0);
    // Nor does a wider request of a holder of little give more than he holds.
    let secret = stack.run().clients["lob1-bot"].secret.clone();
    let asked = json!({"grant_type": "client_credentials", "client_id": "lob1-bot",
        "client_secret": secret, "scope": "mcp-registry-admin a2a-agent-admin"});
    let refused = nobody.post_json("/orgs/default/api/v1/oauth/token", &asked).await;
    assert_eq!(refused.must_be(400)["error"], "invalid_scope");
}
