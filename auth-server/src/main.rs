//! Starts the auth-server: configuration, ports, signal to stop.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use auth_server::config::{Cli, Command, Config, Options};
use auth_server::{App, Doors, hash_secret, new_admin_key, serve, system_clock, system_random};
use boot::stop::Stop;
use boot::watch::FileWatch;
use boot::{Secret, files, log};
use clap::Parser;

/// Wrong configuration.
const FAULTY: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::HashSecret) => hash().map_err(|fault| vec![fault]),
        Some(Command::Migrate) => migrate(&cli.options).await.map_err(|fault| vec![fault]),
        Some(Command::NewAdminKey { state }) => {
            renew(&state, &cli.options).await.map_err(|fault| vec![fault])
        }
        None => run(&cli.options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(faults) => {
            for fault in faults {
                eprintln!("auth-server: {fault}");
            }
            ExitCode::from(FAULTY)
        }
    }
}

async fn run(options: &Options) -> Result<(), Vec<String>> {
    let one = |fault: String| vec![fault];
    let config = Config::load(options)?;
    log::start(options.log_format, &options.log).map_err(|fault| one(fault.to_string()))?;
    let stop = Stop::listen().map_err(|fault| one(fault.to_string()))?;
    for warning in config.policy.warnings() {
        tracing::warn!(%warning, "policy");
    }
    let watch = FileWatch::new(&config.policy_file);
    let (listen, admin_listen) = (config.listen, config.admin_listen);
    let app = Arc::new(App::build(config, system_clock(), system_random()).await?);
    let doors = Doors::open(listen, admin_listen).await.map_err(one)?;
    app.keep_keys_fresh();
    announce(options, &doors).map_err(one)?;
    let following = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.follow_policy(watch).await }
    });
    serve(doors, Arc::clone(&app), async {
        let signal = stop.wait().await;
        tracing::info!(signal, "stopping");
    })
    .await;
    following.abort();
    app.close().await;
    Ok(())
}

/// Says on standard output, and in the ready file, where it can be reached.
fn announce(options: &Options, doors: &Doors) -> Result<(), String> {
    let (main, admin) = doors.addresses().map_err(|fault| fault.to_string())?;
    let ready = serde_json::json!({"url": format!("http://{main}"), "admin_url": format!("http://{admin}")});
    if let Some(path) = &options.ready_file {
        files::replace(path, ready.to_string().as_bytes()).map_err(|fault| fault.to_string())?;
    }
    // Nobody may be reading any more: that is no reason not to serve.
    let _ = writeln!(
        std::io::stdout(),
        "auth-server listens on http://{main}, for the operator on http://{admin}"
    );
    Ok(())
}

async fn migrate(options: &Options) -> Result<(), String> {
    let url = options.agents.database_url()?;
    store::postgres::migrate(&url, store::postgres::Follow::Listen)
        .await
        .map_err(|fault| fault.to_string())?;
    println!("the tables are as this version needs them");
    Ok(())
}

async fn renew(state: &Path, options: &Options) -> Result<(), String> {
    let database = options.agents.database()?;
    new_admin_key(state, database.as_ref()).await?;
    println!("the key stands in {}", state.join("admin_key").display());
    Ok(())
}

fn hash() -> Result<(), String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|fault| fault.to_string())?;
    let secret = Secret::new(line.trim_end_matches(['\r', '\n']));
    println!("{}", hash_secret(&secret)?);
    Ok(())
}
