//! What a follower is told of a change: what he may see of the entry, by the policy in force.

use access::{Resource, View};
use store::{Catalogue, Change};

use super::lives::lives;

/// How a change looks to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// As it was made: he saw the entry before and sees it since. Or it is new.
    Whole,
    /// He sees the entry since, and did not before: to him it is new.
    Appeared,
    /// He saw the entry and no longer does. Whether it is gone or hidden, and by whom, is not for him.
    Gone,
}

/// How the change looks; `None` when he is told nothing. Of an entry that is hidden from him by now he is
/// told no more than that it has gone, also when he asks for what was before.
pub(super) fn sight(picture: &Catalogue, view: &View<'_>, change: &Change) -> Option<Sight> {
    let sees = |resource: Option<&Resource>| resource.is_some_and(|resource| view.sees(resource));
    let (before, after) = (sees(change.before.as_deref()), sees(change.after.as_deref()));
    if !after {
        return before.then_some(Sight::Gone);
    }
    let (_, life) =
        lives(picture, &change.path).take_while(|(later, _)| later.number >= change.number).last()?;
    let looks = if before { Sight::Whole } else { Sight::Appeared };
    sees(life).then_some(looks)
}
