//! `mcp-target …`.

use serde_json::{Value, json};

use crate::common::server::Server;
use crate::fake::{asked, data, directory, keep, keeper, lines, only, refusal, target, target_with};

const RESOURCE: [&str; 2] = ["--resource-uri", "https://mcp.example.com/documents"];

fn known() -> Server {
    directory(|line, request| match line {
        "GET /mcp/servers/documents" | "POST /mcp/servers" => data(&target()),
        "GET /mcp/servers" => {
            let list = [target(), target_with(&json!({"id": "mcp_2", "requiredCapability": null}))];
            (200, json!({"data": list, "meta": {"total": 2}, "pagination": {"has_more": false}}))
        }
        "PUT /mcp/servers/documents" => {
            let asked = request.json();
            let lifetime = asked["token_lifetime"].clone();
            data(&target_with(&json!({"name": asked["name"], "tokenLifetime": lifetime})))
        }
        "DELETE /mcp/servers/documents" => data(&json!({"id": "mcp_1"})),
        _ => refusal(404, "not_found", "there is no such MCP server"),
    })
}

#[test]
fn what_is_asked_for_is_what_was_said() {
    let desk = keeper();
    let full = [
        "--slug",
        "documents",
        "--alias",
        "urn:a",
        "--alias",
        "urn:b",
        "--capability",
        "a:b",
        "--scope",
        "a:b",
        "--lifetime",
        "60",
    ];
    for (words, body) in [
        (&[][..], json!({"name": "Documents", "resource_uri": RESOURCE[1]})),
        (&["--capability", "none"], json!({"name": "Documents", "resource_uri": RESOURCE[1]})),
        (
            &full,
            json!({"name": "Documents", "resource_uri": RESOURCE[1], "slug": "documents",
                "aliases": ["urn:a", "urn:b"], "required_capability": "a:b", "scopes_supported": ["a:b"],
                "token_lifetime": 60}),
        ),
    ] {
        let server = known();
        keep(&desk, &server, &[&["mcp-target", "create", "Documents"], &RESOURCE[..], words].concat())
            .ends(0);
        assert_eq!(only(&server).json(), body);
    }
}

#[test]
fn what_there_is_is_shown() {
    let (desk, server) = (keeper(), known());
    let run = keep(&desk, &server, &["mcp-target", "show", "documents"]).ends(0);
    assert_eq!(
        run.out,
        "target       mcp_1\nslug         documents\nname         Documents\n\
         resource     https://mcp.example.com/documents\naliases      urn:mcp:documents\n\
         capability   read:documents\nscopes       read:documents\ntokens live  300 s\n"
    );
    let run = keep(&desk, &server, &["mcp-target", "list"]).ends(0);
    assert_eq!(
        run.out,
        "TARGET  SLUG       RESOURCE                           ALIASES            CAPABILITY\n\
         mcp_1   documents  https://mcp.example.com/documents  urn:mcp:documents  read:documents\n\
         mcp_2   documents  https://mcp.example.com/documents  urn:mcp:documents\n"
    );
    let run = keep(&desk, &server, &["mcp-target", "list", "--json"]).ends(0);
    assert_eq!(serde_json::from_str::<Value>(&run.out).expect("JSON")["data"][1]["id"], "mcp_2");
    keep(&desk, &server, &["mcp-target", "show", "none"]).says(1, &["there is no such MCP server"]);
}

#[test]
fn an_update_changes_what_is_named_and_sends_the_whole() {
    let whole = json!({"name": "Documents", "slug": "documents", "resource_uri": RESOURCE[1],
        "aliases": ["urn:mcp:documents"], "scopes_supported": ["read:documents"], "token_lifetime": 300,
        "required_capability": "read:documents"});
    let desk = keeper();
    for (words, changed) in [
        (&["--lifetime", "60"][..], json!({"token_lifetime": 60})),
        (
            &["--name", "Papers", "--resource-uri", "https://h/p"],
            json!({"name": "Papers", "resource_uri": "https://h/p"}),
        ),
        (&["--alias", "urn:a", "--scope", "a:b"], json!({"aliases": ["urn:a"], "scopes_supported": ["a:b"]})),
        (&["--no-aliases", "--no-scopes"], json!({"aliases": [], "scopes_supported": []})),
        (&["--capability", "a:b"], json!({"required_capability": "a:b"})),
        (&["--capability", "none"], json!({"required_capability": null})),
    ] {
        let server = known();
        keep(&desk, &server, &[&["mcp-target", "update", "documents"], words].concat()).ends(0);
        assert_eq!(lines(&server), ["GET /mcp/servers/documents", "PUT /mcp/servers/documents"]);
        let mut expected = whole.clone();
        for (name, value) in changed.as_object().into_iter().flatten() {
            expected[name] = value.clone();
        }
        // It is left out, and not null.
        expected.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        assert_eq!(asked(&server)[1].json(), expected);
    }
    let server = known();
    for wrong in [
        &[][..],
        &["--lifetime", "29"],
        &["--lifetime", "601"],
        &["--alias", "urn:a", "--no-aliases"],
        &["--scope", "a:b", "--no-scopes"],
    ] {
        keep(&desk, &server, &[&["mcp-target", "update", "documents"], wrong].concat()).ends(2);
    }
    assert_eq!(server.lines(), [""; 0]);
    keep(&desk, &server, &["mcp-target", "update", "none", "--name", "A"]).says(1, &["404"]);
    assert_eq!(lines(&server), ["GET /mcp/servers/none"]);
}

#[test]
fn a_delete_needs_a_yes() {
    let (desk, server) = (keeper(), known());
    keep(&desk, &server, &["mcp-target", "delete", "documents"]).says(2, &["--yes"]);
    assert_eq!(server.lines(), [""; 0]);
    let run = keep(&desk, &server, &["mcp-target", "delete", "documents", "--yes"]).ends(0);
    assert_eq!(run.out, "documents: deleted\n");
    keep(&desk, &server, &["mcp-target", "delete", "none", "--yes"])
        .says(1, &["none: refused (404 Not Found)"]);
}
