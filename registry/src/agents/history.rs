//! Who has changed an agent, when, and what.

use access::Action;
use catalog::EntryPath;

use super::read;
use crate::App;
use crate::error::ApiError;
use crate::history::{History, Wish, told};
use crate::identity::Caller;

/// The history at a path; where nothing may be told, the answer is that of reading the agent.
pub(crate) fn history(app: &App, caller: &Caller, path: &EntryPath, wish: Wish) -> Result<History, ApiError> {
    let told = told(&*app.picture()?, &caller.view(Action::GetAgent), path, wish);
    match told {
        Some(history) => Ok(history),
        None => {
            read::get(app, caller, path)?;
            Ok(History { changes: Vec::new(), total: 0 })
        }
    }
}
