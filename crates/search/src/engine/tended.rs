//! The graph of a big catalogue: built when nobody waits, and caught up before anybody does.

use std::sync::atomic::Ordering;

use super::Engine;
use crate::rows::{Graph, Stamp};

/// How often a new graph catches up with what changes meanwhile, each time with less, before it is taken over.
const CATCHING_UP: usize = 3;

impl<F> Engine<F> {
    /// Builds the graph of a catalogue that is big, if it has none, or one of which much has changed: a minute for
    /// 100,000 entries, which holds up no one else. Call it now and then, when nobody waits. Where a graph would not
    /// find what scans find, there is none until the catalogue has doubled.
    pub fn tend(&self) {
        if !self.wants_graph() || self.building.swap(true, Ordering::Acquire) {
            return;
        }
        let (matrix, stamps) = self.read().rows.for_graph();
        match Graph::build(&matrix, &stamps, stamps.len() / self.limits.rows_per_node) {
            Ok(Some(graph)) => self.adopt(graph, stamps),
            Ok(None) => {
                tracing::info!(
                    entries = stamps.len(),
                    "no graph of these vectors finds enough in less time than a scan; scans answer"
                );
                self.do_without(stamps.len());
            }
            Err(cause) => {
                tracing::warn!(%cause, "the search graph could not be built; scans answer");
                self.do_without(stamps.len());
            }
        }
        self.building.store(false, Ordering::Release);
    }

    /// No graph of so many entries is any good: neither is one that there was before.
    fn do_without(&self, entries: usize) {
        self.in_vain.store(entries, Ordering::Relaxed);
        self.write().rows.drop_graph();
    }

    /// Takes over a graph: most of what has changed while it was built is caught up with before anybody waits.
    fn adopt(&self, mut graph: Graph, mut stamps: Vec<Stamp>) {
        for _ in 0..CATCHING_UP {
            let (matrix, now) = self.read().rows.for_graph();
            if let Err(cause) = graph.catch_up(&matrix, &stamps, &now) {
                tracing::warn!(%cause, "the search graph is dropped; exact scans answer");
                return;
            }
            stamps = now;
        }
        self.write().rows.adopt(graph, &stamps);
    }

    fn wants_graph(&self) -> bool {
        let rows = &self.read().rows;
        let least = self.limits.exact_rows.max(2 * self.in_vain.load(Ordering::Relaxed));
        rows.embedded() > least && rows.graph().is_none_or(Graph::is_worn)
    }
}
