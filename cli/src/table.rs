//! Tables of left-aligned columns. By hand: it is less than a dependency would cost to follow.
//!
//! Widths are counted in characters, so letters of double width stand a little out of line.

use crate::plain::plain;

/// The rows under their titles, columns two blanks apart, no blanks at the ends of lines.
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let titles = titles.map(str::to_owned);
    let lines: Vec<[String; N]> =
        std::iter::once(&titles).chain(rows).map(|row| row.each_ref().map(|cell| plain(cell))).collect();
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize>(titles: [&str; N], rows: &[[&str; N]], expected: &str) {
        let rows: Vec<[String; N]> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        assert_eq!(table(titles, &rows), expected);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        check(["a", "long title"], &[], "a  long title\n");
        check(
            ["a", "b", "c"],
            &[["x", "", "1"], ["équipe", "y", ""]],
            "a       b  c\nx          1\néquipe  y\n",
        );
    }

    #[test]
    fn a_cell_stays_one_line() {
        check(["a"], &[["x\ny"]], "a\nx\\u{a}y\n");
    }
}
