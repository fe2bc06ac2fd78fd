//! The HNSW graph of a big catalogue: quick candidates, and nothing but candidates.
//!
//! usearch is built without its `numkong` feature: numkong is the slowest part of the build of the
//! workspace, and only its f16 kernels need it. The graph therefore holds f32 copies of the vectors.
//!
//! The graph is a cache of the matrix. It knows no permissions (usearch's filtered search loses recall
//! silently and, beside removals, has returned keys whose predicate is false), and it is never saved.

use std::collections::HashSet;

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use crate::matrix::{Matrix, to_single};

/// usearch hands out one slot per running call and fails beyond them; a failed search becomes an exact scan.
const THREAD_SLOTS: usize = 64;

/// Threads that build a graph together.
const BUILDERS: usize = 2;

/// One vector in the graph. Never given twice, so a stale answer cannot be taken for a new row.
pub(crate) type Stamp = u64;

pub(crate) struct Graph {
    index: Index,
    capacity: usize,
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
        Ok(Self { index, capacity })
    }

    /// Builds the graph of a matrix whose row `i` carries `stamps[i]`.
    pub(crate) fn build(matrix: &Matrix, stamps: &[Stamp]) -> Result<Self, GraphError> {
        // Room for what arrives while this builds; growing later is possible but copies the graph.
        let graph = Self::empty(matrix.width(), stamps.len() + stamps.len() / 4 + THREAD_SLOTS)?;
        let rows: Vec<usize> = (0..stamps.len()).collect();
        std::thread::scope(|scope| {
            let builders: Vec<_> = rows
                .chunks(rows.len().div_ceil(BUILDERS).max(1))
                .map(|part| {
                    let graph = &graph;
                    scope.spawn(move || -> Result<(), GraphError> {
                        for row in part {
                            graph.index.add(stamps[*row], &to_single(matrix.row(*row)))?;
                        }
                        Ok(())
                    })
                })
                .collect();
            builders.into_iter().try_for_each(|builder| {
                builder.join().unwrap_or_else(|_| Err("a thread that built the graph panicked".into()))
            })
        })?;
        Ok(graph)
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

    /// About `count` stamps near the query, each once; some may be of vectors that are gone.
    pub(crate) fn near(&self, query: &[f32], count: usize) -> Result<HashSet<Stamp>, GraphError> {
        Ok(self.index.search(query, count)?.keys.into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::matrix::to_half;

    #[test]
    fn it_grows_and_forgets() {
        let vector = |angle: u64| vec![(angle as f32 / 700.0).cos(), (angle as f32 / 700.0).sin()];
        let mut matrix = Matrix::new(2);
        (0..10).for_each(|angle| matrix.push(&to_half(&vector(angle))));
        let mut graph = Graph::build(&matrix, &(0..10).collect::<Vec<_>>()).unwrap();
        for angle in 10..1000 {
            graph.add(angle, &vector(angle)).unwrap();
        }
        assert!(graph.add(5, &vector(5)).is_err(), "a stamp is given once");
        assert_eq!(graph.near(&vector(500), 3).unwrap(), HashSet::from([499, 500, 501]));
        graph.remove(500).unwrap();
        assert!(!graph.near(&vector(500), 3).unwrap().contains(&500));
    }
}
