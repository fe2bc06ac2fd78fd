//! What search embeds: the guide's recipe, so that its measured behaviour holds.

use crate::AgentEntry;

/// The text of an agent (design page "search", "Embedding text of an agent").
pub fn of_agent(entry: &AgentEntry) -> String {
    let skills: Vec<String> =
        entry.skills.iter().map(|skill| format!("{}: {}", skill.name, skill.description)).collect();
    format!(
        "Name: {}\nDescription: {}\nSkills: {}\nTags: {}",
        entry.name,
        entry.description,
        skills.join("\n"),
        entry.tags.join(", ")
    )
}
