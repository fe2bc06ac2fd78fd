//! Agents with an identity, through the real gateway: signing in, what they may ask for, what they lose at once.

mod admin;
mod asking;
mod documents;
mod exchange;
mod gated;
mod organisation;
mod ours;
mod registry;
mod secrets;
mod seeding;
mod signing_in;
mod withdrawal;

use e2e::Shared;

use self::organisation::Organisation;

/// Nobody searches here: without the model a stack starts faster.
static STACK: Shared = Shared::new(|options| options.model = None);

/// The directory of the stack that the tests of this program share.
async fn shared() -> Option<Organisation<'static>> {
    STACK.get().await.map(Organisation::of)
}
