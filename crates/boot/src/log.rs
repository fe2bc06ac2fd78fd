//! Logging: one line per event, to stderr, as text for people or JSON for collectors.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The filter is not of the form `info` or `warn,auth_server=debug`.
    #[error("log filter {filter:?}: {reason}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Logging was started before in this process.
    #[error("logging has already been started")]
    Started,
}

/// Checks a log filter without starting anything, so that configuration can name the fault
/// together with all its others.
///
/// # Errors
/// [`LogFault::Filter`] for a filter that cannot be read.
pub fn check(filter: &str) -> Result<(), LogFault> {
    parse(filter).map(drop)
}

/// Starts logging to stderr; stdout stays free for what a program answers. The environment is
/// not read here: the filter comes from the configuration, like everything else.
///
/// # Errors
/// [`LogFault`] for a filter that cannot be read, or a second start.
pub fn start(format: LogFormat, filter: &str) -> Result<(), LogFault> {
    let filter = parse(filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| LogFault::Started)
}

fn parse(filter: &str) -> Result<EnvFilter, LogFault> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|fault| LogFault::Filter { filter: filter.to_owned(), reason: fault.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_checked_before_anything_starts() {
        for (filter, good) in [("info", true), ("warn,token=debug", true), ("token=loud", false)] {
            assert_eq!(check(filter).is_ok(), good, "{filter}");
        }
    }
}
