//! Catalogues out of nothing: texts that name their own vectors, and callers who see this or that of them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::sync::{Arc, OnceLock};

use search::{Embedder, Engine, Field, Scope, SearchError, Text};

pub const WIDTH: usize = 384;
const CENTRES: u64 = 200;

/// Vectors by their texts: `c 17 …` lies around topic 17, and differs from others there in a few ways that are the same
/// everywhere, as texts do; `r …` lies anywhere, in all directions alike.
pub struct Synthetic;

impl Embedder for Synthetic {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        let mut own = Random::of(text);
        let mut vector: Vec<f32> = (0..WIDTH).map(|_| own.unit()).collect();
        if let Some(centre) = text.strip_prefix("c ").and_then(|rest| rest.split(' ').next()) {
            let mut centre = Random::of(centre);
            vector.iter_mut().for_each(|value| *value = 0.15 * *value + 0.7 * centre.unit());
            for way in ways() {
                let much = 0.5 * own.unit();
                vector.iter_mut().zip(way).for_each(|(value, way)| *value += much * way);
            }
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        Ok(vector)
    }
    fn knows(&self, _: &str) -> bool {
        true
    }
    fn dimensions(&self) -> usize {
        WIDTH
    }
    fn fingerprint(&self) -> &str {
        "synthetic"
    }
}

/// The ways in which texts differ whatever their topic.
fn ways() -> &'static [Vec<f32>] {
    static WAYS: OnceLock<Vec<Vec<f32>>> = OnceLock::new();
    WAYS.get_or_init(|| {
        let way = |number: usize| {
            let mut random = Random::of(&format!("way {number}"));
            (0..WIDTH).map(|_| random.unit()).collect()
        };
        (0..16).map(way).collect()
    })
}

/// Numbers that are the same in every run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn of(text: &str) -> Self {
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// -1 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// How the vectors of a catalogue lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Clustered,
    Random,
}

impl Shape {
    /// The text of an entry or of a question by its number.
    pub fn text(self, number: usize) -> String {
        match self {
            Shape::Clustered => format!("c {} {number}", number as u64 % CENTRES),
            Shape::Random => format!("r {number}"),
        }
    }
}

/// What a caller sees, by the numbers of entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sees {
    Nothing,
    /// So many entries, here and there.
    Few(usize),
    /// One in so many, here and there.
    Scattered(usize),
    /// One in so many, whole clusters of which none is that of question 0.
    Far(usize),
    All,
}

impl Sees {
    pub fn sees(self, number: usize, entries: usize) -> bool {
        match self {
            Sees::Nothing => false,
            Sees::Few(count) => {
                number % (entries / count).max(1) == 1 % (entries / count).max(1)
                    && number / (entries / count).max(1) < count
            }
            Sees::Scattered(part) => Random::of(&number.to_string()).below(part) == 0,
            Sees::Far(part) => {
                let centre = number as u64 % CENTRES;
                centre != 0 && centre.is_multiple_of(part.min(CENTRES as usize - 1) as u64)
            }
            Sees::All => true,
        }
    }

    pub fn class(self) -> String {
        format!("{self:?}")
    }
}

/// Entries 0 to `count`, each with its number as its facts and some words out of a vocabulary like a real one: few
/// words that are everywhere, many that are rare.
pub fn catalogue(shape: Shape, count: usize, words: bool) -> Engine<usize> {
    let engine = Engine::new();
    engine.install(Arc::new(Synthetic), None).unwrap();
    let parts = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for part in 0..parts {
            let engine = &engine;
            scope.spawn(move || {
                (part..count).step_by(parts).for_each(|number| add(engine, shape, number, words));
            });
        }
    });
    engine.tend();
    engine
}

/// One entry of a catalogue.
pub fn add(engine: &Engine<usize>, shape: Shape, number: usize, words: bool) {
    add_as(engine, shape, number, number, words);
}

/// The same with other facts than its number.
pub fn add_as(engine: &Engine<usize>, shape: Shape, number: usize, facts: usize, words: bool) {
    let text = shape.text(number);
    let said = if words { sentence(number, 40) } else { String::new() };
    let fields = [Field { text: &said, weight: 1 }];
    if engine.put(&key(number), &Text { embedded: &text, fields: &fields }, facts).is_some() {
        engine.embed(&key(number), &text).unwrap();
    }
}

pub fn key(number: usize) -> String {
    format!("a/entry/{number:07}")
}

/// So many words, as they are distributed in real texts.
pub fn sentence(number: usize, count: usize) -> String {
    let mut random = Random::of(&format!("words {number}"));
    (0..count).map(|_| word(&mut random)).collect::<Vec<_>>().join(" ")
}

/// A word: the n-th commonest comes about once in n.
pub fn word(random: &mut Random) -> String {
    let exponent = f64::from(random.unit()).abs();
    let mut rank = 30_000_f64.powf(exponent) as u64;
    let mut word = String::from("z");
    loop {
        word.push(b"bdfgklmnprtv"[rank as usize % 12] as char);
        word.push(b"aiou"[(rank / 12) as usize % 4] as char);
        rank /= 48;
        if rank == 0 {
            // Ends with a letter that no stemmer takes away.
            word.push('k');
            return word;
        }
    }
}

/// What somebody asks who sees this.
pub fn scope<'a>(
    class: &'a str,
    permitted: &'a (dyn Fn(&usize) -> bool + Sync),
    sees: Sees,
) -> Scope<'a, usize> {
    Scope { class, permitted, open: sees == Sees::All, filter: None }
}
