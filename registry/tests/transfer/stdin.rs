//! Through a pipe, from one store to another.

use std::io::Write;
use std::process::Stdio;

use crate::common::{Done, Folder, card, state};

fn piped(folder: &Folder, to: &str, text: &str) -> Done {
    let mut import = folder.command(to, &["import", "--json", "-"]);
    let mut import = import.stdin(Stdio::piped()).spawn().expect("it runs");
    import.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("read");
    Done::of(import.wait_with_output().expect("it ends"))
}

#[test]
fn standard_input_is_a_source() {
    let folder = Folder::new();
    let guide = state(&[card("/a", "x"), card("/b", "y")]);
    piped(&folder, "one", &guide).is(0);
    let export = folder.export("one");
    let done = piped(&folder, "two", &export).is(0);
    assert_eq!(done.counts(), [2, 2, 0, 0, 0, 0, 0]);
    assert_eq!(folder.export("two"), export);
    let lists = piped(&folder, "three", r#"{"enabled": [], "disabled": []}"#).is(2);
    assert!(lists.err.contains("name its folder"), "{lists:?}");
    // A pipe whose other end has failed brings nothing.
    piped(&folder, "three", "").is(2);
    assert!(!folder.at("three").exists());
}
