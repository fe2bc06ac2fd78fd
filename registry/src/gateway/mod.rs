//! The gateway to MCP servers: what is asked is read, decided, and then asked of the server.

mod answer;
mod cut;
mod decide;
mod error;
mod forward;
mod headers;
mod members;
mod request;
mod session;
mod walk;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::forward::forward;

/// The longest body that is taken unless the operator says otherwise, in bytes.
pub const MAX_BODY: usize = 4 << 20;
/// How many bytes of bodies are held at a time, at most.
const ALL_BODIES: usize = 256 << 20;
/// The unit they are counted in, in bytes.
const UNIT: usize = 1024;

/// What the gateway takes.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The longest body, in bytes.
    pub(crate) max_body: usize,
    room: Arc<Semaphore>,
}

impl Gateway {
    /// One that takes bodies up to this length, in bytes.
    pub fn taking(max_body: usize) -> Gateway {
        let room = ALL_BODIES.max(max_body).div_ceil(UNIT) + 1;
        Gateway { max_body, room: Arc::new(Semaphore::new(room)) }
    }

    /// Room for a body of this length, until what is given is dropped; none when too many are held.
    fn room_for(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(length.div_ceil(UNIT)).ok()?;
        self.room.clone().try_acquire_many_owned(units).ok()
    }
}

impl Default for Gateway {
    fn default() -> Gateway {
        Gateway::taking(MAX_BODY)
    }
}
