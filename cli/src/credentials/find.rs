//! Which client signs in: what was typed comes first, then what the environment says, then what lies beside
//! the token file. A secret whose owner is not said is nobody's.

use std::path::{Path, PathBuf};

use boot::Secret;

use super::client::{self, Client};
use super::options::{Flag, SignIn};
use super::token_file::{is_open_to_writers, warn_of_writers};
use crate::outcome::{Exit, Failure};
use crate::plain::plain;

/// What credentials are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'h> {
    /// To get a token: whoever is named.
    SignIn,
    /// To replace a token, which was given to this client.
    Renewal(Option<&'h str>),
}

/// Finds the credentials.
///
/// # Errors
/// [`Exit::WrongUse`] for half of a client or for two, [`Exit::Credentials`] for a file that cannot be read.
pub(crate) fn find(
    options: &SignIn,
    token_file: &Path,
    purpose: Purpose<'_>,
) -> Result<Option<Client>, Failure> {
    let typed_id = options.client_id().filter(|_| options.typed(Flag::ClientId));
    let secret_file = options.client_secret_file.as_deref().filter(|_| options.typed(Flag::ClientSecretFile));
    let file = options.client_file.as_deref().filter(|_| options.typed(Flag::ClientFile));
    match (secret_file, file, typed_id) {
        (Some(_), Some(_), _) => {
            Err(wrong("--client-secret-file and --client-file each name credentials: take one of them"))
        }
        (Some(file), None, _) => {
            let id = options.client_id().ok_or_else(whose)?;
            client::secret_in(file).map(|secret| Some(Client::of(id, secret)))
        }
        (None, Some(file), id) => named(file, id).map(Some),
        (None, None, Some(id)) => of(options, token_file, id),
        (None, None, None) => untyped(options, token_file, purpose),
    }
}

/// The credentials of a client whose id was typed: its own file comes before a secret of the environment,
/// unless the environment says whose that is.
fn of(options: &SignIn, token_file: &Path, id: &str) -> Result<Option<Client>, Failure> {
    let owner = options.owner_in_environment();
    let secret = || match owner.as_deref() {
        Some(owner) if owner != id => Ok(None),
        _ => secret_in_environment(options),
    };
    if owner.is_some()
        && let Some(secret) = secret()?
    {
        return Ok(Some(Client::of(id, secret)));
    }
    if let Some(found) = beside(token_file, [Some(client::file_name(id))], Some(id))? {
        return Ok(Some(found));
    }
    if let Some(secret) = secret()? {
        return Ok(Some(Client::of(id, secret)));
    }
    if let Some(file) = &options.client_file {
        return named(file, Some(id)).map(Some);
    }
    beside(token_file, [stem(token_file), last()], Some(id))
}

/// The environment's client, else one beside the token file.
fn untyped(options: &SignIn, token_file: &Path, purpose: Purpose<'_>) -> Result<Option<Client>, Failure> {
    let id = options.client_id();
    let secret = secret_in_environment(options)?;
    let named = match (secret, id, &options.client_file, purpose) {
        (Some(secret), Some(id), _, _) => Some(Client::of(id, secret)),
        (Some(_), None, _, Purpose::SignIn) => return Err(whose()),
        (_, _, Some(file), _) => Some(named(file, id)?),
        _ => None,
    };
    let held = match purpose {
        Purpose::SignIn => None,
        Purpose::Renewal(held) => held,
    };
    // Who was signed in as somebody else by name has his file beside the token.
    if named.as_ref().is_some_and(|named| held.is_none_or(|held| held == named.id)) {
        return Ok(named);
    }
    let wanted = held.or(id);
    let names = [wanted.map(client::file_name), stem(token_file), last()];
    Ok(beside(token_file, names, wanted)?.or(named))
}

fn whose() -> Failure {
    wrong("there is a client secret, but whose? Name the client with --client-id or AGENTCTL_CLIENT_ID")
}

/// The client of a file that was named.
fn named(file: &Path, wanted: Option<&str>) -> Result<Client, Failure> {
    let client =
        client::read(file)?.ok_or_else(|| client::unreadable(file, "there is no such client file"))?;
    match wanted {
        Some(wanted) if wanted != client.id => {
            let (id, wanted) = (plain(&client.id), plain(wanted));
            Err(wrong(&format!("{}: this is client '{id}', not '{wanted}'", file.display())))
        }
        _ => Ok(client),
    }
}

fn secret_in_environment(options: &SignIn) -> Result<Option<Secret>, Failure> {
    match &options.client_secret_file {
        Some(file) => client::secret_in(file).map(Some),
        None => Ok(options.secret()),
    }
}

/// The first of the files beside the token file that is of the client.
fn beside<const N: usize>(
    token_file: &Path,
    names: [Option<String>; N],
    wanted: Option<&str>,
) -> Result<Option<Client>, Failure> {
    let files: Vec<PathBuf> =
        names.into_iter().flatten().map(|name| token_file.with_file_name(name)).collect();
    if is_open_to_writers(token_file) {
        // Whoever may write there could have our token be one of his.
        if files.iter().any(|file| file.exists()) {
            warn_of_writers(token_file, "its client files are not read");
        }
        return Ok(None);
    }
    for file in files {
        match client::read(&file)? {
            Some(client) if wanted.is_none_or(|wanted| wanted == client.id) => return Ok(Some(client)),
            _ => {}
        }
    }
    Ok(None)
}

/// `ingress.client.json`, beside `ingress.json`.
fn stem(token_file: &Path) -> Option<String> {
    token_file.file_stem().map(|stem| format!("{}.client.json", stem.to_string_lossy()))
}

fn last() -> Option<String> {
    Some("client.json".to_owned())
}

fn wrong(why: &str) -> Failure {
    Failure::new(Exit::WrongUse, why)
}
