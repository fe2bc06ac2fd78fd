//! A policy → YAML that reads as the same policy.

use std::fmt::Write as _;

use crate::grants::{Grants, Rule, ServerGrant, Words};
use crate::{Action, Policy};

impl Policy {
    /// The policy as a `scopes.yml`: sorted, without comments, equal in every decision.
    pub fn print(&self) -> String {
        let mut out = String::new();
        let ui =
            self.ui.iter().map(|(scope, grants)| format!("  {}: {}", quoted(scope), permissions(grants)));
        block(&mut out, "UI-Scopes", ui, "{}");
        let mappings =
            self.mappings.iter().map(|(group, scopes)| format!("  {}: {}", quoted(group), list(scopes)));
        block(&mut out, "group_mappings", mappings, "{}");
        for (scope, section) in &self.sections {
            let servers = section.servers.iter().map(server);
            let agents =
                section.agents.iter().map(|agents| format!("  - agents: {{actions: {}}}", actions(agents)));
            block(&mut out, &quoted(scope), servers.chain(agents), "[]");
        }
        out
    }
}

/// A key and its lines; with no lines, what stands for nothing.
fn block(out: &mut String, key: &str, lines: impl Iterator<Item = String>, nothing: &str) {
    let lines: Vec<String> = lines.collect();
    let text = if lines.is_empty() {
        format!("{key}: {nothing}\n")
    } else {
        format!("{key}:\n{}\n", lines.join("\n"))
    };
    out.push_str(&text);
}

fn server(grant: &ServerGrant) -> String {
    let name = quoted(grant.server.as_deref().unwrap_or("*"));
    format!("  - {{server: {name}, methods: {}, tools: {}}}", words(&grant.methods), words(&grant.tools))
}

fn permissions(grants: &Grants) -> String {
    let one = |(action, rules): (&Action, &Vec<Rule>)| {
        let resources: Vec<String> = rules.iter().map(|rule| rule.pattern.to_string()).collect();
        format!("{}: {}", action.name(), list(&resources))
    };
    format!("{{{}}}", grants.0.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn actions(grants: &Grants) -> String {
    let one = |(action, rules): (&Action, &Vec<Rule>)| {
        let resources: Vec<String> = rules.iter().map(|rule| rule.pattern.to_string()).collect();
        format!("{{action: {}, resources: {}}}", action.name(), list(&resources))
    };
    format!("[{}]", grants.0.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn words(words: &Words) -> String {
    let mut all: Vec<String> = words.named.clone();
    if words.any {
        all.insert(0, "*".to_owned());
    }
    list(&all)
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
}

/// A double-quoted scalar: the one form in which nothing has a second meaning.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // A line separator inside a scalar would be folded or refused.
            c if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_prints_as_empty() {
        for text in
            ["", "a: []\n", "group_mappings: {}\n", "a: [{agents: {}}]\n", "a: [{agents: {actions: []}}]"]
        {
            let policy = Policy::parse(text).expect("right");
            let printed = policy.print();
            let again = Policy::parse(&printed).unwrap_or_else(|faults| panic!("{faults:?} in\n{printed}"));
            assert_eq!(again.print(), printed);
        }
    }
}
