//! One suite for every store and every kind of entry: what the trait promises, tried.
//!
//! A store's own tests call [`all`] with a way to open it anew; opening it again must
//! show everything that was acknowledged before.

use std::future::Future;
use std::sync::Arc;

use access::{Permit, Policy, Principal, Resource, ScopeSet, Visibility};
use catalog::{AgentEntry, Entry, EntryPath, ServerEntry, WriteKind};
use serde_json::{Map, Value, json};

use crate::{Change, EntryStore, StoreError, What};

/// Runs the whole suite. `open` opens the same store again and again; the one opened
/// before is dropped first.
///
/// # Panics
/// Where the store breaks a promise, with the promise as the message.
pub async fn all<E, S, O, F>(open: O)
where
    E: Specimen,
    S: EntryStore<E> + 'static,
    O: Fn() -> F,
    F: Future<Output = S>,
{
    let store = open().await;
    keeps_and_finds(&store).await;
    refuses_what_is_stale(&store).await;
    asks_for_the_right_permit(&store).await;
    numbers_and_remembers(&store).await;
    let store = concurrent_writers(store).await;
    let store = callers_who_hang_up(store).await;
    let before = picture(&store);
    drop(store);
    let store = open().await;
    assert_eq!(picture(&store), before, "what was acknowledged is there after opening again");
    store.close().await;
    let late = store.insert(&permit::<E>(WriteKind::Insert, "/late"), entry("/late", "x")).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "a closed store takes nothing");
    drop(store);
    let store = open().await;
    assert_eq!(picture(&store), before, "nor does a good end lose anything");
    let last = store.catalogue().changes().last();
    store.insert(&permit::<E>(WriteKind::Insert, "/again"), entry("/again", "x")).await.expect("kept");
    let numbers: Vec<u64> =
        store.catalogue().changes().since(last).expect("known").map(|change| change.number).collect();
    assert_eq!(numbers, [last + 1], "numbers go on where they were");
}

async fn keeps_and_finds<E: Specimen, S: EntryStore<E>>(store: &S) {
    let old = store.catalogue();
    let kept = store.insert(&permit::<E>(WriteKind::Insert, "/b"), entry("/b", "first")).await.expect("kept");
    store.insert(&permit::<E>(WriteKind::Insert, "/a"), entry("/a", "other")).await.expect("kept");
    assert!(old.is_empty(), "a picture does not change under its reader");
    let now = store.catalogue();
    let paths: Vec<&str> = now.iter().map(|entry| entry.path().as_str()).collect();
    assert_eq!(paths, ["/a", "/b"], "in the order of paths");
    assert_eq!(now.get(&path("/b")).map(|entry| entry.etag()), Some(kept.etag()));
    let again = store.insert(&permit::<E>(WriteKind::Insert, "/b"), entry("/b", "second")).await;
    assert!(matches!(again, Err(StoreError::Taken(_))), "a path is taken once");
    assert_eq!(store.catalogue().get(&path("/b")).expect("there").json(), kept.json());
}

async fn refuses_what_is_stale<E: Specimen, S: EntryStore<E>>(store: &S) {
    let first = store.catalogue().get(&path("/b")).expect("there").etag().to_owned();
    let modify = permit::<E>(WriteKind::Replace, "/b");
    let second =
        store.replace(&modify, &first, entry("/b", "second")).await.expect("replaced").etag().to_owned();
    let stale = store.replace(&modify, &first, entry("/b", "third")).await;
    assert!(
        matches!(stale, Err(StoreError::Changed { current, .. }) if current == second),
        "lost update refused"
    );
    let delete = permit::<E>(WriteKind::Remove, "/b");
    let stale = store.remove(&delete, &first, &path("/b")).await;
    assert!(matches!(stale, Err(StoreError::Changed { .. })), "a stale delete is refused");
    store.remove(&delete, &second, &path("/b")).await.expect("removed");
    assert!(store.catalogue().get(&path("/b")).is_none());
    let gone = store.remove(&delete, &second, &path("/b")).await;
    assert!(matches!(gone, Err(StoreError::Absent(_))), "nothing to remove");
    let gone = store.replace(&modify, &second, entry("/b", "x")).await;
    assert!(matches!(gone, Err(StoreError::Absent(_))), "nothing to replace");
}

async fn asks_for_the_right_permit<E: Specimen, S: EntryStore<E>>(store: &S) {
    for wrong in [permit::<E>(WriteKind::Insert, "/other"), permit::<E>(WriteKind::Replace, "/c")] {
        let refused = store.insert(&wrong, entry("/c", "x")).await;
        assert!(matches!(refused, Err(StoreError::WrongPermit)), "a permit is for one action on one path");
    }
}

/// What a later process must find: the cards, and the changes with their authors.
fn picture<E: Specimen, S: EntryStore<E>>(store: &S) -> (Vec<String>, Vec<String>) {
    let catalogue = store.catalogue();
    let told = |change: &Arc<Change>| {
        format!("{} {} {} {} {:?}", change.number, change.by, change.what.name(), change.path, change.fields)
    };
    let cards = catalogue.iter().map(|entry| entry.json().to_string()).collect();
    (cards, catalogue.changes().iter().map(told).collect())
}

async fn numbers_and_remembers<E: Specimen, S: EntryStore<E>>(store: &S) {
    let mut latest = store.follow();
    let begin = store.catalogue().changes().last();
    assert_eq!(*latest.borrow_and_update(), begin);
    let publish = permit::<E>(WriteKind::Insert, "/h");
    let first = store.insert(&publish, entry("/h", "one")).await.expect("kept");
    let modify = permit::<E>(WriteKind::Replace, "/h");
    let second = store.replace(&modify, first.etag(), entry("/h", "two")).await.expect("replaced");
    let enabled = toggled(&*second);
    let third = store.replace(&modify, second.etag(), enabled).await.expect("toggled");
    let fourth = store.replace(&modify, third.etag(), hidden::<E>("/h")).await.expect("hidden");
    let refused = store.replace(&modify, third.etag(), entry("/h", "three")).await;
    assert!(refused.is_err(), "a refused write is no change");
    store.remove(&permit::<E>(WriteKind::Remove, "/h"), fourth.etag(), &path("/h")).await.expect("removed");
    assert_eq!(*latest.borrow_and_update(), begin + 5, "each change has the next number");
    let catalogue = store.catalogue();
    let told: Vec<_> = catalogue.changes().since(begin).expect("remembered").collect();
    let whats: Vec<What> = told.iter().map(|change| change.what).collect();
    assert_eq!(whats, [What::Registered, What::Updated, What::Enabled, What::Updated, What::Removed]);
    assert_eq!(told[1].fields, ["description"]);
    assert!(told.iter().all(|change| change.by == "me" && change.client_id.as_deref() == Some("my-client")));
    let sights: Vec<(Option<Visibility>, Option<Visibility>)> =
        told.iter().map(|change| (sight(&change.before), sight(&change.after))).collect();
    let (public, hidden) = (Some(Visibility::Public), sight(&Some(hidden::<E>("/h").resource().clone())));
    assert_eq!(
        sights,
        [(None, public), (public, public), (public, public), (public, hidden), (hidden, None)],
        "who could see it, before and after"
    );
    let history: Vec<u64> = catalogue.changes().of(&path("/h")).map(|change| change.number).collect();
    assert_eq!(history, (begin + 1..=begin + 5).rev().collect::<Vec<u64>>(), "the latest first");
    assert!(catalogue.changes().since(begin + 6).is_none(), "the future is not known");
}

fn sight(resource: &Option<Arc<Resource>>) -> Option<Visibility> {
    Some(resource.as_ref()?.sight()?.1)
}

async fn concurrent_writers<E: Specimen, S: EntryStore<E> + 'static>(store: S) -> S {
    let store = Arc::new(store);
    let insert = |number: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            let path = format!("/w-{}", number % 20);
            store
                .insert(&permit::<E>(WriteKind::Insert, &path), entry(&path, &number.to_string()))
                .await
                .is_ok()
        })
    };
    let mut kept = 0;
    for task in (0..40).map(insert).collect::<Vec<_>>() {
        kept += usize::from(task.await.expect("no panic"));
    }
    assert_eq!(kept, 20, "of two who want one path exactly one gets it");
    let counted = store.catalogue().iter().filter(|entry| entry.path().as_str().starts_with("/w-")).count();
    assert_eq!(counted, 20);
    Arc::into_inner(store).expect("all writers are done")
}

/// A caller who goes away in the middle of his write must harm nobody else's.
async fn callers_who_hang_up<E: Specimen, S: EntryStore<E> + 'static>(store: S) -> S {
    let store = Arc::new(store);
    for number in 0..50 {
        let gone = format!("/gone-{number}");
        let leaving = tokio::spawn({
            let (store, path) = (store.clone(), gone.clone());
            async move { store.insert(&permit::<E>(WriteKind::Insert, &path), entry(&path, "x")).await.is_ok() }
        });
        if number % 2 == 0 {
            tokio::task::yield_now().await;
        }
        leaving.abort();
        let stays = format!("/stays-{number}");
        store
            .insert(&permit::<E>(WriteKind::Insert, &stays), entry(&stays, "x"))
            .await
            .expect("kept all the same");
        let _ = leaving.await;
    }
    // A write is whole or not there; whoever was told yes is there. A last write shows that all others are over.
    store.insert(&permit::<E>(WriteKind::Insert, "/last"), entry("/last", "x")).await.expect("kept");
    let kept = store.catalogue().iter().filter(|entry| entry.path().as_str().starts_with("/stays-")).count();
    assert_eq!(kept, 50, "every acknowledged write is there");
    Arc::into_inner(store).expect("nobody else is left")
}

/// A path.
///
/// # Panics
/// When it is none.
pub fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).expect("a path")
}

/// What the suite must know of a kind to make entries of it.
pub trait Specimen: Entry {
    /// A scope that grants every write of this kind everywhere, and the policy that says so.
    const MASTER: (&'static str, &'static str);

    /// What a card must say beside its path, its description and its registrant.
    fn basics() -> Map<String, Value>;
}

impl Specimen for AgentEntry {
    const MASTER: (&'static str, &'static str) = ("a2a-agent-admin", "");

    fn basics() -> Map<String, Value> {
        Map::from_iter([("name".to_owned(), json!("N"))])
    }
}

impl Specimen for ServerEntry {
    const MASTER: (&'static str, &'static str) = (
        "master",
        "UI-Scopes:\n  master:\n    register_service:\n      - all\n    modify_service:\n      - all\n",
    );

    fn basics() -> Map<String, Value> {
        let upstream = json!("http://127.0.0.1:9/mcp");
        Map::from_iter([("server_name".to_owned(), json!("N")), ("proxy_pass_url".to_owned(), upstream)])
    }
}

fn with<E: Specimen>(at: &str, name: &str, value: Value) -> E {
    let mut card = E::basics();
    for (name, value) in [("path", json!(at)), ("registered_by", json!("me")), (name, value)] {
        card.insert(name.to_owned(), value);
    }
    E::from_card(path(at), card).expect("an entry")
}

/// A small entry.
///
/// # Panics
/// When its kind cannot live there.
pub fn entry<E: Specimen>(at: &str, description: &str) -> E {
    with(at, "description", json!(description))
}

/// One that fewer may see, where its kind knows of such.
fn hidden<E: Specimen>(at: &str) -> E {
    with(at, "visibility", json!("private"))
}

fn toggled<E: Specimen>(entry: &E) -> E {
    let mut card = entry.card();
    card.insert("is_enabled".to_owned(), json!(!entry.enabled()));
    E::from_card(entry.path().clone(), card).expect("an entry")
}

/// A permit for one write, given to `me`.
///
/// # Panics
/// Never: who it is given to may do everything.
pub fn permit<E: Specimen>(write: WriteKind, at: &str) -> Permit {
    let (scope, policy) = E::MASTER;
    let policy = Policy::parse(policy).expect("a policy");
    let master = Principal {
        username: "me".to_owned(),
        client_id: Some("my-client".to_owned()),
        scopes: ScopeSet::parse(scope),
        ..Principal::default()
    };
    let place = path(at);
    let resource = Resource::entry(E::policy_name(&place), "me", Visibility::Public, Vec::new());
    policy.decide(&master, E::actions(write)[0], &resource).expect("who may do everything may do this")
}
