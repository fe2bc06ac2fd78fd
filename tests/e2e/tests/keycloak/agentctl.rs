//! `agentctl` against Keycloak itself: service accounts made and kept in order, and tokens of them, in a realm
//! that gives its clients no mappers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use e2e::{forge, shared};
use serde_json::{Value, json};
use xtask::keycloak::{ADMIN, AUDIENCE, Keycloak};
use xtask::stack::{Stack, build};

use super::admin::Admin;
use super::{BARE, world};

/// Somebody at a terminal, with the administrator's password in the environment.
struct Desk {
    agentctl: PathBuf,
    folder: PathBuf,
    keycloak: String,
    gateway: String,
    administrator: Vec<(&'static str, String)>,
}

/// What a run came to.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn of(keycloak: &Keycloak, stack: &Stack, name: &str) -> Self {
        let binaries = build::servers(build::Profile::Dev).expect("they are built");
        Self {
            agentctl: binaries.join("agentctl"),
            folder: shared::folder(name),
            keycloak: keycloak.url(),
            gateway: stack.gateway(),
            administrator: vec![
                ("KEYCLOAK_ADMIN", ADMIN.to_owned()),
                ("KEYCLOAK_ADMIN_PASSWORD", keycloak.admin_secret().to_owned()),
            ],
        }
    }

    fn run(&self, words: &[&str]) -> Run {
        let output = Command::new(&self.agentctl)
            .args(words)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.administrator.iter().map(|(name, value)| (*name, value)))
            .envs([("AGENTCTL_KEYCLOAK", &*self.keycloak), ("AGENTCTL_REALM", BARE)])
            .env("AGENTCTL_GATEWAY", &self.gateway)
            .output()
            .expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("texts are UTF-8");
        let run = Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        let secret = |name: &str| name.ends_with("PASSWORD") || name.ends_with("SECRET");
        for (_, secret) in self.administrator.iter().filter(|(name, _)| secret(name)) {
            assert!(
                !run.out.contains(secret) && !run.err.contains(secret),
                "a password was printed: {run:?}"
            );
        }
        run
    }

    fn read(&self, name: &str) -> Value {
        let text = fs::read(self.folder.join(".oauth-tokens").join(name)).expect("it was written");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn write(&self, name: &str, value: &Value) {
        let file = self.folder.join(".oauth-tokens").join(name);
        fs::write(&file, value.to_string()).expect("it can be written");
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
}

impl Run {
    #[track_caller]
    fn ends(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.out
    }

    #[track_caller]
    fn refused(self, code: i32, part: &str) {
        assert_eq!((self.code, self.err.lines().count()), (Some(code), 1), "{self:?}");
        assert!(self.err.contains(part), "{self:?}");
    }
}

#[tokio::test]
async fn an_agents_account_is_made_once_and_its_token_opens_what_its_groups_do() {
    let Some((keycloak, stack)) = world().await else { return };
    let desk = Desk::of(keycloak, stack, "agentctl-account");
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
    let file = desk.folder.join(".oauth-tokens/reviewer.client.json");
    let mode = file.metadata().expect("it was written").permissions().mode() & 0o777;
    let first = desk.read("reviewer.client.json")["client_secret"].as_str().expect("a secret").to_owned();
    assert_eq!((mode, said.contains(&first), again.contains(&first)), (0o600, false, false));

    desk.run(&["token", "get", "--client-id", "reviewer"]).ends(0);
    let token = desk.read("ingress.json")["access_token"].as_str().expect("a token").to_owned();
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
    let mut old = desk.read("ingress.json");
    let expired = json!({"exp": 1, "azp": "reviewer", "preferred_username": "service-account-reviewer",
        "groups": ["just made"]});
    old["access_token"] = json!(forge::Provider::new("anybody's").sign(&expired));
    desk.write("ingress.json", &old);
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
    desk.write("old.client.json", &desk.read("reviewer.client.json"));
    let said = desk.run(&["keycloak", "rotate-secret", "reviewer"]).ends(0);
    let second = desk.read("reviewer.client.json")["client_secret"].as_str().expect("a secret").to_owned();
    assert!(second != first && !said.contains(&second), "{said}");
    let old = ["token", "get", "--client-file", ".oauth-tokens/old.client.json"];
    desk.run(&old).refused(1, "(401 Unauthorized): ");
    desk.run(&["token", "get", "--client-id", "reviewer"]).ends(0);
}

#[tokio::test]
async fn what_cannot_be_done_in_a_realm_is_told_in_a_line() {
    let Some((keycloak, stack)) = world().await else { return };
    let mut desk = Desk::of(keycloak, stack, "agentctl-refused");
    let agents = ["keycloak", "agents"];
    let web = ["keycloak", "add-agent", "mcp-gateway-web", "--group", "registry-users-lob1"];
    desk.run(&web).refused(1, "cannot use the client 'mcp-gateway-web'");
    desk.run(&["keycloak", "rotate-secret", "nobody"]).refused(1, "there is no such client");
    desk.run(&[&agents[..], &["--realm", "nowhere"]].concat()).refused(1, "there is no realm 'nowhere'");
    desk.run(&[&agents[..], &["--keycloak", "http://127.0.0.1:9"]].concat())
        .refused(4, "cannot reach Keycloak");

    // A service account administers once it has the roles, and not before.
    desk.run(&["keycloak", "add-agent", "steward", "--group", "stewards"]).ends(0);
    let secret = desk.read("steward.client.json")["client_secret"].as_str().expect("a secret").to_owned();
    let name = std::mem::take(&mut desk.administrator);
    desk.run(&agents).refused(3, "who administers the realm?");
    desk.administrator = vec![(name[0].0, name[0].1.clone()), (name[1].0, "not-the-password".to_owned())];
    desk.run(&agents).refused(1, "'admin' cannot sign in at the realm 'master': Invalid user credentials");
    desk.administrator =
        vec![("KEYCLOAK_ADMIN_CLIENT_ID", "steward".to_owned()), ("KEYCLOAK_ADMIN_CLIENT_SECRET", secret)];
    desk.run(&agents).refused(1, "'steward' may not administer the realm 'bare'");
    make_steward(&Admin::of(keycloak)).await;
    let said = desk.run(&["keycloak", "add-agent", "helped", "--group", "made by a steward"]).ends(0);
    assert!(said.contains("made     helped in group made by a steward\n"), "{said}");
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
