//! A fixed map from short words to a byte, made once from a data table: the look-up every instruction goes through.
//!
//! Words of up to eight bytes are packed into one integer and looked up by open addressing; longer ones (a few vector
//! mnemonics) take an ordinary map.

use rustc_hash::FxHashMap;

/// A word packed into an integer, with its length: two words are equal exactly if both are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed {
    text: u64,
    len: u8,
}

/// Packs a word of one to eight bytes, little endian and padded with zeros.
fn pack(word: &[u8]) -> Option<Packed> {
    let len = word.len();
    let text = match len {
        1..=3 => {
            let middle = len / 2;
            let last = len - 1;
            u64::from(word[0]) | u64::from(word[middle]) << (8 * middle) | u64::from(word[last]) << (8 * last)
        }
        4..=8 => {
            let low = u32::from_le_bytes(*word.first_chunk()?);
            let high = u32::from_le_bytes(*word.last_chunk()?);
            u64::from(low) | u64::from(high) << (8 * (len - 4))
        }
        _ => return None,
    };
    Some(Packed { text, len: len as u8 })
}

#[derive(Clone, Copy)]
struct Slot {
    key: Packed,
    value: u8,
}

/// The map. Values are never 0: that is "not in the table".
pub(super) struct WordTable {
    slots: Box<[Slot]>,
    shift: u32,
    long: FxHashMap<&'static str, u8>,
}

impl WordTable {
    /// Builds the map; of a word that comes twice the first value stays.
    pub(super) fn new(words: impl Iterator<Item = (&'static str, u8)>) -> Self {
        let words: Vec<_> = words.collect();
        let size = (words.len() * 4).next_power_of_two().max(16);
        let empty = Slot { key: Packed { text: 0, len: 0 }, value: 0 };
        let mut table = Self {
            slots: vec![empty; size].into_boxed_slice(),
            shift: 64 - size.trailing_zeros(),
            long: FxHashMap::default(),
        };
        for (word, value) in words {
            match pack(word.as_bytes()) {
                Some(key) => {
                    let at = table.find(key);
                    if table.slots[at].value == 0 {
                        table.slots[at] = Slot { key, value };
                    }
                }
                None => {
                    table.long.entry(word).or_insert(value);
                }
            }
        }
        table
    }

    /// The value of a word, 0 if it is not in the table.
    pub(super) fn get(&self, word: &str) -> u8 {
        match pack(word.as_bytes()) {
            Some(key) => self.slots[self.find(key)].value,
            None => self.long.get(word).copied().unwrap_or(0),
        }
    }

    /// The slot of a key: the one that holds it, or the free one where it would go. The table is at most a quarter full.
    fn find(&self, key: Packed) -> usize {
        let mut at = (key.text.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        while self.slots[at].value != 0 && self.slots[at].key != key {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_every_length_are_told_apart() {
        let words =
            ["a", "b", "ab", "abc", "abcd", "abcdabcd", "abcda", "aaaa", "aaaaa", "aaaaaaaa", "aaaaaaaaa"];
        let table = WordTable::new(words.iter().enumerate().map(|(at, word)| (*word, at as u8 + 1)));
        for (at, word) in words.iter().enumerate() {
            assert_eq!(table.get(word), at as u8 + 1, "{word}");
        }
        for absent in ["", "aa", "a\0", "abcd\0", "aaaaaa", "aaaaaaaaaa", "c"] {
            assert_eq!(table.get(absent), 0, "{absent:?}");
        }
    }

    #[test]
    fn of_a_repeated_word_the_first_value_stays() {
        let table =
            WordTable::new([("add", 1), ("add", 2), ("vcmpneq_uqpd", 3), ("vcmpneq_uqpd", 4)].into_iter());
        assert_eq!((table.get("add"), table.get("vcmpneq_uqpd")), (1, 3));
    }
}
