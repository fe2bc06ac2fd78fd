//! Is the index what the stores say? Everything that is kept is compared with everything that can be found.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use search::{Filter, Progress, Scope, SearchError};

use super::document::Document;
use super::key::Key;
use super::upkeep::documents;
use super::{Index, Inner, Phase, single_threaded};

/// How often it is looked again when something was written meanwhile.
const LOOKS: usize = 5;

/// How long is waited until then.
const PAUSE: Duration = Duration::from_millis(20);
/// As the engine says it.
const NO_VECTOR: &str = "has no vector";

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How many things can be found.
    pub entries: usize,
    /// How many of them have their vector.
    pub embedded: usize,
    /// What is wrong, each a sentence; none when the index is what it should be.
    pub faults: Vec<String>,
}

impl Index {
    /// Compares the index with the stores. Vectors that are still being made are no fault. Blocks while it computes.
    pub fn check(&self) -> Checked {
        single_threaded();
        let mut checked = self.0.look();
        for _ in 1..LOOKS {
            if checked.faults.is_empty() {
                break;
            }
            // Perhaps it was looked at between a write and its indexing: what is wrong stays wrong.
            std::thread::sleep(PAUSE);
            let again = self.0.look();
            let stays = |fault: &String| again.faults.contains(fault);
            checked = Checked { faults: checked.faults.into_iter().filter(stays).collect(), ..again };
        }
        checked
    }
}

impl Inner {
    fn look(&self) -> Checked {
        let mut faults = Vec::new();
        let due_before = self.due();
        let documents = documents(&self.agents.catalogue(), &self.servers.catalogue());
        let held = self.held().unwrap_or_else(|fault| {
            faults.push(format!("the index does not answer: {fault}"));
            HashMap::new()
        });
        let mut kept = HashSet::new();
        let mut without = Vec::new();
        for document in &documents {
            let key = document.key();
            let spelled = key.spelled();
            let fault = document.with_text(|text| self.engine.fault(&spelled, text));
            if fault == Some(NO_VECTOR) {
                without.push(format!("{key} {NO_VECTOR}"));
            } else if let Some(fault) = fault {
                faults.push(format!("{key} {fault}"));
            } else if !held.get(&key).is_some_and(|held| held.is(document)) {
                faults.push(format!("{key} is decided about by an earlier state of it"));
            }
            kept.insert(spelled);
        }
        let nobodys = self.engine.keys().into_iter().filter(|key| !kept.contains(key));
        faults.extend(nobodys.map(|key| match Key::read(&key) {
            Some(key) => format!("{key} is in the index and not in the store"),
            None => format!("{key:?} is in the index and names nothing"),
        }));
        let Progress { entries, embedded } = self.engine.progress();
        if entries != kept.len() {
            faults.push(format!("{entries} entries are in the index, and {} in the store", kept.len()));
        }
        if due_before == 0 && self.due() == 0 && matches!(**self.phase.load(), Phase::Ready) {
            faults.append(&mut without);
            if embedded != entries {
                faults.push(format!("{embedded} of {entries} entries have a vector"));
            }
        }
        Checked { entries, embedded, faults }
    }

    /// By what searches decide, of each thing: what the filter inside a search is shown.
    fn held(&self) -> Result<HashMap<Key, Document>, SearchError> {
        let held = Mutex::new(HashMap::new());
        let note = |document: &Document| {
            if let Ok(mut held) = held.lock() {
                held.insert(document.key(), document.clone());
            }
            false
        };
        let everything = |_: &Document| true;
        let filter = Some(Filter { name: None, admits: &note });
        let scope = Scope { class: "check", permitted: &everything, open: false, filter };
        self.engine.search(&*self.engine.question("check")?, &scope, 1, 0.0)?;
        Ok(held.into_inner().unwrap_or_default())
    }
}
