//! One suite for every store: what the trait promises, tried.
//!
//! A store's own tests call [`all`] with a way to open it anew; opening it again must
//! show everything that was acknowledged before.

use std::future::Future;
use std::sync::Arc;

use access::{Action, Permit, Policy, Principal, Resource, ScopeSet, Visibility};
use catalog::{AgentEntry, EntryPath};
use serde_json::json;

use crate::{AgentStore, StoreError};

/// Runs the whole suite. `open` opens the same store again and again; the one opened
/// before is dropped first.
///
/// # Panics
/// Where the store breaks a promise, with the promise as the message.
pub async fn all<S, O, F>(open: O)
where
    S: AgentStore + 'static,
    O: Fn() -> F,
    F: Future<Output = S>,
{
    let store = open().await;
    keeps_and_finds(&store).await;
    refuses_what_is_stale(&store).await;
    asks_for_the_right_permit(&store).await;
    let store = concurrent_writers(store).await;
    let store = callers_who_hang_up(store).await;
    let before: Vec<String> = store.catalogue().iter().map(|entry| entry.json().to_string()).collect();
    drop(store);
    let store = open().await;
    let after: Vec<String> = store.catalogue().iter().map(|entry| entry.json().to_string()).collect();
    assert_eq!(before, after, "what was acknowledged is there after opening again");
}

async fn keeps_and_finds<S: AgentStore>(store: &S) {
    let old = store.catalogue();
    let kept = store.insert(&permit(Action::PublishAgent, "/b"), entry("/b", "first")).await.expect("kept");
    store.insert(&permit(Action::PublishAgent, "/a"), entry("/a", "other")).await.expect("kept");
    assert!(old.is_empty(), "a picture does not change under its reader");
    let now = store.catalogue();
    let paths: Vec<&str> = now.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["/a", "/b"], "in the order of paths");
    assert_eq!(now.get(&path("/b")).map(|entry| entry.etag.as_str()), Some(kept.etag.as_str()));
    let again = store.insert(&permit(Action::PublishAgent, "/b"), entry("/b", "second")).await;
    assert!(matches!(again, Err(StoreError::Taken(_))), "a path is taken once");
    assert_eq!(store.catalogue().get(&path("/b")).expect("there").description, "first");
}

async fn refuses_what_is_stale<S: AgentStore>(store: &S) {
    let first = store.catalogue().get(&path("/b")).expect("there").etag.clone();
    let modify = permit(Action::ModifyAgent, "/b");
    let second = store.replace(&modify, &first, entry("/b", "second")).await.expect("replaced").etag.clone();
    let stale = store.replace(&modify, &first, entry("/b", "third")).await;
    assert!(
        matches!(stale, Err(StoreError::Changed { current, .. }) if current == second),
        "lost update refused"
    );
    let delete = permit(Action::DeleteAgent, "/b");
    let stale = store.remove(&delete, &first, &path("/b")).await;
    assert!(matches!(stale, Err(StoreError::Changed { .. })), "a stale delete is refused");
    store.remove(&delete, &second, &path("/b")).await.expect("removed");
    assert!(store.catalogue().get(&path("/b")).is_none());
    let gone = store.remove(&delete, &second, &path("/b")).await;
    assert!(matches!(gone, Err(StoreError::Absent(_))), "nothing to remove");
    let gone = store.replace(&modify, &second, entry("/b", "x")).await;
    assert!(matches!(gone, Err(StoreError::Absent(_))), "nothing to replace");
}

async fn asks_for_the_right_permit<S: AgentStore>(store: &S) {
    for wrong in [permit(Action::PublishAgent, "/other"), permit(Action::ModifyAgent, "/c")] {
        let refused = store.insert(&wrong, entry("/c", "x")).await;
        assert!(matches!(refused, Err(StoreError::WrongPermit)), "a permit is for one action on one path");
    }
}

async fn concurrent_writers<S: AgentStore + 'static>(store: S) -> S {
    let store = Arc::new(store);
    let insert = |number: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            let path = format!("/w/{}", number % 20);
            store
                .insert(&permit(Action::PublishAgent, &path), entry(&path, &number.to_string()))
                .await
                .is_ok()
        })
    };
    let mut kept = 0;
    for task in (0..40).map(insert).collect::<Vec<_>>() {
        kept += usize::from(task.await.expect("no panic"));
    }
    assert_eq!(kept, 20, "of two who want one path exactly one gets it");
    let counted = store.catalogue().iter().filter(|entry| entry.path.as_str().starts_with("/w/")).count();
    assert_eq!(counted, 20);
    Arc::into_inner(store).expect("all writers are done")
}

/// A caller who goes away in the middle of his write must harm nobody else's.
async fn callers_who_hang_up<S: AgentStore + 'static>(store: S) -> S {
    let store = Arc::new(store);
    for number in 0..50 {
        let gone = format!("/gone/{number}");
        let leaving = tokio::spawn({
            let (store, path) = (store.clone(), gone.clone());
            async move { store.insert(&permit(Action::PublishAgent, &path), entry(&path, "x")).await.is_ok() }
        });
        if number % 2 == 0 {
            tokio::task::yield_now().await;
        }
        leaving.abort();
        let stays = format!("/stays/{number}");
        store
            .insert(&permit(Action::PublishAgent, &stays), entry(&stays, "x"))
            .await
            .expect("kept all the same");
        let _ = leaving.await;
    }
    // A write is whole or not there; whoever was told yes is there. A last write shows that all others are over.
    store.insert(&permit(Action::PublishAgent, "/last"), entry("/last", "x")).await.expect("kept");
    let kept = store.catalogue().iter().filter(|entry| entry.path.as_str().starts_with("/stays/")).count();
    assert_eq!(kept, 50, "every acknowledged write is there");
    Arc::into_inner(store).expect("nobody else is left")
}

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).expect("a path")
}

fn entry(at: &str, description: &str) -> AgentEntry {
    let card = json!({"name": "N", "description": description, "path": at, "registered_by": "me"});
    let card = card.as_object().expect("an object").clone();
    AgentEntry::from_card(path(at), card).expect("an entry")
}

fn permit(action: Action, at: &str) -> Permit {
    let policy = Policy::parse("").expect("an empty policy");
    let admin = Principal {
        username: "me".to_owned(),
        scopes: ScopeSet::parse("a2a-agent-admin"),
        ..Principal::default()
    };
    let resource = Resource::entry(at, "me", Visibility::Public, Vec::new());
    policy.decide(&admin, action, &resource).expect("an admin may")
}
