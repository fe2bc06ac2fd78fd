//! A JSON body, field by field: every fault is noted with its field, and told together.

use access::check_capability;
use catalog::{Faults, json};
use serde_json::{Map, Value};
use url::Url;

use super::IdentityError;
use crate::asked::Asked;

/// The most words in a list.
const MOST_WORDS: usize = 256;

/// The members of a body that have not been read yet. Members that nobody reads are passed over: client
/// packages send more than we know.
pub(crate) struct Fields {
    members: Map<String, Value>,
    faults: Faults,
}

impl Fields {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// [`IdentityError::Unread`], [`IdentityError::Body`] with what to change.
    pub(crate) fn read(asked: &Asked<'_>) -> Result<Fields, IdentityError> {
        let body = asked.body.map_err(IdentityError::Unread)?;
        if asked.media_type().as_deref() != Some("application/json") {
            return Err(IdentityError::Body("send Content-Type: application/json, once".to_owned()));
        }
        match json::read(body) {
            Ok(Value::Object(members)) => Ok(Fields { members, faults: Faults::default() }),
            Ok(_) => Err(IdentityError::Body("the body must be a JSON object".to_owned())),
            Err(fault) => Err(IdentityError::Body(fault.to_string())),
        }
    }

    /// The same, empty where nothing was sent.
    ///
    /// # Errors
    /// Those of [`Fields::read`].
    pub(crate) fn read_or_none(asked: &Asked<'_>) -> Result<Fields, IdentityError> {
        match asked.body {
            Ok([]) => Ok(Fields { members: Map::new(), faults: Faults::default() }),
            _ => Fields::read(asked),
        }
    }

    /// Renames members from camelCase, for whoever writes as the answers are written.
    pub(crate) fn snake(mut self) -> Fields {
        let members = std::mem::take(&mut self.members);
        for (name, value) in members {
            let snake = snake(&name);
            // `resourceUri` beside `resource_uri`: two readers would take different ones.
            if self.members.contains_key(&snake) {
                self.fault(snake.clone(), "was sent in two spellings");
            }
            self.members.insert(snake, value);
        }
        self
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.faults.add(field, message);
    }

    /// Whether the member was sent, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether the member was sent as null.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_null)
    }

    /// A text of some lines, at most so many bytes long.
    pub(crate) fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        self.text_of(name, longest, |c| c.is_control() && c != '\n' && c != '\t')
    }

    /// A text of one line: what becomes a header, a claim or a name.
    pub(crate) fn line(&mut self, name: &str, longest: usize) -> Option<String> {
        self.text_of(name, longest, char::is_control)
    }

    fn text_of(&mut self, name: &str, longest: usize, unfit: impl Fn(char) -> bool) -> Option<String> {
        let text = match self.members.remove(name) {
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) => text,
            Some(_) => {
                self.fault(name, "must be a text");
                return None;
            }
        };
        if text.len() > longest {
            self.fault(name, format!("must be at most {longest} bytes long"));
        } else if text.chars().any(unfit) {
            self.fault(name, "must not have control characters");
        } else {
            return Some(text);
        }
        None
    }

    /// The same, and it must be there and not blank.
    pub(crate) fn required_line(&mut self, name: &str, longest: usize) -> Option<String> {
        let missing = matches!(self.members.get(name), None | Some(Value::Null));
        if missing {
            self.fault(name, "is required");
            return None;
        }
        let text = self.line(name, longest)?;
        if text.trim().is_empty() {
            self.fault(name, "must not be blank");
            return None;
        }
        Some(text)
    }

    /// A list of what an agent may be given.
    pub(crate) fn capabilities(&mut self, name: &str) -> Option<Vec<String>> {
        self.words(name, |word| check_capability(word).map_err(|fault| fault.to_string()))
    }

    /// An address that is asked for in the open.
    pub(crate) fn https_url(&mut self, name: &str) -> Option<String> {
        let uri = self.line(name, 2048)?;
        if !uri.is_empty() && !Url::parse(&uri).is_ok_and(|uri| uri.scheme() == "https" && uri.has_host()) {
            self.fault(name, "must be an https URL");
        }
        Some(uri)
    }

    /// A list of texts, each once, each checked.
    pub(crate) fn words(
        &mut self,
        name: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Option<Vec<String>> {
        let list = match self.members.remove(name) {
            None | Some(Value::Null) => return None,
            Some(Value::Array(list)) if list.len() <= MOST_WORDS => list,
            Some(Value::Array(_)) => {
                self.fault(name, format!("must have at most {MOST_WORDS} entries"));
                return None;
            }
            Some(_) => {
                self.fault(name, "must be a list of texts");
                return None;
            }
        };
        let mut words: Vec<String> = Vec::with_capacity(list.len());
        for (number, word) in list.into_iter().enumerate() {
            let Value::String(word) = word else {
                self.fault(format!("{name}[{number}]"), "must be a text");
                continue;
            };
            match check(&word) {
                Err(fault) => self.fault(format!("{name}[{number}]"), fault),
                Ok(()) if words.contains(&word) => {}
                Ok(()) => words.push(word),
            }
        }
        Some(words)
    }

    /// An object; without one, an empty one.
    pub(crate) fn object(&mut self, name: &str) -> Map<String, Value> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(object)) => object,
            Some(_) => {
                self.fault(name, "must be an object");
                Map::new()
            }
        }
    }

    /// A whole number from 0 on.
    pub(crate) fn whole(&mut self, name: &str, most: u64) -> Option<u64> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(number) if number <= most => Some(number),
                Some(_) => {
                    self.fault(name, format!("must be at most {most}"));
                    None
                }
                None => {
                    self.fault(name, "must be a whole number, 0 or more");
                    None
                }
            },
        }
    }

    /// The same, and it must be there.
    pub(crate) fn required_whole(&mut self, name: &str, most: u64) -> Option<u64> {
        if matches!(self.members.get(name), None | Some(Value::Null)) {
            self.fault(name, "is required");
            return None;
        }
        self.whole(name, most)
    }

    /// A number from 0 on.
    pub(crate) fn number(&mut self, name: &str, most: f64) -> Option<f64> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_f64() {
                Some(number) if (0.0..=most).contains(&number) => Some(number),
                Some(_) | None => {
                    self.fault(name, format!("must be a number from 0 to {most}"));
                    None
                }
            },
        }
    }

    /// The members of an object in it, with their faults noted under its name.
    pub(crate) fn nested<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
        if !matches!(self.members.get(name), Some(value) if !value.is_null()) {
            self.members.remove(name);
            return None;
        }
        let inner = Fields { members: self.object(name), faults: Faults::default() };
        let mut inner = inner.snake();
        let value = read(&mut inner);
        for fault in inner.faults.list() {
            self.faults.add(format!("{name}.{}", fault.field), fault.message.clone());
        }
        Some(value)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`IdentityError::Faults`], all of them.
    pub(crate) fn done(self) -> Result<(), IdentityError> {
        self.faults.or(()).map_err(IdentityError::Faults)
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_and_every_fault() {
        assert_eq!(snake("maxTokensPerDay"), "max_tokens_per_day");
        let members = serde_json::json!({"resourceUri": 1, "resource_uri": "x", "n": -1, "w": ["a", "a", 2]});
        let Value::Object(members) = members else { unreachable!("an object") };
        let mut fields = Fields { members, faults: Faults::default() }.snake();
        assert_eq!(fields.whole("n", 5), None);
        assert_eq!(fields.words("w", |_| Ok(())), Some(vec!["a".to_owned()]));
        assert_eq!(fields.required_line("name", 5), None);
        let Err(IdentityError::Faults(faults)) = fields.done() else { panic!("faults") };
        let named: Vec<&str> = faults.list().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(named, ["resource_uri", "n", "w[2]", "name"]);
    }
}
