//! The command line itself: help, completions, wrong use, and pipes that close.

use crate::common::Desk;

const COMMANDS: [&str; 10] =
    ["register", "list", "get", "update", "delete", "toggle", "search", "discover", "test", "test-all"];

#[test]
fn every_help_has_examples_and_exit_codes() {
    let desk = Desk::new(300);
    let has_both = |words: &[&str]| {
        let run = desk.run(&[words, &["--help"]].concat()).ends(0);
        assert!(run.out.contains("Examples:\n  ") && run.out.contains("Exit codes"), "{words:?} {}", run.out);
    };
    has_both(&["agent"]);
    has_both(&["completions"]);
    COMMANDS.iter().for_each(|command| has_both(&["agent", command]));
}

#[test]
fn completions_know_the_commands() {
    let desk = Desk::new(300);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = desk.run(&["completions", shell]).ends(0);
        assert!(run.out.contains("test-all") && run.out.contains("enabled-only"), "{shell}");
    }
    desk.run(&["completions", "tcsh"]).ends(2);
}

#[test]
fn bash_takes_its_completions() {
    let desk = Desk::new(300);
    desk.write("agentctl.bash", &desk.run(&["completions", "bash"]).ends(0).out);
    let script = "source ./agentctl.bash && COMP_WORDS=(agentctl agent tog) COMP_CWORD=2 \
                  && _agentctl agentctl tog agent && echo \"${COMPREPLY[@]}\"";
    let Ok(said) = desk.folder_command("bash").args(["-c", script]).output() else {
        // Straight to the descriptor's lock: `eprintln!` of a passing test is kept back by the harness.
        use std::io::Write;
        return writeln!(std::io::stderr(), "\nSKIPPED: bash_takes_its_completions: there is no bash")
            .unwrap_or_default();
    };
    assert_eq!(String::from_utf8_lossy(&said.stdout), "toggle\n", "{said:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let desk = Desk::new(300);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = desk.command(&["completions", "zsh"]).stdout(writer).status().expect("it runs");
    assert_eq!(status.code(), Some(0));
    // The same where complaints go.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = desk.command(&["agent", "list"]).stderr(writer).status().expect("it runs");
    assert_eq!(status.code(), Some(3));
}
