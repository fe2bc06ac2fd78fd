//! Tokens: forged, foreign, expired, oversized; at nginx, at the auth-server and, as a seal, at the registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::forge::{self, Provider, Sealer};
use e2e::{Answer, Caller, upstream};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::{
    STACK, card, changed, claims, get_raw, provider, registry, registry_with, sealed_identity, sealer,
    without,
};

async fn list_with(stack: &Stack, token: &str) -> Answer {
    Caller::new(stack.gateway(), Some(token.to_owned())).get("/api/agents").await
}

/// Refused through nginx, and at the auth-server itself, which then hands out no identity.
async fn must_be_challenged(stack: &Stack, what: &str, token: &str) {
    must_challenge(what, &list_with(stack, token).await);
    let judged = Caller::new(stack.auth_url(), Some(token.to_owned())).get("/validate").await;
    must_challenge(what, &judged);
    assert!(judged.headers.keys().all(|name| !name.as_str().starts_with("x-")), "{what}: {judged:?}");
}

/// Refused as a seal at the registry.
async fn must_seal_nothing(stack: &Stack, what: &str, seal: &str) {
    let answer = registry_with(stack, seal).await;
    assert_eq!(answer.status, 401, "{what}: {answer:?}");
    answer.must_refuse(401);
}

#[track_caller]
fn must_challenge(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{what}: {answer:?}");
    assert!(answer.body["code"].is_string(), "{what}: {answer:?}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{what}: {challenge:?}");
    assert_eq!(challenge.contains(r#"error="invalid_token""#), what != "no token", "{what}: {challenge:?}");
}

#[tokio::test]
async fn wrong_claims_are_401_with_a_challenge() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    let claims = claims();
    list_with(stack, &trusted.sign(&claims)).await.must_be(200);
    must_challenge("no token", &Caller::new(stack.gateway(), None).get("/api/agents").await);
    must_challenge("no token", &Caller::new(stack.auth_url(), None).get("/validate").await);
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("expired", trusted.sign(&changed(&claims, "exp", json!(forge::now() - 60)))),
        ("no exp", trusted.sign(&without(&claims, "exp"))),
        ("not yet valid", trusted.sign(&changed(&claims, "nbf", json!(forge::now() + 600)))),
        ("issued in the future", trusted.sign(&changed(&claims, "iat", json!(forge::now() + 600)))),
        (
            "a foreign issuer",
            trusted.sign(&changed(&claims, "iss", json!("https://evil.example/realms/trusted"))),
        ),
        ("no issuer", trusted.sign(&without(&claims, "iss"))),
        ("a foreign audience", trusted.sign(&changed(&claims, "aud", json!("another-service")))),
        ("no audience", trusted.sign(&without(&claims, "aud"))),
    ] {
        must_be_challenged(stack, what, &token).await;
    }
}

#[tokio::test]
async fn a_token_signed_by_another_key_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    let claims = claims();
    let liar = Provider::new(&trusted.kid);
    must_be_challenged(stack, "another key under the same id", &liar.sign(&claims)).await;
    must_be_challenged(stack, "another key and id", &Provider::new("unknown").sign(&claims)).await;
    // A genuine signature, of another token.
    let (good, other) = (trusted.sign(&claims), trusted.sign(&without(&claims, "groups")));
    let signed = &good[..good.rfind('.').expect("a token has dots")];
    let signature = &other[other.rfind('.').expect("a token has dots")..];
    must_be_challenged(stack, "another token's signature", &format!("{signed}{signature}")).await;
}

#[tokio::test]
async fn alg_none_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    let (_, sealed) = sealer(stack).await;
    let genuine = stack.token("registry-admin").await.expect("the administrator signs in");
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for claims in [claims(), forge::claims_of(&genuine)] {
            let unsigned = forge::unsigned(alg, forge::JWT, &claims);
            must_be_challenged(stack, alg, &unsigned).await;
            // Some libraries read two parts, or take any signature.
            must_be_challenged(stack, alg, unsigned.trim_end_matches('.')).await;
            must_be_challenged(stack, alg, &format!("{unsigned}AAAA")).await;
        }
        let unsigned = forge::unsigned(alg, forge::SEAL, &sealed);
        must_seal_nothing(stack, alg, &unsigned).await;
        must_seal_nothing(stack, alg, &format!("{unsigned}AAAA")).await;
    }
}

#[tokio::test]
async fn hs256_with_a_public_key_is_refused() {
    let Some(stack) = STACK.get().await else { return };
    // Of the trusted provider, and of the embedded issuer; as every byte string a library might take.
    let (trusted, _) = provider();
    let genuine = stack.token("registry-admin").await.expect("the administrator signs in");
    let keys = Caller::new(stack.gateway(), None).get("/orgs/default/api/v1/.well-known/jwks.json").await;
    let embedded = keys.must_be(200).clone();
    let renewed = changed(&forge::claims_of(&genuine), "groups", json!(["mcp-registry-admin"]));
    for (jwks, kid, claims) in
        [(trusted.jwks(), trusted.kid.clone(), claims()), (embedded, forge::kid_of(&genuine), renewed)]
    {
        for secret in public_spellings(&jwks) {
            let token = forge::confused(&kid, forge::JWT, &secret, &claims);
            must_be_challenged(stack, "HS256 with the public key", &token).await;
        }
    }
    // And of the seal.
    let (sealer, claims) = sealer(stack).await;
    let keys = Caller::new(stack.auth_url(), None).get("/identity/jwks.json").await;
    for secret in public_spellings(keys.must_be(200)) {
        let seal = forge::confused(&sealer.kid, forge::SEAL, &secret, &claims);
        must_seal_nothing(stack, "HS256 with the public key", &seal).await;
    }
}

/// A published key as every byte string that a library might take for a secret.
fn public_spellings(jwks: &Value) -> Vec<Vec<u8>> {
    let key = &jwks["keys"][0];
    let part =
        |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default()).unwrap_or_default();
    // SubjectPublicKeyInfo: a fixed head for the kind of key, then the point.
    let (head, point): (&[u8], _) = match key["kty"].as_str() {
        Some("OKP") => (&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], part("x")),
        _ => (&P256_HEAD, [vec![4], part("x"), part("y")].concat()),
    };
    assert!([32, 65].contains(&point.len()), "{key}");
    let der = [head, &point].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let lines: Vec<String> =
        base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    let x = key["x"].as_str().unwrap_or_default();
    vec![
        Vec::new(),
        point,
        der,
        pem.trim_end().into(),
        pem.into(),
        x.into(),
        key.to_string().into(),
        jwks.to_string().into(),
    ]
}

const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

#[tokio::test]
async fn a_kid_with_a_path_opens_no_file() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    let (sealer, sealed) = sealer(stack).await;
    let claims = claims();
    for path in ["../../../../dev/null", "/dev/null", "/proc/self/environ", "../identity.eddsa.pk8", "a\0b"] {
        // What a file as key would make good: nothing as the secret.
        must_be_challenged(stack, path, &forge::confused(path, forge::JWT, b"", &claims)).await;
        // The good key under the bad name: a name that is not known is no name for the one key there is.
        let header = Header { kid: Some(path.into()), ..Header::new(Algorithm::ES256) };
        must_be_challenged(stack, path, &trusted.sign_with(header, &claims)).await;
        must_seal_nothing(stack, path, &forge::confused(path, forge::SEAL, b"", &sealed)).await;
        let header = Header { kid: Some(path.into()), ..sealer.header() };
        must_seal_nothing(stack, path, &sealer.seal_with(&header, &sealed)).await;
    }
    list_with(stack, &trusted.sign(&claims)).await.must_be(200);
}

/// A place where a liar's keys can be had, and how often somebody asked for them.
fn evil_keys(keys: &Value) -> (String, Arc<AtomicUsize>) {
    let (asked, keys) = (Arc::new(AtomicUsize::new(0)), keys.to_string());
    let count = asked.clone();
    let address = upstream::on_tcp(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        ("200 OK", vec!["Content-Type: application/json".into()], keys.clone())
    });
    (format!("http://{address}"), asked)
}

/// The listener counts: it is not the silence of a listener that nobody could have reached.
async fn nobody_asked(url: &str, asked: &AtomicUsize) {
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a URL in a token was fetched");
    Caller::new(url.to_owned(), None).get("/jwks").await.must_be(200);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kid_with_a_url_is_not_fetched() {
    let Some(stack) = STACK.get().await else { return };
    let liar = Provider::new("liar");
    let (url, asked) = evil_keys(&liar.jwks());
    let (sealer, sealed) = sealer(stack).await;
    for kid in [format!("{url}/jwks"), format!("{url}/jwks#liar"), url.replace("http:", "")] {
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::ES256) };
        must_be_challenged(stack, &kid, &liar.sign_with(header, &claims())).await;
        let header = Header { kid: Some(kid.clone()), ..sealer.header() };
        must_seal_nothing(stack, &kid, &Sealer::liar(&kid).seal_with(&header, &sealed)).await;
    }
    nobody_asked(&url, &asked).await;
}

#[tokio::test]
async fn jku_x5u_and_jwk_bring_no_key() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    // The liar's key under the good id, offered in every header that can name or hold a key.
    let liar = Provider::new(&trusted.kid);
    let (url, asked) = evil_keys(&liar.jwks());
    let (sealer, sealed) = sealer(stack).await;
    let key = || serde_json::from_value(liar.jwks()["keys"][0].clone()).expect("it is a key");
    let place = format!("{url}/jwks");
    for (kid, claims, seal) in [(&trusted.kid, claims(), false), (&sealer.kid, sealed, true)] {
        let typ = Some(if seal { forge::SEAL } else { forge::JWT }.to_owned());
        let good = || Header { kid: Some(kid.clone()), typ: typ.clone(), ..Header::new(Algorithm::ES256) };
        for (what, header) in [
            ("jku", Header { jku: Some(place.clone()), ..good() }),
            ("x5u", Header { x5u: Some(place.clone()), ..good() }),
            ("jwk", Header { jwk: Some(key()), ..good() }),
            ("jku and a URL as kid", Header { jku: Some(place.clone()), kid: Some(place.clone()), ..good() }),
            ("jku without a kid", Header { jku: Some(place.clone()), kid: None, ..good() }),
            (
                "all of them",
                Header { jku: Some(place.clone()), x5u: Some(place.clone()), jwk: Some(key()), ..good() },
            ),
        ] {
            let token = liar.sign_with(header, &claims);
            if seal {
                must_seal_nothing(stack, what, &token).await;
            } else {
                must_be_challenged(stack, what, &token).await;
            }
        }
    }
    nobody_asked(&url, &asked).await;
}

#[tokio::test]
async fn a_12_kb_token_is_as_good_as_a_short_one_and_no_better() {
    let Some(stack) = STACK.get().await else { return };
    let many = Caller::sign_in(stack, "many-groups").await;
    let token = many.token();
    assert!((11_000..24_000).contains(&token.len()), "{} bytes", token.len());
    many.get("/api/agents").await.must_be(200);
    many.publish(&card("/of-many-groups")).await;
    many.delete("/api/agents/of-many-groups").await.must_be(204);
    let seal = sealed_identity(stack, &many).await;
    assert!(seal.len() > 11_000, "{} bytes", seal.len());
    registry_with(stack, &seal).await.must_be(200);
    // One letter of its groups is another, and so is one of its seal's.
    for (token, seal) in [(altered(token), altered(&seal)), (format!("{token}x"), format!("{seal}x"))] {
        must_be_challenged(stack, "12 kB", &token).await;
        must_seal_nothing(stack, "12 kB", &seal).await;
    }
}

/// The same token but for one letter in the midst of its claims.
fn altered(token: &str) -> String {
    let at = token.len() / 2;
    let letter = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{letter}{}", &token[..at], &token[at + 1..])
}

#[tokio::test]
async fn a_200_kb_token_is_refused_before_anybody_reads_it() {
    let Some(stack) = STACK.get().await else { return };
    let (trusted, _) = provider();
    // Genuine but for its length.
    let claims = changed(&claims(), "padding", json!("x".repeat(150_000)));
    for token in ["x".repeat(200_000), trusted.sign(&claims)] {
        list_with(stack, &token).await.must_refuse(431);
        let judged = Caller::new(stack.auth_url(), Some(token.clone())).get("/validate").await;
        assert_eq!((judged.status.as_u16(), judged.header("x-identity")), (431, ""));
        registry_with(stack, &token).await.must_refuse(401);
    }
    // What nginx lets through and is longer than any token: the auth-server says no.
    let longer = trusted.sign(&changed(&claims, "padding", json!("x".repeat(20_000))));
    must_be_challenged(stack, "27 kB", &longer).await;
}

#[tokio::test]
async fn control_characters_in_a_token_are_401() {
    let Some(stack) = STACK.get().await else { return };
    for byte in ["\x01", "\x0b", "\x1f", "\x7f", "\u{80}", "\u{e9}"] {
        for authorization in [format!("Bearer a{byte}b"), format!("Bearer {byte}"), format!("{byte}Bearer a")]
        {
            let line = format!("Authorization: {authorization}\r\n");
            let reply = get_raw(&stack.gateway(), "/api/agents", &line).await;
            assert_eq!(reply.status(), 401, "{authorization:?}: {reply:?}");
            assert!(
                reply.text.to_lowercase().contains("www-authenticate: bearer"),
                "{authorization:?}: {reply:?}"
            );
        }
    }
    // The longest line nginx reads, beside the longest target: still the caller's fault, not ours.
    let target = format!("/api/{}", "a".repeat(32_600));
    let line = format!("Authorization: Bearer {}\r\n", "a".repeat(32_600));
    let reply = get_raw(&stack.gateway(), &target, &line).await;
    assert_eq!(reply.status(), 403, "{reply:?}");
}

#[tokio::test]
async fn two_tokens_in_one_request_are_none() {
    let Some(stack) = STACK.get().await else { return };
    let admin = stack.token("registry-admin").await.expect("the administrator signs in");
    let stranger = stack.token("stranger-bot").await.expect("the stranger signs in");
    let line = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let two = |first: &str, second: &str| line(first) + &line(second);
    for (lines, at_nginx) in [
        (two(&admin, &stranger), 400),
        (two(&stranger, &admin), 400),
        (two(&admin, &admin), 400),
        (line(&format!("{stranger}, Bearer {admin}")), 401),
        (line(&format!("{stranger} {admin}")), 401),
    ] {
        assert_eq!(get_raw(&stack.gateway(), "/api/agents", &lines).await.status(), at_nginx, "{lines}");
        assert_eq!(get_raw(&stack.auth_url(), "/validate", &lines).await.status(), 401, "{lines}");
    }
    // X-Authorization is not read where the operator has not said so.
    let hidden = format!("X-Authorization: Bearer {admin}\r\n");
    for (url, target) in [(stack.gateway(), "/api/agents"), (stack.auth_url(), "/validate")] {
        assert_eq!(get_raw(&url, target, &hidden).await.status(), 401);
    }
    registry(stack).get("/api/agents").await.must_refuse(401);
}
