//! Every known way around the gatekeeper, once, through the real gateway and past it: all refused.
//!
//! `docs/security.md` lists them with the test that shows each.

mod framing;
mod identity;
mod paths;
mod servers;
mod tokens;

use std::sync::OnceLock;

use e2e::forge::{self, Provider, Sealer};
use e2e::raw::{self, Reply};
use e2e::{Caller, Shared, upstream};
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

fn card(path: &str) -> Value {
    json!({"name": "Card", "description": "A card of the attack tests", "url": "https://agents.example.com/x",
        "path": path, "protocol_version": "1.0", "tags": ["attack"]})
}

/// Words of every card that no answer to an attacker may hold.
const MARK: &str = "agents.example.com";

/// The administrator, after he has published a card here.
async fn admin_with(stack: &Stack, path: &str) -> Caller {
    let admin = Caller::sign_in(stack, "registry-admin").await;
    admin.publish(&card(path)).await;
    admin
}

/// The registry past the gateway: no token counts there.
fn registry(stack: &Stack) -> Caller {
    Caller::new(stack.registry_url(), None)
}

/// What the gatekeeper hands nginx for this caller. Whoever reaches its port and has the token can have it
/// too; what is attacked here is that anybody else has one.
async fn sealed_identity(stack: &Stack, caller: &Caller) -> String {
    let auth_server = Caller::new(stack.auth_url(), Some(caller.token().to_owned()));
    let original = [("X-Original-URI", "/api/agents"), ("X-Original-Method", "GET")];
    let genuine = auth_server.send(Method::GET, "/validate", None, &original).await;
    genuine.must_be(200);
    genuine.header("x-identity").to_owned()
}

/// The auth-server's own sealing key, under its id, and the claims of a genuine seal of the administrator:
/// so that a seal can be wrong in one thing only.
async fn sealer(stack: &Stack) -> (Sealer, Value) {
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let genuine = sealed_identity(stack, &admin).await;
    let file = stack.data().join("auth-server/identity.eddsa.pk8");
    let sealer = Sealer::of(&file, &forge::kid_of(&genuine));
    let claims = forge::claims_of(&genuine);
    registry_with(stack, &sealer.seal(&claims)).await.must_be(200);
    (sealer, claims)
}

/// Lists the agents at the registry itself, as whoever this seal says.
async fn registry_with(stack: &Stack, seal: &str) -> e2e::Answer {
    registry(stack).send(Method::GET, "/api/agents", None, &[("X-Identity", seal)]).await
}

fn changed(claims: &Value, key: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[key] = value;
    claims
}

fn without(claims: &Value, key: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().expect("claims are an object").remove(key);
    claims
}

/// One GET, byte for byte; `lines` are header lines with their ends.
async fn get_raw(url: &str, target: &str, lines: &str) -> Reply {
    let bytes = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    raw::send(raw::address(url), bytes.as_bytes()).await
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}
