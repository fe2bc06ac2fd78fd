//! The HNSW graph of a big catalogue: quick candidates, and nothing but candidates.
//!
//! It holds the vectors rounded to i8, which takes a third of the memory of f32 and is quicker. Their order is not good
//! enough to be an answer (a tenth of the hits would be lost), so all that a search has looked at is compared anew by
//! the matrix. usearch is built without its `numkong` feature, the slowest part of the build of the workspace: a search
//! waits for memory, not for arithmetic.
//!
//! The graph is a cache of the matrix. It knows no permissions (usearch's filtered search loses recall
//! silently and, beside removals, has returned keys whose predicate is false), and it is never saved.

use std::collections::HashSet;

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::matrix::{Matrix, to_single};

/// usearch hands out one slot per running call and fails beyond them; a failed search becomes an exact scan.
const THREAD_SLOTS: usize = 64;

/// How many nodes a search may look at, least first: the first with which trials find what they should is taken.
const EXPANSIONS: [usize; 9] = [64, 96, 128, 160, 192, 224, 256, 320, 384];
/// Questions that are asked of a new graph, to learn which of these it needs.
const TRIALS: usize = 512;
/// Hits of a trial that are compared with those of a scan.
const TRIAL_HITS: usize = 10;
/// The share of them that it must find. More than is promised (0.99): other questions may be harder.
const LEAST_RECALL: f64 = 0.995;

/// One vector in the graph: a row, and how often the row's vector was changed. Never given twice, so that a stale
/// answer cannot be taken for a new row.
pub(crate) type Stamp = u64;

pub(crate) fn stamp(row: u32, generation: u32) -> Stamp {
    u64::from(generation) << 32 | u64::from(row)
}

/// The row of a stamp, and the generation that it must still have.
pub(crate) fn unstamped(stamp: Stamp) -> (u32, u32) {
    (stamp as u32, (stamp >> 32) as u32)
}

pub(crate) struct Graph {
    index: Index,
    capacity: usize,
    /// What a search costs: nodes that it looks at.
    expansion: usize,
    /// How many vectors it had when it was tried out, and how many came or went since.
    tried: usize,
    changes: usize,
}

/// What usearch says when it refuses.
pub(crate) type GraphError = Box<dyn std::error::Error + Send + Sync>;

impl Graph {
    fn empty(width: usize, capacity: usize) -> Result<Self, GraphError> {
        let index = Index::new(&IndexOptions {
            dimensions: width,
            // The vectors have length one, so the inner product is the cosine.
            metric: MetricKind::IP,
            quantization: ScalarKind::I8,
            ..IndexOptions::default()
        })?;
        index.reserve_capacity_and_threads(capacity, THREAD_SLOTS)?;
        Ok(Self { index, capacity, expansion: EXPANSIONS[0], tried: 0, changes: 0 })
    }

    /// Builds the graph of these rows of a matrix, and tries it. None when it does not find what a scan finds without
    /// looking at more nodes than `most`: vectors without neighbourhoods have no graph worth having.
    pub(crate) fn build(matrix: &Matrix, stamps: &[Stamp], most: usize) -> Result<Option<Self>, GraphError> {
        // Room for what arrives while this builds; growing later is possible but copies the graph.
        let mut graph = Self::empty(matrix.width(), stamps.len() + stamps.len() / 4 + THREAD_SLOTS)?;
        // One after the other: what two threads add at the same time does not find each other, and where the graph is
        // still small a part of it can stay cut off from the rest for good. This way it is the same graph each time.
        for stamp in stamps {
            graph.index.add(*stamp, &to_single(matrix.row(unstamped(*stamp).0)))?;
        }
        graph.tried = stamps.len();
        Ok(graph.try_out(matrix, stamps, most)?.then_some(graph))
    }

    /// Whether so much has changed that the trials say nothing about it any more.
    pub(crate) fn is_worn(&self) -> bool {
        self.changes > self.tried / 2
    }

    /// Looks for the smallest expansion with which it finds what a scan finds; false when none does.
    fn try_out(&mut self, matrix: &Matrix, stamps: &[Stamp], most: usize) -> Result<bool, GraphError> {
        let rows: Vec<u32> = stamps.iter().map(|stamp| unstamped(*stamp).0).collect();
        let step = (rows.len() / TRIALS).max(1);
        let trials: Vec<(Vec<f32>, f32)> = (0..rows.len())
            .step_by(step)
            .take(TRIALS)
            .map(|at| {
                let other = rows[(at + rows.len() / 2 + 1) % rows.len()];
                let question = between(matrix.row(rows[at]), matrix.row(other));
                let mut cosines = matrix.cosines(&question, &rows);
                let last = TRIAL_HITS.min(cosines.len()) - 1;
                let (_, least, _) = cosines.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
                let least = *least;
                (question, least)
            })
            .collect();
        for expansion in EXPANSIONS.into_iter().filter(|expansion| *expansion <= most) {
            self.expansion = expansion;
            let mut found = 0;
            for (question, least) in &trials {
                let near = self.near(question, TRIAL_HITS)?;
                let rows: Vec<u32> = near.iter().map(|stamp| unstamped(*stamp).0).collect();
                // By what they are worth: of equal ones any will do.
                let hits = matrix.cosines(question, &rows).iter().filter(|cosine| *cosine >= least).count();
                found += hits.min(TRIAL_HITS);
            }
            let recall = found as f64 / (trials.len() * TRIAL_HITS.min(rows.len())).max(1) as f64;
            tracing::debug!(expansion, recall, "the search graph is tried out");
            if recall >= LEAST_RECALL {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// From the graph of some stamps to that of others, whose vectors are in this matrix.
    pub(crate) fn catch_up(
        &mut self,
        matrix: &Matrix,
        from: &[Stamp],
        to: &[Stamp],
    ) -> Result<(), GraphError> {
        let before: HashSet<Stamp> = from.iter().copied().collect();
        let now: HashSet<Stamp> = to.iter().copied().collect();
        for stamp in from.iter().filter(|stamp| !now.contains(stamp)) {
            self.remove(*stamp)?;
        }
        for stamp in to.iter().filter(|stamp| !before.contains(stamp)) {
            self.add(*stamp, &to_single(matrix.row(unstamped(*stamp).0)))?;
        }
        Ok(())
    }

    /// Adds a vector. `&mut self`, because growing must not meet a search.
    pub(crate) fn add(&mut self, stamp: Stamp, vector: &[f32]) -> Result<(), GraphError> {
        // usearch does not grow by itself, and add beyond the capacity fails.
        if self.index.size() + 1 >= self.capacity {
            self.capacity *= 2;
            self.index.reserve_capacity_and_threads(self.capacity, THREAD_SLOTS)?;
        }
        self.changes += 1;
        Ok(self.index.add(stamp, vector)?)
    }

    pub(crate) fn remove(&mut self, stamp: Stamp) -> Result<(), GraphError> {
        self.changes += 1;
        self.index.remove(stamp)?;
        Ok(())
    }

    /// `count` stamps near the query, or more, about nearest first; some may be of vectors that are gone.
    pub(crate) fn near(&self, query: &[f32], count: usize) -> Result<Vec<Stamp>, GraphError> {
        // usearch looks at as many nodes as its expansion says or as are wanted, whichever is more.
        Ok(self.index.search(query, count.max(self.expansion))?.keys)
    }

    /// Bytes it takes up.
    pub(crate) fn bytes(&self) -> usize {
        self.index.memory_usage()
    }
}

/// A question between two rows: harder than those about what the entries are about, and easier than those about
/// something else altogether, whose best hits are none.
fn between(one: &[half::f16], other: &[half::f16]) -> Vec<f32> {
    let pairs = to_single(one).into_iter().zip(to_single(other));
    let mut question: Vec<f32> = pairs.map(|(one, other)| one + other).collect();
    crate::pooling::normalise(&mut question);
    question
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rows::matrix::to_half;
    use crate::{Embedder, HashedWords};

    const WIDTH: usize = 64;

    /// Of length one, around one of 20 directions, and another one for each number.
    fn vector(number: u64) -> Vec<f32> {
        let texts = [format!("topic {}", number % 20), format!("number {number}")];
        let [topic, own] = texts.map(|text| HashedWords::new(WIDTH).embed(&text).unwrap());
        let mut vector: Vec<f32> = topic.iter().zip(own).map(|(topic, own)| topic + own).collect();
        crate::pooling::normalise(&mut vector);
        vector
    }

    fn matrix(rows: u32) -> Matrix {
        let mut matrix = Matrix::new(WIDTH);
        matrix.reach(rows);
        (0..rows).for_each(|row| matrix.set(row, &to_half(&vector(row.into()))));
        matrix
    }

    fn built(rows: u32) -> Graph {
        let stamps: Vec<Stamp> = (0..rows.into()).collect();
        Graph::build(&matrix(rows), &stamps, usize::MAX).unwrap().expect("a graph that finds what it should")
    }

    #[test]
    fn it_grows_and_forgets() {
        let mut graph = built(10);
        for number in 10..1000 {
            graph.add(number, &vector(number)).unwrap();
        }
        assert!(graph.add(5, &vector(5)).is_err(), "a stamp is given once");
        let is_found = |graph: &Graph| graph.near(&vector(500), 3).unwrap().contains(&500);
        assert!(is_found(&graph));
        graph.remove(500).unwrap();
        assert!(!is_found(&graph));
    }

    #[test]
    fn rows_are_within_reach_and_each_graph_is_the_same() {
        let (one, other) = (built(3000), built(3000));
        let mut reached = 0;
        for number in 0..3000 {
            let near = one.near(&vector(number), 10).unwrap();
            reached += usize::from(near.contains(&number));
            assert_eq!(near, other.near(&vector(number), 10).unwrap());
        }
        assert!(reached >= 2985, "{reached} of 3000");
    }

    #[test]
    fn one_that_would_take_too_long_is_none() {
        let stamps: Vec<Stamp> = (0..100).collect();
        assert!(Graph::build(&matrix(100), &stamps, EXPANSIONS[0] - 1).unwrap().is_none());
    }

    #[test]
    fn stamps_tell_generations_apart() {
        for (row, generation) in [(0, 0), (7, 1), (u32::MAX, u32::MAX)] {
            assert_eq!(unstamped(stamp(row, generation)), (row, generation));
        }
    }
}
