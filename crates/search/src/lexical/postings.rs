//! The rows that have a word, ascending, and how much it weighs in each.

use crate::rows::RowSet;

/// Walking to the next row is so much cheaper than searching it.
const SEARCH_COSTS: usize = 32;

/// Rows and weights, six bytes each: there are as many of these as entries have words.
#[derive(Debug, Default)]
pub(super) struct Postings(Vec<Posting>);

#[derive(Debug, Clone, Copy)]
struct Posting {
    /// In halves, so that nothing is lost between one posting and the next.
    row: [u16; 2],
    weight: u16,
}

impl Posting {
    fn new(row: u32, weight: u16) -> Self {
        Self { row: [(row >> 16) as u16, row as u16], weight }
    }

    fn row(self) -> u32 {
        u32::from(self.row[0]) << 16 | u32::from(self.row[1])
    }
}

impl Postings {
    /// Gives a row this weight, whether it was there or not.
    pub(super) fn set(&mut self, row: u32, weight: u16) {
        let place = match self.0.last() {
            Some(last) if last.row() >= row => self.place(row),
            _ => Err(self.0.len()),
        };
        match place {
            Ok(place) => self.0[place].weight = weight,
            Err(place) => {
                if self.0.len() == self.0.capacity() {
                    // Doubling would leave a third of the memory empty; most words are in one entry only.
                    self.0.reserve_exact((self.0.len() / 4).max(1));
                }
                self.0.insert(place, Posting::new(row, weight));
            }
        }
    }

    pub(super) fn remove(&mut self, row: u32) {
        if let Ok(place) = self.place(row) {
            self.0.remove(place);
            if self.0.len() < self.0.capacity() / 2 {
                self.0.shrink_to(self.0.len() + self.0.len() / 4);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn weight(&self, row: u32) -> Option<u16> {
        self.place(row).ok().map(|place| self.0[place].weight)
    }

    /// Rows of the set that have the word, and its weight there.
    pub(super) fn within(&self, set: &RowSet) -> Vec<(u32, f32)> {
        let mut rows = Vec::with_capacity(self.0.len().min(set.len()));
        self.walk(set, |posting| rows.push((posting.row(), f32::from(posting.weight))));
        rows
    }

    /// How many rows of the set have the word.
    pub(super) fn count(&self, set: &RowSet) -> usize {
        let mut count = 0;
        self.walk(set, |_| count += 1);
        count
    }

    fn walk(&self, set: &RowSet, mut each: impl FnMut(Posting)) {
        // A caller who sees little does not pay for what he does not see.
        if set.len() * SEARCH_COSTS < self.0.len() {
            let found = set.rows().iter().filter_map(|row| self.place(*row).ok());
            found.for_each(|place| each(self.0[place]));
        } else {
            self.0.iter().filter(|posting| set.contains(posting.row())).for_each(|posting| each(*posting));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Posting>()
    }

    fn place(&self, row: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&row, |posting| posting.row())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_and_go_in_any_order() {
        let mut postings = Postings::default();
        for row in [70_000, 3, 65_536, 3, 9] {
            postings.set(row, row as u16);
        }
        postings.set(9, 1);
        let all = RowSet::new(vec![3, 5, 9, 65_536, 70_000]);
        assert_eq!(postings.within(&all), [(3, 3.0), (9, 1.0), (65_536, 0.0), (70_000, 4464.0)]);
        postings.remove(9);
        postings.remove(10);
        assert_eq!(
            (postings.count(&all), postings.weight(9).is_some(), postings.weight(3).is_some()),
            (3, false, true)
        );
    }

    #[test]
    fn a_small_set_is_searched_and_a_big_one_walked() {
        let mut postings = Postings::default();
        (0..1000).for_each(|row| postings.set(row * 2, 1));
        for step in [1, 3, 500] {
            let set = RowSet::new((0..2000).step_by(step).collect());
            let expected = set.rows().iter().filter(|row| *row % 2 == 0).count();
            assert_eq!((postings.count(&set), postings.within(&set).len()), (expected, expected));
        }
    }
}
