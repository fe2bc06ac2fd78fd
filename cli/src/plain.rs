//! Texts of others made harmless for a terminal.

/// The text with every character spelled out that could move the cursor, colour the screen or
/// turn the reading direction: names of groups and agents are chosen by others.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        for (text, expected) in [
            ("/équipe/評価", "/équipe/評価"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb", "a\\u{a}b"),
            ("\u{9b}1m", "\\u{9b}1m"),
            ("x\u{202e}y", "x\\u{202e}y"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
