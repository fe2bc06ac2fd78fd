//! Following what other replicas write, as soon as the stores show it.
//!
//! Whoever wrote an entry is computing its vectors at this moment, so the others wait for them a little while
//! before they compute them themselves. Who may find an entry holds at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Entry, EntryPath};
use search::{Engine, TextHash};
use store::Catalogue;

use super::document::Facts;
use super::key::Place;
use super::upkeep::lacking;
use super::{Index, SharedVectors, State};

/// How long vectors are waited for that another replica should be computing.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often they are looked for.
const PAUSE: Duration = Duration::from_millis(50);

impl Index {
    /// Keeps the index equal to what other replicas write. Runs until its task is dropped; ends at once
    /// where no others are.
    pub async fn follow_others(self) {
        let Some(shared) = self.0.shared.clone() else { return };
        let (mut agents, mut servers) = (self.0.agents.follow(), self.0.servers.follow());
        let (mut agent, mut server) = (*agents.borrow_and_update(), *servers.borrow_and_update());
        let mut waiting: HashMap<Place, Instant> = HashMap::new();
        loop {
            let changed = tokio::select! {
                changed = agents.changed() => changed,
                changed = servers.changed() => changed,
                () = tokio::time::sleep(PAUSE), if !waiting.is_empty() => Ok(()),
            };
            if changed.is_err() {
                return;
            }
            // Until there is a model, the numbers stay: everything since will be looked at.
            let engine = match &**self.0.state.load() {
                State::Ready(engine) => engine.clone(),
                State::Loading | State::Off(_) => continue,
            };
            let news = (
                since(&self.0.agents.catalogue(), &mut agent, Place::Agent),
                since(&self.0.servers.catalogue(), &mut server, Place::Server),
            );
            let news = match news {
                (Some(agents), Some(servers)) => agents.into_iter().chain(servers).collect(),
                // So much has changed that it is not remembered: look at everything.
                (None, _) | (_, None) => self.0.stale(),
            };
            let deadline = Instant::now() + PATIENCE;
            waiting.extend(news.into_iter().map(|place| (place, deadline)));
            self.take_over(&engine, &shared, &mut waiting).await;
        }
    }

    /// Indexes whatever needs no computing, and what was waited for too long; the rest stays waiting.
    async fn take_over(
        &self,
        engine: &Arc<Engine<Facts>>,
        shared: &SharedVectors,
        waiting: &mut HashMap<Place, Instant>,
    ) {
        let mut wanted: Vec<(Place, Vec<TextHash>)> = Vec::new();
        for place in waiting.keys() {
            let (_, documents) = self.0.documents(place);
            let texts = lacking(engine, &documents);
            if !texts.is_empty() {
                // What was made private is not found while its vector is waited for.
                for document in documents {
                    engine.set_facts(&document.key.spelled(), document.facts);
                }
            }
            wanted.push((place.clone(), texts));
        }
        let texts: Vec<TextHash> = wanted.iter().flat_map(|(_, texts)| texts).copied().collect();
        let found = shared.find(engine.fingerprint(), &texts).await;
        let found_texts: HashSet<TextHash> = found.iter().map(|(text, _)| *text).collect();
        engine.lend(found);
        let (mut ready, mut late) = (Vec::new(), Vec::new());
        for (place, texts) in wanted {
            let deadline = waiting.get(&place).copied();
            if texts.iter().all(|text| found_texts.contains(text)) {
                waiting.remove(&place);
                ready.push(place);
            } else if deadline.is_some_and(|deadline| deadline < Instant::now()) {
                waiting.remove(&place);
                late.push(place);
            }
        }
        let (inner, ready_engine) = (self.0.clone(), engine.clone());
        let indexed = tokio::task::spawn_blocking(move || {
            ready.iter().for_each(|place| inner.index(&ready_engine, place));
            ready_engine.give_back(&found_texts);
        });
        if let Err(panic) = indexed.await {
            tracing::error!(%panic, "other replicas' changes are not indexed; the next sweep tries again");
        }
        for place in late {
            self.follow_place(place).await;
        }
    }
}

/// Where something has changed since this number, which moves on; none when that is not remembered.
fn since<E: Entry>(
    entries: &Catalogue<E>,
    number: &mut u64,
    place: impl Fn(EntryPath) -> Place,
) -> Option<Vec<Place>> {
    let before = std::mem::replace(number, entries.changes().last());
    let changes = entries.changes().since(before)?;
    Some(changes.map(|change| place(change.path.clone())).collect())
}
