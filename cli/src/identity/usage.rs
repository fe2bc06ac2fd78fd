//! `identity usage`: what an agent has reported, day by day.

use serde::Deserialize;

use super::address;
use crate::directory::{Directory, One};
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::table::{facts, table};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    agent_id: String,
    days: Vec<Day>,
    tokens_used_today: u64,
    budget_exhausted: bool,
    #[serde(default)]
    api_calls_this_hour: u64,
}

/// A day by UTC.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Day {
    date: String,
    tokens: u64,
    reports: u64,
    cost_usd: Option<f64>,
}

/// Shows what was used.
pub(super) fn usage(options: &One, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let given = directory.get(&format!("{}/usage", address(&options.id)), "the usage")?;
    let usage: Usage = given.data()?;
    if usage.days.is_empty() {
        say("nothing was reported yet");
    }
    Ok(done(json, &given.body, || usage.text()))
}

impl Usage {
    fn text(&self) -> String {
        let exhausted = if self.budget_exhausted { ": the budget is exhausted" } else { "" };
        let now = facts(&[
            ("agent", self.agent_id.clone()),
            ("tokens today", format!("{}{exhausted}", self.tokens_used_today)),
            ("calls this hour", self.api_calls_this_hour.to_string()),
        ]);
        if self.days.is_empty() {
            return now;
        }
        let cost = |day: &Day| day.cost_usd.map_or(String::new(), |cost| format!("{cost:.4}"));
        let row = |day: &Day| [day.date.clone(), day.tokens.to_string(), day.reports.to_string(), cost(day)];
        let rows: Vec<_> = self.days.iter().map(row).collect();
        format!("{now}\n{}", table(["DAY (UTC)", "TOKENS", "REPORTS", "COST IN USD"], &rows))
    }
}
