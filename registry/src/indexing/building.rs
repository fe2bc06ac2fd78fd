//! The vectors of everything, once there is a model: those of the last run, other replicas', and the rest made while
//! everything answers.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use search::{Embedder, Progress, SavedVectors, VectorsError};

use super::document::Document;
use super::key::Place;
use super::upkeep::{Lacking, hashes};
use super::{Inner, Phase, single_threaded};

/// How often the log says how far it is: after so many per cent, but not more often than every second, or after so long.
const STEP: usize = 10;
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(5);
/// How often what has been made is saved: that much work a kill costs at most.
const KEEP: Duration = Duration::from_secs(10);

impl Inner {
    /// Takes this embedder, and brings every vector there should be.
    pub(super) fn build(&self, embedder: Arc<dyn Embedder>) {
        let begun = Instant::now();
        let lost = self.install(embedder);
        self.unsaved.fetch_or(lost.is_some(), Ordering::AcqRel);
        self.phase.store(Arc::new(Phase::Building(lost)));
        let lacking = self.taken_over(self.lacking());
        self.embed_all(&lacking);
        // What was written meanwhile was followed; what could not be followed is looked at here.
        self.sweep();
        self.engine.cool();
        if let Some(shared) = &self.shared {
            shared.keep_only(self.engine.fingerprint(), self.engine.texts());
        }
        self.phase.store(Arc::new(Phase::Ready));
        let Progress { entries, embedded } = self.engine.progress();
        let seconds = begun.elapsed().as_secs_f64();
        tracing::info!(entries, embedded, seconds, "semantic search is ready");
        self.save();
    }

    /// Installs the embedder with the vectors of the last run. Why they are not used, if they are not.
    fn install(&self, embedder: Arc<dyn Embedder>) -> Option<String> {
        let saved = match self.vectors.as_deref().map(|file| SavedVectors::read(file, embedder.as_ref())) {
            None | Some(Err(VectorsError::Absent(_))) => Ok(None),
            Some(saved) => saved.map(Some),
        };
        let installed = match saved {
            Ok(saved) => self.engine.install(embedder, saved),
            Err(fault) => self.engine.install(embedder, None).and(Err(fault)),
        };
        let fault = installed.err()?;
        tracing::warn!(%fault, "saved vectors are not used; every text is embedded again");
        self.vectors.as_deref().map(|file| lost(file, &fault))
    }

    /// What is still lacking after other replicas' vectors are taken.
    fn taken_over(&self, lacking: Vec<(Place, Vec<Lacking>)>) -> Vec<Document> {
        let texts: Vec<_> = lacking.iter().flat_map(|(_, lacking)| hashes(lacking)).collect();
        let lacking = if self.borrow(&texts) {
            lacking.iter().flat_map(|(place, _)| self.put(place)).collect::<Vec<_>>()
        } else {
            lacking.into_iter().flat_map(|(_, lacking)| lacking).collect()
        };
        lacking.into_iter().map(|(document, _)| document).collect()
    }

    /// Makes all these vectors on all cores; who searches meanwhile shares them.
    fn embed_all(&self, lacking: &[Document]) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, told) = (AtomicUsize::new(0), Told::new(lacking.len()));
        std::thread::scope(|scope| {
            for _ in 0..cores.min(lacking.len()) {
                scope.spawn(|| {
                    single_threaded();
                    while let Some(document) = lacking.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.make(document);
                        if told.one_more() {
                            self.save();
                        }
                    }
                });
            }
        });
    }

    /// Saves vectors that are not on the disk yet.
    pub(super) fn save(&self) {
        let Some(file) = self.vectors.as_deref().filter(|_| self.engine.has_model()) else { return };
        // One after the other: the older state must not come last.
        let _turn = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.unsaved.swap(false, Ordering::AcqRel)
            && let Err(error) = self.engine.save(file)
        {
            self.unsaved.store(true, Ordering::Release);
            tracing::warn!(%error, "vectors are not saved; a restart will embed again");
        }
    }
}

/// The same for `/health`, which everybody reads: it names no folder.
fn lost(file: &Path, fault: &VectorsError) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let why = match fault {
        VectorsError::Damaged { reason, .. } => format!("is damaged ({reason})"),
        VectorsError::Foreign { .. } => "is of another model".to_owned(),
        VectorsError::Absent(_) | VectorsError::Unreadable { .. } | VectorsError::Unwritable { .. } => {
            "cannot be read".to_owned()
        }
    };
    format!("{name} {why}: every text is embedded again")
}

/// How far it is, and what the log was told of it.
struct Told {
    all: usize,
    done: AtomicUsize,
    last: Mutex<Last>,
}

struct Last {
    step: usize,
    told: Instant,
    kept: Instant,
}

impl Told {
    fn new(all: usize) -> Told {
        let now = Instant::now();
        if all > 0 {
            tracing::info!(texts = all, "embedding");
        }
        Told { all, done: AtomicUsize::new(0), last: Mutex::new(Last { step: 0, told: now, kept: now }) }
    }

    /// One more is done; whether it is time to save.
    fn one_more(&self) -> bool {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // Who finds it taken leaves it to the one who has it.
        let Ok(mut last) = self.last.try_lock() else { return false };
        let now = Instant::now();
        let (step, since) = (done * 100 / self.all.max(1) / STEP, now - last.told);
        if since >= PAUSE || (step > last.step && since >= LEAST_PAUSE) {
            tracing::info!(done, texts = self.all, percent = done * 100 / self.all.max(1), "embedding");
            (last.step, last.told) = (step, now);
        }
        let is_time = now - last.kept >= KEEP;
        if is_time {
            last.kept = now;
        }
        is_time
    }
}
