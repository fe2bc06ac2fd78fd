//! `cargo xtask`: reads the command line, calls the room that does it, and prints a failure as one line.

mod cli;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use xtask::fault::{Doing as _, Fault, Outcome};
use xtask::nginx::Gateway;
use xtask::stack::{self, Life, RunFile, Stack, StackOptions, Store, build, run_file};
use xtask::{demo, files, fuzz, keycloak, model, nginx, postgres, say, setup, tidy};

use self::cli::{Cli, Data, Door, Kept, NginxDoor, Render, Serve, Signer};

#[tokio::main]
async fn main() -> ExitCode {
    match go(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn go(door: Door) -> Outcome<()> {
    match door {
        Door::Setup => set_up(),
        Door::Model { data } => model::ensure(&data.data).map(|model| println!("{}", model.display())),
        Door::Keycloak { if_possible } => fetch_keycloak(if_possible),
        Door::Nginx(NginxDoor::Render(wanted)) => render(wanted),
        Door::Run(serve) => run(serve).await,
        Door::Up(serve) => up(serve).await,
        Door::Down { data } => down(data),
        Door::Demo { data } => demo_alone(data).await,
        Door::Fuzz { seconds } => fuzz::run(seconds),
        Door::Tidy => tidy::check(&xtask::root()),
    }
}

/// Without Postgres, what needs it says that it did not test anything.
fn set_up() -> Outcome<()> {
    setup::setup()?;
    if let Err(fault) = postgres::ensure() {
        say(&format!("SKIPPED: postgres: {fault}"));
    }
    Ok(())
}

fn render(wanted: Render) -> Outcome<()> {
    let write = wanted.write;
    let gateway = Gateway::from(wanted);
    if write {
        nginx::write(&gateway).map(|file| println!("{}", file.display()))
    } else {
        nginx::render(&gateway).map(|text| print!("{text}"))
    }
}

fn fetch_keycloak(if_possible: bool) -> Outcome<()> {
    match keycloak::ensure() {
        Err(reason) if if_possible => {
            say(&format!("SKIPPED: keycloak: {reason}"));
            Ok(())
        }
        done => done.map(drop),
    }
}

async fn run(serve: Serve) -> Outcome<()> {
    let stack = start(serve, Life::WithParent).await?;
    demo::play(&stack.local_run()).await?;
    // Whoever tries things out may have suspended the demo agent, or used its budget up: that is no reason
    // not to serve.
    // Nor is a policy of the operator's own that leaves the registry's MCP server to nobody.
    for played in [demo::mcp::play(&stack.local_run()).await, demo::identity::play(&stack.local_run()).await]
    {
        if let Err(fault) = played {
            say(&fault.to_string());
        }
    }
    print_addresses(&stack);
    println!("Ctrl-C stops it.");
    let mut pulse = tokio::time::interval(std::time::Duration::from_secs(1));
    let interrupted = interruption();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            signal = &mut interrupted => {
                say("stopping");
                return signal;
            }
            _ = pulse.tick() => stack.still_runs()?,
        }
    }
}

async fn up(serve: Serve) -> Outcome<()> {
    let stack = start(serve, Life::Detached).await?;
    print_addresses(&stack);
    println!("run.json   {}", stack.data().join("run.json").display());
    stack.leave();
    Ok(())
}

fn down(data: Data) -> Outcome<()> {
    let data = files::absolute(&data.data)?;
    match run_file::stop(&data)? {
        0 => println!("nothing runs in {}", data.display()),
        count => println!("stopped {count} processes"),
    }
    Ok(())
}

/// On free ports and in a folder of its own, so that it works beside whatever else runs here.
async fn demo_alone(data: Data) -> Outcome<()> {
    setup::setup()?;
    let model = model::ensure(&data.data)?;
    let binaries = build::servers(build::Profile::Release)?;
    let folder = files::temporary("agent-registry-demo-")?;
    let mut options = StackOptions::new(folder.path().to_path_buf(), binaries);
    options.model = Some(model);
    options.seed = true;
    let play = async {
        let stack = Stack::start(options).await?;
        demo::play(&stack.local_run()).await?;
        demo::mcp::play(&stack.local_run()).await?;
        demo::identity::play(&stack.local_run()).await
    };
    let outcome = tokio::select! {
        outcome = play => outcome,
        signal = interruption() => signal.and(Err(Fault::new("interrupted"))),
    };
    outcome.map(|()| say("the demo worked"))
}

async fn start(serve: Serve, life: Life) -> Outcome<Stack> {
    let listen = SocketAddr::new(serve.listen, serve.port);
    stack::could_start(&serve.data.data, listen)?;
    setup::setup()?;
    let model = model::ensure(&serve.data.data)?;
    // `make up ISSUERS=` says nothing.
    let issuers = serve.issuers.filter(|file| !file.as_os_str().is_empty());
    let keycloak = match (serve.issuer, &issuers) {
        (Signer::Embedded, _) => None,
        (Signer::Keycloak, None) => Some((keycloak::ensure()?, serve.keycloak_port)),
        (Signer::Keycloak, Some(_)) => return Err(Fault::new("choose one: ISSUER=keycloak or ISSUERS=…")),
    };
    let binaries = build::servers(build::Profile::Release)?;
    let mut options = StackOptions::new(serve.data.data, binaries);
    options.keycloak = keycloak;
    if serve.store == Kept::Postgres {
        options.store = Store::Postgres(postgres::ensure()?);
    }
    options.registries = serve.registries;
    options.issuers = issuers.as_deref().map(files::absolute).transpose()?;
    options.listen = listen;
    options.server_names.extend(serve.server_names);
    // `make up PUBLIC_URL=` says nothing.
    options.public_url = serve.public_url.filter(|url| !url.is_empty());
    options.x_authorization = serve.x_authorization;
    options.model = Some(model);
    options.rates = (serve.rate, serve.token_rate);
    options.life = life;
    options.seed = true;
    if let Some(policy) = serve.policy {
        options.policy = files::absolute(&policy)?;
    }
    say("starting auth-server, registry and nginx");
    Stack::start(options).await
}

fn print_addresses(stack: &Stack) {
    let run = &stack.run();
    println!("gateway    {}", run.gateway);
    println!("docs       {}/docs", run.gateway);
    println!("tokens     {}", run.token_endpoint);
    if let Some(postgres) = &run.postgres {
        println!("postgres   {} (URL in {})", postgres.address, postgres.url_file.display());
    }
    if let Some(keycloak) = &run.keycloak {
        println!("keycloak   {}/admin/{}/console/", keycloak.url, keycloak.realm);
    }
    print_agent(run, &stack.data().join("run.json"));
}

/// The lines that the Python programs of the guide need. The secret stays in run.json.
fn print_agent(run: &RunFile, file: &Path) {
    let (Some(agent), Some(organisation)) = (&run.demo_agent, &run.organisation) else { return };
    println!("an agent to try it with (lumoauth for Agno and the OpenAI Agents SDK):");
    println!("    export LUMOAUTH_URL={}", run.gateway);
    println!("    export LUMOAUTH_ORG_ID={organisation} LUMOAUTH_TENANT={organisation}");
    println!("    export AGENT_CLIENT_ID={}", agent.client_id);
    let read = format!(
        r#"import json; print(json.load(open("{}"))["demo_agent"]["client_secret"])"#,
        file.display()
    );
    println!("    export AGENT_CLIENT_SECRET=$(python3 -c '{read}')");
}

/// Ctrl-C, or the word of whoever supervises us.
async fn interruption() -> Outcome<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).doing(|| "listen to signals".into())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.doing(|| "listen to signals".into()),
        _ = terminate.recv() => Ok(()),
    }
}
