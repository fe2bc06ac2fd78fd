//! The gateway's configuration: nginx/gateway.conf.j2 filled in, and refused when a value could break out of it.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::fault::{Doing as _, Fault, Outcome};
use crate::{files, setup, shell};

const TEMPLATE: &str = include_str!("../../nginx/gateway.conf.j2");

/// Where a server behind the gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// On loopback.
    Tcp(SocketAddr),
    /// On a unix socket: nobody else on this machine can reach it.
    Socket(PathBuf),
}

impl std::str::FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Socket(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| format!("{text:?} is neither unix:PATH nor ADDRESS:PORT")),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Socket(path) => write!(f, "\"unix:{}\"", path.display()),
        }
    }
}

/// Everything the template asks for.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The address and port that callers reach.
    pub listen: SocketAddr,
    /// Host names that are answered; every other one is closed without a word.
    pub server_names: Vec<String>,
    /// The registries, at least one; several use one database.
    pub registries: Vec<Upstream>,
    /// The auth-server.
    pub auth_server: SocketAddr,
    /// Folder of the pid file, the logs and the (unused) temporary files.
    pub dir: PathBuf,
    /// The user of the worker processes; none when nginx is not started by root.
    pub user: Option<String>,
    /// Worker processes; none: one per core.
    pub workers: Option<u16>,
    /// Largest request body, as nginx writes sizes; it must stay below the 2 MB body buffer.
    pub max_body: String,
    /// Largest request body where MCP is spoken, as nginx writes sizes; it is never kept here.
    pub mcp_max_body: String,
    /// Requests per second that one address may make, and twice that at once.
    pub rate: u32,
    /// Token requests per second that one address may make, and twice that at once.
    pub token_rate: u32,
    /// Whether a token in X-Authorization is shown to the auth-server; it must be told the same.
    pub x_authorization: bool,
}

/// The names a stack on one's own machine is called by.
#[must_use]
pub fn local_names() -> Vec<String> {
    ["localhost", "127.0.0.1", "[::1]"].map(String::from).to_vec()
}

/// The largest body of an MCP request, unless said otherwise; the registry's own limit is the same.
pub const MCP_MAX_BODY: &str = "4m";
/// What one address may ask per second, unless said otherwise: more than a test suite of thousands of
/// requests reaches, far less than would starve the others.
pub const RATE: u32 = 2000;
/// The same for tokens: ten times what an agent host asks for that exchanges its token before each tool call.
/// What keeps argon2 within bounds is not this (see nginx/gateway.conf.j2).
pub const TOKEN_RATE: u32 = 500;

/// Fills in the template.
pub fn render(gateway: &Gateway) -> Outcome<String> {
    refuse_what_breaks_out(gateway)?;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.doing(|| "set up the template".into())?);
    let values = context! {
        listen => gateway.listen.to_string(),
        server_names => gateway.server_names.clone(),
        registries => gateway.registries.iter().map(Upstream::to_string).collect::<Vec<_>>(),
        auth_server => gateway.auth_server.to_string(),
        dir => gateway.dir.display().to_string(),
        user => gateway.user.clone(),
        workers => gateway.workers.map_or_else(|| "auto".to_owned(), |count| count.to_string()),
        max_body => gateway.max_body.clone(),
        mcp_max_body => gateway.mcp_max_body.clone(),
        rate => gateway.rate,
        token_rate => gateway.token_rate,
        x_authorization => gateway.x_authorization,
    };
    environment
        .render_named_str("gateway.conf", TEMPLATE, values)
        .doing(|| "fill in nginx/gateway.conf.j2".into())
}

/// Renders into `<dir>/gateway.conf`, makes the folder, and lets nginx itself check the result.
pub fn write(gateway: &Gateway) -> Outcome<PathBuf> {
    let text = render(gateway)?;
    files::make_dir(&gateway.dir, 0o755)?;
    let file = gateway.dir.join("gateway.conf");
    files::replace(&file, text.as_bytes(), 0o644)?;
    check(&gateway.dir, &file)?;
    Ok(file)
}

/// `nginx -t`.
pub fn check(dir: &Path, file: &Path) -> Outcome<()> {
    shell::finish("nginx -t", command(dir, file)?.arg("-t")).map(drop)
}

/// nginx with this configuration, writing nowhere but into `dir` (not even before it has read the file).
pub fn command(dir: &Path, file: &Path) -> Outcome<Command> {
    let mut command = Command::new(setup::nginx()?);
    command.arg("-p").arg(dir).arg("-c").arg(file).arg("-e").arg(dir.join("error.log"));
    Ok(command)
}

/// The values come from flags: none may end its directive and begin another.
fn refuse_what_breaks_out(gateway: &Gateway) -> Outcome<()> {
    let name_is_plain = |name: &String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_*[]:".contains(c))
    };
    let path_is_plain = |path: &Path| {
        path.is_absolute()
            && path
                .to_str()
                .is_some_and(|text| !text.contains(['"', '\\', '$', ';', '{', '}', '\n', '\r', '\0']))
    };
    if gateway.server_names.is_empty() || !gateway.server_names.iter().all(name_is_plain) {
        return Err(Fault::new(format!("{:?} is no list of host names", gateway.server_names)));
    }
    if !gateway.user.iter().all(name_is_plain) {
        return Err(Fault::new(format!("{:?} is no user name", gateway.user)));
    }
    let is_no_size = |size: &&String| size.is_empty() || !size.chars().all(|c| c.is_ascii_alphanumeric());
    if let Some(size) = [&gateway.max_body, &gateway.mcp_max_body].into_iter().find(is_no_size) {
        return Err(Fault::new(format!("{size:?} is no size")));
    }
    if gateway.rate == 0 || gateway.token_rate == 0 {
        return Err(Fault::new("a rate of 0 would refuse every request"));
    }
    if gateway.registries.is_empty() {
        return Err(Fault::new("there must be a registry behind the gateway"));
    }
    let sockets = gateway.registries.iter().filter_map(|registry| match registry {
        Upstream::Socket(path) => Some(path.as_path()),
        Upstream::Tcp(_) => None,
    });
    match sockets.chain([gateway.dir.as_path()]).find(|path| !path_is_plain(path)) {
        None => Ok(()),
        Some(path) => {
            Err(Fault::new(format!("nginx cannot use the path {path:?}: choose a plain absolute one")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Gateway {
        Gateway {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            server_names: local_names(),
            registries: vec![Upstream::Socket("/srv/data/run/registry.sock".into())],
            auth_server: SocketAddr::from(([127, 0, 0, 1], 4001)),
            dir: "/srv/data/nginx".into(),
            user: Some("www-data".into()),
            workers: None,
            max_body: "1m".into(),
            mcp_max_body: MCP_MAX_BODY.into(),
            rate: RATE,
            token_rate: TOKEN_RATE,
            x_authorization: false,
        }
    }

    #[test]
    fn every_value_reaches_its_place() {
        let text = render(&gateway()).expect("it is a good gateway");
        for line in [
            "user www-data;",
            "worker_processes auto;",
            "listen 127.0.0.1:8080 default_server;",
            "server_name localhost 127.0.0.1 [::1];",
            "server \"unix:/srv/data/run/registry.sock\" max_fails=0;",
            "server 127.0.0.1:4001 max_fails=0;",
            "pid \"/srv/data/nginx/nginx.pid\";",
            "client_max_body_size     1m;",
            "client_max_body_size    4m;",
            "rate=2000r/s;",
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn several_registries_share_the_callers() {
        let mut several = gateway();
        several.registries.push(Upstream::Tcp(SocketAddr::from(([127, 0, 0, 1], 4002))));
        let text = render(&several).expect("it is a good gateway");
        for line in [
            "hash $remote_addr$http_authorization consistent;",
            "server \"unix:/srv/data/run/registry.sock\" max_fails=2 fail_timeout=2s;",
            "server 127.0.0.1:4002 max_fails=2 fail_timeout=2s;",
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn no_location_reaches_the_registry_without_a_token_except_the_public_ones() {
        let text = render(&gateway()).expect("it is a good gateway");
        let open: Vec<&str> = text
            .split("\n        location ")
            .skip(1)
            .filter(|location| {
                location.contains("http://registry") && !location.contains("auth_request /_validate;")
            })
            .filter_map(|location| location.split(" {").next())
            .collect();
        assert_eq!(open, ["= /health", "= /api/openapi.json", r"~ ^/docs(?:/[A-Za-z0-9._-]+)*/?$"]);
    }

    #[test]
    fn a_value_that_would_break_out_is_refused() {
        let refused = |change: fn(&mut Gateway)| {
            let mut gateway = gateway();
            change(&mut gateway);
            render(&gateway).is_err()
        };
        assert!(refused(|g| g.server_names = vec!["a; include /etc/passwd".into()]));
        assert!(refused(|g| g.server_names.clear()));
        assert!(refused(|g| g.dir = "/srv/$host".into()));
        assert!(refused(|g| g.dir = "data".into()));
        assert!(refused(|g| g.registries = vec![Upstream::Socket("/srv/a\"b".into())]));
        assert!(refused(|g| g.registries.clear()));
        assert!(refused(|g| g.user = Some("root; daemon on".into())));
        assert!(refused(|g| g.max_body = "1m; x".into()));
        assert!(refused(|g| g.mcp_max_body = "4m; x".into()));
        assert!(refused(|g| g.rate = 0));
    }

    #[test]
    fn an_upstream_is_a_socket_or_an_address() {
        assert_eq!("unix:/a b".parse(), Ok(Upstream::Socket("/a b".into())));
        assert_eq!("127.0.0.1:1".parse(), Ok(Upstream::Tcp(SocketAddr::from(([127, 0, 0, 1], 1)))));
        assert!("localhost".parse::<Upstream>().is_err());
    }
}
