//! HTTP exists only at the outer skin: few files may name poem, hyper or reqwest.

use super::Finding;
use super::source::Source;

/// A crate's files that may name the framework, and the framework.
struct Skin {
    folder: &'static str,
    framework: &'static [&'static str],
    /// In every room.
    may: &'static [&'static str],
    /// Paths from the folder: a file of this name in another room is another file.
    at: &'static [&'static str],
}

const SKINS: [Skin; 4] = [
    Skin {
        folder: "registry/src/",
        framework: &["poem", "poem_openapi"],
        may: &["mod.rs", "body.rs"],
        at: &[
            "identity.rs",
            "error.rs",
            "routes.rs",
            "main.rs",
            "openapi.rs",
            "server.rs",
            "health.rs",
            "agents/card.rs",
            "document.rs",
            "servers/card.rs",
            "gateway/forward.rs",
        ],
    },
    Skin {
        folder: "auth-server/src/",
        framework: &["hyper", "hyper_util"],
        may: &[],
        at: &["router.rs", "reply.rs", "main.rs"],
    },
    Skin { folder: "cli/src/", framework: &["reqwest"], may: &[], at: &["http.rs"] },
    Skin {
        folder: "crates/store/src/",
        framework: &["sqlx"],
        may: &[],
        at: &[
            "directory/postgres/load.rs",
            "directory/postgres/log.rs",
            "directory/postgres/statement.rs",
            "postgres/follow.rs",
            "postgres/link.rs",
            "postgres/load.rs",
            "postgres/look.rs",
            "postgres/restore.rs",
            "postgres/schema.rs",
            "postgres/shelf.rs",
            "postgres/statement.rs",
            "postgres/url.rs",
            "postgres/write.rs",
        ],
    },
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Some(skin) = SKINS.iter().find(|skin| source.path.starts_with(skin.folder)) else {
        return Vec::new();
    };
    let inside = &source.path[skin.folder.len()..];
    if skin.at.contains(&inside) || skin.may.contains(&source.file_name()) {
        return Vec::new();
    }
    let named = |line: &str| words(line).find(|word| skin.framework.contains(word)).map(str::to_owned);
    let advice = |word: &str| {
        let allowed = [skin.may, skin.at].concat().join(", ");
        format!("only {allowed} may name {word}: take and return plain values here")
    };
    source
        .lines()
        .filter_map(|(number, line)| named(line).map(|word| Finding::new(source, number, advice(&word))))
        .collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framework_is_named_at_the_skin_only() {
        let check = |path: &str, text: &str| check(&Source::new(path.into(), text.into())).len();
        assert_eq!(
            check("registry/src/agents/publish.rs", "use poem::Request;\n// poem\nfn poems() {}\n"),
            1
        );
        assert_eq!(check("registry/src/agents/publish.rs", "type A = poem_openapi::Tags;\n"), 1);
        assert_eq!(check("registry/src/agents/mod.rs", "use poem::Request;\n"), 0);
        assert_eq!(check("registry/src/gateway/forward.rs", "use poem::Request;\n"), 0);
        assert_eq!(check("registry/src/agents/forward.rs", "use poem::Request;\n"), 1);
        assert_eq!(check("registry/src/server.rs", "use poem::Request;\n"), 0);
        for elsewhere in ["lib.rs", "openapi.rs", "server.rs", "identity.rs", "error.rs"] {
            assert_eq!(check(&format!("registry/src/agents/{elsewhere}"), "use poem::Request;\n"), 1);
        }
        assert_eq!(check("auth-server/src/validate/mod.rs", "fn f(r: hyper::Request<()>) {}\n"), 1);
        assert_eq!(check("auth-server/src/reply.rs", "use hyper_util::rt::TokioIo;\n"), 0);
        assert_eq!(check("cli/src/gateway.rs", "use reqwest::Client;\n"), 1);
        assert_eq!(check("cli/src/http.rs", "use reqwest::Client;\n"), 0);
        assert_eq!(check("crates/store/src/file/mod.rs", "use sqlx::Row;\n"), 1);
        assert_eq!(check("crates/store/src/postgres/link.rs", "use sqlx::Row;\n"), 0);
        assert_eq!(check("auth-server/tests/a.rs", "use hyper::Request;\n"), 0);
    }
}
