//! What wishes come to, without any log.

use std::borrow::Cow;

use super::conformance::{agent, report, target};
use super::log::Event;
use super::picture::Applied;
use super::{AgentChanges, DAY, Directory, Wish, whole};
use crate::StoreError;

const NOW: u64 = 20_000 * DAY + 60;

fn apply(directory: &mut Directory, wish: &Wish) -> Result<Applied, StoreError> {
    directory.apply(NOW, wish)
}

fn set_usage(agent_id: &str, tokens: u64) -> Wish {
    let changes = AgentChanges { tokens_used_today: Some(tokens), ..AgentChanges::default() };
    Wish::AmendAgent { agent_id: agent_id.to_owned(), version: None, changes: Box::new(changes) }
}

fn create(slug: &str) -> Wish {
    Wish::CreateAgent { agent: Box::new(agent(slug)) }
}

fn create_target(slug: &str) -> Wish {
    Wish::CreateTarget { target: Box::new(target(slug)) }
}

fn revoke(jti: &str, expires_at: u64) -> Wish {
    Wish::Revoke { client_id: "agt_a".to_owned(), jti: jti.to_owned(), expires_at }
}

/// A directory with something of everything, and the events that led to it.
fn filled() -> (Directory, Vec<Event<'static>>) {
    let bare = AgentChanges { capabilities: Some(Vec::new()), ..AgentChanges::default() };
    let wishes = [
        create("a"),
        create("b"),
        create_target("t"),
        create_target("u"),
        report("agt_a", 7, Some("run")),
        report("agt_a", 5, None),
        set_usage("agt_b", 9),
        Wish::AmendAgent { agent_id: "agt_b".to_owned(), version: Some(2), changes: Box::new(bare) },
        Wish::RemoveTarget { id: "mcp_u".to_owned(), version: None },
        revoke("void", NOW + 100),
        Wish::SetAdminKey { hash: "00".to_owned(), before: None },
    ];
    let mut directory = Directory::default();
    let events = wishes.into_iter().zip(1..).map(|(wish, number)| {
        assert!(matches!(apply(&mut directory, &wish), Ok(Applied::Changed(_))), "{wish:?}");
        assert_eq!(directory.number(), number);
        Event { batch: 1, number, at: NOW, by: Cow::Borrowed("ann"), wish: Cow::Owned(wish) }
    });
    let events = events.collect();
    (directory, events)
}

#[test]
fn the_same_events_give_the_same_picture() {
    let (directory, events) = filled();
    let mut again = Directory::default();
    for event in &events {
        let text = serde_json::to_string(event).expect("JSON");
        assert!(text.starts_with("{\"batch\":1,"), "a journal is searched for this: {text}");
        let read: Event<'static> = serde_json::from_str(&text).expect("an event");
        assert_eq!(read, *event);
        again.follow(&read).expect("it follows");
    }
    assert_eq!(again, directory);
}

#[test]
fn a_whole_picture_is_read_as_it_was_written() {
    for (directory, what) in [(filled().0, "full"), (Directory::default(), "empty")] {
        let text = whole::write(&directory).expect("JSON");
        assert_eq!(whole::read(&text).expect("a directory"), directory, "{what}");
    }
    let text = String::from_utf8(whole::write(&filled().0).expect("JSON")).expect("text");
    for (part, other, reason) in [
        ("\"directory\":1", "\"directory\":2", "reads form 1"),
        ("\"number\":11", "\"numbers\":11", "unknown field"),
        ("\"revoked\":{", "\"revoked\":[", "expected"),
    ] {
        assert!(text.contains(part), "{part}");
        let fault = whole::read(text.replace(part, other).as_bytes()).expect_err(other);
        assert!(fault.contains(reason) || reason == "expected", "{fault}");
    }
}

#[test]
fn what_goes_on_from_a_whole_picture_is_the_same() {
    let (_, events) = filled();
    for cut in 0..=events.len() {
        let mut begun = Directory::default();
        events[..cut].iter().for_each(|event| begun.follow(event).expect("it follows"));
        let text = whole::write(&begun).expect("JSON");
        let mut read = whole::read(&text).expect("a directory");
        events[cut..].iter().for_each(|event| read.follow(event).expect("it follows"));
        assert_eq!(read, filled().0, "cut at {cut}");
    }
}

#[test]
fn a_refused_wish_changes_nothing() {
    let (directory, _) = filled();
    let mut greedy = target("v");
    greedy.aliases = vec!["urn:free".to_owned(), "urn:mcp:t".to_owned()];
    for wish in [
        create("a"),
        create_target("t"),
        Wish::CreateTarget { target: Box::new(greedy) },
        Wish::RemoveAgent { agent_id: "agt_a".to_owned(), version: Some(3) },
        Wish::RemoveAgent { agent_id: "agt_nobody".to_owned(), version: None },
        Wish::RemoveTarget { id: "mcp_nothing".to_owned(), version: None },
        set_usage("agt_nobody", 1),
        report("agt_nobody", 1, None),
        Wish::SetAdminKey { hash: "11".to_owned(), before: None },
    ] {
        let mut after = directory.clone();
        assert!(apply(&mut after, &wish).is_err(), "{wish:?}");
        assert_eq!(after, directory, "{wish:?}");
    }
    for wish in [report("agt_a", 100, Some("run")), revoke("void", NOW + 100), revoke("void", NOW)] {
        let mut after = directory.clone();
        assert!(matches!(apply(&mut after, &wish), Ok(Applied::Unchanged(_))), "{wish:?}");
        assert_eq!(after, directory, "{wish:?}");
    }
}

#[test]
fn events_come_in_their_order() {
    let (_, events) = filled();
    let mut directory = Directory::default();
    directory.follow(&events[0]).expect("the first");
    for wrong in [&events[0], &events[2]] {
        let before = directory.clone();
        let fault = directory.follow(wrong).expect_err("out of its order");
        assert!(fault.contains("out of its order"), "{fault}");
        assert_eq!(directory, before);
    }
    let impossible = Event { number: 2, ..events[0].clone() };
    let fault = directory.follow(&impossible).expect_err("an agent is made once");
    assert!(fault.contains("event 2 cannot have happened"), "{fault}");
}

#[test]
fn ended_tokens_are_forgotten_and_their_events_still_count() {
    let mut directory = filled().0;
    apply(&mut directory, &revoke("later", NOW + 1000)).expect("kept");
    apply(&mut directory, &revoke("never", u64::MAX)).expect("kept");
    directory.forget_ended(NOW + 160);
    assert!(directory.is_revoked("void"), "clocks of others may be a minute behind");
    let number = directory.number();
    let mut forgetful = directory.clone();
    forgetful.forget_ended(NOW + 161);
    assert!(!forgetful.is_revoked("void"));
    assert!(forgetful.is_revoked("later") && forgetful.is_revoked("never"));
    assert_eq!(forgetful.number(), number);
    // Somebody who has forgotten it decides that it is new: whoever has not follows all the same.
    let wish = revoke("void", NOW + 100);
    assert!(matches!(apply(&mut forgetful, &wish), Ok(Applied::Changed(_))));
    let event =
        Event { batch: 1, number: number + 1, at: NOW, by: Cow::Borrowed("ann"), wish: Cow::Owned(wish) };
    directory.follow(&event).expect("it follows");
    assert_eq!(directory, forgetful);
}

#[test]
fn no_event_is_shown_with_a_secret() {
    let said = format!("{:?}", create("a"));
    assert!(!said.contains("argon2id"), "{said}");
}
