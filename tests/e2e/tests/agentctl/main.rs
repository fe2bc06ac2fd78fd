//! `agentctl agent …` and `server …` through real nginx, with the real model, and with agents and MCP servers on
//! loopback.

mod agent;
mod identity;
mod server;

use agent::Dialect;
use e2e::{Desk, Shared, column};
use serde_json::{Value, json};
use xtask::stack::Stack;

static STACK: Shared = Shared::new(|_| {});

#[tokio::test]
async fn signing_in_takes_the_gateway_and_a_client_alone() {
    let Some(stack) = STACK.get().await else { return };
    let mut desk = Desk::of(stack, "registry-admin");
    desk.run(&["agent", "list"]).ends(3);
    let secret = stack.run().clients["registry-admin"].secret.clone();
    desk.environment.push(("AGENTCTL_CLIENT_ID", "registry-admin".to_owned()));
    desk.environment.push(("AGENTCTL_CLIENT_SECRET", secret));
    let said = desk.run(&["token", "get"]).ends(0);
    assert!(said.contains("mcp-registry-admin"), "{said}");
    desk.run(&["agent", "list"]).ends(0);
}

/// The desk of somebody who has a token.
async fn desk(stack: &Stack, client: &str) -> Desk {
    let token = stack.token(client).await.expect("a token");
    let mut desk = Desk::of(stack, client);
    desk.environment.push(("AGENTCTL_TOKEN_FILE", "token.json".to_owned()));
    desk.write("token.json", &json!({ "access_token": token }));
    desk
}

#[tokio::test]
async fn an_agent_from_its_registration_to_its_end() {
    let Some(stack) = STACK.get().await else { return };
    let desk = desk(stack, "registry-admin").await;
    let agent = agent::serve(Dialect::V10);
    desk.write("card.json", &poet(&agent));

    let said = desk.run(&["agent", "register", "card.json"]).ends(0);
    assert_eq!(said, "/ctl/poet: registered, disabled until: agentctl agent toggle /ctl/poet on\n");
    let again = desk.run(&["agent", "register", "card.json"]);
    assert!(again.err.contains("409 Conflict"), "{}", again.err);
    again.ends(1);

    let listed = desk.run(&["agent", "list", "--query", "sonnets", "--json"]).json();
    assert_eq!(
        (column(&listed["agents"], "path"), &listed["agents"][0]["is_enabled"]),
        (vec!["/ctl/poet".into()], &json!(false))
    );
    let table = desk.run(&["agent", "list", "--query", "sonnets", "--all"]).ends(0);
    assert_eq!(
        table.lines().nth(1),
        Some("/ctl/poet  Poet  Write Sonnets  unverified  public      no"),
        "{table}"
    );

    assert_eq!(desk.run(&["agent", "toggle", "/ctl/poet", "on"]).ends(0), "/ctl/poet: enabled\n");
    let found = desk.run(&["agent", "search", "somebody who writes sonnets", "--max", "1", "--json"]).json();
    assert_eq!(column(&found["entities"], "path"), ["/ctl/poet"]);
    let found = desk.run(&["agent", "discover", "--skill", "write-sonnets", "--tag", "verse"]).ends(0);
    assert!(found.contains("0.80   /ctl/poet  Poet  write-sonnets   unverified\n"), "{found}");

    desk.write("patch.json", &json!({"version": "2.0.0"}));
    assert!(
        desk.run(&["agent", "update", "/ctl/poet", "patch.json", "--patch"])
            .ends(0)
            .starts_with("/ctl/poet: updated, now \"")
    );
    let stale = desk.run(&["agent", "update", "/ctl/poet", "patch.json", "--if-match", "an-old-tag"]);
    assert!(stale.err.contains("somebody has changed /ctl/poet since"), "{}", stale.err);
    stale.ends(1);
    assert_eq!(desk.run(&["agent", "get", "/ctl/poet", "--json"]).json()["version"], "2.0.0");

    let tested = desk.run(&["agent", "test", "/ctl/poet"]).ends(0);
    assert!(tested.contains("warn same      version: registered '2.0.0', serves '1.0.0'\n"), "{tested}");
    assert!(tested.contains(": speaks it (JSON-RPC)\npassed\n"), "{tested}");

    assert_eq!(desk.run(&["agent", "delete", "/ctl/poet", "--yes"]).ends(0), "/ctl/poet: deleted\n");
    desk.run(&["agent", "get", "/ctl/poet"]).ends(1);
    desk.run(&["agent", "delete", "/ctl/poet"]).ends(2);
}

#[tokio::test]
async fn agents_of_both_dialects_are_tested_and_those_that_only_say_so_fail() {
    let Some(stack) = STACK.get().await else { return };
    let desk = desk(stack, "registry-admin").await;
    for (path, dialect, version, code, says) in [
        ("/ctl/old", Dialect::V03, "0.3.0", 0, "ok   dialect   A2A 0.3\n"),
        ("/ctl/new", Dialect::V10, "1.0", 0, "ok   dialect   A2A 1.0\n"),
        ("/ctl/trap", Dialect::SaysV10SpeaksV03, "1.0", 1, "it speaks another version"),
    ] {
        let agent = agent::serve(dialect);
        desk.write("card.json", &echo(path, &agent, version));
        desk.run(&["agent", "register", "card.json", "--enable"]).ends(0);
        let said = desk.run(&["agent", "test", path]).ends(code);
        assert!(said.contains(says), "{said}");
    }
    // Nobody listens at the discard port of loopback.
    desk.write("card.json", &echo("/ctl/gone", "http://127.0.0.1:9", "1.0"));
    desk.run(&["agent", "register", "card.json", "--enable"]).ends(0);
    desk.run(&["agent", "test", "/ctl/gone"]).ends(4);

    let table = desk.run(&["agent", "test-all", "--allow-private"]).ends(1);
    let result = |path: &str| {
        let row = table.lines().find(|line| line.starts_with(path)).unwrap_or_else(|| panic!("{table}"));
        row.split_whitespace().nth(1).map(str::to_owned)
    };
    for (path, expected) in [
        ("/ctl/old", "passed"),
        ("/ctl/new", "passed"),
        ("/ctl/trap", "failed"),
        ("/ctl/gone", "unreachable"),
    ] {
        assert_eq!(result(path).as_deref(), Some(expected), "{table}");
    }
    desk.run(&["agent", "delete", "/ctl/old", "/ctl/new", "/ctl/trap", "/ctl/gone", "--yes"]).ends(0);
}

#[tokio::test]
async fn who_may_not_is_told_so_and_a_card_with_faults_is_not_sent() {
    let Some(stack) = STACK.get().await else { return };
    let stranger = desk(stack, "stranger-bot").await;
    stranger.write("card.json", &echo("/ctl/stranger", "https://agents.example.com/x", "1.0"));
    let refused = stranger.run(&["agent", "register", "card.json"]);
    assert!(refused.err.starts_with("agentctl: card.json: refused (403 Forbidden): "), "{}", refused.err);
    refused.ends(1);
    assert_eq!(stranger.run(&["agent", "list", "--json"]).json()["agents"], json!([]));

    let admin = desk(stack, "registry-admin").await;
    admin.write("faulty.json", &json!({"name": "", "description": "", "url": "nowhere"}));
    for words in
        [&["agent", "register", "faulty.json"][..], &["agent", "register", "faulty.json", "--unchecked"]]
    {
        let run = admin.run(words);
        // Both tell the same, for both read with the same rules.
        for fault in ["name: must not be blank", "description: must not be blank", "url: must be an absolute"]
        {
            assert!(run.err.contains(fault), "{words:?}: {}", run.err);
        }
        run.ends(if words.len() == 3 { 2 } else { 1 });
    }

    // With the policy at hand, nothing is sent at all.
    let policy = xtask::root().join("deploy/scopes.yml");
    let policy = policy.to_str().expect("its name is text");
    stranger.run(&["agent", "delete", "/ctl/poet", "--yes", "--policy", policy]).ends(3);
    let nobody = ["agent", "list", "--gateway", "http://127.0.0.1:9"];
    admin.run(&nobody).ends(4);
}

/// The card of the poet, as its agent serves it.
fn poet(url: &str) -> Value {
    json!({
        "name": "Poet", "description": "Writes sonnets about software", "path": "/ctl/poet", "url": url,
        "protocol_version": "1.0", "version": "1.0.0", "tags": ["verse"],
        "skills": [{"id": "write-sonnets", "name": "Write Sonnets", "description": "Fourteen lines that rhyme",
            "tags": ["verse"]}],
    })
}

/// A card that no search for poets finds: the tests share a registry.
fn echo(path: &str, url: &str, version: &str) -> Value {
    json!({
        "name": "Echo", "description": "Repeats what it hears", "path": path, "url": url,
        "protocol_version": version, "version": "1.0.0", "skills": [],
    })
}
