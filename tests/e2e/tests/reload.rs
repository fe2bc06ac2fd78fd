//! The policy is edited under load: what decides is always one that was valid, whole, and nobody notices more.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use e2e::{Caller, column, eventually, shared};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use xtask::stack::Stack;

/// How often the file is edited, and how often we wait until both servers have done with an edit.
const EDITS: usize = 200;
const WAIT_EVERY: usize = 5;
/// Requests answered between two edits.
const ANSWERS: usize = 12;

/// What the first line of business sees under each policy; both also grant what nobody registered.
const A: [&str; 2] = ["/both", "/only-a"];
const B: [&str; 2] = ["/both", "/only-b"];
/// What it sees under none.
const NEVER: &str = "/never";

/// A policy that grants these paths. The section comes last and narrows the first tier, so that a prefix of
/// the file, were it believed, would open more than the whole; and one that is cut off is no YAML.
fn policy(paths: &[&str]) -> String {
    let own = paths.iter().map(|path| format!("'{path}'")).collect::<Vec<_>>().join(", ");
    format!(
        "group_mappings:\n  registry-users-lob1: [registry-users-lob1]\n  a2a-agent-admin: [a2a-agent-admin]\n\
         \x20 mcp-registry-admin: [a2a-agent-admin]\n\
         UI-Scopes:\n  registry-users-lob1: {{list_agents: [all], get_agent: [all]}}\n\
         registry-users-lob1: [\n  {{agents: {{actions: [\n    {{action: list_agents, resources: [{own}]}},\n    \
         {{action: get_agent, resources: [{own}]}}]}}}}]\n"
    )
}

/// Grants everything to everybody, were it believed, and takes the administrator's groups away. It is no
/// shorter than the others: a file that shrinks is waited for longer.
fn broken() -> String {
    let text = "group_mappings:\n  registry-users-lob1: [everything]\n  a2a-agent-admin: []\n\
     UI-Scopes:\n  everything: {list_agents: [all], get_agent: [all], delete_agent: [all]}\n  \
     other: {list_agents: all}\n";
    format!("{text}# {}\n", "x".repeat(policy(&A).len().saturating_sub(text.len())))
}

/// The file, and every way in which editors and clusters change one.
struct File {
    path: PathBuf,
    edits: usize,
}

impl File {
    fn edit(&mut self, text: &str) {
        self.edits += 1;
        let folder = self.path.parent().expect("it lies in a folder");
        let next = folder.join(format!("next-{}", self.edits));
        match self.edits % 4 {
            0 => fs::write(&self.path, text).expect("in place"),
            1 => {
                fs::write(&next, text).expect("beside it");
                fs::rename(next, &self.path).expect("by rename");
            }
            2 => self.truncate_and_rewrite(text),
            // As Kubernetes mounts it: a link to a file in a folder, swapped by rename.
            _ => {
                fs::create_dir(&next).expect("a folder");
                fs::write(next.join("scopes.yml"), text).expect("written");
                symlink(next.join("scopes.yml"), folder.join("link")).expect("a link");
                fs::rename(folder.join("link"), &self.path).expect("swapped");
            }
        }
    }

    /// In two halves, the first of which is no policy.
    fn truncate_and_rewrite(&self, text: &str) {
        let mut file = fs::File::create(&self.path).expect("truncated");
        let (first, second) = halves(text);
        file.write_all(first.as_bytes()).expect("written");
        std::thread::yield_now();
        file.write_all(second.as_bytes()).expect("written");
    }
}

fn halves(text: &str) -> (&str, &str) {
    text.split_at(text.len() - 20)
}

/// Asks until told to stop; every answer must be one of a policy that was valid.
async fn ask(lob: Caller, admin: Caller, stop: Arc<AtomicBool>, answers: Arc<AtomicUsize>) -> [usize; 2] {
    let mut seen = [0; 2];
    while !stop.load(Ordering::Relaxed) {
        let list = lob.get("/api/agents").await;
        let paths = column(&list.must_be(200)["agents"], "path");
        match paths.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            paths if paths == A => seen[0] += 1,
            paths if paths == B => seen[1] += 1,
            paths => panic!("a policy that never was: {paths:?}"),
        }
        lob.get("/api/agents/both").await.must_be(200);
        lob.get("/api/agents/never").await.must_be(403);
        lob.delete("/api/agents/both").await.must_be(403);
        let all = admin.get("/api/agents").await;
        assert_eq!(all.must_be(200)["total_count"], 4, "{all:?}");
        answers.fetch_add(5, Ordering::Relaxed);
    }
    seen
}

/// What both servers say of their policy: versions and numbers of faults.
async fn said(stack: &Stack) -> [(String, usize); 2] {
    let registry = Caller::new(stack.gateway(), None).get("/health").await;
    let registry = registry.must_be(200);
    let auth = Caller::new(stack.auth_url(), None).get("/health").await;
    let auth = auth.must_be(200);
    let version = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let faults = usize::try_from(registry["policy"]["faults"].as_u64().expect("a number")).expect("few");
    [
        (version(&registry["policy_version"]), faults),
        (version(&auth["policy"]["version"]), auth["policy"]["faults"].as_array().expect("a list").len()),
    ]
}

/// The value of a metric at both operators' ports.
async fn metric(stack: &Stack) -> [String; 2] {
    let registry = stack.registry_admin_url().expect("the registry has told");
    let auth = stack.run().auth_server.admin_url;
    let mut values = [const { String::new() }; 2];
    let names = [(registry, "registry_policy_faults "), (auth, "auth_server_policy_faults ")];
    for (value, (url, name)) in values.iter_mut().zip(names) {
        let text = Caller::new(url, None).get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        *value = line.unwrap_or_else(|| panic!("{name}is not there: {text}")).to_owned();
    }
    values
}

/// Waits until both servers have done with the last edit: it is in force, or its faults are told.
async fn settled(stack: &Stack, version: Option<&str>) {
    let what =
        version.map_or("both servers refuse the edit".to_owned(), |version| format!("{version} rules"));
    eventually(&what, async || {
        let [registry, auth] = said(stack).await;
        let done = match version {
            Some(version) => registry == (version.to_owned(), 0),
            None => registry.1 > 0,
        };
        (done && registry == auth).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_edits_under_load_show_no_policy_that_never_was() {
    let Ok(mut options) = shared::options().inspect_err(|reason| shared::skipped(reason)) else { return };
    let started = Instant::now();
    let folder = options.data.join("policy");
    fs::create_dir(&folder).expect("the data folder is ours");
    let mut file = File { path: folder.join("scopes.yml"), edits: 0 };
    let (a, b) = (policy(&A), policy(&B));
    fs::write(&file.path, &a).expect("the folder is ours");
    options.policy = file.path.clone();
    options.rates = (100_000, 1_000);
    // What is searched for is nobody's business here.
    options.model = None;
    let stack = Stack::start(options).await.expect("it starts");

    let admin = Caller::sign_in(&stack, "mcp-gateway-m2m").await;
    for path in ["/both", "/only-a", "/only-b", NEVER] {
        admin.publish(&card(path)).await;
    }
    let [(version_a, _), _] = said(&stack).await;
    file.edit(&b);
    let version_b = eventually("the other policy rules", async || {
        let [registry, auth] = said(&stack).await;
        (registry == auth && registry.0 != version_a).then_some(registry.0)
    })
    .await;
    file.edit(&a);
    settled(&stack, Some(&version_a)).await;

    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = JoinSet::new();
    for _ in 0..8 {
        let lob = Caller::sign_in(&stack, "lob1-bot").await;
        let admin = Caller::sign_in(&stack, "mcp-gateway-m2m").await;
        load.spawn(ask(lob, admin, stop.clone(), answers.clone()));
    }
    let mut quick = 0;
    for edit in 1..=EDITS {
        // Valid, broken, the other valid one, broken …
        let kind = edit % 4;
        let text = match kind {
            1 => &b,
            3 => &a,
            _ => &broken(),
        };
        file.edit(text);
        // Every kind is waited for in its turn: the rest is overtaken by the next edit, or is not.
        if edit % WAIT_EVERY == 0 {
            let version = [None, Some(&*version_b), None, Some(&*version_a)][kind];
            settled(&stack, version).await;
        } else {
            let answered = answers.load(Ordering::Relaxed);
            eventually("requests are answered", async || {
                assert!(load.try_join_next().is_none(), "a caller has given up");
                (answers.load(Ordering::Relaxed) >= answered + ANSWERS).then_some(())
            })
            .await;
            quick += 1;
        }
    }
    // The last word is valid, and both servers have taken it.
    file.edit(&b);
    settled(&stack, Some(&version_b)).await;
    assert_eq!(said(&stack).await, [(version_b.clone(), 0), (version_b.clone(), 0)]);
    assert_eq!(metric(&stack).await, ["0", "0"]);

    // A broken one is told everywhere, and takes and gives nothing while the load goes on.
    file.edit(&broken());
    settled(&stack, None).await;
    assert_eq!(said(&stack).await, [(version_b.clone(), 1), (version_b.clone(), 1)]);
    assert_eq!(metric(&stack).await, ["1", "1"]);
    let auth = Caller::new(stack.auth_url(), None).get("/health").await;
    let fault = auth.body["policy"]["faults"][0].as_str().unwrap_or_default().to_owned();
    assert!(fault.starts_with("line 6, column "), "{fault}");
    assert_eq!(auth.body["status"], "degraded");
    let lob = Caller::sign_in(&stack, "lob1-bot").await;
    assert_eq!(column(&lob.get("/api/agents").await.must_be(200)["agents"], "path"), B);

    // A writer that stops half-way has written nothing; what is whole at last is taken.
    let mut slow = fs::File::create(&file.path).expect("truncated");
    slow.write_all(halves(&a).0.as_bytes()).expect("written");
    settled(&stack, None).await;
    assert_eq!(column(&lob.get("/api/agents").await.must_be(200)["agents"], "path"), B);
    slow.write_all(halves(&a).1.as_bytes()).expect("written");
    settled(&stack, Some(&version_a)).await;
    assert_eq!(column(&lob.get("/api/agents").await.must_be(200)["agents"], "path"), A);

    stop.store(true, Ordering::Relaxed);
    let mut seen = [0; 2];
    while let Some(done) = load.join_next().await {
        let lists = done.expect("every caller was answered as he should be");
        seen = [seen[0] + lists[0], seen[1] + lists[1]];
    }
    let (count, elapsed) = (answers.load(Ordering::Relaxed), started.elapsed());
    shared::loudly(&format!(
        "{EDITS} edits ({quick} of them overtaken at will), {count} answers, lists under A and B {seen:?}, {elapsed:.1?}"
    ));
    assert!(seen.iter().all(|lists| *lists > 0), "{seen:?}: one of the policies never was in force");
}

fn card(path: &str) -> Value {
    json!({"name": "Card", "description": "A card of the reload test", "url": "https://agents.example.com/x",
        "path": path, "protocol_version": "1.0"})
}

/// Every fault with its line, on standard error; nothing listens, nothing is written.
fn must_refuse_to_start(command: &mut Command, policy: &Path) {
    let output = command.arg("--policy").arg(policy).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let place = policy.display();
    for line in [2, 4, 5, 7] {
        assert!(said.contains(&format!("{place}: line {line}, column ")), "line {line}: {said}");
    }
    assert_eq!(said.matches(": line ").count(), 4, "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is served");
}

#[tokio::test]
async fn a_broken_policy_stops_both_servers_at_the_start_with_every_fault() {
    let Ok(options) = shared::options().inspect_err(|reason| shared::skipped(reason)) else { return };
    let policy = options.data.join("scopes.yml");
    let text = "UI-Scopes:\n  a: everything\n  b:\n    list_agents: all\n    get_agent: [no-path]\n\
                group_mappings:\n  g: a\nsection:\n  - {server: '*', methods: [ping]}\n";
    fs::write(&policy, text).expect("the folder is ours");
    let listen = ["--listen", "127.0.0.1:0"];
    let state = |name: &str| options.data.join(name);
    let mut auth_server = Command::new(options.binaries.join("auth-server"));
    auth_server.args(listen).args(["--admin-listen", "127.0.0.1:0", "--state"]).arg(state("auth-state"));
    let clients = options.data.join("clients.yml");
    fs::write(&clients, "clients: []\n").expect("the folder is ours");
    auth_server.arg("--clients").arg(&clients);
    must_refuse_to_start(&mut auth_server, &policy);
    let mut registry = Command::new(options.binaries.join("registry"));
    registry.args(listen).args(["--identity-keys-url", "http://127.0.0.1:9/jwks.json", "--state"]);
    must_refuse_to_start(registry.arg(state("registry-state")), &policy);
    assert!(!state("auth-state").exists() && !state("registry-state").exists(), "nothing was begun");
}
