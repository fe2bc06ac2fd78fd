//! Where the database is, with a password that nothing prints.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Parameters of a URL that the driver knows. It would log one that it does not know, with its value.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// `postgres://user:password@host:port/database?sslmode=verify-full`; prints without the password.
#[derive(Clone)]
pub struct DatabaseUrl(Box<PgConnectOptions>);

/// What is wrong with a URL; it does not repeat it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It is something else.
    #[error("must be postgres://user:password@host:port/database")]
    Form,
    /// A parameter behind the question mark is unknown.
    #[error("has an unknown parameter; known are {}", PARAMETERS.join(", "))]
    Parameter,
    /// It might be spoken in the clear without anybody having said so.
    #[error(
        "must not leave encryption to chance: sslmode=verify-full (as without any), verify-ca or require; \
         or disable, where the network is trusted"
    )]
    Tls,
    /// The environment would change where it leads.
    #[error("is all that counts: unset PGOPTIONS, PGSSLROOTCERT, PGSSLCERT and PGSSLKEY, and say it there")]
    Environment,
}

impl DatabaseUrl {
    /// How to connect. Statements are not logged: cards are not for the log.
    pub(super) fn options(&self) -> PgConnectOptions {
        PgConnectOptions::clone(&self.0)
    }

    /// The database as messages name it.
    pub(crate) fn place(&self) -> String {
        let host = match self.0.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", self.0.get_host(), self.0.get_port()),
        };
        format!("the database {} at {host}", self.0.get_database().unwrap_or(self.0.get_username()))
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlFault;

    fn from_str(text: &str) -> Result<DatabaseUrl, UrlFault> {
        let text = text.trim();
        let given = Given::of(text).ok_or(UrlFault::Form)?;
        if !given.names.iter().all(|name| PARAMETERS.contains(name)) {
            return Err(UrlFault::Parameter);
        }
        if environment_counts() {
            return Err(UrlFault::Environment);
        }
        // The driver's own words might repeat a part of it.
        let options = PgConnectOptions::from_str(&given.complete(text)).map_err(|_| UrlFault::Form)?;
        let is_near = options.get_socket().is_some() || is_loopback(options.get_host());
        let options = match (given.has(&["sslmode", "ssl-mode"]), options.get_ssl_mode()) {
            (false, _) if is_near => options.ssl_mode(PgSslMode::Prefer),
            (false, _) => options.ssl_mode(PgSslMode::VerifyFull),
            (true, PgSslMode::Prefer | PgSslMode::Allow) if !is_near => return Err(UrlFault::Tls),
            (true, _) => options,
        };
        let user = options.get_username().to_owned();
        let options = if given.has_database { options } else { options.database(&user) };
        Ok(DatabaseUrl(Box::new(options.disable_statement_logging())))
    }
}

/// What a URL says by itself. Whatever it does not, the driver would take from PGPASSWORD, PGHOST and their
/// like, and from ~/.pgpass.
struct Given<'t> {
    /// The names of its parameters.
    names: Vec<&'t str>,
    has_port: bool,
    has_password: bool,
    has_database: bool,
}

impl<'t> Given<'t> {
    /// None when it is no URL of a database, or names no host or no user.
    fn of(text: &'t str) -> Option<Given<'t>> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))?;
        // A fragment is not seen by the driver: a parameter behind it would be none.
        if rest.contains('#') {
            return None;
        }
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = who.split_once(':').map_or((who, None), |(user, it)| (user, Some(it)));
        // Colons of an IPv6 address stand in brackets.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            Some(_) | None => (place, ""),
        };
        let names = parameters.split('&').filter(|part| !part.is_empty());
        let names = names.map(|part| part.split('=').next().unwrap_or_default()).collect();
        let mut given = Given {
            names,
            has_port: !port.is_empty(),
            has_password: password.is_some_and(|password| !password.is_empty()),
            has_database: !path.trim_start_matches('/').is_empty(),
        };
        given.has_port |= given.has(&["port"]);
        given.has_password |= given.has(&["password"]);
        given.has_database |= given.has(&["dbname"]);
        let has_host = !host.is_empty() || given.has(&["host", "hostaddr"]);
        let has_user = !user.is_empty() || given.has(&["user"]);
        (has_host && has_user).then_some(given)
    }

    fn has(&self, any: &[&str]) -> bool {
        self.names.iter().any(|name| any.contains(name))
    }

    /// The URL with what the driver would look for elsewhere.
    fn complete(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut add = |is_given: bool, parameter: &str| {
            if !is_given {
                text.push(if text.contains('?') { '&' } else { '?' });
                text.push_str(parameter);
            }
        };
        add(self.has_port, "port=5432");
        add(self.has_password, "password=");
        add(self.has(&["application_name"]), "application_name=registry");
        text
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether the environment holds what no URL can take back: the driver lets nobody unset it.
fn environment_counts() -> bool {
    let nothing = "postgres://u:p@localhost:1/d?sslmode=disable&application_name=a";
    PgConnectOptions::from_str(nothing).map_or(true, |options| {
        let shown = options.to_url_lossy();
        let mut shown = shown.query_pairs();
        options.get_options().is_some()
            || shown.any(|(name, _)| ["sslrootcert", "sslcert", "sslkey"].contains(&&*name))
    })
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_the_password() {
        let url: DatabaseUrl = "postgres://me:hunter2@db.example:5433/agents".parse().expect("a URL");
        assert_eq!(format!("{url:?}"), "the database agents at db.example:5433");
        for wrong in [
            "hunter2",
            "mysql://me:hunter2@db/agents",
            "postgres://me:hunter2@db:port/agents",
            "postgres://me@db/agents?pasword=hunter2",
            "postgres://me@db/agents?sslmode=hunter2",
            "postgres://me:hunter2@db/agents?sslmode=prefer",
            "postgres://me:hunter2@db/agents?sslmode=allow",
            "postgres://:hunter2@db/agents",
            "postgres:///agents?password=hunter2",
            "postgres://me:hunter2@db/agents#?sslmode=disable",
        ] {
            let fault = wrong.parse::<DatabaseUrl>().expect_err(wrong);
            assert!(!fault.to_string().contains("hunter2") && !format!("{fault:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_not_encrypted_was_said_so() {
        for (url, expected) in [
            ("postgres://me@db/agents", "VerifyFull"),
            ("postgres://me@10.0.0.1:5432/agents", "VerifyFull"),
            ("postgres://me@localhost.evil/agents", "VerifyFull"),
            ("postgres://me@127.0.0.1/agents?host=db", "VerifyFull"),
            ("postgres://me@db/agents?sslmode=require", "Require"),
            ("postgres://me@db/agents?ssl-mode=verify-ca", "VerifyCa"),
            ("postgres://me@db/agents?sslmode=disable", "Disable"),
            ("postgres://me@127.0.0.1/agents", "Prefer"),
            ("postgres://me@[::1]:5432/agents", "Prefer"),
            ("postgres://me@localhost/agents?sslmode=prefer", "Prefer"),
            ("postgres://me@%2Frun%2Fpostgresql/agents", "Prefer"),
        ] {
            let options = url.parse::<DatabaseUrl>().expect(url).options();
            assert_eq!(format!("{:?}", options.get_ssl_mode()), expected, "{url}");
        }
    }

    /// The tests' own environment stays as it is: this one is run again with another.
    #[test]
    fn the_environment_does_not_count() {
        if std::env::var_os("PGHOST").is_none() {
            let home = tempfile::tempdir().expect("a folder");
            let pgpass = home.path().join("pgpass");
            std::fs::write(&pgpass, "*:*:*:*:theirs").expect("written");
            let run = |name: &str, value: &str| {
                let mut again = std::process::Command::new(std::env::current_exe().expect("a program"));
                again.args(["--exact", "postgres::url::tests::the_environment_does_not_count"]);
                again.env("PGHOST", "theirs").env("PGHOSTADDR", "10.9.9.9").env("PGPORT", "9");
                again.env("PGUSER", "theirs").env("PGDATABASE", "theirs").env("PGSSLMODE", "disable");
                again.env("PGAPPNAME", "theirs").env("PGPASSFILE", &pgpass);
                let done = again.env(name, value).output().expect("it runs");
                assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stdout));
            };
            run("PGPASSWORD", "theirs");
            for name in ["PGUSER", "PGOPTIONS", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"] {
                run(name, "theirs");
            }
            return;
        }
        let cannot_be_unset = ["PGOPTIONS", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
        if cannot_be_unset.iter().any(|name| std::env::var_os(name).is_some()) {
            let parsed = "postgres://me@db/agents".parse::<DatabaseUrl>();
            assert_eq!(parsed.err(), Some(UrlFault::Environment));
            return;
        }
        let options = "postgres://me@db".parse::<DatabaseUrl>().expect("a URL").options();
        let shown = format!("{options:?}");
        assert!(!shown.contains("theirs") && !shown.contains("10.9.9.9"), "{shown}");
        assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("db", 5432, "me"));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
        assert_eq!((options.get_database(), options.get_application_name()), (Some("me"), Some("registry")));
    }
}
