//! The registry: read the configuration, open the state, serve until told to stop.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::{LivePolicy, Offered};
use boot::audit::Audit;
use boot::watch::FileWatch;
use clap::Parser;
use registry::config::{Config, IdentityKeys, Options};
use registry::keyring::{KeyFile, Keyring};
use registry::servers::{Chance, Health, keep_asking, seal_headers};
use registry::storage::{Opened, Storage};
use registry::{
    App, Bound, Exchange, Followers, Metrics, Seal, Upstreams, bind, endpoint, operators_endpoint,
    serve_until,
};
use token::{Clock, KeySet, KeySource, LocalKeys, RemoteKeys};

/// How long requests in flight may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(command) = &options.command {
        return command.run(&options);
    }
    let config = match Config::load(&options) {
        Ok(config) => config,
        Err(faults) => {
            faults.iter().for_each(|fault| eprintln!("registry: {fault}"));
            return ExitCode::from(2);
        }
    };
    match start(config, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("registry: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn start(config: Config, options: &Options) -> Result<(), String> {
    boot::log::start(options.log_format, &options.log).map_err(|fault| fault.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|fault| fault.to_string())?;
    let served = runtime.block_on(serve(config, options));
    // What is still being computed changes nothing any more: everything is kept by now.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve(config: Config, options: &Options) -> Result<(), String> {
    let watch = FileWatch::new(&config.policy_file);
    let stop = boot::stop::Stop::listen().map_err(|fault| fault.to_string())?;
    config.policy.warnings().iter().for_each(|warning| tracing::warn!("scopes.yml, {warning}"));
    if config.trust_plain_headers {
        tracing::warn!(
            "--trust-plain-headers: whoever reaches this port can be anybody; only the gateway may reach it"
        );
    }
    if config.unbounded {
        tracing::warn!(
            "--max-lag 0: cut off from its database, this registry goes on showing what was removed or hidden since"
        );
    }
    let clock = clock();
    let (Opened { agents, servers, index }, keyring) = open(config.storage, &config.key_file, &clock).await?;
    let keys = identity_keys(config.identity_keys, &clock)?;
    let exchange = Exchange::new(config.exchange_url, &config.public_url, clock.clone())?;
    let app = Arc::new(App {
        policy: LivePolicy::new(config.policy, config.strict_policy, (clock)()),
        audit: Audit::start(&config.audit).map_err(|fault| format!("--audit: {fault}"))?,
        seal: Seal::new(keys, config.trust_plain_headers),
        exchange,
        upstreams: Upstreams::new(config.upstreams)?,
        gateway: config.gateway,
        health: Health::new(config.tools_interval, chance()),
        keyring,
        rules: config.rules,
        endpoints: config.endpoints,
        public_url: config.public_url,
        index: index.clone(),
        store: agents,
        servers,
        max_lag: config.max_lag,
        metrics: Metrics::default(),
        followers: Followers::default(),
        clock,
    });
    let bound = bind(config.listen, config.socket).await?;
    let following = tokio::spawn(follow_policy(app.clone(), watch));
    let indexing = tokio::spawn(index.clone().run(config.model));
    let others = tokio::spawn(index.clone().follow_others());
    let asking = tokio::spawn(keep_asking(app.clone()));
    let admin = match config.admin_listen {
        Some(address) => Some(bind(address, None).await?),
        None => None,
    };
    let url = |bound: &Bound| format!("http://{}", bound.address);
    let ready = serde_json::json!({
        "url": url(&bound), "socket": bound.socket, "admin_url": admin.as_ref().map(url)
    });
    if let Some(admin) = admin {
        let forever = std::future::pending();
        tokio::spawn(serve_until(admin.acceptor, operators_endpoint(&app), forever, GRACE));
    }
    println!("registry: serving on http://{}", bound.address);
    if let Some(file) = &options.ready_file {
        boot::files::replace(file, ready.to_string().as_bytes()).map_err(|fault| fault.to_string())?;
    }
    let (agents, servers) = (app.store.catalogue().len(), app.servers.catalogue().len());
    tracing::info!(%ready, agents, servers, policy = app.policy.current().version(), "serving");
    let stopped = async {
        let signal = stop.wait().await;
        tracing::info!(signal, "stopping");
        app.followers.end();
    };
    serve_until(bound.acceptor, endpoint(&app), stopped, GRACE).await;
    indexing.abort();
    others.abort();
    asking.abort();
    following.abort();
    index.save();
    app.store.close().await;
    app.servers.close().await;
    bound.socket.iter().for_each(|socket| drop(std::fs::remove_file(socket)));
    Ok(())
}

/// Puts each new content of the policy's file into force, or says why not.
async fn follow_policy(app: Arc<App>, mut watch: FileWatch) {
    loop {
        let read = watch.changed().await.map_err(|fault| fault.to_string());
        match app.policy.take(read, (app.clock)()) {
            Ok(Offered::Loaded) => tracing::info!(version = app.policy.current().version(), "policy loaded"),
            Ok(Offered::Unchanged | Offered::Refused) => {}
            Err(faults) => faults.iter().for_each(|fault| {
                tracing::error!("scopes.yml, {fault}; the policy before stays in force");
            }),
        }
    }
}

/// Opens what is kept, with the key that fits it; no secret of it is left in clear.
async fn open(storage: Storage, key: &KeyFile, clock: &Clock) -> Result<(Opened, Keyring), String> {
    let opened = storage.clone().open(clock.clone()).await.map_err(|fault| fault.to_string())?;
    let keyring = key.open(opened.servers.catalogue().iter().map(|server| &**server))?;
    if !seal_headers(&*opened.servers, &keyring).await? {
        return Ok((opened, keyring));
    }
    opened.agents.close().await;
    opened.servers.close().await;
    drop(opened);
    let opened = storage.open(clock.clone()).await.map_err(|fault| fault.to_string())?;
    Ok((opened, keyring))
}

/// From the operating system: a hasher's keys are drawn there.
fn chance() -> Chance {
    Arc::new(|| RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64)
}

fn clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn identity_keys(keys: IdentityKeys, clock: &Clock) -> Result<Arc<dyn KeySource>, String> {
    match keys {
        IdentityKeys::None => Ok(Arc::new(LocalKeys::new(KeySet::default()))),
        IdentityKeys::File(file) => {
            Ok(Arc::new(LocalKeys::from_file(&file).map_err(|fault| fault.to_string())?))
        }
        IdentityKeys::Remote(location) => {
            let changes = Arc::new(AtomicU64::new(0));
            let remote =
                RemoteKeys::new(location, clock.clone(), changes).map_err(|fault| fault.to_string())?;
            tokio::spawn(remote.clone().keep_fresh());
            Ok(Arc::new(remote))
        }
    }
}
