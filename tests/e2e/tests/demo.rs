//! The demo that `make run` and `make demo` play, on a new data folder and on one where it was played before.

use e2e::Shared;
use xtask::demo;

static STACK: Shared = Shared::new(|_| {});

#[tokio::test]
async fn the_demo_works_and_works_again() {
    let Some(stack) = STACK.get().await else { return };
    for _ in 0..2 {
        demo::play(&stack.run()).await.unwrap_or_else(|fault| panic!("{fault}"));
    }
}
