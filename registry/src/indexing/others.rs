//! Following what other replicas write, as soon as the stores show it.
//!
//! Words, and who may find an entry, hold at once. Whoever wrote it is computing its vectors at this moment, so the
//! others wait for those a little while before they compute them themselves.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use catalog::{Entry, EntryPath};
use search::TextHash;
use store::Catalogue;

use super::key::Place;
use super::upkeep::hashes;
use super::{Due, Index, SharedVectors};

/// How long vectors are waited for that another replica should be computing.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long those of this process have who write.
const OWN_PATIENCE: Duration = Duration::from_millis(500);
/// How often they are looked for.
const PAUSE: Duration = Duration::from_millis(50);

/// A place whose vectors another replica should be computing.
struct Waiting {
    texts: Vec<TextHash>,
    deadline: Instant,
    _due: Due,
}

impl Index {
    /// Keeps the index equal to what other replicas write, and to what is written here by somebody who does not wait
    /// for his answer. Runs until its task is dropped.
    pub async fn follow_others(self) {
        let Some(shared) = self.0.shared.clone() else { return self.follow_own().await };
        let (mut agents, mut servers) = (self.0.agents.follow(), self.0.servers.follow());
        let (mut agent, mut server) = (*agents.borrow_and_update(), *servers.borrow_and_update());
        let mut waiting: HashMap<Place, Waiting> = HashMap::new();
        // What was written since the index was filled.
        self.take(self.0.stale(), &mut waiting).await;
        loop {
            let changed = tokio::select! {
                changed = agents.changed() => changed,
                changed = servers.changed() => changed,
                () = tokio::time::sleep(PAUSE), if !waiting.is_empty() => Ok(()),
            };
            if changed.is_err() {
                return;
            }
            let news = (
                since(&self.0.agents.catalogue(), &mut agent, Place::Agent),
                since(&self.0.servers.catalogue(), &mut server, Place::Server),
            );
            let news = match news {
                (Some(agents), Some(servers)) => agents.into_iter().chain(servers).collect(),
                // So much has changed that it is not remembered: look at everything.
                (None, _) | (_, None) => self.0.stale(),
            };
            self.take(news, &mut waiting).await;
            self.take_over(&shared, &mut waiting).await;
        }
    }

    /// Brings what nobody has brought: who wrote it has hung up before he could.
    async fn follow_own(self) {
        let (mut agents, mut servers) = (self.0.agents.follow(), self.0.servers.follow());
        loop {
            let changed = tokio::select! {
                changed = agents.changed() => changed,
                changed = servers.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            // Who writes brings it himself, nearly always.
            tokio::time::sleep(OWN_PATIENCE).await;
            let _ = (agents.borrow_and_update(), servers.borrow_and_update());
            let inner = self.0.clone();
            let Ok(stale) = tokio::task::spawn_blocking(move || inner.stale()).await else { continue };
            for place in stale {
                self.follow_place(place).await;
            }
        }
    }

    /// Indexes these places but for their vectors, which are waited for.
    async fn take(&self, news: Vec<Place>, waiting: &mut HashMap<Place, Waiting>) {
        if news.is_empty() {
            return;
        }
        let inner = self.0.clone();
        let put = tokio::task::spawn_blocking(move || {
            let put = news.into_iter().map(|place| (inner.put(&place), place));
            put.collect::<Vec<_>>()
        });
        let Ok(put) =
            put.await.inspect_err(|panic| tracing::error!(%panic, "not indexed; the next sweep tries again"))
        else {
            return;
        };
        for (lacking, place) in put {
            // Without a model nothing is waited for: when there is one, everything is looked at.
            if lacking.is_empty() || !self.0.engine.has_model() {
                waiting.remove(&place);
            } else {
                let deadline = Instant::now() + PATIENCE;
                waiting.insert(place, Waiting { texts: hashes(&lacking), deadline, _due: self.0.begin() });
            }
        }
    }

    /// Takes what other replicas have computed by now, and computes what was waited for too long.
    async fn take_over(&self, shared: &SharedVectors, waiting: &mut HashMap<Place, Waiting>) {
        if waiting.is_empty() {
            return;
        }
        let texts: Vec<TextHash> = waiting.values().flat_map(|waiting| &waiting.texts).copied().collect();
        let found = shared.find(self.0.engine.fingerprint(), &texts).await;
        let found_texts: HashSet<TextHash> = found.iter().map(|(text, _)| *text).collect();
        self.0.engine.lend(found);
        let (mut ready, mut late, now) = (Vec::new(), Vec::new(), Instant::now());
        waiting.retain(|place, Waiting { texts, deadline, .. }| {
            if texts.iter().all(|text| found_texts.contains(text)) {
                ready.push(place.clone());
            } else if *deadline < now {
                late.push(place.clone());
            } else {
                return true;
            }
            false
        });
        let inner = self.0.clone();
        let indexed = tokio::task::spawn_blocking(move || {
            // What has changed once more comes with the next news.
            ready.iter().for_each(|place| drop(inner.put(place)));
            inner.engine.give_back(&found_texts);
        });
        if let Err(panic) = indexed.await {
            tracing::error!(%panic, "other replicas' changes are not indexed; the next sweep tries again");
        }
        // Beside what comes in meanwhile: who may find what must not wait for vectors.
        let index = self.clone();
        tokio::spawn(async move {
            for place in late {
                index.follow_place(place).await;
            }
        });
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
