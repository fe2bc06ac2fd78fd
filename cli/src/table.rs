//! Tables of left-aligned columns. By hand: it is less than a dependency would cost to follow.

use std::io::{self, IsTerminal};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::plain::plain;

/// Stands for what was cut.
const CUT: char = '…';
/// No column becomes narrower.
const NARROWEST: usize = 8;
/// Between two columns.
const GAP: usize = 2;

/// The rows under their titles, columns two blanks apart, no blanks at the ends of lines.
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    fit(titles, rows, [false; N], None)
}

/// The same in so many columns of a terminal, if it can be done by cutting cells of the columns that may be cut.
pub(crate) fn fit<const N: usize>(
    titles: [&str; N],
    rows: &[[String; N]],
    may_cut: [bool; N],
    room: Option<usize>,
) -> String {
    let titles = titles.map(str::to_owned);
    let lines: Vec<[String; N]> =
        std::iter::once(&titles).chain(rows).map(|row| row.each_ref().map(|cell| plain(cell))).collect();
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(room) = room {
        narrow(&mut widths, may_cut, room);
    }
    let mut out = String::new();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(text, width)| cell(text, width)).collect();
        out.push_str(cells.join(&" ".repeat(GAP)).trim_end());
        out.push('\n');
    }
    out
}

/// Facts about one thing, one to a line.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    facts.iter().map(|(name, fact)| format!("{name:width$}  {}\n", plain(fact))).collect()
}

/// How many columns standard output has; none where it is no terminal: nothing is cut there.
pub(crate) fn room() -> Option<usize> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten()?;
    // A terminal that does not know its size says 0.
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Takes from the widest column, as long as the lines are too long.
fn narrow<const N: usize>(widths: &mut [usize; N], may_cut: [bool; N], room: usize) {
    while widths.iter().sum::<usize>() + GAP * N.saturating_sub(1) > room {
        let widest = widths.iter_mut().zip(may_cut).filter(|(width, may)| *may && **width > NARROWEST);
        let Some((width, _)) = widest.max_by_key(|(width, _)| **width) else { return };
        *width -= 1;
    }
}

/// A text in exactly so many columns.
fn cell(text: &str, width: usize) -> String {
    let is_cut = text.width() > width;
    let room = if is_cut { width.saturating_sub(1) } else { width };
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room {
            break;
        }
        out.push(c);
        used += wide;
    }
    if is_cut {
        out.push(CUT);
        used += 1;
    }
    out + &" ".repeat(width.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn<const N: usize>(titles: [&str; N], rows: &[[&str; N]], room: Option<usize>) -> String {
        let rows: Vec<[String; N]> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        let mut may_cut = [true; N];
        may_cut[0] = false;
        fit(titles, &rows, may_cut, room)
    }

    fn check<const N: usize>(titles: [&str; N], rows: &[[&str; N]], expected: &str) {
        assert_eq!(drawn(titles, rows, None), expected);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        check(["a", "long title"], &[], "a  long title\n");
        check(
            ["a", "b", "c"],
            &[["x", "", "1"], ["équipe", "y", ""], ["評価", "z", "2"]],
            "a       b  c\nx          1\néquipe  y\n評価    z  2\n",
        );
    }

    #[test]
    fn a_cell_stays_one_line() {
        check(["a"], &[["x\ny"]], "a\nx\\u{a}y\n");
    }

    #[test]
    fn a_table_fits_its_terminal_and_paths_stay_whole() {
        let rows = [["/a/long/path", "a name that is long", "評価評価評価評価評価"]];
        let titles = ["PATH", "NAME", "SKILLS"];
        assert_eq!(
            drawn(titles, &rows, Some(40)),
            "PATH          NAME          SKILLS\n/a/long/path  a name that…  評価評価評…\n"
        );
        assert_eq!(drawn(titles, &rows, Some(200)), drawn(titles, &rows, None));
        assert_eq!(
            drawn(titles, &rows, Some(5)),
            "PATH          NAME      SKILLS\n/a/long/path  a name …  評価評…\n"
        );
    }
}
