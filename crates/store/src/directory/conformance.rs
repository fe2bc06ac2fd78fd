//! One suite for every log: what [`DirectoryStore`] promises, tried.
//!
//! A log's own tests call [`all`] with a way to open it anew; opening it again must show everything that was
//! acknowledged before.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use access::{Asker, DirectoryAction, DirectoryPermit};

use super::{
    AgentChanges, AgentIdentity, AgentStatus, Budget, DAY, Directory, DirectoryStore, Done, McpTarget,
    SecretHash, Wish,
};
use crate::{Clock, StoreError};

/// Midnight (UTC) of the day that the suite begins on.
const MIDNIGHT: u64 = 20_000 * DAY;

/// Runs the whole suite. `open` opens the same directory again and again, with this clock and this counter of
/// rights; the one opened before is dropped first.
///
/// # Panics
/// Where a promise is broken, with the promise as the message.
pub async fn all<O, F>(open: O)
where
    O: Fn(Clock, Arc<AtomicU64>) -> F,
    F: Future<Output = Arc<dyn DirectoryStore>>,
{
    let now = Arc::new(AtomicU64::new(MIDNIGHT + 3600));
    let rights = Arc::new(AtomicU64::new(0));
    let clock: Clock = Arc::new({
        let now = now.clone();
        move || now.load(Ordering::Relaxed)
    });
    let open = || open(clock.clone(), rights.clone());
    let store = open().await;
    keeps_and_finds(&*store).await;
    gives_names_once(&*store).await;
    gives_target_names_once(&*store).await;
    refuses_what_is_stale(&*store).await;
    asks_for_the_right_permit(&*store).await;
    counts_to_the_token(&store).await;
    counts_by_days(&*store, &now).await;
    swaps_the_key(&*store).await;
    bumps_rights(&*store, &rights).await;
    callers_who_hang_up(&store).await;
    let before = store.directory();
    drop(store);

    let store = open().await;
    assert_eq!(*store.directory(), *before, "what was acknowledged is there after opening again");
    assert!(store.directory().is_revoked("kept"), "what was made void stays so");
    store.close().await;
    let late = store.write(&all_of_it(), create("late")).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "a closed directory takes nothing");
    drop(store);

    let store = open().await;
    assert_eq!(*store.directory(), *before, "nor does a good end lose anything");
    let mut latest = store.follow();
    assert_eq!(*latest.borrow_and_update(), before.number());
    let again = agent_of(store.write(&all_of_it(), create("again")).await.expect("kept"));
    assert_eq!(again.version, before.number() + 1, "numbers go on where they were");
    assert_eq!(*latest.borrow_and_update(), before.number() + 1, "and are told");
    store.refresh().await.expect("reached");
}

/// An agent with this slug, for tests.
pub fn agent(slug: &str) -> AgentIdentity {
    let secret = SecretHash {
        key: format!("key-{slug}"),
        hash: "$argon2id$".to_owned(),
        created_at: 1,
        expires_at: None,
    };
    AgentIdentity {
        agent_id: format!("agt_{slug}"),
        client_id: format!("client-{slug}"),
        slug: slug.to_owned(),
        name: format!("Agent {slug}"),
        description: String::new(),
        kind: "autonomous".to_owned(),
        status: AgentStatus::Active,
        secrets: vec![secret],
        capabilities: vec!["read:data".to_owned()],
        declared: Vec::new(),
        groups: Vec::new(),
        budget: Budget { max_tokens_per_day: Some(1_000_000), max_api_calls_per_hour: None },
        jwks_uri: None,
        owner: Some("ann".to_owned()),
        created_by: "ann".to_owned(),
        created_at: 1,
        updated_at: 1,
        version: 0,
    }
}

/// A target with this slug, for tests.
pub fn target(slug: &str) -> McpTarget {
    McpTarget {
        id: format!("mcp_{slug}"),
        slug: slug.to_owned(),
        name: format!("Target {slug}"),
        resource_uri: format!("https://{slug}.example/mcp"),
        aliases: vec![format!("urn:mcp:{slug}")],
        required_capability: Some("read:data".to_owned()),
        scopes_supported: vec!["read:data".to_owned()],
        token_lifetime: 300,
        introspection_hash: "00".to_owned(),
        created_by: "ann".to_owned(),
        created_at: 1,
        updated_at: 1,
        version: 0,
    }
}

/// A permit for everything.
///
/// # Panics
/// Never: the organisation's key opens everything.
pub fn all_of_it() -> DirectoryPermit {
    Asker::Key.may(DirectoryAction::Write).expect("the key opens everything")
}

/// A permit for what is this agent's own.
///
/// # Panics
/// Never: it is its own.
pub fn own(agent_id: &str) -> DirectoryPermit {
    Asker::Agent { agent_id }.may_as(agent_id).expect("its own")
}

/// A report of this agent.
pub fn report(agent_id: &str, tokens: u64, run: Option<&str>) -> Wish {
    let (agent_id, run_id) = (agent_id.to_owned(), run.map(str::to_owned));
    Wish::ReportUsage { agent_id, tokens, cost_micros: 3, run_id }
}

fn create(slug: &str) -> Wish {
    Wish::CreateAgent { agent: Box::new(agent(slug)) }
}

fn create_target(target: McpTarget) -> Wish {
    Wish::CreateTarget { target: Box::new(target) }
}

fn agent_of(done: Done) -> Arc<AgentIdentity> {
    match done {
        Done::Agent(agent) => agent,
        other => panic!("an agent was written, and {other:?} is answered"),
    }
}

fn target_of(done: Done) -> Arc<McpTarget> {
    match done {
        Done::Target(target) => target,
        other => panic!("a target was written, and {other:?} is answered"),
    }
}

async fn keeps_and_finds(store: &dyn DirectoryStore) {
    let old = store.directory();
    let mut latest = store.follow();
    let made = agent_of(store.write(&all_of_it(), create("first")).await.expect("kept"));
    assert_eq!(old.agents().count(), 0, "a picture does not change under its reader");
    assert_eq!(made.version, old.number() + 1, "a version is the number of the change");
    assert_eq!(*latest.borrow_and_update(), old.number() + 1, "a change is told before it is answered");
    let now = store.directory();
    for found in [now.agent("agt_first"), now.client("client-first"), now.agent_named("first")] {
        assert_eq!(found, Some(&made), "what is acknowledged is shown");
    }
    let suspend = AgentChanges { status: Some(AgentStatus::Suspended), ..AgentChanges::default() };
    let amended = store.write(&all_of_it(), amend("agt_first", Some(made.version), suspend)).await;
    let amended = agent_of(amended.expect("kept"));
    assert_eq!((&*amended.slug, &*amended.client_id), ("first", "client-first"), "names stay");
    assert!(!store.directory().agent("agt_first").expect("there").is_active());
    let describe = Wish::DescribeAgent {
        agent_id: "agt_first".to_owned(),
        name: "Mine".to_owned(),
        description: None,
        declared: Some(vec!["write:data".to_owned()]),
        jwks_uri: None,
    };
    let described = agent_of(store.write(&own("agt_first"), describe).await.expect("kept"));
    assert_eq!((&*described.name, described.status), ("Mine", AgentStatus::Suspended));
    assert_eq!(described.version, amended.version, "an agent cannot get in its keepers' way");
    assert!(!described.holds("write:data"), "a wish is not a grant");
    let usage = store.write(&own("agt_first"), report("agt_first", 5, None)).await.expect("kept");
    assert_eq!(usage, Done::Usage(5));
    let remove = || Wish::RemoveAgent { agent_id: "agt_first".to_owned(), version: None };
    store.write(&all_of_it(), remove()).await.expect("removed");
    let gone = store.directory();
    assert!(gone.agent("agt_first").is_none() && gone.client("client-first").is_none());
    assert!(gone.agent_named("first").is_none() && gone.usage("agt_first").is_none());
    let again = store.write(&all_of_it(), remove()).await;
    assert!(matches!(again, Err(StoreError::Absent(_))), "nothing to remove");
    let heir = store.write(&all_of_it(), create("first")).await;
    assert!(matches!(heir, Err(StoreError::Taken(_))), "a slug is never given again");
    let absent = store.write(&own("agt_first"), report("agt_first", 1, None)).await;
    assert!(matches!(absent, Err(StoreError::Absent(_))), "nobody to count for");
    assert_eq!(store.directory().number(), gone.number(), "a refused wish is no change");
}

async fn gives_names_once(store: &dyn DirectoryStore) {
    store.write(&all_of_it(), create("a")).await.expect("kept");
    let mut same_id = agent("b");
    same_id.agent_id = "agt_a".to_owned();
    let mut same_client = agent("b");
    same_client.client_id = "client-a".to_owned();
    let mut same_slug = agent("b");
    same_slug.slug = "a".to_owned();
    for (wrong, name) in [(same_id, "agt_a"), (same_client, "client-a"), (same_slug, "a")] {
        let taken = store.write(&all_of_it(), Wish::CreateAgent { agent: Box::new(wrong) }).await;
        assert!(matches!(&taken, Err(StoreError::Taken(taken)) if taken == name), "{taken:?}");
    }
    let kept = kept_of_two(store, create("twin"), create("twin")).await;
    assert_eq!(kept, 1, "of two who want one name one gets it");
}

async fn gives_target_names_once(store: &dyn DirectoryStore) {
    let kept = target_of(store.write(&all_of_it(), create_target(target("t"))).await.expect("kept"));
    let now = store.directory();
    for name in ["https://t.example/mcp", "urn:mcp:t", "mcp_t"] {
        assert_eq!(now.target(name), Some(&kept), "a target is found by {name}");
    }
    assert_eq!(now.target_named("t"), Some(&kept));
    let wrong = |change: &dyn Fn(&mut McpTarget)| {
        let mut target = target("u");
        change(&mut target);
        target
    };
    for (wrong, name) in [
        (wrong(&|target| target.id = "mcp_t".into()), "mcp_t"),
        (wrong(&|target| target.slug = "t".into()), "t"),
        (wrong(&|target| target.resource_uri = "https://t.example/mcp".into()), "https://t.example/mcp"),
        (wrong(&|target| target.resource_uri = "urn:mcp:t".into()), "urn:mcp:t"),
        (wrong(&|target| target.aliases = vec!["urn:mcp:t".into()]), "urn:mcp:t"),
        (wrong(&|target| target.aliases = vec!["https://t.example/mcp".into()]), "https://t.example/mcp"),
        (wrong(&|target| target.aliases = vec!["urn:new".into(), "mcp_t".into()]), "mcp_t"),
    ] {
        let taken = store.write(&all_of_it(), create_target(wrong)).await;
        assert!(matches!(&taken, Err(StoreError::Taken(taken)) if taken == name), "{name}: {taken:?}");
    }
    let second = target_of(store.write(&all_of_it(), create_target(target("u"))).await.expect("kept"));
    let mut greedy = target("u");
    greedy.aliases.push("urn:mcp:t".to_owned());
    let greedy = amend_target(greedy, second.version);
    assert!(matches!(store.write(&all_of_it(), greedy).await, Err(StoreError::Taken(_))));
    assert_eq!(store.directory().target("urn:mcp:t"), Some(&kept), "a refusal changes nothing");
    let mut moved = target("u");
    moved.aliases = vec!["urn:mcp:moved".to_owned()];
    let moved = amend_target(moved, second.version);
    let moved = target_of(store.write(&all_of_it(), moved).await.expect("kept"));
    let now = store.directory();
    assert!(now.target("urn:mcp:u").is_none(), "a name that was given up leads nowhere");
    assert_eq!(now.target("urn:mcp:moved"), Some(&moved));
    let remove = || Wish::RemoveTarget { id: "mcp_u".to_owned(), version: None };
    store.write(&all_of_it(), remove()).await.expect("removed");
    assert!(matches!(store.write(&all_of_it(), remove()).await, Err(StoreError::Absent(_))));
    assert!(store.directory().target("urn:mcp:moved").is_none());
    store.write(&all_of_it(), create_target(target("u"))).await.expect("its names are free again");
}

async fn refuses_what_is_stale(store: &dyn DirectoryStore) {
    let held = store.directory().agent("agt_a").expect("there").version;
    let replace = |version| {
        let changes = AgentChanges { name: Some(format!("{version} again")), ..AgentChanges::default() };
        amend("agt_a", Some(version), changes)
    };
    let kept = kept_of_two(store, replace(held), replace(held)).await;
    assert_eq!(kept, 1, "a lost update is refused");
    let now = store.directory().agent("agt_a").expect("there").version;
    let stale = store.write(&all_of_it(), replace(held)).await;
    assert!(
        matches!(&stale, Err(StoreError::Changed { current, .. }) if *current == now.to_string()),
        "and the version it has now is named: {stale:?}"
    );
    let held = store.directory().target("mcp_t").expect("there").version;
    let stale = amend_target(target("t"), held - 1);
    assert!(matches!(store.write(&all_of_it(), stale).await, Err(StoreError::Changed { .. })));
    let absent = amend("agt_nobody", None, AgentChanges::default());
    assert!(matches!(store.write(&all_of_it(), absent).await, Err(StoreError::Absent(_))));
    let absent = amend_target(target("nothing"), held);
    assert!(matches!(store.write(&all_of_it(), absent).await, Err(StoreError::Absent(_))));
}

async fn asks_for_the_right_permit(store: &dyn DirectoryStore) {
    let before = store.directory().number();
    for wish in [
        create("c"),
        amend("agt_a", None, AgentChanges { name: Some("c".to_owned()), ..AgentChanges::default() }),
        Wish::RemoveAgent { agent_id: "agt_a".to_owned(), version: None },
        set_usage("agt_a", 0),
        create_target(target("c")),
        Wish::RemoveTarget { id: "mcp_t".to_owned(), version: None },
        Wish::SetAdminKey { hash: "00".to_owned(), before: None },
        report("agt_twin", 1, None),
        revoke("agt_twin", "x", MIDNIGHT + DAY),
    ] {
        let refused = store.write(&own("agt_a"), wish.clone()).await;
        assert!(matches!(refused, Err(StoreError::WrongPermit)), "an agent may do what is its own: {wish:?}");
    }
    assert_eq!(store.directory().number(), before);
    store.write(&all_of_it(), report("agt_a", 0, None)).await.expect("a permit for everything opens it too");
}

/// 64 at once, each with reports of its own, reports that others make as well, and such as nobody can know.
async fn counts_to_the_token(store: &Arc<dyn DirectoryStore>) {
    let before = used(&store.directory(), "agt_a", MIDNIGHT + 3600);
    let tasks = (0..64_u64).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for turn in 0..10 {
                let (own_run, shared_run) = (format!("run-{task}-{turn}"), format!("shared-{turn}"));
                for (tokens, run) in
                    [(task, None), (100, Some(&*own_run)), (100, Some(&*own_run)), (7, Some(&*shared_run))]
                {
                    let done = store.write(&own("agt_a"), report("agt_a", tokens, run)).await;
                    let Ok(Done::Usage(today)) = done else { panic!("{done:?}") };
                    let shown = used(&store.directory(), "agt_a", MIDNIGHT + 3600);
                    assert!(shown >= today, "what is acknowledged is shown");
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("every report is kept");
    }
    let expected = before + 10 * (0..64).sum::<u64>() + 64 * 10 * 100 + 10 * 7;
    let now = store.directory();
    assert_eq!(used(&now, "agt_a", MIDNIGHT + 3600), expected, "to the token; a repeated run counts once");
    let number = now.number();
    let again = store.write(&own("agt_a"), report("agt_a", 100, Some("run-1-1"))).await.expect("answered");
    assert_eq!(again, Done::Usage(expected));
    assert_eq!(store.directory().number(), number, "what changes nothing is no change");
}

async fn counts_by_days(store: &dyn DirectoryStore, now: &AtomicU64) {
    let set = |tokens| set_usage("agt_a", tokens);
    let counted = async |tokens, run| store.write(&own("agt_a"), report("agt_a", tokens, run)).await;
    let midnight = MIDNIGHT + DAY;
    now.store(midnight - 1, Ordering::Relaxed);
    store.write(&all_of_it(), set(10)).await.expect("set");
    assert_eq!(used(&store.directory(), "agt_a", midnight - 1), 10);
    assert_eq!(counted(5, Some("late")).await.expect("kept"), Done::Usage(15), "the last second of a day");
    now.store(midnight, Ordering::Relaxed);
    assert_eq!(used(&store.directory(), "agt_a", midnight), 0, "a day begins at 00:00 UTC with nothing");
    assert_eq!(counted(5, Some("late")).await.expect("answered"), Done::Usage(0), "a repeat over midnight");
    assert_eq!(counted(2, None).await.expect("kept"), Done::Usage(2));
    assert_eq!(used(&store.directory(), "agt_a", midnight - 1), 15, "yesterday stays");
    store.write(&all_of_it(), set(0)).await.expect("set");
    assert_eq!(used(&store.directory(), "agt_a", midnight), 0, "and today can be reset");
}

async fn swaps_the_key(store: &dyn DirectoryStore) {
    let set = |hash: &str, before: Option<&str>| Wish::SetAdminKey {
        hash: hash.to_owned(),
        before: before.map(str::to_owned),
    };
    assert_eq!(store.directory().admin_key(), None);
    let kept = kept_of_two(store, set("one", None), set("one", None)).await;
    assert_eq!(kept, 1, "the first key is made once");
    let stale = store.write(&all_of_it(), set("two", Some("another"))).await;
    assert!(matches!(&stale, Err(StoreError::Changed { .. })), "only whoever knows it changes it");
    let said = stale.expect_err("refused").to_string();
    assert!(!said.contains("one") && !said.contains("two"), "no refusal names a key: {said}");
    store.write(&all_of_it(), set("two", Some("one"))).await.expect("kept");
    assert_eq!(store.directory().admin_key(), Some("two"));
}

async fn bumps_rights(store: &dyn DirectoryStore, rights: &AtomicU64) {
    let groups = |name: &str| {
        let changes = AgentChanges { groups: Some(vec![name.to_owned()]), ..AgentChanges::default() };
        amend("agt_a", None, changes)
    };
    let soon = MIDNIGHT + 3 * DAY;
    for (wish, bump) in [
        (create("r"), 0),
        (report("agt_r", 5, None), 0),
        (set_usage("agt_r", 0), 0),
        (create_target(target("r")), 0),
        (Wish::RemoveTarget { id: "mcp_r".to_owned(), version: None }, 0),
        (groups("one"), 1),
        (groups("one"), 0),
        (groups("two"), 1),
        (revoke("agt_r", "kept", soon), 0),
        (revoke("agt_r", "kept", soon), 0),
        (Wish::RemoveAgent { agent_id: "agt_r".to_owned(), version: None }, 1),
        (Wish::RemoveAgent { agent_id: "agt_r".to_owned(), version: None }, 0),
    ] {
        let before = rights.load(Ordering::Acquire);
        let _ = store.write(&all_of_it(), wish.clone()).await;
        assert_eq!(rights.load(Ordering::Acquire) - before, bump, "{wish:?}");
    }
    assert!(store.directory().is_revoked("kept") && !store.directory().is_revoked("other"));
}

/// A caller who goes away in the middle of his write must harm nobody else's.
async fn callers_who_hang_up(store: &Arc<dyn DirectoryStore>) {
    store.write(&all_of_it(), create("h")).await.expect("kept");
    for turn in 0..50 {
        let leaving = tokio::spawn({
            let store = store.clone();
            async move { store.write(&own("agt_h"), report("agt_h", 1000, None)).await.is_ok() }
        });
        if turn % 2 == 0 {
            tokio::task::yield_now().await;
        }
        leaving.abort();
        store.write(&own("agt_h"), report("agt_h", 1, None)).await.expect("kept all the same");
        let _ = leaving.await;
    }
    // A last write shows that all others are over.
    store.write(&own("agt_h"), report("agt_h", 0, None)).await.expect("kept");
    let all = store.directory().usage("agt_h").expect("used").days().map(|(_, day)| day.tokens).sum::<u64>();
    assert_eq!(all % 1000, 50, "every acknowledged report is there, and the others whole or not: {all}");
}

/// How many of two wishes of one moment come true.
async fn kept_of_two(store: &dyn DirectoryStore, one: Wish, other: Wish) -> usize {
    let permit = all_of_it();
    let (one, other) = tokio::join!(store.write(&permit, one), store.write(&permit, other));
    usize::from(one.is_ok()) + usize::from(other.is_ok())
}

fn amend(agent_id: &str, version: Option<u64>, changes: AgentChanges) -> Wish {
    Wish::AmendAgent { agent_id: agent_id.to_owned(), version, changes: Box::new(changes) }
}

fn set_usage(agent_id: &str, tokens: u64) -> Wish {
    let changes = AgentChanges { tokens_used_today: Some(tokens), ..AgentChanges::default() };
    amend(agent_id, None, changes)
}

fn amend_target(described: McpTarget, version: u64) -> Wish {
    let id = described.id.clone();
    let described = Some(Box::new(described));
    Wish::AmendTarget { id, version: Some(version), described, introspection_hash: None }
}

fn revoke(client_id: &str, jti: &str, expires_at: u64) -> Wish {
    Wish::Revoke { client_id: client_id.to_owned(), jti: jti.to_owned(), expires_at }
}

fn used(directory: &Directory, agent_id: &str, now: u64) -> u64 {
    directory.tokens_used(agent_id, now)
}
