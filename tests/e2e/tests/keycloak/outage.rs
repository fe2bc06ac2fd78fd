//! Keycloak is not there: at the start, and for a while under load; then it is back with another key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::forge::{Provider, claims_of, kid_of, now};
use e2e::{Caller, column, shared};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use xtask::keycloak::{self, AUDIENCE, Keycloak, REALM};
use xtask::stack::Stack;

use super::admin::{Admin, form};
use super::agentctl::switches_a_bot_on;
use super::keys::{becomes, is_unproven};
use super::{LONG, must, planned, secret, token, validate};

/// Callers at once, and the pause each makes after three requests.
const CALLERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_keycloak_is_none_of_ours() {
    // Two of the five clients have secrets; a third is switched on with an empty one, as a container's
    // `X: ${X}` makes it.
    let mut secrets = BTreeMap::from(["mcp-gateway-m2m", "lob1-bot"].map(|id| (id.to_owned(), secret(id))));
    secrets.insert("registry-admin".to_owned(), String::new());
    let mut keycloak = match planned(secrets) {
        Ok(keycloak) => keycloak,
        Err(reason) => return shared::skipped(&format!("keycloak: {reason}")),
    };
    let Ok(mut options) = shared::options().inspect_err(|reason| shared::skipped(reason)) else { return };
    let issuers = options.data.join("issuers.yml");
    std::fs::write(&issuers, keycloak.issuers_file()).expect("the data folder is ours");
    options.issuers = Some(issuers);
    options.rates = (100_000, 1_000);
    // What is searched for is nobody's business here.
    options.model = None;
    let stack = must(Stack::start(options).await);
    must(keycloak.import());

    down_at_the_start(&mut keycloak, &stack).await;
    nobody_signs_in_without_a_secret(&keycloak).await;
    switches_a_bot_on(&keycloak, &stack);
    down_under_load(&mut keycloak, &stack).await;
}

/// 503 for its tokens and for no others; that is over by itself.
async fn down_at_the_start(keycloak: &mut Keycloak, stack: &Stack) {
    let claims = json!({"iss": keycloak.issuer(), "aud": AUDIENCE, "sub": "u", "groups": ["mcp-registry-admin"],
        "iat": now(), "exp": now() + 300});
    let early = Caller::new(stack.gateway(), Some(Provider::new("some-key").sign(&claims)));
    for _ in 0..3 {
        let answer = early.get("/api/agents").await;
        answer.must_refuse(503);
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    }
    let embedded = Caller::sign_in(stack, "registry-admin").await;
    embedded.get("/api/agents").await.must_be(200);
    let health = Caller::new(stack.auth_url(), None).get("/health").await;
    assert_eq!(health.must_be(200)["status"], "degraded");

    let started = Instant::now();
    must(keycloak.start().await);
    let took = started.elapsed();
    // Nobody asks: the auth-server tries by itself, every half a minute at the least.
    let metrics = Caller::new(stack.auth_url(), None);
    let healthy = async || metrics.get("/health").await.must_be(200)["status"] == "ok";
    while !healthy().await {
        assert!(started.elapsed() < took + Duration::from_secs(45), "it did not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let recovered = started.elapsed().saturating_sub(took);
    early.get("/api/agents").await.must_refuse(401);
    shared::loudly(&format!("Keycloak started in {took:.1?}, believed {recovered:.1?} later"));
}

/// A client of the realm file without a secret is of no use, whatever is tried as its secret: neither one whose
/// variables are not set, nor one that is switched on with an empty secret.
async fn nobody_signs_in_without_a_secret(keycloak: &Keycloak) {
    for client in ["lob2-bot", "registry-admin"] {
        let name = keycloak::variable(client);
        let literal = ["", ":", ":unset", ":}", "}"].map(|end| format!("${{{name}{end}"));
        for attempt in
            ["", "unset", "null", "false", client].iter().copied().chain(literal.iter().map(|it| &**it))
        {
            let escaped: String = attempt.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", client),
                ("client_secret", escaped.as_str()),
            ];
            let answer = form(&keycloak.token_endpoint(), &fields).await;
            assert_eq!(answer["error"], "invalid_client", "{client}: {attempt:?}: {answer}");
        }
        let fields = [("grant_type", "client_credentials"), ("client_id", client)];
        let answer = form(&keycloak.token_endpoint(), &fields).await;
        assert!(answer["access_token"].is_null() && answer["error"].is_string(), "{client}: {answer}");
    }
    // They are there, and so is the one for browsers, switched off.
    let admin = Admin::of(keycloak);
    for (client, on) in [("lob2-bot", false), ("registry-admin", true), ("mcp-gateway-web", false)] {
        let found = admin.get(&format!("/{REALM}/clients?clientId={client}")).await;
        assert_eq!((&found[0]["clientId"], &found[0]["enabled"]), (&json!(client), &json!(on)), "{found}");
    }
}

/// The keys that are known prove every valid token until Keycloak is back; what it then says counts.
async fn down_under_load(keycloak: &mut Keycloak, stack: &Stack) {
    let outage =
        std::env::var("KEYCLOAK_OUTAGE_SECONDS").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(10);
    let admin = Admin::of(keycloak);
    let keys = admin.get(&format!("/{REALM}/keys")).await;
    let url = keycloak.url();
    // The tokens of before are judged by their keys after the outage, however long it is.
    admin.put(&format!("/{REALM}"), &json!({"accessTokenLifespan": LONG + outage})).await;
    let old = token(&url, REALM, "mcp-gateway-m2m").await;
    let agent = Caller::new(stack.gateway(), Some(old.clone()));
    agent.publish(&card("/code-reviewer")).await;
    agent.publish(&card("/data-analysis")).await;
    // Signed before the outage, and first shown in the midst of it: nothing is cached for these.
    let mut unseen = Vec::new();
    for _ in 0..outage {
        unseen.push(token(&url, REALM, "lob1-bot").await);
    }

    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..CALLERS {
        let lob = Caller::new(stack.gateway(), Some(token(&url, REALM, "lob1-bot").await));
        let agent = Caller::new(stack.gateway(), Some(token(&url, REALM, "mcp-gateway-m2m").await));
        load.spawn(ask(lob, agent, stop.clone()));
    }
    keycloak.stop();
    let down = Instant::now();
    let stranger = Provider::new("a-key-that-nobody-knows").sign(&claims_of(&old));
    for token in &unseen {
        let lob = Caller::new(stack.gateway(), Some(token.clone()));
        let list = lob.get("/api/agents").await;
        assert_eq!(column(&list.must_be(200)["agents"], "path"), ["/code-reviewer"]);
        // A bad token is a bad token, also while nobody can be asked about its key.
        Caller::new(stack.gateway(), Some(stranger.clone())).get("/api/agents").await.must_be(401);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let outage = down.elapsed();
    must(keycloak.start().await);

    // Back, with another key; the one before is gone.
    let component = keys["keys"].as_array().expect("a list").iter().find(|key| key["kid"] == kid_of(&old));
    let component = component.expect("it signed")["providerId"].as_str().unwrap_or_default().to_owned();
    admin.make_key(REALM, "rsa-generated", 500, json!({"algorithm": "RS256"})).await;
    validate(stack, &old).await.must_be(200);
    stop.store(true, Ordering::Relaxed);
    let mut total = 0;
    while let Some(done) = load.join_next().await {
        total += done.expect("every caller was answered as he should be");
    }
    admin.delete(&format!("/{REALM}/components/{component}")).await;
    let new = token(&url, REALM, "mcp-gateway-m2m").await;
    let taken = becomes(stack, &new, 200, None).await;
    let refused = is_unproven(stack, &old, &stranger).await;
    shared::loudly(&format!(
        "Keycloak was down for {outage:.1?}: {total} answers, every one 200 and right; {} tokens first shown \
         meanwhile; the new key taken after {taken:.1?}, the removed one refused {refused:.1?} later",
        unseen.len()
    ));
}

/// Asks until told to stop; every answer must be right.
async fn ask(lob: Caller, agent: Caller, stop: Arc<AtomicBool>) -> usize {
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        for (caller, count) in [(&lob, 1), (&agent, 2)] {
            let list = caller.get("/api/agents").await;
            assert_eq!((list.status, &list.body["total_count"]), (StatusCode::OK, &json!(count)), "{list:?}");
        }
        agent.post("/api/agents/data-analysis/toggle?enabled=true").await.must_be(200);
        answers += 3;
        // Steady, not as fast as can be: a restart of Keycloak beside it is part of the test.
        tokio::time::sleep(PAUSE).await;
    }
    answers
}

fn card(path: &str) -> Value {
    json!({"name": "Card", "description": "A card of the outage test", "url": "https://agents.example.com/x",
        "path": path, "protocol_version": "1.0"})
}
