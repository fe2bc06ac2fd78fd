//! What a command comes to: a text and an exit code that a script can rely on.

use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, and the answer is yes.
    Done,
    /// 1: refused or failed by the server, or the answer is no.
    Refused,
    /// 2: wrong use; clap's own code for it, too.
    WrongUse,
    /// 3: no or stale credentials.
    Credentials,
    /// 4: nobody answers.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::WrongUse => 2,
            Exit::Credentials => 3,
            Exit::Unreachable => 4,
        })
    }
}

/// What a command has to say: for people, or the JSON that was asked for.
#[derive(Debug)]
pub(crate) struct Report {
    /// The whole of standard output.
    pub(crate) text: String,
    /// How to end.
    pub(crate) exit: Exit,
}

/// Why a command has nothing to report.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How to end.
    pub(crate) exit: Exit,
    /// What is wrong and what to do; it goes to standard error.
    pub(crate) message: String,
    /// The server's own JSON, where it is the server that says no.
    pub(crate) body: Option<String>,
}

impl Failure {
    /// A failure of this side.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), body: None }
    }
}
