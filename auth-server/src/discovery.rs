//! What the embedded issuer says of itself: RFC 8414 and OpenID Connect Discovery 1.0, one
//! document for both.

use serde_json::json;
use token::SigningAlgorithm;

/// The metadata of an issuer.
pub(crate) fn metadata(issuer: &str, algorithm: SigningAlgorithm) -> String {
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        // Required members that say: no authorization endpoint, no ID tokens.
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm.name()],
    })
    .to_string()
}
