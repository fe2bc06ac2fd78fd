//! An ordered set of scope names.

use std::fmt;

/// Scopes in the order they were granted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// Reads scopes separated by commas or white space: OAuth's `scope` (RFC 6749
    /// section 3.3) and the guide's `X-Scopes` in one reader.
    pub fn parse(text: &str) -> ScopeSet {
        text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).collect()
    }

    /// Adds a scope unless it is there already.
    pub fn insert(&mut self, scope: &str) {
        if !self.contains(scope) {
            self.0.push(scope.to_owned());
        }
    }

    /// Whether `scope` is one of these.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held == scope)
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes that both have, in this one's order.
    #[must_use]
    pub fn intersection(&self, other: &ScopeSet) -> ScopeSet {
        self.iter().filter(|scope| other.contains(scope)).collect()
    }

    /// Whether every scope of this set is in `other`.
    pub fn is_subset(&self, other: &ScopeSet) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }
}

impl<'a> FromIterator<&'a str> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> ScopeSet {
        let mut set = ScopeSet::default();
        for scope in scopes {
            set.insert(scope);
        }
        set
    }
}

/// Space-separated, as OAuth's `scope` parameter is written (RFC 6749 section 3.3).
impl fmt::Display for ScopeSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commas_and_spaces_and_keeps_order() {
        for text in ["b/read, a", "b/read a", " b/read,,a , b/read", "b/read\ta\n"] {
            assert_eq!(ScopeSet::parse(text).to_string(), "b/read a", "{text:?}");
        }
        assert!(ScopeSet::parse(" , ").is_empty());
    }

    #[test]
    fn set_operations_keep_the_left_order() {
        let (left, right) = (ScopeSet::parse("a b c"), ScopeSet::parse("c d a"));
        assert_eq!(left.intersection(&right).to_string(), "a c");
        assert!(ScopeSet::parse("c a").is_subset(&left));
        assert!(!right.is_subset(&left));
    }
}
