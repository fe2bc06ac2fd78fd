//! What a follower is told of a change: what he may see of the entry, by the policy in force.

use access::{Action, Resource, View};
use store::{Catalogue, Change, What};

use super::lives::lives;
use crate::identity::Caller;

/// What somebody may see of entries.
pub(super) struct Eyes<'c> {
    /// That they are there.
    list: View<'c>,
    /// What their cards say.
    read: View<'c>,
}

/// How a change looks to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// What happened, as he sees it.
    pub(super) what: What,
    /// Whether he is told who did it, and the tag of the card: he may read it.
    pub(super) card: bool,
    /// Whether he is told which fields are others: he may read the card, and saw it before.
    pub(super) fields: bool,
}

impl Eyes<'_> {
    pub(super) fn of(caller: &Caller) -> Eyes<'_> {
        Eyes { list: caller.view(Action::ListAgents), read: caller.view(Action::GetAgent) }
    }

    /// How the change looks; `None` when he is told nothing. Of an entry that is hidden from him by now he
    /// is told no more than that it has gone, also when he asks for what was before.
    pub(super) fn look(&self, picture: &Catalogue, change: &Change) -> Option<Sight> {
        let listed = |resource: Option<&Resource>| resource.is_some_and(|held| self.list.sees(held));
        let (before, after) = (listed(change.before.as_deref()), listed(change.after.as_deref()));
        if !after {
            // Whether it is gone or hidden, and by whom, is not for him.
            return before.then_some(Sight { what: What::Removed, card: false, fields: false });
        }
        let since = lives(picture, &change.path).take_while(|(later, _)| later.number >= change.number);
        let (_, life) = since.last()?;
        if !listed(life) {
            return None;
        }
        let card = life.is_some_and(|held| self.read.sees(held));
        // What he comes to see is new to him.
        let what = if before { change.what } else { What::Registered };
        Some(Sight { what, card, fields: card && before })
    }
}
