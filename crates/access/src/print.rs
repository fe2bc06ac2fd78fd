//! A policy → YAML that reads as the same policy.

use std::fmt::Write as _;

use crate::Policy;
use crate::grants::{Grants, Words};

impl Policy {
    /// The policy as a `scopes.yml`: sorted, without comments, equal in every decision.
    pub fn print(&self) -> String {
        let mut out = String::from("UI-Scopes:\n");
        for (scope, grants) in &self.ui {
            line(&mut out, &format!("  {}: {}", quoted(scope), permissions(grants)));
        }
        out.push_str("group_mappings:\n");
        for (group, scopes) in &self.mappings {
            line(&mut out, &format!("  {}: {}", quoted(group), list(scopes)));
        }
        for (scope, section) in &self.sections {
            line(&mut out, &format!("{}:", quoted(scope)));
            for grant in &section.servers {
                let server = quoted(grant.server.as_deref().unwrap_or("*"));
                let (methods, tools) = (words(&grant.methods), words(&grant.tools));
                line(&mut out, &format!("  - {{server: {server}, methods: {methods}, tools: {tools}}}"));
            }
            if let Some(agents) = &section.agents {
                line(&mut out, &format!("  - agents: {{actions: {}}}", actions(agents)));
            }
            if section.servers.is_empty() && section.agents.is_none() {
                line(&mut out, "  []");
            }
        }
        out.replace("UI-Scopes:\ngroup", "UI-Scopes: {}\ngroup")
            .replace("group_mappings:\n\"", "group_mappings: {}\n\"")
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn permissions(grants: &Grants) -> String {
    let one = |(action, rules): (&crate::Action, &Vec<crate::grants::Rule>)| {
        let resources: Vec<String> = rules.iter().map(|rule| rule.pattern.to_string()).collect();
        format!("{}: {}", action.name(), list(&resources))
    };
    format!("{{{}}}", grants.0.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn actions(grants: &Grants) -> String {
    let one = |(action, rules): (&crate::Action, &Vec<crate::grants::Rule>)| {
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
