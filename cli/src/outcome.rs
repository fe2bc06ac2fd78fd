//! What a command comes to: a text and an exit code that a script can rely on.

use std::io::Write;
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

/// Why a command did not do what it was to do, or not all of it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How to end.
    pub(crate) exit: Exit,
    /// What is wrong and what to do; it goes to standard error.
    pub(crate) message: String,
    /// The server's own JSON, where it is the server that says no.
    pub(crate) body: Option<String>,
    /// The server's status, where it is the server that says no.
    pub(crate) status: Option<u16>,
    /// What had been done before and is told in any case, on standard output.
    pub(crate) done: String,
}

impl Failure {
    /// A failure of this side.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), body: None, status: None, done: String::new() }
    }

    /// With one more thing to say.
    pub(crate) fn and(self, more: &str) -> Failure {
        Failure { message: format!("{}: {more}", self.message), ..self }
    }
}

/// The outcomes of a command that does the same with several things.
pub(crate) struct Outcomes {
    json: bool,
    done: String,
    failures: Vec<String>,
}

impl Outcomes {
    /// With the server's own JSON for refusals, or without.
    pub(crate) fn new(json: bool) -> Outcomes {
        Outcomes { json, done: String::new(), failures: Vec::new() }
    }

    /// This was done.
    pub(crate) fn told(&mut self, text: &str) {
        self.done += text;
    }

    /// This was refused; what is next may still be done.
    ///
    /// # Errors
    /// When it failed so that nothing more can be done: with what was told until then.
    pub(crate) fn failed(&mut self, name: &str, mut failure: Failure) -> Result<(), Failure> {
        self.failures.push(format!("{name}: {}", failure.message));
        if failure.exit != Exit::Refused {
            failure.message = self.failures.join("\nagentctl: ");
            failure.done = std::mem::take(&mut self.done);
            return Err(failure);
        }
        if self.json {
            self.done += failure.body.as_deref().unwrap_or_default();
        }
        Ok(())
    }

    /// All of them: done, or what was refused.
    ///
    /// # Errors
    /// When one was refused.
    pub(crate) fn end(self) -> Result<Report, Failure> {
        if self.failures.is_empty() {
            return Ok(Report { text: self.done, exit: Exit::Done });
        }
        Err(Failure { done: self.done, ..Failure::new(Exit::Refused, self.failures.join("\nagentctl: ")) })
    }
}

/// The server's own JSON, or the text.
pub(crate) fn done(json: bool, body: &str, text: impl FnOnce() -> String) -> Report {
    let text = if json { line(body) } else { text() };
    Report { text, exit: Exit::Done }
}

/// JSON on a line of its own.
pub(crate) fn line(body: &str) -> String {
    format!("{}\n", body.trim_end())
}

/// Says something on standard error. Nobody may be reading there, which is no failure.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "agentctl: {line}");
}
