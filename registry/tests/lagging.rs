//! A registry that is behind the others, or cut off from them: it refuses nothing, and confirms nothing, by a
//! picture of yesterday.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::Permit;
use async_trait::async_trait;
use catalog::{AgentEntry, Entry, EntryPath, ServerEntry};
use common::{Role, World, card};
use registry::{FollowLimits, Followers};
use serde_json::{Value, json};
use store::{Catalogue, EntryStore, Status, StoreError};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

/// A store whose picture stands still until it is asked for the newest one.
struct Lagging<E: Entry> {
    store: Arc<dyn EntryStore<E>>,
    shown: Mutex<Option<Arc<Catalogue<E>>>>,
    lag: Mutex<Duration>,
    cut_off: AtomicBool,
}

impl<E: Entry> Lagging<E> {
    fn behind(store: Arc<dyn EntryStore<E>>) -> Arc<Lagging<E>> {
        let (shown, lag) = (Mutex::default(), Mutex::default());
        Arc::new(Lagging { store, shown, lag, cut_off: AtomicBool::new(false) })
    }

    /// From now on it shows what is there now.
    fn stand_still(&self) {
        *self.shown.lock().expect("whole") = Some(self.store.catalogue());
    }

    fn cut_off(&self) {
        self.cut_off.store(true, Ordering::SeqCst);
    }

    fn lag(&self, seconds: u64) {
        *self.lag.lock().expect("whole") = Duration::from_secs(seconds);
    }
}

#[async_trait]
impl<E: Entry> EntryStore<E> for Lagging<E> {
    fn catalogue(&self) -> Arc<Catalogue<E>> {
        self.shown.lock().expect("whole").clone().unwrap_or_else(|| self.store.catalogue())
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        if self.cut_off.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { place: "postgres".into(), reason: "cut off".into() });
        }
        *self.shown.lock().expect("whole") = None;
        Ok(())
    }

    async fn insert(&self, permit: &Permit, entry: E) -> Result<Arc<E>, StoreError> {
        self.store.insert(permit, entry).await
    }

    async fn replace(&self, permit: &Permit, expected: &str, entry: E) -> Result<Arc<E>, StoreError> {
        self.store.replace(permit, expected, entry).await
    }

    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError> {
        self.store.remove(permit, expected, path).await
    }

    fn follow(&self) -> watch::Receiver<u64> {
        self.store.follow()
    }

    fn status(&self) -> Status {
        Status { kind: "postgres", lag: *self.lag.lock().expect("whole"), ..self.store.status() }
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

/// A registry behind; what is asked while it stands still on its picture is what the others have done.
struct Behind<E: Entry = AgentEntry> {
    world: World,
    store: Arc<Lagging<E>>,
    /// Who asks, and where entries of this kind are.
    role: Role,
    base: &'static str,
}

impl Behind<ServerEntry> {
    /// It is behind with servers alone.
    async fn with_servers() -> Behind<ServerEntry> {
        let mut lagging = None;
        let world = World::with(|app| {
            let store = Lagging::behind(app.servers.clone());
            app.servers = store.clone();
            app.max_lag = Some(Duration::from_secs(60));
            lagging = Some(store);
        });
        world.publish(Role::Guide, card("/a", "A", "d")).await;
        world.ask(Role::Admin, "POST", "/api/servers", Some(server("/a"))).await.is(201);
        let store = lagging.expect("it was made");
        Behind { world, store, role: Role::Admin, base: "/api/servers" }
    }
}

/// Nobody answers there.
fn server(path: &str) -> Value {
    json!({"path": path, "server_name": "S", "description": "d", "proxy_pass_url": "http://127.0.0.1:9/mcp"})
}

impl Behind {
    async fn new() -> Behind {
        let brisk = FollowLimits { heartbeat: Duration::from_millis(20), ..FollowLimits::default() };
        let mut lagging = None;
        let world = World::with(|app| {
            let store = Lagging::behind(app.store.clone());
            app.store = store.clone();
            app.max_lag = Some(Duration::from_secs(60));
            app.followers = Followers::new(brisk);
            lagging = Some(store);
        });
        let store = lagging.expect("it was made");
        world.publish(Role::Guide, card("/a", "A", "d")).await;
        Behind { world, store, role: Role::Guide, base: "/api/agents" }
    }

    /// Asks to follow.
    async fn stream(&self, query: &str) -> poem::Response {
        let seal = self.world.seal(&self.world.claims(Role::Guide));
        let request =
            poem::Request::builder().header("X-Identity", seal).header("Accept", "text/event-stream");
        let target = format!("/api/changes{query}").parse().expect("a target");
        self.world.respond(request.uri(target).finish()).await
    }
}

impl<E: Entry> Behind<E> {
    /// Something happens elsewhere: this registry still shows what was before.
    async fn elsewhere(&self, method: &str, target: &str, body: Option<Value>) -> String {
        let before = self.store.store.catalogue();
        *self.store.shown.lock().expect("whole") = None;
        let answer = self.world.ask(self.role, method, target, body).await;
        assert!(answer.status.is_success(), "{answer:?}");
        *self.store.shown.lock().expect("whole") = Some(before);
        answer.header("etag").to_owned()
    }

    /// Asks with `If-Match`.
    async fn patch_from(&self, etag: &str, target: &str) -> u16 {
        let seal = self.world.seal(&self.world.claims(self.role));
        let request = poem::Request::builder().method(poem::http::Method::PATCH);
        let request = request.uri(target.parse().expect("a target")).header("X-Identity", seal);
        let request = request.header("If-Match", etag).content_type("application/json");
        self.world.send(request.body(json!({"description": "mine"}).to_string())).await.status.as_u16()
    }
}

#[tokio::test]
async fn what_was_enabled_elsewhere_is_disabled_for_sure() {
    disabled_for_sure(Behind::new().await).await;
    disabled_for_sure(Behind::with_servers().await).await;
}

async fn disabled_for_sure<E: Entry>(behind: Behind<E>) {
    let toggle = |enabled: bool| format!("{}/a/toggle?enabled={enabled}", behind.base);
    behind.elsewhere("POST", &toggle(true), None).await;
    behind.store.refresh().await.expect("it is reached");
    behind.elsewhere("POST", &toggle(false), None).await;
    behind.elsewhere("POST", &toggle(true), None).await;
    // It shows the entry as disabled; the row says enabled.
    let answer = behind.world.ask(behind.role, "POST", &toggle(false), None).await.is(200).json();
    assert_eq!(answer["is_enabled"], false, "{answer}");
    let kept = behind.store.store.catalogue();
    assert!(!kept.get(&EntryPath::parse("/a").expect("a path")).expect("it is there").enabled());
    // Cut off, it cannot say whether there is nothing to do.
    behind.store.stand_still();
    behind.store.cut_off();
    let refused = behind.world.ask(behind.role, "POST", &toggle(false), None).await.is(503);
    assert_eq!((&refused.json()["code"], refused.header("retry-after")), (&json!("store_unavailable"), "5"));
}

#[tokio::test]
async fn the_newest_tag_is_right_though_this_registry_has_not_seen_it() {
    newest_tag_is_right(Behind::new().await).await;
    newest_tag_is_right(Behind::with_servers().await).await;
}

async fn newest_tag_is_right<E: Entry>(behind: Behind<E>) {
    let target = format!("{}/a", behind.base);
    let old = behind.world.ask(behind.role, "GET", &target, None).await.is(200);
    let new = behind.elsewhere("PATCH", &target, Some(json!({"description": "theirs"}))).await;
    assert_eq!(behind.patch_from(&new, &target).await, 200);
    assert_eq!(behind.patch_from(old.header("etag"), &target).await, 412);
}

#[tokio::test]
async fn what_was_made_elsewhere_is_there() {
    for write in 0..4 {
        made_elsewhere(Behind::new().await, "/api/agents/register", card("/b", "B", "d"), write).await;
        made_elsewhere(Behind::with_servers().await, "/api/servers", server("/b"), write).await;
    }
}

async fn made_elsewhere<E: Entry>(behind: Behind<E>, register: &str, made: Value, write: usize) {
    let change = || Some(json!({"description": "x"}));
    let (method, about, body) = [
        ("POST", "/toggle?enabled=true", None),
        ("PATCH", "", change()),
        ("PUT", "", change()),
        ("DELETE", "", None),
    ][write]
        .clone();
    behind.elsewhere("POST", register, Some(made)).await;
    let target = |name: &str| format!("{}/{name}{about}", behind.base);
    let answer = behind.world.ask(behind.role, method, &target("b"), body.clone()).await;
    assert!(answer.status.is_success(), "{method} {about}: {answer:?}");
    behind.store.cut_off();
    let nobody_knows = behind.world.ask(behind.role, method, &target("none"), body).await;
    assert_eq!(nobody_knows.status.as_u16(), 503, "{method}: {nobody_knows:?}");
}

#[tokio::test]
async fn servers_that_may_be_too_old_are_not_shown() {
    let behind = Behind::with_servers().await;
    let reads = ["/api/servers/a", "/api/servers", "/api/servers/a/tools", "/api/servers/a/history"];
    for (lag, status) in [(60, 200), (61, 503), (0, 200)] {
        behind.store.lag(lag);
        for target in reads {
            let answer = behind.world.ask(Role::Admin, "GET", target, None).await.is(status);
            if status == 503 {
                assert_eq!((&answer.json()["code"], answer.header("retry-after")), (&json!("stale"), "5"));
            }
        }
        behind.world.ask(Role::Admin, "GET", "/api/agents/a", None).await.is(200);
        let health = behind.world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json();
        assert_eq!(health["store"]["stale"], status == 503, "{health}");
    }
}

#[tokio::test]
async fn who_may_see_it_by_now_is_not_refused() {
    let behind = Behind::new().await;
    behind.elsewhere("PATCH", "/api/agents/a", Some(json!({"visibility": "private"}))).await;
    behind.store.refresh().await.expect("it is reached");
    let target = "/api/agents/a";
    behind.world.ask(Role::Lob2, "PATCH", target, Some(json!({"description": "x"}))).await.is(403);
    behind.elsewhere("PATCH", target, Some(json!({"visibility": "public"}))).await;
    let answer = behind.world.ask(Role::Admin, "PATCH", target, Some(json!({"description": "x"}))).await;
    assert_eq!(answer.is(200).json()["visibility"], "public", "made from the newest card");
}

#[tokio::test]
async fn what_may_be_too_old_is_not_shown() {
    let behind = Behind::new().await;
    let reads = [
        ("GET", "/api/agents/a", None),
        ("GET", "/api/agents", None),
        ("GET", "/api/agents/a/history", None),
        ("GET", "/api/changes", None),
        ("GET", "/api/changes?since=0", None),
        ("POST", "/api/agents/discover?skills=x", None),
        ("POST", "/api/agents/discover/semantic?query=x", None),
        ("POST", "/api/access/explain", Some(json!({"action": "get_agent", "resource": "/a"}))),
    ];
    for (lag, status) in [(60, 200), (61, 503), (0, 200)] {
        behind.store.lag(lag);
        for (method, target, body) in reads.clone() {
            let answer = behind.world.ask(Role::Guide, method, target, body).await.is(status);
            if status == 503 {
                assert_eq!((&answer.json()["code"], answer.header("retry-after")), (&json!("stale"), "5"));
            }
        }
        assert_eq!(behind.stream("?since=0").await.status().as_u16(), status);
        let health = behind.world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json();
        assert_eq!(health["store"]["stale"], status == 503, "{health}");
    }
}

#[tokio::test]
async fn a_follower_is_sent_into_no_past() {
    let behind = Behind::new().await;
    let since = behind.store.catalogue().changes().last() + 1;
    behind.elsewhere("PATCH", "/api/agents/a", Some(json!({"description": "x"}))).await;
    let target = format!("/api/changes?since={since}");
    let told = behind.world.ask(Role::Guide, "GET", &target, None).await.is(200).json();
    assert_eq!(
        (&told["changes"], &told["last"]),
        (&json!([]), &json!(since)),
        "another registry has told him"
    );
    let nobody_made_it = behind.world.ask(Role::Guide, "GET", "/api/changes?since=99", None).await.is(410);
    assert_eq!(nobody_made_it.json()["last"], since);
    behind.store.cut_off();
    let nobody_knows = behind.world.ask(Role::Guide, "GET", "/api/changes?since=99", None).await.is(503);
    assert_eq!((&nobody_knows.json()["code"], nobody_knows.header("retry-after")), (&json!("stale"), "5"));
    assert_eq!(behind.stream("?since=99").await.status().as_u16(), 503, "it does not begin with a reset");
    assert_eq!(behind.stream(&format!("?since={since}")).await.status().as_u16(), 200);
}

#[tokio::test]
async fn a_stream_ends_when_what_it_tells_may_be_too_old() {
    let behind = Behind::new().await;
    let mut stream = behind.stream("").await.take_body().into_async_read();
    let mut begun = [0; 4096];
    assert!(stream.read(&mut begun).await.expect("readable") > 0, "it begins");
    behind.store.lag(61);
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    ended.expect("within a heartbeat").expect("readable");
}
