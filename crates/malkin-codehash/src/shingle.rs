//! Shingles: the features of a function that its signature samples.
//!
//! The escaped-block shingler takes runs of three escaped instructions within a block, sorted, so that small reorderings
//! stay invisible. The statistics shingler puts seven numbers into logarithmic buckets and names each bucket with its
//! neighbours.

mod statistics;

pub(crate) use statistics::{Statistics, fuzzy_shingles};

use malkin_report::Block;

use crate::error::HashError;
use crate::escaper::HashPath;
use crate::function_escaper::{FunctionEscaper, SampleContext};

/// Instructions of a run.
const RUN: usize = 3;

/// An escaped instruction in the text of its block.
#[derive(Clone, Copy)]
struct Token {
    start: u32,
    end: u32,
    /// The first 16 bytes, big endian and padded with zeros: decides most comparisons.
    key: u128,
}

/// Reusable memory of the shinglers.
#[derive(Default)]
pub(crate) struct ShingleScratch {
    text: String,
    tokens: Vec<Token>,
    shingle: Vec<u8>,
}

impl ShingleScratch {
    /// Escapes a block, counts its instructions and hands out its shingles.
    pub(crate) fn block(
        &mut self,
        escaper: &FunctionEscaper<'_>,
        block: &Block,
        statistics: &mut Statistics,
        mut emit: impl FnMut(&[u8]),
    ) {
        self.text.clear();
        self.tokens.clear();
        for instruction in escaper.function().code.instructions(block) {
            let start = self.text.len();
            let group = escaper.push_text(&instruction, &mut self.text);
            statistics.count(group, escaper.is_call(&instruction));
            let token = Token {
                start: start as u32,
                end: self.text.len() as u32,
                key: leading_key(&self.text.as_bytes()[start..]),
            };
            self.tokens.push(token);
        }
        statistics.end_block(block.len());
        let text = self.text.as_bytes();
        if self.tokens.len() > RUN {
            for run in self.tokens.array_windows::<RUN>() {
                let mut run = *run;
                sort_three(&mut run, text);
                join(&run, text, &mut self.shingle);
                emit(&self.shingle);
            }
        } else {
            self.tokens.sort_by(|a, b| compare(a, b, text));
            join(&self.tokens, text, &mut self.shingle);
            emit(&self.shingle);
        }
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

impl Token {
    fn text<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// Order of the texts by code point, which is the order of their UTF-8 bytes.
fn compare(a: &Token, b: &Token, text: &[u8]) -> std::cmp::Ordering {
    a.key.cmp(&b.key).then_with(|| a.text(text).cmp(b.text(text)))
}

/// Sorts three tokens by exchanging neighbours.
fn sort_three(run: &mut [Token; RUN], text: &[u8]) {
    for at in [0, 1, 0] {
        if compare(&run[at], &run[at + 1], text).is_gt() {
            run.swap(at, at + 1);
        }
    }
}

/// Writes tokens with semicolons between them.
fn join(tokens: &[Token], text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 {
            out.push(b';');
        }
        out.extend_from_slice(token.text(text));
    }
}

/// The shingles of a function as text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShingleTexts {
    /// 28 bucketed statistics.
    pub fuzzy_stat_pair: Vec<String>,
    /// Sorted runs of escaped instructions, blocks ascending, repetitions kept.
    pub escaped_block: Vec<String>,
}

/// Makes the shingles of a function as text, to explain a signature. Hashing does not go through here.
pub fn shingle_texts(
    function: &malkin_report::Function,
    context: &SampleContext,
    path: HashPath,
) -> Result<ShingleTexts, HashError> {
    let escaper = FunctionEscaper::new(function, context).on_path(path);
    let text = |shingle: &[u8]| String::from_utf8_lossy(shingle).into_owned();
    let mut texts = ShingleTexts::default();
    let mut statistics = Statistics::default();
    let mut scratch = ShingleScratch::default();
    for block in function.code.blocks() {
        scratch.block(&escaper, block, &mut statistics, |shingle| texts.escaped_block.push(text(shingle)));
    }
    fuzzy_shingles(&escaper, &statistics, |shingle| texts.fuzzy_stat_pair.push(text(shingle)))?;
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn tokens(words: &[String]) -> (Vec<Token>, Vec<u8>) {
        let mut text = Vec::new();
        let tokens = words
            .iter()
            .map(|word| {
                let start = text.len() as u32;
                text.extend_from_slice(word.as_bytes());
                Token { start, end: text.len() as u32, key: leading_key(word.as_bytes()) }
            })
            .collect();
        (tokens, text)
    }

    proptest! {
        #[test]
        fn runs_sort_like_their_texts(words in proptest::array::uniform3("[A\\x00,é]{0,20}")) {
            let (list, text) = tokens(&words);
            let mut run = [list[0], list[1], list[2]];
            sort_three(&mut run, &text);
            let mut out = Vec::new();
            join(&run, &text, &mut out);
            let mut sorted = words.clone();
            sorted.sort();
            prop_assert_eq!(out, sorted.join(";").into_bytes());
            prop_assert_eq!(compare(&list[0], &list[1], &text) == Ordering::Equal, words[0] == words[1]);
        }
    }
}
