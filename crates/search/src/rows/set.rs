//! A set of rows: in order for a scan, and as bits for the question whether one is in it.

use std::collections::BTreeMap;

/// Some rows, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RowSet {
    rows: Vec<u32>,
    bits: Vec<u64>,
}

impl RowSet {
    /// Rows in rising order.
    pub(crate) fn new(rows: Vec<u32>) -> Self {
        debug_assert!(rows.is_sorted_by(|a, b| a < b));
        let mut bits = vec![0; rows.last().map_or(0, |last| *last as usize / 64 + 1)];
        rows.iter().for_each(|row| bits[*row as usize / 64] |= 1 << (row % 64));
        Self { rows, bits }
    }

    /// The rows, rising.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.bits.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes it takes up.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<u32>() + self.bits.capacity() * size_of::<u64>()
    }

    /// The same with these rows in it or not, as the flag says.
    pub(crate) fn with(&self, changes: &BTreeMap<u32, bool>) -> Self {
        let kept = self.rows.iter().filter(|row| !changes.contains_key(row));
        let mut rows: Vec<u32> = kept.copied().collect();
        rows.extend(changes.iter().filter(|(_, within)| **within).map(|(row, _)| *row));
        // Two sorted runs: the stable sort merges them.
        rows.sort();
        Self::new(rows)
    }
}

impl FromIterator<u32> for RowSet {
    /// Of rows in rising order.
    fn from_iter<T: IntoIterator<Item = u32>>(rows: T) -> Self {
        Self::new(rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_it() {
        let set = RowSet::new(vec![0, 63, 64, 200]);
        for row in 0..300 {
            assert_eq!(set.contains(row), set.rows().contains(&row), "{row}");
        }
        let changed = set.with(&[(63, false), (65, true), (0, true), (500, false)].into());
        assert_eq!(changed, RowSet::new(vec![0, 64, 65, 200]));
        assert_eq!(RowSet::default().len(), 0);
        assert!(!RowSet::default().contains(0));
    }
}
