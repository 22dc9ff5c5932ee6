//! Escaped instructions as numbers. Real code repeats few escaped texts, so a text is made and compared once and then known by
//! its number, and so is the hash of a run.
//!
//! The memory only remembers; nothing depends on what it has seen before. It is emptied when it grows beyond a bound.

use std::sync::Arc;

use malkin_report::Instruction;
use rustc_hash::FxHashMap;

use super::RUN;
use crate::function_escaper::FunctionEscaper;
use crate::murmur::murmur3;

/// Number of an escaped text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Token(u32);

/// What is kept of an escaped text.
struct Known {
    text: Arc<[u8]>,
    /// The first 16 bytes, big endian and padded with zeros: decides most comparisons.
    key: u128,
}

/// Texts by number and numbers by text, and hashes of runs.
#[derive(Default)]
pub(super) struct Tokens {
    known: Vec<Known>,
    by_text: FxHashMap<Arc<[u8]>, Token>,
    /// Bytes of all texts.
    text_bytes: usize,
    by_code: FxHashMap<u64, Token>,
    runs: FxHashMap<[Token; RUN], u32>,
    text: String,
    joined: Vec<u8>,
}

impl Tokens {
    /// Texts and runs that are remembered before the memory is emptied: some megabytes.
    const MAX_TEXTS: usize = 1 << 15;
    /// Bytes of these texts. Those of a disassembler are below 50 each; a hostile report can have any.
    const MAX_TEXT_BYTES: usize = 4 << 20;
    const MAX_RUNS: usize = 1 << 17;

    /// To be called between functions: numbers of before may lose their meaning.
    pub(super) fn begin_function(&mut self) {
        if self.known.len() > Self::MAX_TEXTS || self.text_bytes > Self::MAX_TEXT_BYTES {
            *self = Self::default();
        }
        if self.runs.len() > Self::MAX_RUNS {
            self.runs.clear();
        }
    }

    /// Escapes an instruction; also tells the letter of its group.
    pub(super) fn token(
        &mut self,
        escaper: &FunctionEscaper<'_>,
        instruction: &Instruction<'_>,
    ) -> (Token, u8) {
        let code = escaper.text_code(instruction);
        if let Some(code) = code
            && let Some(token) = self.by_code.get(&code.number())
        {
            return (*token, code.group());
        }
        self.text.clear();
        let group = escaper.push_text(instruction, &mut self.text);
        let token = self.intern();
        if let Some(code) = code {
            self.by_code.insert(code.number(), token);
        }
        (token, group)
    }

    /// The number of `self.text`.
    fn intern(&mut self) -> Token {
        let text = self.text.as_bytes();
        if let Some(token) = self.by_text.get(text) {
            return *token;
        }
        let token = Token(self.known.len() as u32);
        let (text, key) = (Arc::from(text), leading_key(text));
        self.text_bytes += self.text.len();
        self.by_text.insert(Arc::clone(&text), token);
        self.known.push(Known { text, key });
        token
    }

    fn known(&self, token: Token) -> &Known {
        &self.known[token.0 as usize]
    }

    /// Order of the texts by code point, which is the order of their UTF-8 bytes.
    fn compare(&self, a: Token, b: Token) -> std::cmp::Ordering {
        if a == b {
            return std::cmp::Ordering::Equal;
        }
        let (a, b) = (self.known(a), self.known(b));
        a.key.cmp(&b.key).then_with(|| a.text.cmp(&b.text))
    }

    /// The texts of any number of tokens, sorted, with semicolons between them.
    pub(super) fn join_sorted(&mut self, tokens: &mut [Token]) -> &[u8] {
        tokens.sort_by(|a, b| self.compare(*a, *b));
        self.joined.clear();
        for (at, token) in tokens.iter().enumerate() {
            if at > 0 {
                self.joined.push(b';');
            }
            self.joined.extend_from_slice(&self.known[token.0 as usize].text);
        }
        &self.joined
    }

    /// Hash of the joined texts of a run.
    pub(super) fn run_hash(&mut self, run: [Token; RUN]) -> u32 {
        if let Some(hash) = self.runs.get(&run) {
            return *hash;
        }
        let hash = murmur3(self.join_sorted(&mut { run }));
        self.runs.insert(run, hash);
        hash
    }
}

/// The first 16 bytes as a number that orders like the text.
fn leading_key(text: &[u8]) -> u128 {
    if let Some(chunk) = text.first_chunk() {
        return u128::from_be_bytes(*chunk);
    }
    let mut padded = [0; 16];
    for (to, from) in padded.iter_mut().zip(text) {
        *to = *from;
    }
    u128::from_be_bytes(padded)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::*;

    fn intern(tokens: &mut Tokens, text: &str) -> Token {
        tokens.text.clear();
        tokens.text.push_str(text);
        tokens.intern()
    }

    #[test]
    fn long_texts_are_forgotten_between_functions() {
        let mut tokens = Tokens::default();
        for (number, kept) in [(0, 1), (1, 2), (2, 0)] {
            intern(&mut tokens, &number.to_string().repeat(Tokens::MAX_TEXT_BYTES / 2));
            tokens.begin_function();
            assert_eq!(tokens.known.len(), kept);
        }
        assert_eq!((tokens.text_bytes, tokens.text.capacity(), tokens.by_text.len()), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn tokens_sort_and_join_like_their_texts(words in prop::collection::vec("[A\\x00,é]{0,20}", 1..5)) {
            let mut tokens = Tokens::default();
            let mut numbers: Vec<Token> = words.iter().map(|word| intern(&mut tokens, word)).collect();
            let (first, last) = (numbers[0], numbers[words.len() - 1]);
            prop_assert_eq!(tokens.compare(first, last) == Ordering::Equal, words[0] == words[words.len() - 1]);
            let mut sorted = words.clone();
            sorted.sort();
            let expected = sorted.join(";");
            prop_assert_eq!(tokens.join_sorted(&mut numbers), expected.as_bytes());
        }

        #[test]
        fn runs_are_hashed_alike_the_second_time(words in prop::array::uniform3("[AB;]{0,20}")) {
            let mut tokens = Tokens::default();
            let [a, b, c] = words.clone().map(|word| intern(&mut tokens, &word));
            let mut sorted = words;
            sorted.sort();
            let expected = murmur3(sorted.join(";").as_bytes());
            for run in [[a, b, c], [c, a, b], [a, b, c], [b, a, c]] {
                prop_assert_eq!(tokens.run_hash(run), expected);
            }
        }
    }
}
