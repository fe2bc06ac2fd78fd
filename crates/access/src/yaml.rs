//! YAML as a tree in which every node knows its line and column.
//!
//! serde_yaml reports one fault and forgets where values stood; a policy needs
//! every fault at once, each with its place, and duplicate keys refused.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, Span};

use crate::Fault;

/// A value and where it begins.
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

impl Node {
    /// A fault at this node's place.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { line: self.line, column: self.column, message: message.into() }
    }

    /// What the node is, in the words of a person who edits the file.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(text) if text.is_empty() => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads one document; an empty file is an empty mapping.
pub(crate) fn read(text: &str) -> Result<Rc<Node>, Fault> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    let mut root: Option<Rc<Node>> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Fault {
            line: error.marker().line(),
            column: error.marker().col() + 1,
            message: error.info().to_owned(),
        })?;
        let finished = match event {
            Event::Scalar(text, _, anchor, _) => Some((anchor, node(span, Value::Scalar(text.into_owned())))),
            Event::Alias(id) => match anchors.get(&id) {
                Some(target) => Some((0, target.clone())),
                None => return Err(at(span, "this alias refers to itself or to nothing")),
            },
            Event::SequenceStart(anchor, _) => {
                open.push(Open { anchor, span, list: Vec::new(), is_map: false });
                None
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open { anchor, span, list: Vec::new(), is_map: true });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::close),
            Event::DocumentStart(_) if root.is_some() => {
                return Err(at(span, "only one YAML document is read: remove this '---'"));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => None,
        };
        let Some((anchor, done)) = finished else { continue };
        if anchor > 0 {
            anchors.insert(anchor, done.clone());
        }
        match open.last_mut() {
            Some(parent) => parent.list.push(done),
            None => root = Some(done),
        }
    }
    Ok(root.unwrap_or_else(|| Rc::new(Node { line: 1, column: 1, value: Value::Map(Vec::new()) })))
}

/// A list or mapping whose end has not been read yet.
struct Open {
    anchor: usize,
    span: Span,
    list: Vec<Rc<Node>>,
    is_map: bool,
}

impl Open {
    fn close(self) -> (usize, Rc<Node>) {
        if !self.is_map {
            return (self.anchor, node(self.span, Value::List(self.list)));
        }
        let mut pairs = Vec::with_capacity(self.list.len() / 2);
        let mut nodes = self.list.into_iter();
        while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
            pairs.push((key, value));
        }
        (self.anchor, node(self.span, Value::Map(pairs)))
    }
}

fn node(span: Span, value: Value) -> Rc<Node> {
    Rc::new(Node { line: span.start.line(), column: span.start.col() + 1, value })
}

fn at(span: Span, message: &str) -> Fault {
    Fault { line: span.start.line(), column: span.start.col() + 1, message: message.to_owned() }
}
