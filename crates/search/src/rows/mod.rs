//! The rows of the catalogue: a key, the facts that decide who finds it, its words and its vector.
//!
//! A row keeps its number as long as its key is there, and the number of one that has gone is given again. It holds no
//! lock: the engine changes it through `&mut` and searches it through `&`, so a search sees everything of one moment.

mod graph;
mod matrix;
mod set;

use std::collections::VecDeque;

use half::f16;
use hashbrown::HashTable;

pub(crate) use self::graph::{Graph, GraphError, Stamp};
pub(crate) use self::matrix::{Matrix, to_half, to_single};
pub(crate) use self::set::RowSet;
use crate::lexical::{Analysis, Lexicon};

/// SHA-256 of a text.
pub type TextHash = [u8; 32];

/// How many changes are remembered: who is further behind looks at every row.
const REMEMBERED: usize = 4096;

pub(crate) struct Row<F> {
    pub(crate) key: Box<str>,
    pub(crate) facts: F,
    text: TextHash,
    /// Of the fields that its words are from.
    fields: u64,
    generation: u32,
    /// Whether it has the vector of its text.
    embedded: bool,
}

pub(crate) struct Rows<F> {
    rows: Vec<Option<Row<F>>>,
    holes: Vec<u32>,
    by_key: HashTable<u32>,
    hasher: ahash::RandomState,
    matrix: Matrix,
    lexicon: Lexicon,
    graph: Option<Graph>,
    embedded: usize,
    /// How many changes there have been, and the rows of the last ones.
    version: u64,
    changed: VecDeque<u32>,
}

impl<F> Rows<F> {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            holes: Vec::new(),
            by_key: HashTable::new(),
            hasher: ahash::RandomState::new(),
            matrix: Matrix::new(0),
            lexicon: Lexicon::new(),
            graph: None,
            embedded: 0,
            version: 0,
            changed: VecDeque::new(),
        }
    }

    /// From now on there are vectors, of this length.
    pub(crate) fn begin_vectors(&mut self, width: usize) {
        self.matrix = Matrix::new(width);
        self.graph = None;
        self.embedded = 0;
        if let Some(last) = self.rows.len().checked_sub(1) {
            self.matrix.reach(last as u32);
        }
        self.rows.iter_mut().flatten().for_each(|row| row.embedded = false);
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many of them have the vector of their text.
    pub(crate) fn embedded(&self) -> usize {
        self.embedded
    }

    /// The rows that are there, rising.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Row<F>)> {
        self.rows.iter().enumerate().filter_map(|(at, row)| Some((at as u32, row.as_ref()?)))
    }

    pub(crate) fn get(&self, row: u32) -> Option<&Row<F>> {
        self.rows.get(row as usize)?.as_ref()
    }

    pub(crate) fn find(&self, key: &str) -> Option<u32> {
        self.by_key.find(self.hasher.hash_one(key), |row| self.has_key(*row, key)).copied()
    }

    pub(crate) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    pub(crate) fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    pub(crate) fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// How many changes there have been.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The rows that have changed since a version; none when that is not remembered any more.
    pub(crate) fn changed_since(&self, version: u64) -> Option<impl Iterator<Item = u32>> {
        let count = usize::try_from(self.version.checked_sub(version)?).ok()?;
        let known = self.changed.len().checked_sub(count)?;
        Some(self.changed.range(known..).copied())
    }

    /// Whether the words of a key are those of these fields.
    pub(crate) fn has_fields(&self, key: &str, fields: u64) -> bool {
        self.find(key).and_then(|row| self.get(row)).is_some_and(|row| row.fields == fields)
    }

    /// The row of a key from now on, with these facts and words; `words` is needed where the fields are others than
    /// those it has.
    pub(crate) fn put(&mut self, key: &str, text: TextHash, fields: u64, words: Option<&Analysis>, facts: F) {
        let row = match self.find(key) {
            Some(at) => {
                // What the earlier text said may not be what those may find who find it now.
                if self.get(at).is_some_and(|row| row.text != text) {
                    self.forget_vector(at);
                }
                if let Some(row) = self.rows[at as usize].as_mut() {
                    (row.text, row.facts) = (text, facts);
                }
                at
            }
            None => self.begin(Row { key: key.into(), facts, text, fields, generation: 0, embedded: false }),
        };
        if let Some(words) = words {
            self.lexicon.insert(row, words);
            if let Some(entry) = self.rows[row as usize].as_mut() {
                entry.fields = fields;
            }
        }
        self.note(row);
    }

    fn begin(&mut self, mut row: Row<F>) -> u32 {
        let at = self.holes.pop().unwrap_or_else(|| {
            // By an eighth, not by doubling: a catalogue of a million rows has no half of it to spare.
            if self.rows.len() == self.rows.capacity() {
                self.rows.reserve_exact(self.rows.len() / 8 + 16);
            }
            self.rows.push(None);
            (self.rows.len() - 1) as u32
        });
        self.matrix.reach(at);
        // Whatever had this number before: what is still known of it is of another generation.
        row.generation = self.version as u32;
        let hash = self.hasher.hash_one(&*row.key);
        self.rows[at as usize] = Some(row);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.by_key.insert_unique(hash, at, |row| hasher.hash_one(key_of(rows, *row)));
        at
    }

    /// Takes a key out; false when it was not there.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        let rows = &self.rows;
        let Ok(entry) = self.by_key.find_entry(hash, |row| key_of(rows, *row) == key) else { return false };
        let (at, _) = entry.remove();
        self.forget_vector(at);
        self.lexicon.remove(at);
        self.rows[at as usize] = None;
        self.holes.push(at);
        self.note(at);
        true
    }

    /// The text for which a key has no vector yet.
    pub(crate) fn lacks(&self, key: &str) -> Option<TextHash> {
        let row = self.get(self.find(key)?)?;
        (!row.embedded).then_some(row.text)
    }

    /// The keys without a vector, with the hash of their text.
    pub(crate) fn lacking(&self) -> Vec<(Box<str>, TextHash)> {
        let lacking = self.all().filter(|(_, row)| !row.embedded);
        lacking.map(|(_, row)| (row.key.clone(), row.text)).collect()
    }

    /// The vector of the text of a key from now on, if that is still its text.
    pub(crate) fn set_vector(&mut self, key: &str, text: TextHash, vector: &[f16]) {
        let Some(at) = self.find(key) else { return };
        let Some(row) = self.rows[at as usize].as_mut().filter(|row| row.text == text && !row.embedded)
        else {
            return;
        };
        row.embedded = true;
        row.generation = row.generation.wrapping_add(1);
        let stamp = graph::stamp(at, row.generation);
        self.embedded += 1;
        self.matrix.set(at, vector);
        self.tell_graph(|graph| graph.add(stamp, &to_single(vector)));
        self.note(at);
    }

    fn forget_vector(&mut self, at: u32) {
        let Some(row) = self.rows[at as usize].as_mut().filter(|row| row.embedded) else { return };
        row.embedded = false;
        let stamp = graph::stamp(at, row.generation);
        self.embedded -= 1;
        self.matrix.clear(at);
        self.tell_graph(|graph| graph.remove(stamp));
    }

    /// The vector of a key, and the hash of the text that it is of.
    pub(crate) fn vector(&self, key: &str) -> Option<(TextHash, &[f16])> {
        let at = self.find(key)?;
        let row = self.get(at).filter(|row| row.embedded)?;
        Some((row.text, self.matrix.row(at)))
    }

    /// All vectors, by the hashes of their texts.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (TextHash, &[f16])> {
        let current = self.all().filter(|(_, row)| row.embedded);
        current.map(|(at, row)| (row.text, self.matrix.row(at)))
    }

    /// The hash of every text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = TextHash> {
        self.all().map(|(_, row)| row.text)
    }

    /// What a graph is built of, shared so that it can be built while the catalogue lives on.
    pub(crate) fn for_graph(&self) -> (Matrix, Vec<Stamp>) {
        let held = self.all().filter(|(_, row)| row.embedded);
        (self.matrix.clone(), held.map(|(at, row)| graph::stamp(at, row.generation)).collect())
    }

    /// Takes over a graph of these stamps; what has changed since must be little.
    pub(crate) fn adopt(&mut self, mut graph: Graph, stamps: &[Stamp]) {
        let (matrix, now) = self.for_graph();
        match graph.catch_up(&matrix, stamps, &now) {
            Ok(()) => self.graph = Some(graph),
            Err(cause) => tracing::warn!(%cause, "the search graph is dropped; exact scans answer"),
        }
    }

    /// From now on scans answer.
    pub(crate) fn drop_graph(&mut self) {
        self.graph = None;
    }

    /// `count` rows that the graph thinks near, or more, about nearest first; fewer where some have just gone.
    pub(crate) fn near(&self, query: &[f32], count: usize) -> Option<Vec<u32>> {
        let stamps = self.graph.as_ref()?.near(query, count);
        let stamps = stamps.inspect_err(|cause| tracing::debug!(%cause, "the search graph did not answer"));
        let rows = stamps.ok()?.into_iter().filter_map(|stamp| {
            let (row, generation) = graph::unstamped(stamp);
            self.get(row).filter(|row| row.generation == generation).map(|_| row)
        });
        Some(rows.collect())
    }

    /// The graph is a cache: one that refuses a change is dropped, and exact scans answer.
    fn tell_graph(&mut self, change: impl FnOnce(&mut Graph) -> Result<(), GraphError>) {
        if let Some(Err(cause)) = self.graph.as_mut().map(change) {
            tracing::warn!(%cause, "the search graph is dropped; exact scans answer until it is built again");
            self.graph = None;
        }
    }

    /// Bytes that rows and vectors take up, those of the facts' own and of the words left out.
    pub(crate) fn bytes(&self) -> usize {
        let keys: usize = self.all().map(|(_, row)| row.key.len()).sum();
        self.rows.capacity() * size_of::<Option<Row<F>>>()
            + keys
            + self.by_key.allocation_size()
            + self.matrix.bytes()
    }

    fn has_key(&self, row: u32, key: &str) -> bool {
        key_of(&self.rows, row) == key
    }

    fn note(&mut self, row: u32) {
        self.version += 1;
        if self.changed.len() == REMEMBERED {
            self.changed.pop_front();
        }
        self.changed.push_back(row);
    }
}

fn key_of<F>(rows: &[Option<Row<F>>], row: u32) -> &str {
    rows[row as usize].as_ref().map_or("", |row| &row.key)
}
