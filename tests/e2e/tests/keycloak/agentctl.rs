//! `agentctl` against Keycloak itself: service accounts made and kept in order, and tokens of them, in a realm
//! that gives its clients no mappers.

use std::os::unix::fs::PermissionsExt as _;

use e2e::{Desk, forge};
use serde_json::{Value, json};
use xtask::keycloak::{ADMIN, AUDIENCE, Keycloak, REALM};
use xtask::stack::Stack;

use super::admin::Admin;
use super::{BARE, world};

/// The desk of the administrator, at one of Keycloak's realms.
fn desk(keycloak: &Keycloak, stack: &Stack, realm: &str, name: &str) -> Desk {
    let mut desk = Desk::of(stack, name);
    desk.environment = vec![("AGENTCTL_KEYCLOAK", keycloak.url()), ("AGENTCTL_REALM", realm.to_owned())];
    desk.environment.extend(administrator(keycloak.admin_secret()));
    desk
}

fn administrator(password: &str) -> [(&'static str, String); 2] {
    [("KEYCLOAK_ADMIN", ADMIN.to_owned()), ("KEYCLOAK_ADMIN_PASSWORD", password.to_owned())]
}

/// Where `agentctl` keeps what it signs in with.
fn kept(name: &str) -> String {
    format!(".oauth-tokens/{name}")
}

#[tokio::test]
async fn an_agents_account_is_made_once_and_its_token_opens_what_its_groups_do() {
    let Some((keycloak, stack)) = world().await else { return };
    let desk = desk(keycloak, stack, BARE, "agentctl-account");
    let add = ["keycloak", "add-agent", "reviewer", "--group", "registry-users-lob1", "--group", "just made"];
    let said = desk.run(&add).ends(0);
    assert_eq!(
        said,
        "made     client reviewer\n\
         made     mapper groups of client reviewer\n\
         made     mapper audience of client reviewer\n\
         there    group registry-users-lob1\n\
         made     reviewer in group registry-users-lob1\n\
         made     group just made\n\
         made     reviewer in group just made\n\
         made     file .oauth-tokens/reviewer.client.json\n"
    );
    let again = desk.run(&add).ends(0);
    assert!(again.ends_with("all was there already\n") && !again.contains("made  "), "{again}");
    let file = desk.path(&kept("reviewer.client.json"));
    let mode = file.metadata().expect("it was written").permissions().mode() & 0o777;
    let first =
        desk.read(kept("reviewer.client.json"))["client_secret"].as_str().expect("a secret").to_owned();
    assert_eq!((mode, said.contains(&first), again.contains(&first)), (0o600, false, false));

    desk.run(&["token", "get", "--client-id", "reviewer"]).ends(0);
    let token = desk.read(kept("ingress.json"))["access_token"].as_str().expect("a token").to_owned();
    let claims = forge::claims_of(&token);
    let mut groups: Vec<&str> =
        claims["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    groups.sort_unstable();
    assert_eq!((groups, &claims["aud"]), (vec!["just made", "registry-users-lob1"], &json!(AUDIENCE)));
    desk.run(&["agent", "list"]).ends(0);
    let explain = |path| ["access", "explain", "--action", "publish_agent", "--resource", path];
    desk.run(&explain("/code-reviewer")).ends(0);
    desk.run(&explain("/data-analysis")).ends(1);

    // An expired token is renewed with the file that is there.
    let mut old = desk.read(kept("ingress.json"));
    let expired = json!({"exp": 1, "azp": "reviewer", "preferred_username": "service-account-reviewer",
        "groups": ["just made"]});
    old["access_token"] = json!(forge::Provider::new("anybody's").sign(&expired));
    desk.write(kept("ingress.json"), &old);
    let run = desk.run(&["agent", "list", "--json"]);
    assert_eq!(run.err, "agentctl: the token had expired: signed in again as reviewer\n");
    run.ends(0);

    // The rest of its groups are told, and taken away when that is asked for.
    let fewer = ["keycloak", "add-agent", "reviewer", "--group", "registry-users-lob1"];
    let said = desk.run(&fewer).ends(0);
    assert!(said.contains("left     reviewer in group just made, too"), "{said}");
    let said = desk.run(&[&fewer[..], &["--exact"]].concat()).ends(0);
    assert!(said.contains("removed  reviewer in group just made\n"), "{said}");
    let listed = desk.run(&["keycloak", "agents", "--json"]).ends(0);
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("JSON");
    let found = listed.iter().find(|account| account["client_id"] == "reviewer").expect("it is there");
    assert_eq!(found["groups"], json!(["registry-users-lob1"]));

    // The old secret ends at once.
    desk.write(kept("old.client.json"), &desk.read(kept("reviewer.client.json")));
    let said = desk.run(&["keycloak", "rotate-secret", "reviewer"]).ends(0);
    let second =
        desk.read(kept("reviewer.client.json"))["client_secret"].as_str().expect("a secret").to_owned();
    assert!(second != first && !said.contains(&second), "{said}");
    let old = ["token", "get", "--client-file", ".oauth-tokens/old.client.json"];
    desk.run(&old).refused(1, "(401 Unauthorized): ");
    desk.run(&["token", "get", "--client-id", "reviewer"]).ends(0);
}

#[tokio::test]
async fn what_cannot_be_done_in_a_realm_is_told_in_a_line() {
    let Some((keycloak, stack)) = world().await else { return };
    let mut desk = desk(keycloak, stack, BARE, "agentctl-refused");
    let agents = ["keycloak", "agents"];
    let web = ["keycloak", "add-agent", "mcp-gateway-web", "--group", "registry-users-lob1"];
    desk.run(&web).refused(1, "cannot use the client 'mcp-gateway-web'");
    desk.run(&["keycloak", "rotate-secret", "nobody"]).refused(1, "there is no such client");
    desk.run(&[&agents[..], &["--realm", "nowhere"]].concat()).refused(1, "there is no realm 'nowhere'");
    desk.run(&[&agents[..], &["--keycloak", "http://127.0.0.1:9"]].concat())
        .refused(4, "cannot reach Keycloak");

    // A service account administers once it has the roles, and not before.
    desk.run(&["keycloak", "add-agent", "steward", "--group", "stewards"]).ends(0);
    let secret =
        desk.read(kept("steward.client.json"))["client_secret"].as_str().expect("a secret").to_owned();
    let place = desk.environment[..2].to_vec();
    desk.environment.clone_from(&place);
    desk.run(&agents).refused(3, "who administers the realm?");
    desk.environment.extend(administrator("not-the-password"));
    desk.run(&agents).refused(1, "'admin' cannot sign in at the realm 'master': Invalid user credentials");
    desk.environment = place;
    desk.environment.push(("KEYCLOAK_ADMIN_CLIENT_ID", "steward".to_owned()));
    desk.environment.push(("KEYCLOAK_ADMIN_CLIENT_SECRET", secret));
    desk.run(&agents).refused(1, "'steward' may not administer the realm 'bare'");
    make_steward(&Admin::of(keycloak)).await;
    let said = desk.run(&["keycloak", "add-agent", "helped", "--group", "made by a steward"]).ends(0);
    assert!(said.contains("made     helped in group made by a steward\n"), "{said}");
}

/// A bot that the realm file left switched off gets a secret that nobody knew before, and is switched on.
pub(crate) fn switches_a_bot_on(keycloak: &Keycloak, stack: &Stack) {
    let desk = desk(keycloak, stack, REALM, "agentctl-enable");
    let add = ["keycloak", "add-agent", "lob2-bot", "--group", "registry-users-lob2"];
    let said = desk.run(&add).ends(1);
    assert!(said.contains("client lob2-bot is switched off: --enable would switch it on"), "{said}");
    let sign_in = ["token", "get", "--client-id", "lob2-bot"];
    desk.run(&sign_in).refused(1, "(401 Unauthorized): ");
    let said = desk.run(&[&add[..], &["--enable"]].concat()).ends(0);
    assert!(said.contains("client lob2-bot is switched on"), "{said}");
    let secret = desk.read(kept("lob2-bot.client.json"))["client_secret"].clone();
    assert!(secret.as_str().is_some_and(|secret| secret.len() >= 32 && !said.contains(secret)), "{said}");
    desk.run(&sign_in).ends(0);
    // One that was imported with an empty secret is made anew, not mended.
    desk.run(&["keycloak", "add-agent", "registry-admin", "--group", "mcp-registry-admin"])
        .refused(1, "does not sign in with a secret");
}

/// Gives the account of `steward` the roles that agentctl names.
async fn make_steward(admin: &Admin) {
    let first = |found: &Value| found[0]["id"].as_str().expect("it is there").to_owned();
    let management = first(&admin.get(&format!("/{BARE}/clients?clientId=realm-management")).await);
    let steward = first(&admin.get(&format!("/{BARE}/clients?clientId=steward")).await);
    let roles = admin.get(&format!("/{BARE}/clients/{management}/roles")).await;
    let mut roles = roles.as_array().cloned().expect("a list");
    roles.retain(|role| {
        ["manage-clients", "manage-users", "query-groups"].map(Value::from).contains(&role["name"])
    });
    assert_eq!(roles.len(), 3);
    let account = admin.account(BARE, "steward").await;
    let place = format!("/{BARE}/users/{account}/role-mappings/clients/{management}");
    admin.make(&place, &json!(roles)).await;
    admin.put(&format!("/{BARE}/clients/{steward}"), &json!({"fullScopeAllowed": true})).await;
}
