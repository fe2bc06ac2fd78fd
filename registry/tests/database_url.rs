//! The database's address holds a password: nobody else may read where it stands.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// What `registry migrate` says; nothing answers at that address.
fn migrate(arguments: &[&str], variable: Option<&str>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    command.arg("migrate").args(arguments).env_clear();
    command.envs(variable.map(|url| ("REGISTRY_DATABASE_URL", url)));
    let done = command.output().expect("it runs");
    assert!(!done.status.success());
    String::from_utf8(done.stderr).expect("text")
}

const URL: &str = "postgres://registry:se-cret@127.0.0.1:1/registry";

#[test]
fn a_file_with_the_address_lets_nobody_else_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("database.url");
    std::fs::write(&file, URL).expect("written");
    let path = file.to_str().expect("text");
    for (mode, refused) in [(0o644, true), (0o640, true), (0o604, true), (0o600, false), (0o400, false)] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("changed");
        let said = migrate(&["--database-url-file", path], None);
        assert_eq!(said.contains(&format!("mode {mode:04o} lets others in")), refused, "{said}");
        assert_eq!(said.contains("127.0.0.1:1"), !refused, "{said}");
        assert!(!said.contains("se-cret"), "{said}");
    }
    assert!(migrate(&["--database-url-file", &format!("{path}.none")], None).contains("no such file"));
}

#[test]
fn the_address_is_no_flag() {
    for flag in [vec!["--database-url", URL], vec![&*format!("--database-url={URL}")]] {
        let said = migrate(&flag, None);
        assert!(said.contains("unexpected argument") && !said.contains("se-cret"), "{said}");
    }
    let said = migrate(&[], Some(URL));
    assert!(said.contains("127.0.0.1:1") && !said.contains("se-cret"), "{said}");
    assert!(migrate(&["--database-url-file", "/none"], Some(URL)).contains("not both"));
}
