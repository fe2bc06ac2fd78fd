//! `cargo xtask`: reads the command line, calls the room that does it, and prints a failure as one line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use xtask::fault::{Doing as _, Outcome};
use xtask::nginx::{Gateway, Upstream};
use xtask::stack::{self, Life, RunFile, Stack, StackOptions, build, run_file};
use xtask::{demo, model, nginx, say, setup, tidy};

/// The tools of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Door,
}

#[derive(Subcommand)]
enum Door {
    /// Install what is missing (nginx, g++, make) from Debian, when root
    Setup,
    /// Fetch the embedding model into the data folder
    Model {
        #[command(flatten)]
        data: Data,
    },
    /// The gateway's configuration
    #[command(subcommand)]
    Nginx(NginxDoor),
    /// Install, build, start, play the demo, and serve until interrupted
    Run(Serve),
    /// Start the stack in the background
    Up(Serve),
    /// Stop the stack of this data folder
    Down {
        #[command(flatten)]
        data: Data,
    },
    /// Play the demo once, on a stack of its own
    Demo {
        #[command(flatten)]
        data: Data,
    },
    /// Check the rules of the house
    Tidy,
}

#[derive(Args)]
struct Data {
    /// The one folder everything is written to
    #[arg(long, env = "DATA", default_value = "./data")]
    data: PathBuf,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    data: Data,
    /// Port of the gateway; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// Address of the gateway
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// Host names that are answered, beside those of this machine's loopback
    #[arg(long = "server-name", env = "SERVER_NAME", value_delimiter = ',')]
    server_names: Vec<String>,
    /// scopes.yml
    #[arg(long, env = "POLICY")]
    policy: Option<PathBuf>,
    /// Requests per second that one address may make
    #[arg(long, default_value_t = nginx::RATE)]
    rate: u32,
    /// Token requests per second that one address may make
    #[arg(long, default_value_t = nginx::TOKEN_RATE)]
    token_rate: u32,
}

#[derive(Subcommand)]
enum NginxDoor {
    /// Fill in the template and print it, or write and check it
    Render(Render),
}

#[derive(Args)]
struct Render {
    /// Where the gateway listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Host names that are answered
    #[arg(long = "server-name", value_delimiter = ',', default_values_t = nginx::local_names())]
    server_names: Vec<String>,
    /// The registry: unix:PATH or ADDRESS:PORT
    #[arg(long)]
    registry: Upstream,
    /// The auth-server: ADDRESS:PORT
    #[arg(long)]
    auth_server: SocketAddr,
    /// Folder for pid file, logs and temporary files; absolute
    #[arg(long)]
    dir: PathBuf,
    /// User of the worker processes, when nginx is started by root
    #[arg(long)]
    user: Option<String>,
    /// Worker processes; one per core unless said otherwise
    #[arg(long)]
    workers: Option<u16>,
    /// Largest request body
    #[arg(long, default_value = "1m")]
    max_body: String,
    /// Requests per second that one address may make
    #[arg(long, default_value_t = nginx::RATE)]
    rate: u32,
    /// Token requests per second that one address may make
    #[arg(long, default_value_t = nginx::TOKEN_RATE)]
    token_rate: u32,
    /// Write DIR/gateway.conf and let nginx check it, instead of printing
    #[arg(long)]
    write: bool,
}

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
        Door::Setup => setup::setup(),
        Door::Model { data } => model::ensure(&data.data).map(|model| println!("{}", model.display())),
        Door::Nginx(NginxDoor::Render(wanted)) => render(wanted),
        Door::Run(serve) => run(serve).await,
        Door::Up(serve) => up(serve).await,
        Door::Down { data } => down(data),
        Door::Demo { data } => demo_alone(data).await,
        Door::Tidy => tidy::check(&xtask::root()),
    }
}

fn render(wanted: Render) -> Outcome<()> {
    let write = wanted.write;
    let gateway = Gateway {
        listen: wanted.listen,
        server_names: wanted.server_names,
        registry: wanted.registry,
        auth_server: wanted.auth_server,
        dir: wanted.dir,
        user: wanted.user,
        workers: wanted.workers,
        max_body: wanted.max_body,
        rate: wanted.rate,
        token_rate: wanted.token_rate,
    };
    if write {
        nginx::write(&gateway).map(|file| println!("{}", file.display()))
    } else {
        nginx::render(&gateway).map(|text| print!("{text}"))
    }
}

async fn run(serve: Serve) -> Outcome<()> {
    let stack = start(serve, Life::WithParent).await?;
    demo::play(&stack.run()).await?;
    print_addresses(&stack.run());
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
    print_addresses(&stack.run());
    println!("run.json   {}", stack.data().join("run.json").display());
    stack.leave();
    Ok(())
}

fn down(data: Data) -> Outcome<()> {
    let data = xtask::files::absolute(&data.data)?;
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
    let folder = std::env::temp_dir().join(format!("agent-registry-demo-{}", std::process::id()));
    let mut options = StackOptions::new(folder.clone(), binaries);
    options.model = Some(model);
    let play = async {
        let stack = Stack::start(options).await?;
        demo::play(&stack.run()).await
    };
    let outcome = tokio::select! {
        outcome = play => outcome,
        signal = interruption() => signal.and(Err(xtask::fault::Fault::new("interrupted"))),
    };
    let _ = std::fs::remove_dir_all(folder);
    outcome.map(|()| say("the demo worked"))
}

async fn start(serve: Serve, life: Life) -> Outcome<Stack> {
    let listen = SocketAddr::new(serve.listen, serve.port);
    stack::could_start(&serve.data.data, listen)?;
    setup::setup()?;
    let model = model::ensure(&serve.data.data)?;
    let binaries = build::servers(build::Profile::Release)?;
    let mut options = StackOptions::new(serve.data.data, binaries);
    options.listen = listen;
    options.server_names.extend(serve.server_names);
    options.model = Some(model);
    options.rates = (serve.rate, serve.token_rate);
    options.life = life;
    if let Some(policy) = serve.policy {
        options.policy = xtask::files::absolute(&policy)?;
    }
    say("starting auth-server, registry and nginx");
    Stack::start(options).await
}

fn print_addresses(run: &RunFile) {
    println!("gateway    {}", run.gateway);
    println!("docs       {}/docs", run.gateway);
    println!("tokens     {}", run.token_endpoint);
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
