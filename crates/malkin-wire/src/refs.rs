//! References between addresses: keys that are decimal addresses, lists of addresses, and objects of both.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, Step};
use super::field::repeated;
use malkin_report::address::Va;

/// Reads a key of an object as an address.
pub(super) struct AddressKey;

impl<'de> DeserializeSeed<'de> for AddressKey {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for AddressKey {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal address")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        parse_address(text).ok_or_else(|| {
            E::custom(format_args!("the key `{text:.40}` is not a decimal address below 2^64"))
        })
    }
}

fn parse_address(text: &str) -> Option<u64> {
    // Nearly all keys are plain digits; the rest goes the way of Python's `int()`, which accepts more than JSON's numbers.
    if (1..20).contains(&text.len())
        && let Some(address) = decimal(text.as_bytes())
    {
        return Some(address);
    }
    u64::try_from(parse_integer(text)?).ok()
}

/// Reads what Python's `int()` takes, in ASCII: blanks around, a sign, single underscores between digits.
pub(super) fn parse_integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    // Python 3.6 and later (PEP 515): an underscore stands between two digits, never at an end and never twice.
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let plain: String = digits.chars().filter(|digit| *digit != '_').collect();
    if plain.is_empty() || !plain.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let magnitude: i128 = plain.parse().ok()?;
    Some(if is_negative { -magnitude } else { magnitude })
}

/// At most 19 digits, which always fit.
fn decimal(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

/// Reads a list of addresses, in its order, into a vector of the exact size.
#[derive(Clone, Copy)]
pub(super) struct Addresses<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Addresses<'_> {
    type Value = Vec<Va>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Va>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Addresses<'_> {
    type Value = Vec<Va>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of addresses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Va>, A::Error> {
        // Lists are short and there are millions. Gathered in one buffer and copied, each takes an allocation of its exact size
        // instead of several that grow.
        let mut scratch = self.context.addresses.borrow_mut();
        scratch.clear();
        while let Some(address) = seq.next_element::<u64>()? {
            scratch.push(Va::new(address));
        }
        Ok(scratch.as_slice().to_vec())
    }
}

/// Reads `{address: [addresses]}`, keys ascending afterwards, lists as stated.
#[derive(Clone, Copy)]
pub(super) struct References<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for References<'_> {
    type Value = Vec<(Va, Vec<Va>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for References<'_> {
    type Value = Vec<(Va, Vec<Va>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps addresses to lists of addresses")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key_seed(AddressKey)? {
            let context = self.context;
            let targets = context.at(Step::Address(key), || map.next_value_seed(Addresses { context }))?;
            pairs.push((Va::new(key), targets));
        }
        ascending(pairs)
    }
}

/// Reads `{address: text}`, ascending. `null` is taken as the empty text.
#[derive(Clone, Copy)]
pub(super) struct Names<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = Vec<(Va, String)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = Vec<(Va, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps addresses to names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key_seed(AddressKey)? {
            let name = self.context.at(Step::Address(key), || map.next_value::<Option<String>>())?;
            pairs.push((Va::new(key), name.unwrap_or_default()));
        }
        ascending(pairs)
    }
}

/// Sorts by address and refuses repetitions.
pub(super) fn ascending<K: Ord + Copy + fmt::Display, T, E: Error>(
    mut pairs: Vec<(K, T)>,
) -> Result<Vec<(K, T)>, E> {
    // SMDA writes keys in the order of the addresses, so this look costs less than sorting. Keys that differ as text, such as `1` and
    // `01`, can be one address: that is why repetitions are looked for here and not by the parser.
    if !pairs.is_sorted_by_key(|pair| pair.0) {
        pairs.sort_by_key(|pair| pair.0);
    }
    match pairs.windows(2).find(|two| two[0].0 == two[1].0) {
        Some(two) => Err(repeated(two[0].0)),
        None => Ok(pairs),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_address;

    #[test]
    fn keys_are_what_python_takes_for_an_integer_of_64_bits() {
        let good = [
            ("0", 0),
            ("4096", 4096),
            ("18446744073709551615", u64::MAX),
            (" +5\n", 5),
            ("-0", 0),
            ("007", 7),
            ("1_000", 1000),
            ("00000000000000000000000000001", 1),
        ];
        for (text, address) in good {
            assert_eq!(parse_address(text), Some(address), "{text:?}");
        }
        for text in [
            "",
            " ",
            "-1",
            "18446744073709551616",
            "0x10",
            "1.0",
            "_1",
            "1_",
            "1__0",
            "+",
            "-",
            "1 2",
            "e",
            "٣",
        ] {
            assert_eq!(parse_address(text), None, "{text:?}");
        }
    }
}
