//! No `unwrap` outside tests: a failure is an answer, or an `expect` says why it cannot happen.

use super::Finding;
use super::source::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    source
        .lines()
        .filter(|(_, line)| line.contains(".unwrap()"))
        .map(|(number, _)| {
            Finding::new(source, number, "return the failure, or say with `expect` why there can be none")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unwrap_in_code_is_found() {
        let check = |path: &str, text: &str| check(&Source::new(path.into(), text.into())).len();
        assert_eq!(check("a/src/b.rs", "fn f() { g().unwrap(); }\n"), 1);
        assert_eq!(check("a/src/b.rs", "fn f() { g().unwrap_or(1); } // .unwrap()\n"), 0);
        assert_eq!(check("a/src/b.rs", "#[cfg(test)]\nmod tests {\n fn f() { g().unwrap() }\n}\n"), 0);
        assert_eq!(check("tests/e2e/src/lib.rs", "fn f() { g().unwrap(); }\n"), 0);
    }
}
