//! A list of tools is cut down to those that the caller may call, in every form it can take.

mod events;
mod gzip;
mod tools;

pub(super) use self::events::{Change, Event, Events, Verdict};
pub(super) use self::gzip::Gunzip;
pub(super) use self::tools::cut;

/// The longest answer, or event of a stream, that is understood, in bytes.
pub(super) const LONGEST: usize = 8 << 20;

/// Why an answer is not handed on: it may hold a list of tools that cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Uncuttable {
    /// Readers could understand it differently, or nobody can.
    #[error("it may hold a list of tools and cannot be understood")]
    Unclear,
    /// It is too long to be understood.
    #[error("an event or an answer of it is longer than 8 MiB")]
    TooLong,
    /// It is not compressed as it says.
    #[error("it is not compressed as it says")]
    NotGzip,
    /// An address that leads to another server.
    #[error("it names an address at another origin")]
    Elsewhere,
    /// It is no JSON.
    #[error("it is not the JSON that it is declared as")]
    NotJson,
    /// The caller may no longer use the server, or has had the stream for as long as one may.
    #[error("the caller may no longer have it")]
    Over,
}
