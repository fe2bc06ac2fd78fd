//! The index is a moment behind the stores: nobody sees what he may not, and nobody gets less than there is.

use std::sync::Arc;

use access::Action;
use catalog::{AgentEntry, Entry as _, EntryPath};
use serde_json::json;

use super::common::{Role, World, card};
use super::{ENTITIES, all, ask, permit};

async fn replace(world: &World, path: &str, change: &[(&str, serde_json::Value)]) {
    let path = EntryPath::parse(path).expect("a path");
    let held: Arc<AgentEntry> = world.app.store.catalogue().get(&path).expect("there").clone();
    let mut card = held.card();
    change.iter().for_each(|(name, value)| drop(card.insert((*name).to_owned(), value.clone())));
    let entry = AgentEntry::from_card(path.clone(), card).expect("an agent");
    let permit = permit(world, Action::ModifyAgent, path.as_str());
    world.app.store.replace(&permit, held.etag(), entry).await.expect("kept");
}

async fn remove(world: &World, path: &str) {
    let path = EntryPath::parse(path).expect("a path");
    let etag = world.app.store.catalogue().get(&path).expect("there").etag().to_owned();
    let permit = permit(world, Action::DeleteAgent, path.as_str());
    world.app.store.remove(&permit, &etag, &path).await.expect("removed");
}

async fn found(world: &World, filter: serde_json::Value) -> Vec<String> {
    let mut body = json!({"query": "reviews python code", "max_results": 3});
    filter.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
    all(&ask(world, Role::Admin, ENTITIES, body).await["agents"], "path")
}

#[tokio::test]
async fn as_many_as_there_are_though_the_index_is_behind() {
    let world = World::new();
    for (path, description) in [
        ("/a", "Reviews Python code, Reviews Python code"),
        ("/b", "Reviews Python code"),
        ("/c", "Reviews Python scripts"),
        ("/d", "Reads Python code"),
        ("/e", "Reviews books"),
        ("/f", "Paints walls"),
    ] {
        let mut card = card(path, "Agent", description);
        card["tags"] = json!(["t"]);
        world.publish(Role::Admin, card).await;
    }
    let first = found(&world, json!({})).await;
    assert_eq!(first.len(), 3);
    // The store changes, and nobody tells the index.
    replace(&world, &first[0], &[("is_enabled", json!(false))]).await;
    remove(&world, &first[1]).await;
    let second = found(&world, json!({})).await;
    assert_eq!(second.len(), 3, "{second:?}");
    assert!(!second.contains(&first[0]) && !second.contains(&first[1]), "{second:?}");
    // The same of what a filter asks for.
    let tagged = found(&world, json!({"tags": ["t"]})).await;
    assert_eq!(tagged, second);
    replace(&world, &second[0], &[("tags", json!(["other"]))]).await;
    let tagged = found(&world, json!({"tags": ["t"]})).await;
    assert_eq!(tagged.len(), 3);
    assert!(!tagged.contains(&second[0]), "{tagged:?}");
    assert_eq!(found(&world, json!({"tags": ["other"]})).await, [&*second[0]]);
}

#[tokio::test]
async fn who_may_no_longer_see_it_does_not_and_gets_the_next_one() {
    let world = World::new();
    for path in ["/code-reviewer", "/test-automation"] {
        world.publish(Role::Admin, card(path, "Agent", "Reviews Python code")).await;
    }
    let body = json!({"query": "reviews python code", "max_results": 1});
    let best = all(&ask(&world, Role::Lob1, ENTITIES, body.clone()).await["agents"], "path").concat();
    assert_eq!(best, "/code-reviewer");
    replace(&world, "/code-reviewer", &[("visibility", json!("private"))]).await;
    let next = all(&ask(&world, Role::Lob1, ENTITIES, body).await["agents"], "path").concat();
    assert_eq!(next, "/test-automation");
}

/// Who writes and hangs up before he is answered brings nothing to the index: it comes by itself.
#[tokio::test]
async fn what_nobody_brought_comes() {
    let world = World::new();
    world.publish(Role::Admin, card("/a", "Agent", "Reviews Python code")).await;
    let following = tokio::spawn(world.app.index.clone().follow_others());
    tokio::task::yield_now().await;
    replace(&world, "/a", &[("description", json!("Plays the bassoon"))]).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !world.app.index.check().faults.is_empty() {
        assert!(std::time::Instant::now() < deadline, "{:?}", world.app.index.check().faults);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    following.abort();
}
