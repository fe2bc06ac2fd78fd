//! Texts of others made harmless for a terminal.

/// The text with every character spelled out that could move the cursor, colour the screen, break a line,
/// turn the reading direction or not be seen at all: names of groups and agents are chosen by others.
pub(crate) fn plain(text: &str) -> String {
    spell(text, misleads, |c| c.escape_unicode().to_string())
}

/// The same for a text of several lines, which stay several.
pub(crate) fn plain_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    spell(&text, |c| misleads(c) && !matches!(c, '\n' | '\t'), |c| c.escape_unicode().to_string())
}

/// A text of several lines as one, for a cell of a table.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// JSON as it is for programs; for a terminal with the same characters spelled as JSON spells them, which
/// changes no value. What JSON needs between its values (line breaks, tabs) stays.
pub(crate) fn json_on(is_terminal: bool, json: String) -> String {
    let between = |c: char| matches!(c, '\n' | '\r' | '\t');
    match is_terminal {
        true => spell(&json, |c| misleads(c) && !between(c), |c| format!("\\u{:04x}", u32::from(c))),
        false => json,
    }
}

fn spell(text: &str, which: impl Fn(char) -> bool, spelled: impl Fn(char) -> String) -> String {
    let one = |c: char| if which(c) { spelled(c) } else { c.to_string() };
    text.chars().map(one).collect()
}

/// Controls (C0, C1), marks and overrides of the reading direction, breaks of lines, and what has no width.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
            ("\u{61c}\u{2028}\u{2029}", "\\u{61c}\\u{2028}\\u{2029}"),
            ("a\u{200b}\u{200d}\u{2066}\u{2069}\u{feff}", "a\\u{200b}\\u{200d}\\u{2066}\\u{2069}\\u{feff}"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn lines_stay_lines_where_they_may() {
        assert_eq!(plain_lines("a\r\n\tb\r\u{1b}[2J"), "a\n\tb\\u{d}\\u{1b}[2J");
        assert_eq!(one_line(" Says the time.\n\n    Args:\tzone "), "Says the time. Args: zone");
    }

    #[test]
    fn json_keeps_its_values_and_reaches_a_terminal_as_text() {
        let json = "{\n  \"a\": \"\u{9b}2J\u{7f}\u{202e}é\"\n}\n".to_owned();
        let shown = json_on(true, json.clone());
        assert_eq!(shown, "{\n  \"a\": \"\\u009b2J\\u007f\\u202eé\"\n}\n");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(&json));
        assert_eq!(json_on(false, json.clone()), json);
    }
}
