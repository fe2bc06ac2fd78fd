//! Where the database is, with a password that nothing prints.

use std::fmt;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

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
}

impl DatabaseUrl {
    /// How to connect. Statements are not logged: cards are not for the log.
    pub(super) fn options(&self) -> PgConnectOptions {
        PgConnectOptions::clone(&self.0)
    }

    /// The database as messages name it.
    pub(super) fn place(&self) -> String {
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
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(UrlFault::Form);
        }
        let (_, parameters) = text.split_once('?').unwrap_or_default();
        let names = parameters.split('&').filter(|part| !part.is_empty());
        let mut names = names.map(|part| part.split('=').next().unwrap_or_default());
        if !names.all(|name| PARAMETERS.contains(&name)) {
            return Err(UrlFault::Parameter);
        }
        // The driver's own words might repeat a part of it.
        let options = PgConnectOptions::from_str(text).map_err(|_| UrlFault::Form)?;
        let name = options.get_application_name().unwrap_or("registry").to_owned();
        Ok(DatabaseUrl(Box::new(options.application_name(&name).disable_statement_logging())))
    }
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
        ] {
            let fault = wrong.parse::<DatabaseUrl>().expect_err(wrong);
            assert!(!fault.to_string().contains("hunter2") && !format!("{fault:?}").contains("hunter2"));
        }
    }
}
