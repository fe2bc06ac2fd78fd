//! What the check of kept vectors says, of files whole and spoiled.

use std::fs;

use search::HashedWords;
use serde_json::json;
use store::HistoryLimits;
use store::file;

use super::*;

/// A folder with agents, and the vectors of those texts that are given.
fn folder(agents: &[(&str, &str)], vectors: &[(&str, &str)], dimensions: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let cards: serde_json::Map<_, _> = agents
        .iter()
        .map(|(path, name)| {
            let card =
                json!({"name": name, "description": "d", "url": "https://a.example.com", "path": path});
            ((*path).to_owned(), card)
        })
        .collect();
    fs::write(folder.path().join("agent_state.json"), json!({"agents": cards}).to_string()).expect("written");
    let engine = Engine::new();
    engine.install(Arc::new(HashedWords::new(dimensions)), None).expect("the first one");
    for (path, name) in vectors {
        let text = format!("Name: {name}\nDescription: d\nSkills: \nTags: ");
        let fields = [];
        engine.put(path, &search::Text { embedded: &text, fields: &fields }, ());
        engine.embed(path, &text).expect("embedded");
    }
    engine.save(&folder.path().join(VECTORS)).expect("saved");
    folder
}

fn checked(folder: &tempfile::TempDir, sample: Option<usize>) -> (bool, String) {
    let read = file::pictures(folder.path(), HistoryLimits::default()).expect("read");
    let pictures = Pictures { agents: Arc::new(read.0), servers: Arc::new(read.1) };
    let embedder = Arc::new(HashedWords::new(256));
    let Report { text, sound } = check(&pictures, &folder.path().join(VECTORS), embedder, sample);
    (sound, text)
}

const BOTH: [(&str, &str); 2] = [("/a", "Alpha"), ("/b", "Beta")];

#[test]
fn whole() {
    let (sound, text) = checked(&folder(&BOTH, &BOTH, 256), None);
    assert!(sound, "{text}");
    assert_eq!(
        text,
        "vectors.bin: 2 entries, 2 with a vector, 0 without; 2 vectors made anew, 0 left over\n"
    );
    let (sound, text) = checked(&folder(&BOTH, &BOTH, 256), Some(1));
    assert!(sound && text.contains("1 vectors made anew"), "{text}");
    assert!(checked(&folder(&[], &[], 256), None).0);
}

#[test]
fn missing_and_left_over() {
    let (sound, text) = checked(&folder(&BOTH, &[("/a", "Alpha"), ("/c", "Gamma")], 256), None);
    assert!(!sound);
    assert_eq!(
        text,
        "agent /b has no vector in the file\n\
         vectors.bin: 2 entries, 1 with a vector, 1 without; 1 vectors made anew, 1 left over\n"
    );
    let (sound, text) = checked(&folder(&BOTH[..1], &BOTH, 256), None);
    assert!(sound && text.contains("1 left over"), "what is left over does no harm: {text}");
}

#[test]
fn damaged_foreign_and_gone() {
    let whole = folder(&BOTH, &BOTH, 256);
    let file = whole.path().join(VECTORS);
    let bytes = fs::read(&file).expect("read");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for (content, told) in [
        (Some(flipped), "damaged (its checksum disagrees)"),
        (Some(bytes[..bytes.len() - 1].to_vec()), "damaged"),
        (Some(b"something else".to_vec()), "not a file of vectors"),
        (None, "is not there yet"),
    ] {
        match content {
            Some(content) => fs::write(&file, content).expect("written"),
            None => fs::remove_file(&file).expect("removed"),
        }
        let (sound, text) = checked(&whole, None);
        assert!(!sound && text.contains(told), "{told}: {text}");
        assert!(text.contains("0 with a vector, 2 without"), "{text}");
    }
    let (sound, text) = checked(&folder(&BOTH, &BOTH, 128), None);
    assert!(!sound && text.contains("are of the model"), "{text}");
    // Its sum is right, and its vectors are those of other texts.
    let (embedder, text) = (HashedWords::new(256), "Name: Alpha\nDescription: d\nSkills: \nTags: ");
    let other = embedder.embed("something else").expect("a vector");
    let engine = Engine::new();
    engine.install(Arc::new(embedder), None).expect("the first one");
    let hash = engine.lacks("/a", text).expect("it is lacking");
    let halves = other.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
    engine.lend([(hash, halves)]);
    engine.put("/a", &search::Text { embedded: text, fields: &[] }, ());
    engine.save(&file).expect("saved");
    let (sound, text) = checked(&whole, None);
    assert!(!sound && text.contains("agent /a has another vector than its text has"), "{text}");
}
