//! The HNSW graph of a big catalogue: quick candidates, and nothing but candidates.
//!
//! usearch is built without its `numkong` feature: numkong is the slowest part of the build of the
//! workspace, and only its f16 kernels need it. The graph therefore holds f32 copies of the vectors.
//!
//! The graph is a cache of the matrix. It knows no permissions (usearch's filtered search loses recall
//! silently and, beside removals, has returned keys whose predicate is false), and it is never saved.

use std::collections::HashSet;

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::matrix::{Matrix, to_single};

/// usearch hands out one slot per running call and fails beyond them; a failed search becomes an exact scan.
const THREAD_SLOTS: usize = 64;

/// Threads that build a graph together.
const BUILDERS: usize = 2;

/// How many nodes a trial's search looks at, least first. Searches look at twice as many as the first with which trials
/// find what they should: questions are not trials. With more than that a scan of 100,000 rows is as quick.
const EXPANSIONS: [usize; 3] = [64, 128, 256];
/// Questions that are asked of a new graph, to learn which of these it needs.
const TRIALS: usize = 256;
/// Hits of a trial that are compared with those of a scan.
const TRIAL_HITS: usize = 10;
/// The share of them that it must find.
const LEAST_RECALL: f64 = 0.99;
/// How much of a second row is in a trial's question: such a question is near a row (cosine about 0.86) and is none.
const MIXED_IN: f32 = 0.6;

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
}

/// What usearch says when it refuses.
pub(crate) type GraphError = Box<dyn std::error::Error + Send + Sync>;

impl Graph {
    fn empty(width: usize, capacity: usize) -> Result<Self, GraphError> {
        let index = Index::new(&IndexOptions {
            dimensions: width,
            // The vectors have length one, so the inner product is the cosine.
            metric: MetricKind::IP,
            quantization: ScalarKind::F32,
            ..IndexOptions::default()
        })?;
        index.reserve_capacity_and_threads(capacity, THREAD_SLOTS)?;
        Ok(Self { index, capacity, expansion: EXPANSIONS[0] })
    }

    /// Builds the graph of these rows of a matrix, and tries it. None when it does not find what a scan finds:
    /// vectors without neighbourhoods have no graph worth having.
    pub(crate) fn build(matrix: &Matrix, stamps: &[Stamp]) -> Result<Option<Self>, GraphError> {
        // Room for what arrives while this builds; growing later is possible but copies the graph.
        let mut graph = Self::empty(matrix.width(), stamps.len() + stamps.len() / 4 + THREAD_SLOTS)?;
        std::thread::scope(|scope| {
            let builders: Vec<_> = stamps
                .chunks(stamps.len().div_ceil(BUILDERS).max(1))
                .map(|part| {
                    let graph = &graph;
                    scope.spawn(move || -> Result<(), GraphError> {
                        for stamp in part {
                            graph.index.add(*stamp, &to_single(matrix.row(unstamped(*stamp).0)))?;
                        }
                        Ok(())
                    })
                })
                .collect();
            builders.into_iter().try_for_each(|builder| {
                builder.join().unwrap_or_else(|_| Err("a thread that built the graph panicked".into()))
            })
        })?;
        Ok(graph.try_out(matrix, stamps)?.then_some(graph))
    }

    /// Looks for the smallest expansion with which it finds what a scan finds; false when none does.
    fn try_out(&mut self, matrix: &Matrix, stamps: &[Stamp]) -> Result<bool, GraphError> {
        let rows: Vec<u32> = stamps.iter().map(|stamp| unstamped(*stamp).0).collect();
        let step = (rows.len() / TRIALS).max(1);
        let trials: Vec<(Vec<f32>, f32)> = (0..rows.len())
            .step_by(step)
            .take(TRIALS)
            .map(|at| {
                let other = rows[(at + rows.len() / 2 + 1) % rows.len()];
                let question = mixed(matrix.row(rows[at]), matrix.row(other));
                let mut cosines = matrix.cosines(&question, &rows);
                let last = TRIAL_HITS.min(cosines.len()) - 1;
                let (_, least, _) = cosines.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
                let least = *least;
                (question, least)
            })
            .collect();
        for expansion in EXPANSIONS {
            self.expansion = expansion;
            let mut found = 0;
            for (question, least) in &trials {
                let near = self.near(question, TRIAL_HITS)?;
                let rows: Vec<u32> = near.iter().map(|stamp| unstamped(*stamp).0).collect();
                // By what they are worth: of equal ones any will do.
                found += matrix.cosines(question, &rows).iter().filter(|cosine| *cosine >= least).count();
            }
            let recall = found as f64 / (trials.len() * TRIAL_HITS.min(rows.len())).max(1) as f64;
            tracing::debug!(expansion, recall, "the search graph is tried out");
            if recall >= LEAST_RECALL {
                self.expansion = 2 * expansion;
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
        let (from, to): (HashSet<Stamp>, HashSet<Stamp>) =
            (from.iter().copied().collect(), to.iter().copied().collect());
        for stamp in from.difference(&to) {
            self.remove(*stamp)?;
        }
        for stamp in to.difference(&from) {
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
        Ok(self.index.add(stamp, vector)?)
    }

    pub(crate) fn remove(&mut self, stamp: Stamp) -> Result<(), GraphError> {
        self.index.remove(stamp)?;
        Ok(())
    }

    /// About `count` stamps near the query, nearest first; some may be of vectors that are gone.
    pub(crate) fn near(&self, query: &[f32], count: usize) -> Result<Vec<Stamp>, GraphError> {
        // usearch looks at as many nodes as its expansion says or as are wanted, whichever is more.
        let found = self.index.search(query, count.max(self.expansion))?;
        Ok(found.keys.into_iter().take(count).collect())
    }

    /// Bytes it takes up.
    pub(crate) fn bytes(&self) -> usize {
        self.index.memory_usage()
    }
}

/// A question between two rows, nearer to the first.
fn mixed(near: &[half::f16], far: &[half::f16]) -> Vec<f32> {
    let pairs = to_single(near).into_iter().zip(to_single(far));
    let mut question: Vec<f32> = pairs.map(|(near, far)| near + MIXED_IN * far).collect();
    crate::pooling::normalise(&mut question);
    question
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rows::matrix::to_half;

    #[test]
    fn it_grows_and_forgets() {
        let vector = |angle: u64| vec![(angle as f32 / 700.0).cos(), (angle as f32 / 700.0).sin()];
        let mut matrix = Matrix::new(2);
        matrix.reach(10);
        (0..10).for_each(|angle| matrix.set(angle, &to_half(&vector(angle.into()))));
        let mut graph = Graph::build(&matrix, &(0..10).collect::<Vec<_>>()).unwrap().unwrap();
        for angle in 10..1000 {
            graph.add(angle, &vector(angle)).unwrap();
        }
        assert!(graph.add(5, &vector(5)).is_err(), "a stamp is given once");
        let near = |graph: &Graph| {
            let mut near = graph.near(&vector(500), 3).unwrap();
            near.sort_unstable();
            near
        };
        assert_eq!(near(&graph), [499, 500, 501]);
        graph.remove(500).unwrap();
        assert!(!near(&graph).contains(&500));
    }

    #[test]
    fn stamps_tell_generations_apart() {
        for (row, generation) in [(0, 0), (7, 1), (u32::MAX, u32::MAX)] {
            assert_eq!(unstamped(stamp(row, generation)), (row, generation));
        }
    }
}
