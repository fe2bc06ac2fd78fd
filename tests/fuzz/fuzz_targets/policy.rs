//! Any text as scopes.yml: a policy or faults, never a panic; and a policy printed is the same policy.
#![no_main]

use access::{Action, Policy, Principal, Resource};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(faults) => return assert!(!faults.is_empty(), "a refusal says why"),
    };
    let printed = policy.print();
    let again = Policy::parse(&printed).unwrap_or_else(|faults| panic!("{faults:?} in {printed}"));
    assert_eq!(again.print(), printed);
    // Nobody without a scope may do anything.
    let nobody = Principal { username: "nobody".into(), ..Principal::default() };
    for action in Action::AGENT {
        assert!(policy.decide(&nobody, action, &Resource::vacant("/a")).is_err());
    }
});
