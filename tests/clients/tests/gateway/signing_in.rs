//! The packages' own OAuth clients find out from the gateway alone where a token is to be had, and come in.

use clients::gateway::{CALLERS, Era, Ground, Program};
use serde_json::json;

#[tokio::test]
async fn the_packages_understand_where_a_token_is_to_be_had() {
    let Some(ground) = Ground::get().await else { return };
    for url in ground.addresses("sessions") {
        for program in [Program::mcp(Era::Auto), Program::sdk(Era::Old), Program::client(Era::Auto)] {
            let outcomes = ground.play(&program, &url, &["challenge"]);
            let expected = json!({"status": 401, "resource": url, "issuers": [ground.site.issuer()]});
            assert_eq!(outcomes.well("challenge"), &expected, "{program:?}");
        }
    }
}

#[tokio::test]
async fn the_packages_sign_in_by_themselves() {
    let Some(ground) = Ground::get().await else { return };
    let secret = ground.site.secret(CALLERS[0]);
    // Not one that the directory knows: for such a server a sign-in gets no token, but an exchange does.
    for url in ground.addresses("json") {
        for program in [Program::mcp(Era::Auto), Program::sdk(Era::Old), Program::client(Era::Old)] {
            let program = program.with("CLIENT_ID", CALLERS[0]).with("CLIENT_SECRET", &secret);
            let program = program.with("ISSUER", &ground.site.issuer());
            let outcomes = ground.play(&program, &url, &["secret"]);
            assert_eq!(outcomes.well("secret"), &json!({"text": "the secret"}), "{program:?} at {url}");
        }
    }
    ground.site.is_silent();
}
