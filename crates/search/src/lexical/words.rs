//! Text to words: runs of letters, runs of digits, and the names that are written together.
//!
//! `ISO20022` gives `iso`, `20022` and `iso20022`, `getCurrentTime` each of its words and all in one; so do
//! parts that are linked by one `-`, `_` or `.`. Han, Kana and Hangul give characters and pairs of them.

use std::ops::ControlFlow;

use unicode_normalization::char::compose;

use super::letters::{self, Letter};
use super::stop;

/// Longer words are cut, longer names are kept in parts only: nobody types them, and a text of one long
/// line would otherwise be kept several times over.
pub(super) const MOST_LETTERS: usize = 64;

/// So much is remembered of what is written without a border; the rest of it is not read.
const MOST_TOGETHER: usize = 256;

/// A word and where it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    /// As it is compared: lower case, without accents.
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Several words that were written together: they have come before, each by itself.
    pub(super) joined: bool,
}

/// Reads the words of a text in their order, without stop words, until it is told to stop.
pub(super) fn read(text: &str, each: &mut dyn FnMut(Word<'_>) -> ControlFlow<()>) {
    let mut reader =
        Reader { each, spelt: String::new(), run: Vec::new(), name: Name::default(), cjk: Cjk::default() };
    // That it was stopped is what the caller wanted.
    let _ = reader.read(text);
}

#[derive(Debug, Clone, Copy)]
struct Unit {
    letter: char,
    capital: bool,
    digit: bool,
    start: usize,
    end: usize,
}

/// Runs that are linked by joiners.
#[derive(Default)]
struct Name {
    units: Vec<Unit>,
    runs: usize,
    /// Two digits met at a joiner: `1.5` is not 15.
    another_number: bool,
}

#[derive(Default)]
struct Cjk {
    last: Option<Unit>,
    before: Option<Unit>,
}

struct Reader<'e> {
    each: &'e mut dyn FnMut(Word<'_>) -> ControlFlow<()>,
    spelt: String,
    run: Vec<Unit>,
    name: Name,
    cjk: Cjk,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) -> ControlFlow<()> {
        let mut resume = 0;
        let mut letters = Vec::new();
        for (start, character) in text.char_indices() {
            if start < resume {
                continue;
            }
            let end = start + character.len_utf8();
            if character.is_ascii() {
                self.take(letters::read_ascii(character as u8), start, end)?;
            } else {
                letters::read(character, |letter| letters.push(letter));
                letters.drain(..).try_for_each(|letter| self.take(letter, start, end))?;
            }
            if matches!(character, '\'' | '\u{2019}') {
                resume = end + ending(&text[end..]);
            }
        }
        self.border()
    }

    fn take(&mut self, letter: Letter, start: usize, end: usize) -> ControlFlow<()> {
        match letter {
            Letter::Alphabetic(letter, capital) => {
                self.push(Unit { letter, capital, digit: false, start, end })
            }
            Letter::Digit(letter) => self.push(Unit { letter, capital: false, digit: true, start, end }),
            Letter::Cjk(letter) => self.push_cjk(letter, start, end),
            Letter::Joiner => self.link(),
            Letter::Border => self.border(),
            Letter::Mark(mark) => {
                self.accent(mark, end);
                ControlFlow::Continue(())
            }
        }
    }

    fn push(&mut self, unit: Unit) -> ControlFlow<()> {
        self.end_cjk()?;
        if self.run.len() < MOST_TOGETHER {
            self.run.push(unit);
        }
        ControlFlow::Continue(())
    }

    /// An accent belongs to the letter before, also where it is written for itself.
    fn accent(&mut self, mark: char, end: usize) {
        if let Some(last) = &mut self.cjk.last {
            last.letter = compose(last.letter, mark).unwrap_or(last.letter);
            last.end = end;
        } else if let Some(last) = self.run.last_mut() {
            last.end = end;
        }
    }

    /// One joiner between two runs links them.
    fn link(&mut self) -> ControlFlow<()> {
        self.end_cjk()?;
        if self.run.is_empty() { self.end_name() } else { self.end_run() }
    }

    fn border(&mut self) -> ControlFlow<()> {
        self.end_cjk()?;
        self.end_run()?;
        self.end_name()
    }

    /// Says the words of a run, then the run itself.
    fn end_run(&mut self) -> ControlFlow<()> {
        if self.run.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut run = std::mem::take(&mut self.run);
        let mut kinds = 0;
        for kind in run.chunk_by(|a, b| a.digit == b.digit) {
            kinds += 1;
            self.say_kind(kind)?;
        }
        if kinds > 1 {
            self.say(&run, true)?;
        }
        self.name.add(&run);
        run.clear();
        self.run = run;
        ControlFlow::Continue(())
    }

    /// Digits are one word; letters are as many as they have humps.
    fn say_kind(&mut self, units: &[Unit]) -> ControlFlow<()> {
        let mut from = 0;
        for to in 1..units.len() {
            if is_hump(units, to) {
                self.say(&units[from..to], false)?;
                from = to;
            }
        }
        self.say(&units[from..], false)?;
        if from > 0 { self.say(units, true) } else { ControlFlow::Continue(()) }
    }

    fn end_name(&mut self) -> ControlFlow<()> {
        let mut name = std::mem::take(&mut self.name);
        if name.runs > 1 && !name.another_number {
            self.say(&name.units, true)?;
        }
        name.units.clear();
        self.name.units = name.units;
        ControlFlow::Continue(())
    }

    fn push_cjk(&mut self, letter: char, start: usize, end: usize) -> ControlFlow<()> {
        if let Some(last) = &mut self.cjk.last
            && let Some(composed) = compose(last.letter, letter)
        {
            // Hangul that was written as its single sounds.
            (last.letter, last.end) = (composed, end);
            return ControlFlow::Continue(());
        }
        if self.cjk.last.is_none() {
            self.border()?;
        }
        self.say_cjk()?;
        self.cjk.last = Some(Unit { letter, capital: false, digit: false, start, end });
        ControlFlow::Continue(())
    }

    /// Says the last character, and the pair of it with the one before.
    fn say_cjk(&mut self) -> ControlFlow<()> {
        let Some(last) = self.cjk.last.take() else { return ControlFlow::Continue(()) };
        self.say(&[last], false)?;
        if let Some(before) = self.cjk.before {
            self.say(&[before, last], false)?;
        }
        self.cjk.before = Some(last);
        ControlFlow::Continue(())
    }

    fn end_cjk(&mut self) -> ControlFlow<()> {
        self.say_cjk()?;
        self.cjk.before = None;
        ControlFlow::Continue(())
    }

    fn say(&mut self, units: &[Unit], joined: bool) -> ControlFlow<()> {
        if joined && units.len() > MOST_LETTERS {
            return ControlFlow::Continue(());
        }
        let units = &units[..units.len().min(MOST_LETTERS)];
        let (Some(first), Some(last)) = (units.first(), units.last()) else {
            return ControlFlow::Continue(());
        };
        self.spelt.clear();
        self.spelt.extend(units.iter().map(|unit| unit.letter));
        if stop::is_stop_word(&self.spelt) {
            return ControlFlow::Continue(());
        }
        (self.each)(Word { text: &self.spelt, start: first.start, end: last.end, joined })
    }
}

impl Name {
    fn add(&mut self, run: &[Unit]) {
        if let (Some(last), Some(first)) = (self.units.last(), run.first()) {
            self.another_number |= last.digit && first.digit;
        }
        self.runs += 1;
        // One more than a word may have, so that what is too long is seen to be.
        let room = (MOST_LETTERS + 1).saturating_sub(self.units.len());
        self.units.extend(run.iter().take(room));
    }
}

/// Whether a word begins here within a run of letters: `current|Time`, `XML|Parser`.
fn is_hump(units: &[Unit], at: usize) -> bool {
    if !units[at].capital {
        return false;
    }
    if !units[at - 1].capital {
        return true;
    }
    // The last capital of several begins the next word, but the plural of an abbreviation (`APIs`) is none.
    let small = |place: usize| units.get(place).is_some_and(|unit| !unit.capital);
    small(at + 1) && (units[at + 1].letter != 's' || small(at + 2))
}

/// Length of what an apostrophe hangs on a word in English (`agent's`, `don't`): it is no word.
fn ending(rest: &str) -> usize {
    let length = rest.find(|character: char| !character.is_alphanumeric()).unwrap_or(rest.len());
    if matches!(&rest[..length], "s" | "t" | "d" | "m" | "ll" | "re" | "ve" | "S" | "T") { length } else { 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        read(text, &mut |word| {
            assert!(
                text.is_char_boundary(word.start) && text.is_char_boundary(word.end) && word.start < word.end
            );
            words.push(word.text.to_owned());
            ControlFlow::Continue(())
        });
        words
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(words(text).join(" "), expected, "{text:?}");
    }

    #[test]
    fn letters_are_folded() {
        check("Café ÀÉÎ naïve", "cafe aei naive");
        check("Cafe\u{301} Stra\u{ad}ße STRASSE", "cafe strasse strasse");
        check("ΟΔΟΣ οδος ﬁle Ｆｕｌｌ", "οδοσ οδοσ file full");
        check("İstanbul x² 𝐁old™", "istanbul x 2 x2 bold");
        check("المُحَاسَبَة محاسبة خــدمة أحمد", "المحاسبة محاسبة خدمة احمد");
        check("שָׁלוֹם", "שלום");
        check("हिन्दी", "हिन्दी");
    }

    #[test]
    fn names_are_kept_whole_and_in_parts() {
        for text in ["ISO20022", "iso-20022", "iso_20022", "Iso.20022"] {
            check(text, "iso 20022 iso20022");
        }
        check("ISO 20022", "iso 20022");
        check("getCurrentTime", "get current time getcurrenttime");
        check("XMLParser parseXML", "xml parser xmlparser parse xml parsexml");
        check("APIs IDs PDFs URLShortener", "apis ids pdfs url shortener urlshortener");
        check("OAuth2", "o auth oauth 2 oauth2");
        check("HL7-v2", "hl 7 hl7 v 2 v2 hl7v2");
        check("TM-7, tm7", "tm 7 tm7 tm 7 tm7");
        check("end-to-end", "end end endtoend");
        check("iso20022-mapper", "iso 20022 iso20022 mapper iso20022mapper");
        check("1.5 27001:2022 pacs.008.001", "1 5 27001 2022 pacs 008 001");
        check("a - b -- c_-d -e- f.", "b c d e f");
        check("read.Then write", "read readthen write");
    }

    #[test]
    fn scripts_without_spaces_give_characters_and_pairs() {
        check("温泉旅館", "温 泉 温泉 旅 泉旅 館 旅館");
        check("東京 駅", "東 京 東京 駅");
        check("한국어", "한 국 한국 어 국어");
        check("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}", "한 국 한국");
        check("が か\u{3099} ｶﾞ", "が が ガ");
        check("Tシャツ3枚", "t シ ャ シャ ツ ャツ 3 枚");
        check("ラーメン・寿司", "ラ ー ラー メ ーメ ン メン 寿 司 寿司");
    }

    #[test]
    fn stop_words_and_endings_go() {
        check("How do I find the agent's log?", "agent log");
        check("what IS it, and which of these don't", "");
        check("d'avalanche l’été O'Brien", "d avalanche l ete o brien");
    }

    #[test]
    fn every_text_is_read() {
        for text in ["", " ", "\0", "\0\0 \u{feff}", "🚲🧑‍🚀🇯🇵", "-._-", "\u{301}", "…!?", "'s", "-a"]
        {
            check(text, "");
        }
        check("x", "x");
        check("b\0c", "b c");
        check("1️⃣", "1");
        check("\u{202e}dlrow\u{202c}", "dlrow");
    }

    #[test]
    fn long_words_are_cut_and_long_names_stay_in_parts() {
        check(&"y".repeat(100_000), &"y".repeat(MOST_LETTERS));
        let name = ["part"; 40].join("-");
        check(&name, &["part"; 40].join(" "));
        let read = words(&"x1".repeat(50_000));
        assert_eq!(read.len(), MOST_TOGETHER);
    }

    #[test]
    fn a_word_knows_its_place() {
        let text = "die Café\u{301}s: iso-20022";
        let mut places = Vec::new();
        read(text, &mut |word| {
            places.push((word.text.to_owned(), &text[word.start..word.end], word.joined));
            if word.text == "20022" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(places[1], ("cafes".to_owned(), "Café\u{301}s", false));
        assert_eq!(places.last().unwrap().0, "20022");
    }
}
