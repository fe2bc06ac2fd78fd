//! The rows of the catalogue, and the way a query takes through them.
//!
//! The filter comes first and is the boundary: a row whose predicate is false takes no part in anything.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;

use half::f16;

use crate::graph::{Graph, Stamp};
use crate::matrix::{Matrix, to_single};

/// Up to here the exact scan is quicker than a graph is worth: 20,000 rows take 0.8 ms, and 3 ms when they
/// lie scattered among 100,000, against 8 ms for the query's embedding; recall 1. The graph of 100,000 takes
/// 0.2 ms. (Release, `cargo run --release -p search --example measure`.)
const EXACT_ROWS: usize = 20_000;

/// The graph is asked when at least one row in so many is visible: rarer rows rarely are among the
/// candidates, and the exact scan would have to follow anyway.
const VISIBLE_SHARE: usize = 3;

/// Candidates asked of the graph for each wanted result, since some of them will not be permitted.
const OVER_FETCH: usize = 4;

/// Threads of the exact scan of a big catalogue.
const SCANNERS: usize = 2;

/// Thresholds of the strategy; the tests lower them to walk every branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) exact_rows: usize,
    pub(crate) visible_share: usize,
    pub(crate) over_fetch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { exact_rows: EXACT_ROWS, visible_share: VISIBLE_SHARE, over_fetch: OVER_FETCH }
    }
}

/// Which way an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Exact,
    ExactOnTwoThreads,
    Graph,
    /// The graph had too few permitted candidates, and the exact scan answered.
    GraphThenExact,
}

/// SHA-256 of a text.
pub type TextHash = [u8; 32];

pub(crate) struct Row<F> {
    pub(crate) key: Arc<str>,
    pub(crate) text: TextHash,
    pub(crate) facts: F,
    stamp: Stamp,
}

/// All rows, dense: row `i` has its facts in `rows[i]` and its vector in row `i` of the matrix.
///
/// It holds no lock: the engine changes it through `&mut` and searches it through `&`, so a search sees
/// vector and facts of one moment.
pub(crate) struct Rows<F> {
    rows: Vec<Row<F>>,
    matrix: Matrix,
    by_key: HashMap<Arc<str>, usize>,
    by_stamp: HashMap<Stamp, usize>,
    next_stamp: Stamp,
    graph: Option<Graph>,
}

impl<F> Rows<F> {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            rows: Vec::new(),
            matrix: Matrix::new(width),
            by_key: HashMap::new(),
            by_stamp: HashMap::new(),
            next_stamp: 0,
            graph: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<(&Row<F>, &[f16])> {
        self.by_key.get(key).map(|row| (&self.rows[*row], self.matrix.row(*row)))
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Row<F>> {
        self.by_key.get(key).map(|row| &mut self.rows[*row])
    }

    /// Hash of the text and vector of every row.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (TextHash, &[f16])> {
        self.rows.iter().enumerate().map(|(row, entry)| (entry.text, self.matrix.row(row)))
    }

    /// The row of a key from now on.
    pub(crate) fn insert(&mut self, key: &str, text: TextHash, vector: &[f16], facts: F) {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        if let Some(&row) = self.by_key.get(key) {
            let entry = &mut self.rows[row];
            let old = std::mem::replace(&mut entry.stamp, stamp);
            (entry.text, entry.facts) = (text, facts);
            self.matrix.replace(row, vector);
            self.by_stamp.remove(&old);
            self.by_stamp.insert(stamp, row);
            self.tell_graph(|graph| graph.remove(old));
        } else {
            let key: Arc<str> = key.into();
            let row = self.rows.len();
            self.by_key.insert(Arc::clone(&key), row);
            self.by_stamp.insert(stamp, row);
            self.matrix.push(vector);
            self.rows.push(Row { key, text, facts, stamp });
        }
        self.tell_graph(|graph| graph.add(stamp, &to_single(vector)));
    }

    /// Takes the row of a key out and returns it.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Row<F>> {
        let row = self.by_key.remove(key)?;
        let gone = self.rows.swap_remove(row);
        self.matrix.swap_remove(row);
        self.by_stamp.remove(&gone.stamp);
        if let Some(moved) = self.rows.get(row) {
            self.by_key.insert(Arc::clone(&moved.key), row);
            self.by_stamp.insert(moved.stamp, row);
        }
        self.tell_graph(|graph| graph.remove(gone.stamp));
        Some(gone)
    }

    pub(crate) fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// What a graph is built of, copied so that it can be built while the catalogue lives on.
    pub(crate) fn for_graph(&self) -> (Matrix, Vec<Stamp>) {
        (self.matrix.clone(), self.rows.iter().map(|row| row.stamp).collect())
    }

    /// Takes over a graph built of `stamps`, after catching up with what changed since.
    pub(crate) fn adopt(&mut self, graph: Graph, stamps: &[Stamp]) {
        self.graph = Some(graph);
        for stamp in stamps.iter().filter(|stamp| !self.by_stamp.contains_key(stamp)).collect::<Vec<_>>() {
            self.tell_graph(|graph| graph.remove(*stamp));
        }
        // Stamps rise, so everything younger than the copy is above its highest.
        let youngest = stamps.iter().max();
        for row in 0..self.rows.len() {
            let stamp = self.rows[row].stamp;
            if youngest.is_none_or(|youngest| stamp > *youngest) {
                let vector = to_single(self.matrix.row(row));
                self.tell_graph(|graph| graph.add(stamp, &vector));
            }
        }
    }

    /// The graph is a cache: one that refuses a change is dropped, and exact scans answer.
    fn tell_graph(&mut self, change: impl FnOnce(&mut Graph) -> Result<(), crate::graph::GraphError>) {
        if let Some(Err(cause)) = self.graph.as_mut().map(change) {
            tracing::warn!(%cause, "the search graph is dropped; exact scans answer until it is built again");
            self.graph = None;
        }
    }

    /// The `min(k, visible)` nearest permitted rows, falling cosine, ties by key.
    pub(crate) fn nearest(
        &self,
        query: &[f32],
        k: usize,
        permitted: &impl Fn(&F) -> bool,
        limits: &Limits,
    ) -> (Vec<(&Row<F>, f32)>, Route) {
        let visible: Vec<u32> = (0..self.rows.len())
            .filter(|row| permitted(&self.rows[*row].facts))
            .map(|row| row as u32)
            .collect();
        if visible.len() <= limits.exact_rows {
            return (self.best(&visible, self.matrix.cosines(query, &visible), k), Route::Exact);
        }
        let mut route = Route::ExactOnTwoThreads;
        if visible.len() * limits.visible_share >= self.rows.len()
            && let Some(graph) = &self.graph
        {
            let count = k.saturating_mul(limits.over_fetch).min(self.rows.len());
            let candidates = self.candidates(graph, query, count, permitted);
            if candidates.len() >= k {
                return (self.best(&candidates, self.matrix.cosines(query, &candidates), k), Route::Graph);
            }
            route = Route::GraphThenExact;
        }
        let parts = visible.chunks(visible.len().div_ceil(SCANNERS).max(1));
        let matrix = &self.matrix;
        let cosines = std::thread::scope(|scope| {
            let scans: Vec<_> = parts.map(|part| scope.spawn(move || matrix.cosines(query, part))).collect();
            scans
                .into_iter()
                .flat_map(|scan| scan.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        (self.best(&visible, cosines, k), route)
    }

    /// Rows the graph thinks near, as far as they still exist and are permitted.
    ///
    /// The predicate is asked again for each: what leaves here was permitted by its own facts, whatever
    /// the graph answers.
    fn candidates(
        &self,
        graph: &Graph,
        query: &[f32],
        count: usize,
        permitted: &impl Fn(&F) -> bool,
    ) -> Vec<u32> {
        let stamps = graph.near(query, count).unwrap_or_else(|cause| {
            tracing::debug!(%cause, "the search graph did not answer");
            Default::default()
        });
        let rows = stamps.iter().filter_map(|stamp| self.by_stamp.get(stamp).copied());
        rows.filter(|row| permitted(&self.rows[*row].facts)).map(|row| row as u32).collect()
    }

    /// The best `k` of some rows, of which the cosines are known.
    fn best(&self, rows: &[u32], cosines: Vec<f32>, k: usize) -> Vec<(&Row<F>, f32)> {
        let mut found: Vec<(&Row<F>, f32)> =
            rows.iter().map(|row| &self.rows[*row as usize]).zip(cosines).collect();
        let order =
            |a: &(&Row<F>, f32), b: &(&Row<F>, f32)| b.1.total_cmp(&a.1).then_with(|| a.0.key.cmp(&b.0.key));
        if k < found.len() {
            // Only the best are sorted; keys take part here too, or a tie at the edge would be decided by row.
            found.select_nth_unstable_by(k, order);
            found.truncate(k);
        }
        found.sort_unstable_by(order);
        found
    }
}
