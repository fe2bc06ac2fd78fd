//! No file has over 400 lines of code; blank lines, comments and tests do not count.

use super::Finding;
use super::source::Source;

const MOST: usize = 400;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let count = source.lines().filter(|(_, line)| !line.trim().is_empty()).count();
    if count <= MOST {
        return Vec::new();
    }
    vec![Finding::new(source, 1, format!("{count} lines of code: split it into rooms of at most {MOST}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let check = |text: String| check(&Source::new("a/src/b.rs".into(), text)).len();
        assert_eq!(check("a();\n".repeat(400) + &"// why\n\n".repeat(100)), 0);
        assert_eq!(check("a();\n".repeat(401)), 1);
        assert_eq!(
            check("a();\n".repeat(400) + "#[cfg(test)]\nmod tests {\n" + &"b();\n".repeat(100) + "}\n"),
            0
        );
    }
}
