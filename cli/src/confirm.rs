//! A question before something is gone for good.

use std::io::{self, IsTerminal, Write};

use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// Where nobody can be asked, `--yes` has to say it.
///
/// # Errors
/// [`Exit::WrongUse`] without a terminal.
pub(crate) fn somebody_is_there() -> Result<(), Failure> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return Ok(());
    }
    let line = "nobody can be asked here: say --yes to delete without a question";
    Err(Failure::new(Exit::WrongUse, line))
}

/// Asks whoever sits at the terminal.
///
/// # Errors
/// [`Exit::Refused`] for every answer but a yes.
pub(crate) fn confirm<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<(), Failure> {
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let mut answer = String::new();
    let mut ask = || {
        write!(io::stderr(), "Delete {}? [y/N] ", plain(&names))?;
        io::stderr().flush()?;
        io::stdin().read_line(&mut answer)
    };
    match ask() {
        Ok(_) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") => Ok(()),
        Ok(_) => Err(Failure::new(Exit::Refused, "nothing was deleted")),
        Err(fault) => Err(Failure::new(Exit::Refused, format!("nothing was deleted: {fault}"))),
    }
}
