//! What an import is to do: every entry of the source judged before the first is written.

use std::collections::BTreeMap;

use catalog::{AgentEntry, CardRules, EntryPath, ServerEntry};
use clap::ValueEnum;
use serde_json::{Map, Value};
use store::Catalogue;

use super::importable::{Importable, told};
use super::report::{Remark, Report, Verdict};
use crate::operator::kept::Pictures;
use crate::operator::source::{Found, Kind, Place, Source};

/// What happens to entries whose path is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Existing {
    /// The one that is there stays.
    #[default]
    Keep,
    /// The imported one takes its place.
    Replace,
    /// Nothing at all is imported when one of them is taken.
    Fail,
}

/// One write.
pub(super) struct Step<E> {
    pub(super) place: Place,
    pub(super) entry: E,
    /// The tag of the one that it takes the place of.
    pub(super) replaces: Option<String>,
}

/// The writes, and what can be said before them. The report counts every step as done.
pub(super) struct Plan {
    pub(super) agents: Vec<Step<AgentEntry>>,
    pub(super) servers: Vec<Step<ServerEntry>>,
    pub(super) report: Report,
}

impl Plan {
    pub(super) fn new(source: Source, held: &Pictures, existing: Existing, rules: CardRules) -> Plan {
        let found = source.found.len();
        let report = Report { recognised: source.recognised, found, ..Report::default() };
        let mut judge = Judge { existing, rules, sealed: 0, report };
        judge.report.notes = source.notes;
        let twice = twice(&source.found);
        let (mut agents, mut servers) = (Vec::new(), Vec::new());
        for found in source.found {
            let others = found.path.as_ref().and_then(|path| twice.get(&(found.kind, path.clone())));
            let others = others.map_or(&[][..], Vec::as_slice);
            match found.kind {
                Kind::Agent => agents.extend(judge.take_up(found, others, &held.agents)),
                Kind::Server => servers.extend(judge.take_up(found, others, &held.servers)),
            }
        }
        let Judge { mut report, sealed, .. } = judge;
        for doubt in source.doubts {
            let (verdict, reasons) = (Verdict::Doubtful, vec![doubt.why]);
            let (kind, place, path) = (doubt.kind, doubt.place, doubt.path);
            report.remarks.push(Remark { verdict, kind, place, path, reasons });
        }
        if sealed > 0 {
            report.notes.push(format!(
                "the headers of {sealed} servers are sealed: they open with the key they were sealed with \
                 (registry.key, --key-file) and with no other"
            ));
        }
        let mut plan = Plan { agents, servers, report };
        if existing == Existing::Fail && plan.report.remarks.iter().any(|remark| remark.reasons == [TAKEN]) {
            plan.give_up("--existing fail: a path is taken, so nothing was imported");
        }
        plan
    }

    /// Writes none of the steps.
    fn give_up(&mut self, why: &str) {
        self.report.unwritten = self.agents.len() + self.servers.len();
        (self.report.taken, self.report.replaced) = (0, 0);
        self.report.notes.push(why.to_owned());
        self.agents.clear();
        self.servers.clear();
    }
}

const TAKEN: &str = "the path is taken";

/// Who decides what becomes of each.
struct Judge {
    existing: Existing,
    rules: CardRules,
    /// Entries with what only the key opens that sealed it.
    sealed: usize,
    report: Report,
}

impl Judge {
    /// The write of an entry, if there is to be one. `others` are the places where its path stands.
    fn take_up<E: Importable>(
        &mut self,
        found: Found,
        others: &[Place],
        catalogue: &Catalogue<E>,
    ) -> Option<Step<E>> {
        let Found { kind, place, path, content, mut doubts } = found;
        let remark = |verdict, reasons| {
            let (place, path) = (place.clone(), path.clone());
            Remark { verdict, kind, place, path, reasons }
        };
        let read = content.and_then(|card| read::<E>(path.as_deref(), card, self.rules, &mut doubts));
        let (entry, is_sealed) = match (read, others) {
            (Ok(read), []) => read,
            (read, others) => {
                let mut reasons = read.err().unwrap_or_default();
                let others = others.iter().filter(|other| **other != place);
                reasons
                    .extend(others.map(|other| format!("its path stands in {other} too: keep one of them")));
                self.report.refused += 1;
                self.report.remarks.push(remark(Verdict::Refused, reasons));
                return None;
            }
        };
        let replaces = match (catalogue.get(entry.path()), self.existing) {
            (None, _) => None,
            (Some(_), Existing::Fail) => {
                self.report.refused += 1;
                self.report.remarks.push(remark(Verdict::Refused, vec![TAKEN.to_owned()]));
                return None;
            }
            (Some(held), _) if held.json() == entry.json() => {
                self.report.kept += 1;
                self.report.unchanged += 1;
                return None;
            }
            (Some(_), Existing::Keep) => {
                self.report.kept += 1;
                let reason = "another card is registered there, and stays".to_owned();
                self.report.remarks.push(remark(Verdict::Kept, vec![reason]));
                return None;
            }
            (Some(held), Existing::Replace) => Some(held.etag().to_owned()),
        };
        match replaces {
            None => self.report.taken += 1,
            Some(_) => self.report.replaced += 1,
        }
        if !doubts.is_empty() {
            self.report.remarks.push(remark(Verdict::Doubtful, doubts));
        }
        self.sealed += usize::from(is_sealed);
        Some(Step { place, entry, replaces })
    }
}

/// The entry, and whether it holds what is sealed.
fn read<E: Importable>(
    path: Option<&str>,
    card: Map<String, Value>,
    rules: CardRules,
    doubts: &mut Vec<String>,
) -> Result<(E, bool), Vec<String>> {
    let path = EntryPath::parse(path.unwrap_or_default()).map_err(|fault| vec![fault.to_string()])?;
    let judged = E::judge(&card, rules);
    let entry = E::from_card(path, card).map_err(|faults| told(&faults, ""))?;
    if !judged.refusals.is_empty() {
        return Err(judged.refusals);
    }
    doubts.extend(judged.doubts);
    Ok((entry, judged.is_sealed))
}

/// The paths of a kind that stand in more than one place, and where.
fn twice(found: &[Found]) -> BTreeMap<(Kind, String), Vec<Place>> {
    let mut places: BTreeMap<(Kind, &str), Vec<&Place>> = BTreeMap::new();
    for one in found {
        if let Some(path) = &one.path {
            places.entry((one.kind, path)).or_default().push(&one.place);
        }
    }
    let twice = places.into_iter().filter(|(_, places)| places.len() > 1);
    twice
        .map(|((kind, path), places)| ((kind, path.to_owned()), places.into_iter().cloned().collect()))
        .collect()
}
