//! What has changed: the endpoint to follow it by.

mod followers;

pub use self::followers::{FollowLimits, Followers};
