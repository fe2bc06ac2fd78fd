//! Calls to an organisation's agent directory (its admin API), as whoever keeps it: by the organisation's key, or
//! with a token whose scopes hold `admin:agents:read` or `admin:agents:write`.

mod key;
mod options;
mod pages;
mod place;
mod refusal;
mod remove;
mod secret;

use boot::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use self::options::{Keeper, One, Several, capability, line, name};
pub(crate) use self::remove::remove;
pub(crate) use self::secret::{Once, SecretOut};
use crate::credentials::{self, Needs, Trouble};
use crate::http::{Answer, Http, Method, Request, StatusCode};
use crate::options::Remote;
use crate::outcome::{Exit, Failure};
use crate::plain::plain;
use crate::progress::Waiting;

/// How often a change is made anew when somebody else's came first.
const TRIES: usize = 5;

/// The directory of one organisation, and somebody who may keep it.
pub(crate) struct Directory {
    http: Http,
    base: String,
    by: By,
}

/// How one shows that one may.
enum By {
    /// The organisation's key, which opens the admin API and nothing else.
    Key(Secret),
    /// The token that every other command sends.
    Token(Secret),
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Given {
    /// The JSON, as it came.
    pub(crate) body: String,
    /// Which state it told of.
    etag: Option<String>,
    base: String,
}

/// Every good answer of the directory has what was asked for in `data`.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

impl Directory {
    /// Finds the directory, once it is known who asks: without a credential nothing leaves this machine.
    ///
    /// # Errors
    /// [`Exit::Credentials`] with one line that says what to do; [`Exit::WrongUse`] where it is not known whose
    /// directory is meant, or where others could read the key on its way.
    pub(crate) fn open(remote: &Remote, keeper: &Keeper) -> Result<Directory, Failure> {
        let by = match &keeper.admin_key_file {
            Some(file) => By::Key(key::read(file)?),
            None => By::Token(token(remote)?),
        };
        let http = Http::new()?;
        let base = place::find(&http, remote, keeper.org.as_deref())?;
        credentials::may_go(&remote.sign_in, &base).map_err(Trouble::failure)?;
        Ok(Directory { http, base, by })
    }

    /// Reads something; `what` is for who waits.
    ///
    /// # Errors
    /// Those of [`Directory::send`].
    pub(crate) fn get(&self, path: &str, what: &str) -> Result<Given, Failure> {
        self.send(Method::GET, path, None, what)
    }

    /// Asks, at a path below the admin API, and waits for the answer.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] when nobody answers, [`Exit::Refused`] for every answer that is not good.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        what: &str,
    ) -> Result<Given, Failure> {
        let answer = self.ask(method, path, body, None, what)?;
        if answer.status.is_success() {
            Ok(self.given(answer))
        } else {
            Err(refusal::told(&answer, &self.by))
        }
    }

    /// Reads what is there, and puts in its place what `change` makes of it; where that is `None`, all was so
    /// already, and what was read is the answer. Of two who change one thing at once, the second one's change is
    /// made anew from the first one's, or what one took away the other would give back.
    ///
    /// # Errors
    /// Those of [`Directory::send`].
    pub(crate) fn rewrite<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
        mut change: impl FnMut(T) -> Option<Value>,
    ) -> Result<Given, Failure> {
        for _ in 0..TRIES {
            let read = self.get(path, what)?;
            let Some(body) = change(read.data()?) else { return Ok(read) };
            let put = self.ask(Method::PUT, path, Some(&body), read.etag.as_deref(), what)?;
            match put.status {
                StatusCode::PRECONDITION_FAILED => {}
                status if status.is_success() => return Ok(self.given(put)),
                _ => return Err(refusal::told(&put, &self.by)),
            }
        }
        let message = "others change the same all the time: try again".to_owned();
        Err(Failure::new(Exit::Refused, message))
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
        what: &str,
    ) -> Result<Answer, Failure> {
        let _waiting = Waiting::on(format!("waiting for {what}"));
        let mut request =
            Request::new(method, format!("{}/admin{path}", self.base)).header("accept", "application/json");
        request = match &self.by {
            By::Key(key) => request.api_key(key),
            By::Token(token) => request.bearer(token),
        };
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(tag) = if_match {
            request = request.header("If-Match", tag);
        }
        self.http.send(request).map_err(|silence| {
            let tried = format!("cannot reach the directory at {}", plain(&self.base));
            silence.failure(&tried, "is it running, is --gateway (or --issuer) right?")
        })
    }

    fn given(&self, answer: Answer) -> Given {
        let etag = answer.header("ETag").map(str::to_owned);
        Given { body: answer.body, etag, base: self.base.clone() }
    }
}

impl Given {
    /// What was asked for, as what it should be.
    ///
    /// # Errors
    /// [`Exit::Refused`]: whoever answered so is no directory that is known here.
    pub(crate) fn data<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.read::<Envelope<T>>().map(|envelope| envelope.data)
    }

    /// The whole answer.
    ///
    /// # Errors
    /// The same.
    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(|fault| {
            // Where, and not what: the value that does not fit may be a secret.
            let (base, line, column) = (plain(&self.base), fault.line(), fault.column());
            let message = format!(
                "{base} gave an answer that this agentctl cannot read (line {line}, column {column}): is it the \
                 directory?"
            );
            Failure::new(Exit::Refused, message)
        })
    }
}

/// What to say of a part of a list that cannot be read.
pub(crate) fn unread(what: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{what} of the list cannot be read: is it the directory?"))
}

/// The token, renewed if need be. Whether its scopes will do is for the directory to say: groups may hold them.
fn token(remote: &Remote) -> Result<Secret, Failure> {
    // Before a renewal, too: it would be for nothing.
    credentials::may_go(&remote.sign_in, &remote.gateway.to_string()).map_err(Trouble::failure)?;
    credentials::obtain(remote, &Needs::nothing()).map_err(|failure| match failure.exit {
        Exit::Credentials => {
            let message =
                format!("{}, or name the organisation's key with --admin-key-file", failure.message);
            Failure { message, ..failure }
        }
        _ => failure,
    })
}
