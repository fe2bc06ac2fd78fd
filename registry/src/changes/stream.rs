//! Following the changes as they come: one follower, at his own pace.
//!
//! Nothing is kept for him but the number he has come to. What he is told is read from the store's picture
//! and decided by the policy when it is told; and it ends when it is no longer known who he is.

use std::sync::Arc;

use store::Catalogue;
use tokio::sync::watch;
use tokio::time::Instant;

use super::event;
use super::followers::Place;
use super::page::SCAN;
use super::sight::Eyes;
use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// No more text than this is made at one go, in bytes; the next is made when it has been sent.
const CHUNK: usize = 16 * 1024;

/// One follower.
pub(super) struct Following {
    app: Arc<App>,
    caller: Caller,
    place: Place,
    /// Wakes at every change.
    latest: watch::Receiver<u64>,
    /// Everything up to here was looked at.
    position: u64,
    /// The last number he was sent.
    sent: u64,
    /// What he is sent before all else.
    greeting: Option<String>,
}

impl Following {
    /// Follows on from a number; without one, from now, and says where that is.
    pub(super) async fn start(
        app: &Arc<App>,
        caller: Caller,
        since: Option<u64>,
    ) -> Result<Following, ApiError> {
        let place = app.followers.enter(&caller.who.username).map_err(ApiError::TooMany)?;
        let mut greeting = event::RETRY.to_owned();
        let position = match since {
            Some(number) => {
                app.picture_from(number).await?;
                number
            }
            None => {
                let now = app.picture()?.changes().last();
                event::position(&mut greeting, now);
                now
            }
        };
        Ok(Following {
            app: app.clone(),
            caller,
            place,
            latest: app.store.follow(),
            position,
            sent: position,
            greeting: Some(greeting),
        })
    }

    /// The next text to send; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<String> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        let silence = Instant::now() + self.app.followers.limits().heartbeat;
        loop {
            let now = (self.app.clock)();
            if *self.place.over.borrow() || self.caller.expired(now) {
                return None;
            }
            // First what was the latest, then the picture: a change in between wakes us again.
            self.latest.borrow_and_update();
            let mut text = String::new();
            // Where nobody knows what is the newest, he is told to come back later.
            let picture = self.app.picture_from(self.position).await.ok()?;
            let all = self.tell(&picture, &mut text);
            if !text.is_empty() {
                return Some(text);
            }
            if !all {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                changed = self.latest.changed() => changed.ok()?,
                over = self.place.over.changed() => over.ok()?,
                () = tokio::time::sleep(self.caller.remaining(now)) => {}
                () = tokio::time::sleep_until(silence) => return Some(self.heartbeat()),
            }
        }
    }

    /// Writes what has happened since; whether that is all.
    fn tell(&mut self, picture: &Catalogue, text: &mut String) -> bool {
        let log = picture.changes();
        self.caller.renew(self.app.policy.current());
        let Some(changes) = log.since(self.position) else {
            (self.position, self.sent) = (log.last(), log.last());
            event::reset(text, log.last());
            return true;
        };
        let eyes = Eyes::of(&self.caller);
        for (looked, change) in changes.enumerate() {
            if looked == SCAN || text.len() >= CHUNK {
                return false;
            }
            self.position = change.number;
            if let Some(sight) = eyes.look(picture, change) {
                event::change(text, change, sight);
                self.sent = change.number;
            }
        }
        true
    }

    /// Says that we are still there; and where, when that has moved past changes that are not for him, so
    /// that coming back does not begin far behind.
    fn heartbeat(&mut self) -> String {
        let mut text = String::new();
        if self.position == self.sent {
            text.push_str(event::STILL_HERE);
        } else {
            self.sent = self.position;
            event::position(&mut text, self.position);
        }
        text
    }
}
