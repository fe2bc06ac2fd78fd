//! From files into a database and back. Said loudly, and left out, where there is no Postgres.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use xtask::postgres::{self, Cluster};
use xtask::stack::Life;

use crate::common::{Done, Folder, card, server, servers_state, state};

/// `registry …` on a database.
struct Database<'f> {
    folder: &'f Folder,
    url: String,
}

impl Database<'_> {
    fn run(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = self.folder.command("unused", arguments);
        command.env("REGISTRY_STORE", "postgres").env("REGISTRY_DATABASE_URL", &self.url);
        let mut running = command.stdin(Stdio::piped()).spawn().expect("it runs");
        // Who is refused before he reads hears nothing.
        let _ = running.stdin.take().expect("a pipe").write_all(input.as_bytes());
        Done::of(running.wait_with_output().expect("it ends"))
    }
}

#[tokio::test]
async fn agents_and_servers_go_into_a_database_and_come_back() {
    let programs = match postgres::present() {
        Ok(programs) => programs,
        Err(reason) => {
            // The test runner keeps what `println!` says.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: store transfer with postgres: {reason}");
            return;
        }
    };
    let home = xtask::files::temporary("agent-registry-transfer-").expect("a folder");
    let cluster = Cluster::start(programs, home.path().join("postgres"), Life::WithParent).await;
    let cluster = cluster.expect("postgres starts");
    cluster.create("transfer").expect("a database");
    let folder = Folder::new();
    let database = Database { folder: &folder, url: cluster.url("transfer") };

    let numbers: Vec<f64> = (1..500).map(|n| f64::from(n).sqrt() * 1e-7_f64.powi(n % 30)).collect();
    let mut cards: Vec<Value> = (0..1000).map(|n| card(&format!("/team/agent{n}"), "does things")).collect();
    cards[3]["x-odd"] =
        serde_json::json!({"z": numbers, "a": "\u{1f6a2} \u{2028}", "big": u64::MAX, "one": 1.0});
    folder.import("one", &[&folder.file("cards.json", &state(&cards))]).is(0);
    let servers: Vec<Value> = (0..50).map(|n| server(&format!("/server{n}"), "offers tools")).collect();
    folder.import("one", &[&folder.file("servers.json", &servers_state(&servers))]).is(0);
    let export = folder.export("one");

    let bare = database.run(&["import", "-"], &export).is(1);
    assert!(bare.err.contains("registry migrate"), "{bare:?}");
    let mut migrate = std::process::Command::new(env!("CARGO_BIN_EXE_registry"));
    migrate.arg("migrate").env_clear().env("REGISTRY_DATABASE_URL", &database.url);
    Done::of(migrate.output().expect("it runs")).is(0);

    let dry = database.run(&["import", "--json", "--dry-run", "-"], &export).is(0);
    assert_eq!(dry.counts(), [1050, 1050, 0, 0, 0, 0, 0]);
    assert_eq!(database.run(&["export"], "").is(0).out.lines().count(), 1, "a dry run writes nothing");
    let done = database.run(&["import", "--json", "-"], &export).is(0);
    assert_eq!(done.counts(), [1050, 1050, 0, 0, 0, 0, 0]);
    let again = database.run(&["import", "--json", "--existing", "replace", "-"], &export).is(0);
    assert_eq!(again.counts(), [1050, 0, 0, 1050, 1050, 0, 0]);

    let back = database.run(&["export"], "").is(0).out;
    let rest = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<String>>();
    assert_eq!(rest(&back), rest(&export), "byte for byte");
    folder.import("two", &[&folder.file("back.jsonl", &back)]).is(0);
    assert_eq!(rest(&folder.export("two")), rest(&export));
    let restored = database.run(&["restored"], "").is(0);
    assert!(restored.out.contains("the changes go on from ") && restored.out.contains("410"), "{restored:?}");
    let mut files = folder.command("one", &["restored"]);
    Done::of(files.output().expect("it runs")).is(2);
    let wrong = database.run(&["check"], "").is(2);
    assert!(wrong.err.contains("--store file"), "{wrong:?}");
    assert!(!folder.at("unused").exists());
}
