//! The harness of the whole-stack tests: one stack per test program, callers who sign in, raw bytes for attacks.

pub mod caller;
pub mod desk;
pub mod forge;
pub mod raw;
pub mod shared;
pub mod silence;
pub mod upstream;

use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::caller::{Answer, Caller};
pub use self::desk::{Desk, Run};
pub use self::shared::Shared;

/// Asks again and again until there is an answer; fails the test when there is none in time.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = attempt().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "this never happened: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The values of one key in a list of objects, in its order.
#[must_use]
pub fn column(list: &Value, key: &str) -> Vec<String> {
    let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
}
