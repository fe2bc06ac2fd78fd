//! Everything above once more on a stack of its own, and then every secret and token of it is looked for where
//! none may be: in logs, trails, metrics, refusals, and in what is kept.

use std::path::{Path, PathBuf};

use e2e::{Caller, eventually, shared};
use xtask::stack::Stack;

use super::organisation::{Organisation, refused_plainly};
use super::{admin, asking, documents, exchange, gated, registry, signing_in, withdrawal};

#[tokio::test]
async fn no_secret_is_written_anywhere() {
    let mut options = match shared::options() {
        Ok(options) => options,
        Err(reason) => return shared::skipped(&reason),
    };
    options.model = None;
    options.seed = true;
    let again = options.clone();
    let stack =
        Stack::start(options).await.unwrap_or_else(|fault| panic!("the stack does not start: {fault}"));
    let organisation = Organisation::of(&stack);
    let demo = stack.run().demo_agent.expect("it was asked for");
    organisation.remember(&demo.client_secret);
    xtask::demo::identity::play(&stack.run()).await.unwrap_or_else(|fault| panic!("{fault}"));

    signing_in::play(&organisation).await;
    signing_in::play_refusals(&organisation).await;
    signing_in::play_keys(&organisation).await;
    asking::play(&organisation).await;
    asking::play_budget(&organisation).await;
    exchange::play(&organisation).await;
    gated::play(&organisation).await;
    exchange::play_refusals(&organisation).await;
    withdrawal::play_revocation(&organisation).await;
    withdrawal::play_suspension(&organisation).await;
    withdrawal::play_capabilities(&organisation).await;
    withdrawal::play_rotation(&organisation).await;
    admin::play_doors(&organisation).await;
    admin::play(&organisation).await;
    admin::play_targets(&organisation).await;
    registry::play(&organisation, "/looked-for").await;
    documents::play(&organisation).await;
    admin::play_key_rotation(&organisation).await;

    // A secret in the path or the query is the caller's fault, and still is not written down.
    let nobody = Caller::new(stack.gateway(), None);
    nobody.get(&format!("/api/agents?access_token={}", demo.client_secret)).await.must_be(401);
    let marked = nobody.get("/orgs/default/api/v1/oauth/userinfo").await;
    refused_plainly(&marked, 401);
    let id = marked.header("x-request-id").to_owned();
    let data = stack.data().to_path_buf();
    eventually("the last request is logged", async || {
        std::fs::read_to_string(data.join("nginx/access.log")).ok().filter(|log| log.contains(&id))
    })
    .await;

    let secrets = organisation.secrets();
    let mut found = look(&secrets, &data);
    for (name, url) in
        [("auth-server", Ok(stack.run().auth_server.admin_url)), ("registry", stack.registry_admin_url())]
    {
        let metrics = Caller::new(url.expect("it has one"), None).get("/metrics").await;
        metrics.must_be(200);
        found.extend(named(&secrets, name, &metrics.text));
    }
    for refusal in organisation.refusals() {
        found.extend(named(
            &secrets,
            &format!("the refusal {}", &refusal[..60.min(refusal.len())]),
            &refusal,
        ));
    }
    assert_eq!(found, Vec::<String>::new(), "secrets stand where they may not");
    // Where they may stand, they are found: the search is no blind one.
    for name in KEPT.iter().filter(|name| **name != "secrets.json") {
        let text = std::fs::read_to_string(data.join(name)).expect("it is there");
        assert!(!named(&secrets, name, &text).is_empty(), "{name} holds none");
    }

    // A second start finds what was there, the rotated key and the demo agent's secret included.
    let key = organisation.key();
    drop(stack);
    let after = look(&secrets, &data);
    assert_eq!(after, Vec::<String>::new(), "secrets were written at the end");
    let stack = Stack::start(again).await.unwrap_or_else(|fault| panic!("it does not start again: {fault}"));
    let run = stack.run();
    assert_eq!((run.admin_key.as_deref(), run.demo_agent), (Some(&*key), Some(demo)));
    xtask::demo::identity::play(&stack.run()).await.unwrap_or_else(|fault| panic!("{fault}"));
}

/// Files that hold secrets on purpose, each with its own mode.
const KEPT: [&str; 4] = ["run.json", "secrets.json", "demo-agent.json", "auth-server/admin_key"];

fn look(secrets: &[String], data: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(data, &mut files);
    let names: Vec<_> = files.iter().filter_map(|file| file.strip_prefix(data).ok()?.to_str()).collect();
    for expected in
        ["nginx/access.log", "logs/auth-server.log", "logs/auth-server.audit.jsonl", "logs/registry.log"]
    {
        assert!(names.contains(&expected), "{expected} is not there: {names:?}");
    }
    let mut found = Vec::new();
    for file in &files {
        let name = file.strip_prefix(data).unwrap_or(file).display().to_string();
        if !KEPT.contains(&&*name) {
            // Sockets and keys are no text.
            let bytes = std::fs::read(file).unwrap_or_default();
            found.extend(named(secrets, &name, &String::from_utf8_lossy(&bytes)));
        }
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Which secrets stand in a text: whole, or the end of one, which is random in all of them.
fn named(secrets: &[String], place: &str, text: &str) -> Vec<String> {
    let stands =
        |secret: &str| text.contains(secret) || text.contains(&secret[secret.len().saturating_sub(20)..]);
    let found = secrets.iter().enumerate().filter(|(_, secret)| stands(secret));
    found.map(|(at, secret)| format!("{place}: secret {at} ({}…)", &secret[..4])).collect()
}
