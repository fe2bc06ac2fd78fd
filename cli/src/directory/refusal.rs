//! What the directory says when it says no, and what to do about it.

use serde::Deserialize;

use super::By;
use crate::http::{Answer, StatusCode};
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// The error body of the admin API; with 422 every fault stands in it.
#[derive(Deserialize)]
struct Problem {
    message: String,
    #[serde(default)]
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    field: String,
    message: String,
}

/// The refusal in the server's words, with every fault on a line of its own.
pub(super) fn told(answer: &Answer, by: &By) -> Failure {
    let problem: Option<Problem> = serde_json::from_str(&answer.body).ok();
    let message = match &problem {
        Some(problem) => problem.text(),
        None => "the answer gives no reason: is there a directory of agents?".to_owned(),
    };
    let advice = advice(answer.status, by).map(|advice| format!(": {advice}")).unwrap_or_default();
    let body = problem.is_some().then(|| format!("{}\n", answer.body.trim_end()));
    let failure = Failure::new(Exit::Refused, format!("refused ({}): {message}{advice}", answer.status));
    Failure { body, status: Some(answer.status.as_u16()), ..failure }
}

impl Problem {
    fn text(&self) -> String {
        match &self.faults[..] {
            [] => plain(&self.message),
            [one] => one.text(),
            several => {
                let lines = several.iter().map(|fault| format!("\n  {}", fault.text()));
                format!("{} faults{}", several.len(), lines.collect::<String>())
            }
        }
    }
}

impl Fault {
    fn text(&self) -> String {
        match &*self.field {
            "" => plain(&self.message),
            field => format!("{}: {}", plain(field), plain(&self.message)),
        }
    }
}

/// What the server cannot know: where the credential came from, and where a better one is named.
fn advice(status: StatusCode, by: &By) -> Option<&'static str> {
    match (status, by) {
        (StatusCode::UNAUTHORIZED, By::Key(_)) => Some("see --admin-key-file"),
        (StatusCode::UNAUTHORIZED, By::Token(_)) => {
            Some("get a new token, or name the organisation's key with --admin-key-file")
        }
        (StatusCode::FORBIDDEN, By::Token(_)) => Some("see --admin-key-file"),
        _ => None,
    }
}
