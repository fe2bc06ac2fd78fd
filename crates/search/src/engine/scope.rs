//! Who asks, and about what.

use std::borrow::Cow;

/// Who asks, and about what.
pub struct Scope<'a, F> {
    /// All that `permitted` depends on beside the facts: what has one class finds the same.
    pub class: &'a str,
    /// Who may find what. It runs under the engine's lock: it must be quick and must not call the engine, and must
    /// say the same whenever it is asked with one class and the same facts.
    pub permitted: &'a (dyn Fn(&F) -> bool + Sync),
    /// Whether nothing can ever be hidden from him. Only then may an answer be approximate: what approximations leave
    /// out depends on all entries there are.
    pub open: bool,
    /// What he asks about, if not about everything.
    pub filter: Option<Filter<'a, F>>,
}

/// Which entries a question is about.
pub struct Filter<'a, F> {
    /// The name under which its entries are kept for the next question, of all that `admits` depends on beside the
    /// facts; none when nobody will ask again.
    pub name: Option<&'a str>,
    /// Whether an entry is one of them; as quick and as steady as `permitted`.
    pub admits: &'a (dyn Fn(&F) -> bool + Sync),
}

impl<F> Scope<'_, F> {
    /// What the rows are kept under that the question is about; none for those that nobody will ask about again.
    pub(super) fn name(&self) -> Option<Cow<'_, str>> {
        match &self.filter {
            None => Some(self.class.into()),
            // With the length before it, no class with a filter is another class.
            Some(Filter { name: Some(name), .. }) => {
                Some(format!("{}\0{}\0{name}", self.class.len(), self.class).into())
            }
            Some(Filter { name: None, .. }) => None,
        }
    }
}
