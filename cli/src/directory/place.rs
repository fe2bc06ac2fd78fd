//! Whose directory: the organisation's address, which was named or which the gateway tells.

use crate::credentials::{self, Flag, Trouble, address};
use crate::http::{Http, segment};
use crate::options::Remote;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;
use crate::progress::Waiting;

/// The address below which the directory is, without a slash at its end. An issuer that is no organisation's (a
/// realm of Keycloak, where one signs in) names no directory.
///
/// # Errors
/// [`Exit::WrongUse`] when it is not known, or said twice; those of asking the gateway.
pub(super) fn find(http: &Http, remote: &Remote, org: Option<&str>) -> Result<String, Failure> {
    let issuer = remote.sign_in.issuer.as_deref();
    let issuer = issuer.map(trimmed).filter(|issuer| organisation(issuer).is_some());
    match (org, issuer) {
        (Some(org), Some(issuer)) if remote.sign_in.typed(Flag::Issuer) => {
            if organisation(issuer) == Some(org) {
                return Ok(issuer.to_owned());
            }
            Err(wrong(format!("--org is {org}, and --issuer another organisation's: take one of them")))
        }
        (Some(org), _) => Ok(format!("{}/orgs/{}/api/v1", remote.gateway, segment(org))),
        (None, Some(issuer)) => Ok(issuer.to_owned()),
        (None, None) => told(http, remote),
    }
}

/// The one organisation among the issuers that the gateway says it trusts.
fn told(http: &Http, remote: &Remote) -> Result<String, Failure> {
    let gateway = &remote.gateway;
    let waiting = Waiting::on("waiting for the gateway");
    let issuers = http.run(credentials::issuers(http, &remote.sign_in, gateway)).map_err(Trouble::failure)?;
    drop(waiting);
    let fits = |issuer: &&str| address(issuer).is_ok() && is_organisations(issuer);
    match issuers.iter().map(|issuer| trimmed(issuer)).filter(fits).collect::<Vec<_>>()[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(wrong(format!(
            "the gateway at {gateway} tells of no organisation with a directory: name it with --org, or its \
             address with --issuer"
        ))),
        ref several => {
            let names = plain(&several.join(", "));
            Err(wrong(format!(
                "the gateway at {gateway} tells of several organisations: name one with --issuer: {names}"
            )))
        }
    }
}

/// The name of the organisation whose address this is; the form with `t` is of the guides.
fn organisation(address: &str) -> Option<&str> {
    let (place, org) = address.strip_suffix("/api/v1")?.rsplit_once('/')?;
    let known = place.ends_with("/orgs") || place.ends_with("/t");
    (known && !org.is_empty()).then_some(org)
}

/// The form in which issuers are named.
fn is_organisations(issuer: &str) -> bool {
    let place = organisation(issuer).and_then(|org| issuer.strip_suffix(&format!("/{org}/api/v1")));
    place.is_some_and(|place| place.ends_with("/orgs"))
}

fn trimmed(address: &str) -> &str {
    address.trim_end_matches('/')
}

fn wrong(why: String) -> Failure {
    Failure::new(Exit::WrongUse, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisations_address_is_known_by_its_form() {
        for (address, org, issuer) in [
            ("https://h/orgs/acme/api/v1", Some("acme"), true),
            ("https://h/base/orgs/acme/api/v1", Some("acme"), true),
            ("https://h/t/acme/api/v1", Some("acme"), false),
            ("https://h/realms/acme", None, false),
            ("https://h/realms/acme/api/v1", None, false),
            ("https://h/orgs//api/v1", None, false),
            ("https://h/api/v1", None, false),
            ("", None, false),
        ] {
            assert_eq!((organisation(address), is_organisations(address)), (org, issuer), "{address}");
        }
    }
}
