//! Asking servers again and again, as the registry that serves does it. When who is asked, the schedule's own
//! tests say.

use registry::servers::keep_asking;

use crate::common::{Role, World};
use crate::fake::{Fake, Reply, with_tools};
use crate::world::at;

#[tokio::test]
async fn a_server_that_is_enabled_is_asked_at_once_and_the_silent_hold_nobody_up() {
    let world = World::new();
    let mut silent = Vec::new();
    for number in 0..6 {
        let fake = Fake::start(|_| Reply::Text(500, "text/plain", String::new())).await;
        world.server(at(&format!("broken-{number}"), &fake.url)).await;
        world
            .ask(Role::Admin, "POST", &format!("/api/servers/broken-{number}/toggle?enabled=true"), None)
            .await
            .is(200);
        silent.push(fake);
    }
    let asking = tokio::spawn(keep_asking(world.app.clone()));
    let fake = with_tools(&["now"]).await;
    // Registered without an answer, so that only the schedule can bring its tools.
    world.server(at("clock", "http://127.0.0.1:1/mcp")).await;
    let mut changes = world.app.servers.follow();
    let change = serde_json::json!({"proxy_pass_url": fake.url, "is_enabled": true});
    world.ask(Role::Admin, "PUT", "/api/servers/clock", Some(change)).await.is(200);
    while world.tools("clock").await != ["now"] {
        changes.changed().await.expect("the store lives");
    }
    // Asked once for the change, once for the schedule at most: then its time has come only in five minutes.
    fake.asked_times(2).await;
    asking.abort();
}
