//! What `agentctl keycloak` finds out before it asks anybody to sign in. Against a real Keycloak it is tried
//! by the tests of the whole stack.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::provider::Provider;
use crate::common::{Desk, Run, SECRET};

const ADD: [&str; 5] = ["keycloak", "add-agent", "reviewer", "--group", "lob1"];
const ADMIN: [(&str, &str); 2] = [("KEYCLOAK_ADMIN", "root"), ("KEYCLOAK_ADMIN_PASSWORD", SECRET)];

#[test]
fn half_an_administrator_is_told_and_nobody_asked() {
    let (desk, keycloak) = (Desk::empty(), Provider::new(|_, _| (404, json!({}))));
    let account = ("KEYCLOAK_ADMIN_CLIENT_ID", "root");
    for (settings, part) in [
        (&[][..], "who administers the realm?"),
        (&ADMIN[..1], "KEYCLOAK_ADMIN_PASSWORD is not set"),
        (
            &[("KEYCLOAK_ADMIN", "root"), ("KEYCLOAK_ADMIN_PASSWORD", "")],
            "KEYCLOAK_ADMIN_PASSWORD is not set",
        ),
        (&[account], "KEYCLOAK_ADMIN_CLIENT_SECRET is not set"),
    ] {
        desk.run_with(settings, &[&ADD[..], &["--keycloak", &keycloak.url]].concat()).says(3, &[part]);
    }
    assert_eq!(keycloak.lines(), [""; 0]);
}

#[test]
fn a_password_goes_to_a_realm_that_is_there() {
    let desk = Desk::empty();
    for (reply, part) in [
        ((404, json!({"error": "Realm does not exist"})), "there is no realm 'mcp-gateway'"),
        ((404, json!({})), "is it Keycloak?"),
        ((200, json!("<html>")), "is it Keycloak?"),
    ] {
        let keycloak = Provider::new(move |_, _| reply.clone());
        let words = [&ADD[..], &["--keycloak", &keycloak.url]].concat();
        desk.run_with(&ADMIN, &words).says(1, &[&keycloak.url, part]);
        assert_eq!(keycloak.lines(), ["GET /realms/mcp-gateway/.well-known/openid-configuration"]);
    }
    let words = |url| [&ADD[..], &["--keycloak", url]].concat();
    desk.run_with(&ADMIN, &words("http://127.0.0.1:9"))
        .says(4, &["cannot reach Keycloak at http://127.0.0.1:9"]);
    desk.run_with(&ADMIN, &words("http://keycloak.invalid")).says(2, &["plain http"]);
    assert!(!desk.path(".oauth-tokens").exists());
}

#[test]
fn a_wrong_password_is_told_and_not_repeated() {
    let keycloak = Provider::new(|base, asked| match &*asked.line {
        "GET /realms/agents/.well-known/openid-configuration" => (200, json!({"issuer": base})),
        _ => (401, json!({"error": "invalid_grant", "error_description": "Invalid user credentials"})),
    });
    let words = [&ADD[..], &["--keycloak", &keycloak.url, "--realm", "agents"]].concat();
    let part = "'root' cannot sign in at the realm 'master': Invalid user credentials";
    Desk::empty().run_with(&ADMIN, &words).says(1, &[part]);
    let asked = keycloak.asked().pop().expect("it was asked");
    assert_eq!(asked.line, "POST /realms/master/protocol/openid-connect/token");
    assert!(
        asked.body.starts_with("grant_type=password&client_id=admin-cli&username=root&"),
        "{}",
        asked.body
    );
}

#[test]
fn a_file_that_holds_something_else_is_left_alone() {
    let (desk, keycloak) = (Desk::empty(), Provider::new(|_, _| (404, json!({}))));
    desk.write("other.json", json!({"client_id": "other", "client_secret": SECRET}));
    fs::write(desk.path("notes.txt"), "notes").expect("it can be written");
    for (file, part) in
        [("other.json", "another client"), ("notes.txt", "something else"), (".", "directory")]
    {
        for command in [&ADD[..], &["keycloak", "rotate-secret", "reviewer"]] {
            let words = [command, &["--client-file-out", file, "--keycloak", &keycloak.url]].concat();
            desk.run_with(&ADMIN, &words).says(2, &[part, "--client-file-out"]);
        }
    }
    assert_eq!(keycloak.lines(), [""; 0]);
}

#[test]
fn wrong_use_ends_with_2_and_help_has_examples() {
    let desk = Desk::empty();
    for words in [
        &["keycloak"][..],
        &["keycloak", "agents"],
        &["keycloak", "add-agent", "reviewer", "--keycloak", "http://127.0.0.1:9"],
        &["keycloak", "add-agent", "reviewer", "--group", "a/b", "--keycloak", "http://127.0.0.1:9"],
        &["keycloak", "add-agent", "", "--group", "a", "--keycloak", "http://127.0.0.1:9"],
        &["keycloak", "rotate-secret", "a", "--keycloak", "127.0.0.1:9"],
    ] {
        desk.run_with(&ADMIN, words).ends(2);
    }
    for words in [
        &["keycloak"][..],
        &["keycloak", "add-agent"],
        &["keycloak", "rotate-secret"],
        &["keycloak", "agents"],
        &["token"],
        &["token", "get"],
        &["token", "show"],
    ] {
        let run = desk.run(&[words, &["--help"]].concat()).ends(0);
        assert!(run.out.contains("Examples:\n") && run.out.contains("Exit codes"), "{}", run.out);
    }
}

/// A realm with the client `reviewer`, its account in the group `lob1`, its mappers and its secret; changed
/// as a test wants it, by the path of what is read.
fn realm(change: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Provider {
    Provider::new(move |base, asked| {
        let line = asked.line.replace("/admin/realms/mcp-gateway", "");
        let mapper = |kind: &str, config: Value| json!({"protocolMapper": kind, "config": config});
        let mut found = match &*line {
            "GET /realms/mcp-gateway/.well-known/openid-configuration" => {
                json!({"issuer": format!("{base}/realms/mcp-gateway")})
            }
            "POST /realms/master/protocol/openid-connect/token" => json!({"access_token": "t"}),
            "GET /clients?clientId=reviewer" => json!([{
                "id": "1", "clientId": "reviewer", "protocol": "openid-connect", "enabled": true,
                "clientAuthenticatorType": "client-secret", "serviceAccountsEnabled": true,
                "fullScopeAllowed": false, "defaultClientScopes": ["inherited"],
                "protocolMappers": [
                    mapper("oidc-group-membership-mapper", json!({"claim.name": "groups",
                        "full.path": "false", "access.token.claim": "true"})),
                    mapper("oidc-audience-mapper", json!({"included.custom.audience": "mcp-registry",
                        "access.token.claim": "true"})),
                ],
            }]),
            "GET /client-scopes" => json!([{"name": "inherited", "protocolMappers": []}]),
            "GET /clients/1/service-account-user" => json!({"id": "2"}),
            "GET /users/2/role-mappings" => {
                json!({"realmMappings": [{"name": "default-roles-mcp-gateway"}]})
            }
            "GET /users/2/groups?max=10000" => json!([{"id": "3", "path": "/lob1"}]),
            "GET /group-by-path/lob1" => json!({"id": "3", "path": "/lob1"}),
            "GET /clients/1/client-secret" | "POST /clients/1/client-secret" => json!({"value": SECRET}),
            _ => return (404, json!({"error": line})),
        };
        change(line.split(' ').next_back().unwrap_or_default(), &mut found);
        // An account that is refused as one whose token has ended.
        if found == "refused" { (401, json!({"error": "HTTP 401 Unauthorized"})) } else { (200, found) }
    })
}

fn add(desk: &Desk, keycloak: &Provider) -> Run {
    desk.run_with(&ADMIN, &[&ADD[..], &["--keycloak", &keycloak.url]].concat())
}

#[test]
fn an_account_that_is_there_is_taken_as_it_is() {
    let (desk, keycloak) = (Desk::empty(), realm(|_, _| {}));
    let run = add(&desk, &keycloak).ends(0);
    assert!(run.out.starts_with("there    client reviewer\n"), "{}", run.out);
    assert_eq!(desk.read(".oauth-tokens/reviewer.client.json")["client_secret"], SECRET);
    assert!(add(&desk, &keycloak).ends(0).out.ends_with("all was there already\n"));
}

#[test]
fn a_client_with_more_power_is_not_handed_to_an_agent() {
    let attribute = |name: &str| json!({"attributes": {name: "true"}});
    for (path, more, part) in [
        ("/clients?clientId=reviewer", json!({"standardFlowEnabled": true}), "signs people in"),
        ("/clients?clientId=reviewer", json!({"fullScopeAllowed": true}), "full scope"),
        ("/clients?clientId=reviewer", json!({"authorizationServicesEnabled": true}), "authorization"),
        ("/clients?clientId=reviewer", attribute("oauth2.device.authorization.grant.enabled"), "device"),
        ("/clients?clientId=reviewer", attribute("oidc.ciba.grant.enabled"), "CIBA"),
        ("/clients?clientId=reviewer", attribute("standard.token.exchange.enabled"), "exchanges"),
        ("/users/2/role-mappings", json!({"realmMappings": [{"name": "admin"}]}), "(admin)"),
        (
            "/users/2/role-mappings",
            json!({"clientMappings": {"realm-management": {"mappings": [{"name": "realm-admin"}]}}}),
            "(realm-management/realm-admin)",
        ),
    ] {
        let (desk, signs_people_in) = (Desk::empty(), part == "signs people in");
        let keycloak = realm(move |at, found| {
            let found = if found.is_array() { &mut found[0] } else { found };
            for (name, value) in more.as_object().into_iter().flatten().filter(|_| at == path) {
                found[name] = value.clone();
            }
        });
        add(&desk, &keycloak).says(1, &["cannot use the client 'reviewer'", part]);
        assert!(keycloak.lines()[2..].iter().all(|line| line.starts_with("GET ")), "nothing is changed");
        assert!(!desk.path(".oauth-tokens").exists(), "{part}");
        // Whoever has such a client may still give it a new secret, unless people sign in with it.
        let rotate = ["keycloak", "rotate-secret", "reviewer", "--keycloak", &keycloak.url];
        desk.run_with(&ADMIN, &rotate).ends(if signs_people_in { 1 } else { 0 });
    }
}

#[test]
fn an_account_that_cannot_work_ends_with_1_each_time() {
    let off = realm(|at, found| {
        if at == "/clients?clientId=reviewer" {
            found[0]["enabled"] = json!(false);
        }
    });
    let wrong = json!({"protocolMapper": "oidc-group-membership-mapper", "config":
        {"claim.name": "groups", "full.path": "true", "access.token.claim": "true"}});
    let inherited = realm(move |at, found| match at {
        "/clients?clientId=reviewer" => {
            drop(found[0]["protocolMappers"].as_array_mut().map(|own| own.remove(0)));
        }
        "/client-scopes" => found[0]["protocolMappers"] = json!([wrong]),
        _ => {}
    });
    for (keycloak, part) in [
        (off, "broken   client reviewer is switched off: --enable would switch it on\n"),
        (
            inherited,
            "broken   mapper groups of client reviewer comes from the client scope inherited otherwise",
        ),
    ] {
        let desk = Desk::empty();
        for _ in 0..2 {
            let run = add(&desk, &keycloak).ends(1);
            assert!(run.out.contains(part) && !run.out.contains("all was there"), "{}", run.out);
            assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        }
    }
}

#[test]
fn an_administrator_whose_token_ends_signs_in_again_once() {
    let turn = AtomicUsize::new(0);
    let ending = realm(move |at, found| {
        if at == "/client-scopes" && turn.fetch_add(1, Ordering::Relaxed) == 0 {
            *found = json!("refused");
        }
    });
    add(&Desk::empty(), &ending).ends(0);
    let signed_in = |keycloak: &Provider| {
        keycloak.lines().iter().filter(|line| line.ends_with("/protocol/openid-connect/token")).count()
    };
    assert_eq!(signed_in(&ending), 2);
    let refusing = realm(|at, found| {
        if at == "/client-scopes" {
            *found = json!("refused");
        }
    });
    let run = add(&Desk::empty(), &refusing).says(1, &["read the client scopes", "401"]);
    assert_eq!((signed_in(&refusing), run.code), (2, 1));
}
