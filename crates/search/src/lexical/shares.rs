//! How much of a question each row has: sums over sorted lists.

/// Rows that are summed up at a time: their sums stay in the nearest cache.
const WINDOW: usize = 2048;

/// Adds up what each row has in the lists, in the order of the lists, and says the rows ascending.
///
/// It costs what the lists hold and a little for each window that a row is in, however many rows there are.
pub(super) fn add_up<'a>(lists: impl Iterator<Item = &'a [(u32, f32)]>, mut each: impl FnMut(u32, f64)) {
    let mut lists: Vec<_> = lists.collect();
    let mut sums = [0.0_f64; WINDOW];
    let mut touched = [0_u64; WINDOW / 64];
    while let Some(first) = lists.iter().filter_map(|list| list.first()).map(|(row, _)| *row).min() {
        let window = first as usize / WINDOW;
        let start = (window * WINDOW) as u32;
        for list in &mut lists {
            let here = list.iter().take_while(|(row, _)| *row as usize / WINDOW == window);
            let mut count = 0;
            for (row, value) in here {
                let place = (row - start) as usize;
                sums[place] += f64::from(*value);
                touched[place / 64] |= 1 << (place % 64);
                count += 1;
            }
            *list = &list[count..];
        }
        for (word, bits) in touched.iter_mut().enumerate() {
            while *bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                each(start + place as u32, std::mem::take(&mut sums[place]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_any_shape_add_up() {
        let edges = [0, 1, 2046, 2047, 2048, 4095, 4096, 1_000_000, u32::MAX - 1, u32::MAX];
        let all: Vec<(u32, f32)> = edges.iter().map(|row| (*row, 1.0)).collect();
        let some: Vec<(u32, f32)> = edges.iter().skip(3).step_by(2).map(|row| (*row, 10.0)).collect();
        let mut sums = Vec::new();
        add_up([&some[..], &all, &[]].into_iter(), |row, sum| sums.push((row, sum)));
        let expected: Vec<(u32, f64)> = edges
            .iter()
            .map(|row| (*row, if some.iter().any(|(other, _)| other == row) { 11.0 } else { 1.0 }))
            .collect();
        assert_eq!(sums, expected);
        add_up(std::iter::empty(), |_, _| panic!("nothing to add"));
    }
}
