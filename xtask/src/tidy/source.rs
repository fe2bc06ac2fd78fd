//! A Rust file as the checks see it: the code with comments and literals blanked, and which lines are tests.

/// One file.
pub(super) struct Source {
    /// Path from the workspace's root.
    pub(super) path: String,
    /// The file as it is.
    pub(super) text: String,
    /// The same lines, with blanks for comments and for what stands in string and character literals.
    pub(super) code: String,
    /// For each line, whether it belongs to a test.
    is_test: Vec<bool>,
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let code = blank(&text);
        let is_test = if is_test_file(&path) { vec![true; code.lines().count()] } else { test_lines(&code) };
        Self { path, text, code, is_test }
    }

    /// The lines of code that are no test, with their numbers from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.code.lines().zip(&self.is_test).enumerate();
        numbered.filter(|(_, (_, is_test))| !**is_test).map(|(index, (line, _))| (index + 1, line))
    }

    /// The name without folders.
    pub(super) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|folder| folder == "tests" || folder == "benches")
}

/// Marks every item that stands behind `#[cfg(test)]` or `#[test]`.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for attribute in ["#[cfg(test)]", "#[test]", "#[tokio::test]"] {
        for (start, _) in code.match_indices(attribute) {
            let from = line_of(code, start);
            let to = line_of(code, end_of_item(code, start + attribute.len()));
            marks[from..=to].fill(true);
        }
    }
    marks
}

/// Where the item ends that begins here: at its closing brace, or at a semicolon before any brace.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (offset, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return start + offset,
            '}' => depth -= 1,
            ';' if depth == 0 => return start + offset,
            _ => {}
        }
    }
    code.len() - 1
}

fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count()
}

/// Blanks comments and literals; every line keeps its number.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let before_is_word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (taken, hidden) = match c {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => (block_comment(rest), true),
            '"' => (quoted(rest), true),
            'r' if !before_is_word && raw_hashes(&rest[1..]).is_some() => (raw_string(rest), true),
            '\'' => character(rest).map_or((1, false), |length| (length, true)),
            _ => (c.len_utf8(), false),
        };
        let (token, after) = rest.split_at(taken);
        if hidden {
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (offset, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// The hashes of a raw string that begins behind its `r`, if one does.
fn raw_hashes(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    text[hashes..].starts_with('"').then_some(hashes)
}

fn raw_string(text: &str) -> usize {
    let hashes = raw_hashes(&text[1..]).unwrap_or_default();
    let open = 1 + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    text[open..].find(&close).map_or(text.len(), |at| open + at + close.len())
}

/// Length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let mut inner = text[1..].chars();
    match inner.next()? {
        '\\' => text[3..].find('\'').map(|at| 3 + at + 1),
        c if inner.next() == Some('\'') => Some(1 + c.len_utf8() + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank() {
        let check = |text: &str, expected: &str| assert_eq!(blank(text), expected, "{text}");
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ \n d */ e", "a              \n      e");
        check(r#"f("x \" {", 'y')"#, "f(        ,    )");
        check("f(r#\"a \" b\"#) r", "f(          ) r");
        check("fn f<'a>(x: &'a str) { '{' }", "fn f<'a>(x: &'a str) {     }");
        check(r"'\'' '\n' '\u{1f}'", "                  ");
        check("\"é\nü\"", "  \n  ");
    }

    #[test]
    fn test_items_are_left_out() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n";
        let source = Source::new("x/src/y.rs".into(), text.into());
        let lines: Vec<usize> = source.lines().map(|(number, _)| number).collect();
        assert_eq!(lines, [1, 6, 9]);
        assert_eq!(Source::new("x/tests/y.rs".into(), text.into()).lines().count(), 0);
        assert_eq!(Source::new("x/src/tests.rs".into(), text.into()).lines().count(), 0);
    }
}
