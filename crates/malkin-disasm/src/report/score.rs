//! What SMDA says about how likely a function is one: tf-idf over mnemonics, confidence, characteristics.

use rustc_hash::FxHashMap;

use super::listing::{Spelling, Weights};
use crate::flow::candidate::Candidate;

/// Counts mnemonics of one function after the other.
#[derive(Debug)]
pub(super) struct MnemonicCounter {
    numbers: FxHashMap<Box<str>, u32>,
    weights: Vec<f64>,
    counts: Vec<u32>,
    /// Mnemonics of the current function in the order they first occurred.
    order: Vec<u32>,
    maximum: f64,
    /// Numbers of mnemonics by the value the instruction set gives them; `u32::MAX` until looked up.
    plain: Vec<u32>,
}

impl MnemonicCounter {
    /// A counter for an instruction set with `mnemonics` values of mnemonics whose text depends on nothing else.
    pub(super) fn new(weights: &Weights, mnemonics: usize) -> Self {
        let mut counter = Self {
            numbers: FxHashMap::default(),
            weights: Vec::new(),
            counts: Vec::new(),
            order: Vec::new(),
            maximum: weights.unlisted,
            plain: vec![u32::MAX; mnemonics],
        };
        for &(mnemonic, weight) in &weights.listed {
            counter.register(mnemonic, weight);
        }
        counter
    }

    fn register(&mut self, mnemonic: &str, weight: f64) -> u32 {
        let number = self.weights.len() as u32;
        self.numbers.insert(mnemonic.into(), number);
        self.weights.push(weight);
        self.counts.push(0);
        number
    }

    /// Counts a mnemonic, prefix words included.
    pub(super) fn add(&mut self, mnemonic: &str, spelling: Spelling) {
        let slot = match spelling {
            Spelling::Fixed(value) => self.plain.get(value).map(|&number| (value, number)),
            Spelling::Varying => None,
        };
        let number = match slot {
            Some((_, number)) if number != u32::MAX => number,
            _ => self.number_of(mnemonic),
        };
        if let Some((value, _)) = slot {
            self.plain[value] = number;
        }
        let count = &mut self.counts[number as usize];
        if *count == 0 {
            self.order.push(number);
        }
        *count += 1;
    }

    fn number_of(&mut self, mnemonic: &str) -> u32 {
        match self.numbers.get(mnemonic) {
            Some(&number) => number,
            None => self.register(mnemonic, self.maximum),
        }
    }

    /// The sum over the function, unrounded. The counter is empty again.
    pub(super) fn finish(&mut self) -> f64 {
        let mut sum = 0.0;
        for number in self.order.drain(..) {
            let count = std::mem::take(&mut self.counts[number as usize]);
            sum += f64::from(count) * self.weights[number as usize];
        }
        sum
    }
}

/// Rounds to three digits as Python does: correctly, from the exact binary value.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.3}").parse().unwrap_or(value)
}

/// Confidence of a function with a candidate.
pub(super) fn confidence(candidate: &Candidate, tfidf: f64) -> f64 {
    let when = |condition: bool| f64::from(u8::from(condition));
    let weight = 0.298 * when(candidate.shape.is_prologue)
        + 0.321 * when(tfidf < 0.0)
        + 0.124 * when(tfidf < -2.0)
        + 0.120 * when(tfidf < -4.0)
        + 0.101 * when(tfidf < -1.0)
        + 0.025 * when(tfidf < -8.0);
    if candidate.references.len() > 1 {
        1.0
    } else if candidate.initial {
        rounded(0.5 + 0.5 * weight)
    } else {
        rounded(weight)
    }
}

/// The eleven marks of a function.
pub(super) fn characteristics(candidate: &Candidate) -> String {
    let marks = [
        ('i', candidate.initial),
        ('s', candidate.symbol),
        ('u', candidate.stub),
        ('a', candidate.alignment != 0),
        ('l', candidate.language),
        ('p', candidate.shape.is_prologue),
        ('r', !candidate.references.is_empty()),
        ('t', false),
        ('g', candidate.gap),
        ('f', candidate.finished),
        ('x', candidate.aborted),
    ];
    marks.iter().map(|&(letter, set)| if set { letter } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_python() {
        assert_eq!(rounded(0.0625).to_bits(), f64::to_bits(0.062));
        assert_eq!(rounded(2.6745).to_bits(), f64::to_bits(2.675));
        assert_eq!(rounded(-3.1995).to_bits(), f64::to_bits(-3.2));
        assert_eq!(rounded(1e300).to_bits(), f64::to_bits(1e300));
    }

    #[test]
    fn the_counter_is_empty_after_use() {
        let weights = Weights { listed: vec![("push", -0.5)], unlisted: 2.0 };
        let mut counter = MnemonicCounter::new(&weights, 8);
        counter.add("push", Spelling::Varying);
        counter.add("unheard of", Spelling::Varying);
        let first = counter.finish().to_bits();
        assert_eq!(first, 1.5f64.to_bits());
        counter.add("push", Spelling::Fixed(7));
        counter.add("unheard of", Spelling::Varying);
        assert_eq!(counter.finish().to_bits(), first);
        assert_eq!(counter.finish().to_bits(), 0);
    }
}
