//! Following what other replicas write, as soon as the store shows it.
//!
//! Whoever wrote an entry is computing its vector at this moment, so the others wait for it a little while
//! before they compute it themselves. Who may find an entry holds at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::Resource;
use catalog::{AgentEntry, EntryPath};
use search::{Engine, TextHash};

use super::{Facts, Index, SharedVectors, State};

/// How long a vector is waited for that another replica should be computing.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked for.
const PAUSE: Duration = Duration::from_millis(50);

impl Facts {
    pub(super) fn of(entry: &AgentEntry) -> Facts {
        let resource: Arc<Resource> = entry.resource.clone();
        Facts { resource, enabled: entry.enabled }
    }
}

impl Index {
    /// Keeps the index equal to what other replicas write. Runs until its task is dropped; ends at once
    /// where no others are.
    pub async fn follow_others(self) {
        let Some(shared) = self.0.shared.clone() else { return };
        let mut latest = self.0.store.follow();
        let mut number = *latest.borrow_and_update();
        let mut waiting: HashMap<EntryPath, Instant> = HashMap::new();
        loop {
            let changed = tokio::select! {
                changed = latest.changed() => changed,
                () = tokio::time::sleep(PAUSE), if !waiting.is_empty() => Ok(()),
            };
            if changed.is_err() {
                return;
            }
            // Until there is a model, the number stays: everything since will be looked at.
            let engine = match &**self.0.state.load() {
                State::Ready(engine) => engine.clone(),
                State::Loading | State::Off(_) => continue,
            };
            let catalogue = self.0.store.catalogue();
            let deadline = Instant::now() + PATIENCE;
            match catalogue.changes().since(number) {
                Some(changes) => {
                    waiting.extend(changes.map(|change| (change.path.clone(), deadline)));
                }
                None => waiting.extend(self.0.stale().into_iter().map(|path| (path, deadline))),
            }
            number = catalogue.changes().last();
            self.take_over(&engine, &shared, &mut waiting).await;
        }
    }

    /// Indexes whatever needs no computing, and what was waited for too long; the rest stays waiting.
    async fn take_over(
        &self,
        engine: &Arc<Engine<Facts>>,
        shared: &SharedVectors,
        waiting: &mut HashMap<EntryPath, Instant>,
    ) {
        let (mut ready, mut wanted) = (HashSet::new(), Vec::new());
        let catalogue = self.0.store.catalogue();
        for path in waiting.keys() {
            let lacking = catalogue.get(path).and_then(|entry| {
                let hash = engine.lacks(path.as_str(), &catalog::text::of_agent(entry))?;
                // What was made private is not found while its vector is waited for.
                engine.set_facts(path.as_str(), Facts::of(entry));
                Some(hash)
            });
            match lacking {
                Some(hash) => wanted.push((path.clone(), hash)),
                None => {
                    ready.insert(path.clone());
                }
            }
        }
        let hashes: Vec<TextHash> = wanted.iter().map(|(_, hash)| *hash).collect();
        let found = shared.find(engine.fingerprint(), &hashes).await;
        let found_hashes: HashSet<TextHash> = found.iter().map(|(hash, _)| *hash).collect();
        engine.lend(found);
        let mut late = HashSet::new();
        for (path, hash) in wanted {
            if found_hashes.contains(&hash) {
                ready.insert(path);
            } else if waiting.get(&path).is_some_and(|deadline| *deadline < Instant::now()) {
                late.insert(path);
            }
        }
        waiting.retain(|path, _| !ready.contains(path) && !late.contains(path));
        let (inner, ready_engine) = (self.0.clone(), engine.clone());
        let indexed = tokio::task::spawn_blocking(move || {
            ready.iter().for_each(|path| inner.index(&ready_engine, path));
            ready_engine.give_back(&found_hashes);
        });
        if let Err(panic) = indexed.await {
            tracing::error!(%panic, "other replicas' changes are not indexed; the next sweep tries again");
        }
        for path in late {
            self.follow(&path).await;
        }
    }
}
