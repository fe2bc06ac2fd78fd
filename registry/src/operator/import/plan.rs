//! What an import is to do: every agent of the source judged before the first is written.

use std::collections::BTreeMap;

use catalog::{AgentDraft, AgentEntry, CardRules, EntryPath, Faults};
use clap::ValueEnum;
use store::Catalogue;

use super::report::{Report, Verdict};
use crate::operator::source::{Found, Place, Source};

/// What happens to agents whose path is taken.
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
pub(super) struct Step {
    pub(super) place: Place,
    pub(super) entry: AgentEntry,
    /// The tag of the one that it takes the place of.
    pub(super) replaces: Option<String>,
}

/// The writes, and what can be said before them. The report counts every step as done.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) report: Report,
}

impl Plan {
    pub(super) fn new(source: Source, catalogue: &Catalogue, existing: Existing, rules: CardRules) -> Plan {
        let mut plan = Plan {
            steps: Vec::new(),
            report: Report { recognised: source.recognised, found: source.found.len(), ..Report::default() },
        };
        plan.report.notes = source.notes;
        let twice = twice(&source.found);
        for found in source.found {
            let others = found.path.as_ref().and_then(|path| twice.get(path));
            plan.take_up(found, others.map(Vec::as_slice), catalogue, existing, rules);
        }
        for (place, path, why) in source.doubts {
            plan.report.remark(Verdict::Doubtful, place, path, vec![why]);
        }
        if existing == Existing::Fail && plan.report.remarks.iter().any(|remark| remark.reasons == [TAKEN]) {
            plan.give_up("--existing fail: a path is taken, so nothing was imported");
        }
        plan
    }

    fn take_up(
        &mut self,
        found: Found,
        others: Option<&[Place]>,
        catalogue: &Catalogue,
        existing: Existing,
        rules: CardRules,
    ) {
        let Found { place, path, content, mut doubts } = found;
        let read = content.and_then(|card| {
            let path = path.as_deref().unwrap_or_default();
            let path = EntryPath::parse(path).map_err(|fault| vec![fault.to_string()])?;
            let registrable = AgentDraft::read(card.clone(), rules);
            let entry = AgentEntry::from_card(path, card).map_err(|faults| told(&faults, ""))?;
            doubts.extend(
                registrable.err().iter().flat_map(|faults| told(faults, "would not register today: ")),
            );
            Ok(entry)
        });
        let entry = match (read, others) {
            (Ok(entry), None) => entry,
            (read, others) => {
                let mut reasons = read.err().unwrap_or_default();
                let others = others.unwrap_or_default().iter().filter(|other| **other != place);
                reasons
                    .extend(others.map(|other| format!("its path stands in {other} too: keep one of them")));
                self.report.refused += 1;
                return self.report.remark(Verdict::Refused, place, path, reasons);
            }
        };
        let replaces = match (catalogue.get(&entry.path), existing) {
            (None, _) => None,
            (Some(_), Existing::Fail) => {
                self.report.refused += 1;
                return self.report.remark(Verdict::Refused, place, path, vec![TAKEN.to_owned()]);
            }
            (Some(held), _) if held.json() == entry.json() => {
                self.report.kept += 1;
                self.report.unchanged += 1;
                return;
            }
            (Some(_), Existing::Keep) => {
                self.report.kept += 1;
                let reason = "another card is registered there, and stays".to_owned();
                return self.report.remark(Verdict::Kept, place, path, vec![reason]);
            }
            (Some(held), Existing::Replace) => Some(held.etag.clone()),
        };
        match replaces {
            None => self.report.taken += 1,
            Some(_) => self.report.replaced += 1,
        }
        if !doubts.is_empty() {
            self.report.remark(Verdict::Doubtful, place.clone(), path, doubts);
        }
        self.steps.push(Step { place, entry, replaces });
    }

    /// Writes none of the steps.
    fn give_up(&mut self, why: &str) {
        self.report.unwritten = self.steps.len();
        (self.report.taken, self.report.replaced) = (0, 0);
        self.report.notes.push(why.to_owned());
        self.steps.clear();
    }
}

const TAKEN: &str = "the path is taken";

/// The paths that stand in more than one place, and where.
fn twice(found: &[Found]) -> BTreeMap<String, Vec<Place>> {
    let mut places: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
    for one in found {
        if let Some(path) = &one.path {
            places.entry(path).or_default().push(&one.place);
        }
    }
    let twice = places.into_iter().filter(|(_, places)| places.len() > 1);
    twice.map(|(path, places)| (path.to_owned(), places.into_iter().cloned().collect())).collect()
}

fn told(faults: &Faults, before: &str) -> Vec<String> {
    let one = |fault: &catalog::FieldFault| match fault.field.as_str() {
        "" => format!("{before}{}", fault.message),
        field => format!("{before}{field}: {}", fault.message),
    };
    faults.list().iter().map(one).collect()
}
