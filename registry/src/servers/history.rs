//! Who has changed a server, when, and what.

use access::Action;
use catalog::EntryPath;

use super::read;
use crate::App;
use crate::error::ApiError;
use crate::history::{History, Wish, told};
use crate::identity::Caller;

/// The history at a path; where nothing may be told, the answer is that of reading the server.
pub(super) fn history(app: &App, caller: &Caller, path: &EntryPath, wish: Wish) -> Result<History, ApiError> {
    let picture = app.shown(&*app.servers)?;
    match told(&picture, &caller.view(Action::ListService), path, wish) {
        Some(history) => Ok(history),
        None => {
            read::get(app, caller, path)?;
            Ok(History { changes: Vec::new(), total: 0 })
        }
    }
}
