//! The whole stack on a real Keycloak, with the realm of `keycloak/`: one Keycloak and one stack for all tests
//! but those of its outage. Whoever changes a realm has one of his own.

mod admin;
mod agentctl;
mod agents;
mod guide;
mod issuers;
mod keys;
mod outage;
mod stack;

use std::collections::BTreeMap;

use e2e::{Answer, Caller, Shared, shared};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use xtask::files;
use xtask::keycloak::{self, AUDIENCE, Keycloak, KeycloakOptions, REALM};
use xtask::stack::{Life, Stack};

use self::admin::Admin;

/// Realms that the stack trusts beside `mcp-gateway`, each a copy of it.
const LOOSE: &str = "loose";
const MANY_KEYS: &str = "many-keys";
const TURNING: &str = "turning";
/// One whose clients get no mappers by themselves: a realm as others have it.
const BARE: &str = "bare";
/// One that it does not.
const FOREIGN: &str = "foreign";
/// One that it trusts, and whose private key its test knows.
const OPEN: &str = "open";
/// How many seconds the tokens of tests that wait live.
const LONG: u64 = 900;

static KEYCLOAK: OnceCell<Result<Keycloak, String>> = OnceCell::const_new();
static STACK: Shared = Shared::new(|options| {
    let file = options.data.join("issuers.yml");
    std::fs::write(&file, trusted(keycloak()).to_string()).expect("the data folder is ours");
    options.issuers = Some(file);
});

/// Keycloak and the stack; none, said loudly, when this machine cannot run them.
async fn world() -> Option<(&'static Keycloak, &'static Stack)> {
    if let Err(reason) = KEYCLOAK.get_or_init(start).await {
        shared::skipped(&format!("keycloak: {reason}"));
        return None;
    }
    STACK.get().await.map(|stack| (keycloak(), stack))
}

fn keycloak() -> &'static Keycloak {
    let started = KEYCLOAK.get().expect("it is started first");
    started.as_ref().expect("who has none stops there")
}

async fn start() -> Result<Keycloak, String> {
    let mut keycloak = planned(BTreeMap::new())?;
    must(keycloak.start().await);
    let admin = Admin::of(&keycloak);
    admin.make_realm(LOOSE, |realm| drop_mapper(realm, "audience")).await;
    admin.make_realm(MANY_KEYS, |_| {}).await;
    // A token must not expire while its key is waited for.
    admin.make_realm(TURNING, |realm| realm["accessTokenLifespan"] = json!(LONG)).await;
    admin.make_realm(FOREIGN, |_| {}).await;
    admin.make_realm(OPEN, |_| {}).await;
    let bare = |realm: &mut Value| ["audience", "groups"].iter().for_each(|name| drop_mapper(realm, name));
    admin.make_realm(BARE, bare).await;
    Ok(keycloak)
}

/// A Keycloak of this test program, not started; `secrets` are those of the clients that are to be on, of all
/// when there is none.
fn planned(mut secrets: BTreeMap<String, String>) -> Result<Keycloak, String> {
    let distribution = keycloak::present().map_err(|fault| fault.to_string())?;
    if secrets.is_empty() {
        secrets = CLIENTS.iter().map(|id| ((*id).to_owned(), secret(id))).collect();
    }
    let home = shared::folder("keycloak");
    let (port, gateway, life) = (0, None, Life::WithParent);
    Ok(must(Keycloak::plan(KeycloakOptions { distribution, home, port, secrets, gateway, life })))
}

/// The realm file's clients that have a secret.
const CLIENTS: [&str; 5] = ["mcp-gateway-m2m", "registry-admin", "lob1-bot", "lob2-bot", "stranger-bot"];

fn secret(client: &str) -> String {
    static SECRET: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    format!("{client}-{}", SECRET.get_or_init(|| must(files::secret())))
}

/// The issuers file: what each realm is trusted for.
fn trusted(keycloak: &Keycloak) -> Value {
    let realm = |name: &str| format!("{}/realms/{name}", keycloak.url());
    let strict = |name: &str| json!({"issuer": realm(name), "audiences": [AUDIENCE], "method": "keycloak"});
    let mut first = strict(REALM);
    first["aliases"] = json!([format!("{}/realms/{REALM}", keycloak.other_url())]);
    json!([first, {"issuer": realm(LOOSE), "audience": "optional"}, strict(MANY_KEYS), strict(TURNING),
        strict(BARE), strict(OPEN)])
}

fn drop_mapper(realm: &mut Value, name: &str) {
    for scope in realm["clientScopes"].as_array_mut().expect("a list") {
        scope["protocolMappers"].as_array_mut().expect("a list").retain(|mapper| mapper["name"] != name);
    }
}

/// A token of a realm, from Keycloak under one of its names.
async fn token(url: &str, realm: &str, client: &str) -> String {
    let endpoint = format!("{url}/realms/{realm}/protocol/openid-connect/token");
    let secret = secret(client);
    let fields =
        [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret.as_str())];
    let answer = admin::form(&endpoint, &fields).await;
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{client} of {realm}: {answer}")).to_owned()
}

/// Somebody with a token of a realm.
async fn caller(stack: &Stack, realm: &str, client: &str) -> Caller {
    Caller::new(stack.gateway(), Some(token(&keycloak().url(), realm, client).await))
}

/// What the auth-server says to nginx about a token.
async fn validate(stack: &Stack, token: &str) -> Answer {
    let original = [("X-Original-URI", "/api/agents"), ("X-Original-Method", "GET")];
    Caller::new(stack.auth_url(), Some(token.to_owned()))
        .send(Method::GET, "/validate", None, &original)
        .await
}

fn must<T>(outcome: xtask::fault::Outcome<T>) -> T {
    outcome.unwrap_or_else(|fault| panic!("{fault}"))
}
