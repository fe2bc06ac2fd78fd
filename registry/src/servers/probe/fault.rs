//! Why a server's tools could not be read.

/// The longest part of a server's own words that is passed on, in characters.
const LONGEST_WORDS: usize = 200;

/// Why not; every text is for people, and none repeats an address or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::servers) enum Fault {
    /// As much of it is in use as may be: that says nothing about its health.
    #[error("as many requests are on their way to it as may be")]
    Busy,
    /// It answered with a status that is none of success.
    #[error("it answered {0}")]
    Status(u16),
    /// It understood the request and refused it.
    #[error("it refused: {1} ({0})")]
    Refused(i64, String),
    /// It could not be reached, or what it sent makes no sense.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    /// What the server said makes no sense.
    pub(super) fn broken(text: &str) -> Fault {
        Fault::Broken(text.to_owned())
    }

    /// A refusal in the server's own words, made harmless: of one line, bounded, and without control
    /// characters.
    pub(super) fn refused(code: i64, words: &str) -> Fault {
        let words: String = words.chars().filter(|c| !c.is_control()).take(LONGEST_WORDS).collect();
        Fault::Refused(code, words)
    }

    /// The same without the server's own words: one that was shown a secret may repeat it in them.
    pub(super) fn without_words(self) -> Fault {
        match self {
            Fault::Refused(code, _) => {
                Fault::refused(code, "its words are not repeated, for it knows a secret")
            }
            Fault::Busy | Fault::Status(_) | Fault::Broken(_) => self,
        }
    }

    /// Whether it may only be that the server does not know this era of the protocol: a status that keeps
    /// callers out would keep them out of the other era too.
    pub(super) fn is_another_era(&self) -> bool {
        match self {
            Fault::Status(401 | 403 | 407 | 429) | Fault::Busy | Fault::Broken(_) => false,
            Fault::Status(_) | Fault::Refused(..) => true,
        }
    }
}
