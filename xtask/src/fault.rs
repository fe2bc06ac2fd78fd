//! What went wrong, as the one line that is printed to the person at the terminal.

use std::fmt;

/// A failure, worded for the person who typed the command: what is wrong and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault(String);

/// What every step of this crate returns.
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A failure with its line.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// Adds what was being done to an error from below.
pub trait Doing<T> {
    /// `what` completes the sentence "cannot …".
    fn doing(self, what: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|cause| Fault::new(format!("cannot {}: {cause}", what())))
    }
}
