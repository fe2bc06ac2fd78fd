//! Any bytes as a card: an entry or faults, never a panic; and what is kept can be read again.
#![no_main]

use catalog::{AgentDraft, AgentEntry, CardRules, json, text};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Value::Object(card)) = json::read(bytes) else { return };
    let Ok(draft) = AgentDraft::read(card.clone(), CardRules::default()) else { return };
    let wanted = AgentDraft::wanted_path(&card);
    assert_eq!(wanted.as_ref(), Some(draft.path()), "who was permitted a path gets that path");
    let entry = draft.into_new_entry("me", "2025-11-09T10:30:00Z").expect("a valid card becomes an entry");
    assert!(!entry.enabled);
    let again = AgentEntry::from_card(entry.path.clone(), entry.card()).expect("what is kept can be read");
    assert_eq!((&again.etag, &again.resource), (&entry.etag, &entry.resource));
    assert!(!text::of_agent(&entry).is_empty());
    // A card sent back as it was read changes nothing but the time of the change.
    let same = AgentDraft::replace(&entry, entry.card(), CardRules::default()).expect("it was valid before");
    let same = same.into_next_entry(&entry, "me", "2025-11-09T10:30:00Z").expect("an entry");
    assert_eq!(same.card(), entry.card());
});
