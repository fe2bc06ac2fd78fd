//! The one score by which hits are in order (design page "search", "Ranking").

use std::cmp::Ordering;
use std::panic::resume_unwind;

use crate::lexical::Weighed;
use crate::rows::{RowSet, Rows};

/// How much a whole lexical match counts: it takes away four fifths of what the cosine leaves to be wished for. Flat
/// between 0.5 and 1.0 where it was measured.
const LEXICAL_WEIGHT: f32 = 0.8;

/// Up to here a scan is quicker than a graph is worth: 20,000 rows take 0.5 ms, and 3 ms when they lie scattered among
/// 100,000. (`make bench-search`)
const EXACT_ROWS: usize = 20_000;
/// The graph is asked when at least one row in so many is wanted: rarer rows rarely are among the candidates, and a
/// scan would have to follow anyway.
const WANTED_SHARE: usize = 3;
/// Candidates asked of the graph for each wanted result, since some of them will not be wanted ones.
const OVER_FETCH: usize = 4;
/// Looking at a node of the graph, and at its neighbours, takes as long as scanning and sorting so many rows: 6.5 µs
/// beside 0.044 µs among 100,000. A graph that needs more nodes than that for a search is not worth having.
const ROWS_PER_NODE: usize = 150;
/// How exactly the least share is found that may be enough: to a thousandth.
const HALVINGS: usize = 10;
/// Rows that are kept beyond twice the wanted ones before the worse half of them is dropped.
const SPARE: usize = 64;
/// Threads of the scan of a big catalogue.
const SCANNERS: usize = 2;

/// Thresholds of the strategy; the tests lower them to walk every branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) exact_rows: usize,
    pub(crate) wanted_share: usize,
    pub(crate) over_fetch: usize,
    pub(crate) rows_per_node: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            exact_rows: EXACT_ROWS,
            wanted_share: WANTED_SHARE,
            over_fetch: OVER_FETCH,
            rows_per_node: ROWS_PER_NODE,
        }
    }
}

/// Which way an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// By words alone: there is no model.
    Words,
    Exact,
    ExactOnTwoThreads,
    Graph,
    /// The graph had too few wanted candidates, and a scan answered.
    GraphThenExact,
}

/// One row's score, and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) row: u32,
    /// In ten thousandths: what is shown is what is ordered by.
    pub(crate) score: u32,
    pub(crate) cosine: f32,
    pub(crate) lexical: f32,
    /// Which reading of the question it is of: as asked, or repaired.
    pub(crate) reading: usize,
}

/// What having so much of a question's words says: less than in proportion. One word of many is had by chance, and
/// raises what is off the point above what says the same in other words; most of them are not. Taken as they are,
/// shares cost questions in other words 0.05 nDCG@10 beside the cosine alone (this: 0.01), and gain the others 0.01;
/// about the same between the powers 1.25 and 1.75 (docs/benchmarks.md, by halves of the questions).
fn evidence(share: f32) -> f32 {
    share * share.sqrt()
}

/// `1 − (1 − cos)·(1 − 0.8·lexical)` in ten thousandths.
fn score(cosine: f32, lexical: f32) -> u32 {
    let left = (1.0 - cosine.clamp(0.0, 1.0)) * (1.0 - LEXICAL_WEIGHT * lexical.clamp(0.0, 1.0));
    ((1.0 - left) * 10_000.0).round() as u32
}

/// What is ranked: some of a caller's rows.
pub(crate) struct Ranking<'a, F> {
    pub(crate) rows: &'a Rows<F>,
    /// Those that the question is about.
    pub(crate) wanted: &'a RowSet,
    /// Whether the graph may be asked.
    pub(crate) open: bool,
    pub(crate) limits: Limits,
}

impl<F> Ranking<'_, F> {
    /// The `min(k, wanted)` best rows for one reading, best first, ties by key.
    pub(crate) fn best(
        &self,
        words: &Weighed<'_>,
        vector: Option<&[f32]>,
        reading: usize,
        k: usize,
    ) -> (Vec<Scored>, Route) {
        let k = k.min(self.wanted.len());
        let shares = words.shares();
        let Some(vector) = vector else {
            let cosines = vec![0.0; self.wanted.len()];
            return (self.sorted(self.wanted.rows(), &cosines, &shares, reading, k), Route::Words);
        };
        let wanted = self.wanted.rows();
        if wanted.len() <= self.limits.exact_rows {
            let cosines = self.rows.matrix().cosines(vector, wanted);
            return (self.sorted(wanted, &cosines, &shares, reading, k), Route::Exact);
        }
        let mut route = Route::ExactOnTwoThreads;
        if self.open
            && wanted.len() * self.limits.wanted_share >= self.rows.len()
            && self.rows.graph().is_some()
        {
            if let Some(best) = self.by_graph(vector, &shares, reading, k) {
                return (best, Route::Graph);
            }
            route = Route::GraphThenExact;
        }
        (self.sorted(wanted, &self.scanned(vector), &shares, reading, k), route)
    }

    /// The best of what the graph thinks near and of what shares so many words that it may be better.
    fn by_graph(
        &self,
        vector: &[f32],
        shares: &[(u32, f32)],
        reading: usize,
        k: usize,
    ) -> Option<Vec<Scored>> {
        let count = k.saturating_mul(self.limits.over_fetch).min(self.rows.len());
        let near = self.rows.near(vector, count)?;
        // What the graph leaves out is not nearer than the last that it gave.
        let last = self.rows.matrix().cosines(vector, near.last().map_or(&[], std::slice::from_ref));
        let furthest = last.first().copied().unwrap_or(1.0);
        let mut candidates: Vec<u32> = near.into_iter().filter(|row| self.wanted.contains(*row)).collect();
        candidates.sort_unstable();
        candidates.dedup();
        if candidates.len() < k {
            return None;
        }
        let cosines = self.rows.matrix().cosines(vector, &candidates);
        let best = self.sorted(&candidates, &cosines, shares, reading, k);
        let Some(worst) = best.last().map(|worst| worst.score) else { return Some(best) };
        // Scores rise with shares, so that the least that is enough is found once and not asked of each.
        let mut enough = shares.iter().map(|(_, share)| *share).fold(0.0, f32::max);
        if score(furthest, evidence(enough)) < worst {
            return Some(best);
        }
        let mut little = 0.0;
        for _ in 0..HALVINGS {
            let middle = f32::midpoint(little, enough);
            if score(furthest, evidence(middle)) >= worst { enough = middle } else { little = middle }
        }
        let others = shares.iter().filter(|(row, share)| {
            *share >= little && self.wanted.contains(*row) && candidates.binary_search(row).is_err()
        });
        let others: Vec<u32> = others.map(|(row, _)| *row).collect();
        if others.is_empty() {
            return Some(best);
        }
        let mut all = [candidates, others].concat();
        all.sort_unstable();
        let cosines = self.rows.matrix().cosines(vector, &all);
        Some(self.sorted(&all, &cosines, shares, reading, k))
    }

    fn scanned(&self, vector: &[f32]) -> Vec<f32> {
        let wanted = self.wanted.rows();
        let matrix = self.rows.matrix();
        let parts = wanted.chunks(wanted.len().div_ceil(SCANNERS).max(1));
        std::thread::scope(|scope| {
            let scans: Vec<_> = parts.map(|part| scope.spawn(move || matrix.cosines(vector, part))).collect();
            let scans =
                scans.into_iter().map(|scan| scan.join().unwrap_or_else(|panic| resume_unwind(panic)));
            scans.flatten().collect()
        })
    }

    /// The best `k` of some rows, rising, of which the cosines are known.
    fn sorted(
        &self,
        rows: &[u32],
        cosines: &[f32],
        shares: &[(u32, f32)],
        reading: usize,
        k: usize,
    ) -> Vec<Scored> {
        if k == 0 {
            return Vec::new();
        }
        let mut shares = shares.iter().peekable();
        let mut best: Vec<Scored> = Vec::with_capacity(rows.len().min(2 * k + SPARE));
        let mut floor = 0;
        for (row, cosine) in rows.iter().zip(cosines) {
            while shares.next_if(|(shared, _)| shared < row).is_some() {}
            let lexical =
                shares.next_if(|(shared, _)| shared == row).map_or(0.0, |(_, share)| evidence(*share));
            let score = score(*cosine, lexical);
            if score < floor {
                continue;
            }
            if best.len() >= 2 * k + SPARE {
                // Keys take part here too, or a tie at the edge would be decided by number.
                best.select_nth_unstable_by(k - 1, |a, b| self.order(a, b));
                best.truncate(k);
                floor = best[k - 1].score;
            }
            best.push(Scored { row: *row, score, cosine: *cosine, lexical, reading });
        }
        best.sort_unstable_by(|a, b| self.order(a, b));
        best.truncate(k);
        best
    }

    /// The best of two readings: each row counts by its better one.
    pub(crate) fn merged(&self, readings: [Vec<Scored>; 2], k: usize) -> Vec<Scored> {
        let mut all = readings.concat();
        all.sort_by(|a, b| a.row.cmp(&b.row).then(b.score.cmp(&a.score)));
        all.dedup_by_key(|scored| scored.row);
        all.sort_unstable_by(|a, b| self.order(a, b));
        all.truncate(k);
        all
    }

    fn order(&self, a: &Scored, b: &Scored) -> Ordering {
        let key = |scored: &Scored| self.rows.get(scored.row).map(|row| &*row.key);
        b.score.cmp(&a.score).then_with(|| key(a).cmp(&key(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_score() {
        for (cosine, share, expected) in [
            (0.0, 0.0, 0),
            (1.0, 0.0, 10_000),
            (0.0, 1.0, 8_000),
            (0.5, 0.5, 7_000),
            (-0.3, 0.0, 0),
            (0.3142, 0.0, 3_142),
            (1.0, 1.0, 10_000),
        ] {
            assert_eq!(score(cosine, share), expected, "{cosine} {share}");
        }
    }
}
