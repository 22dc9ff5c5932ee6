//! References between code and data, which unlike all others may hold values that are no addresses.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, Step};
use super::refs::{ascending, parse_integer};
use malkin_report::report::DataRefs;

/// What the parser can hand out as an integer.
///
/// A value need not be an address, so negative ones are accepted as far as the parser has integers.
const RANGE: RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;

/// Reads `{integer: [integers]}`, all ascending afterwards.
#[derive(Clone, Copy)]
pub(super) struct DataReferences<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for DataReferences<'_> {
    type Value = DataRefs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<DataRefs, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DataReferences<'_> {
    type Value = DataRefs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps integers to lists of integers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DataRefs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            // Only keys that are addresses have a short place to name; the others stay at the whole field.
            let step = u64::try_from(key).map(Step::Address);
            let mut values = match step {
                Ok(step) => self.context.at(step, || map.next_value_seed(Values))?,
                Err(_) => map.next_value_seed(Values)?,
            };
            // Their order means nothing. Sorted, equal reports have equal bytes.
            values.sort_unstable();
            values.shrink_to_fit();
            pairs.push((key, values));
        }
        ascending(pairs)
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = i128;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i128, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal integer")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i128, E> {
        let number = parse_integer(text).filter(|number| RANGE.contains(number));
        number.ok_or_else(|| {
            E::custom(format_args!("the key `{text:.40}` is not an integer from -2^63 to 2^64-1"))
        })
    }
}

struct Values;

impl<'de> DeserializeSeed<'de> for Values {
    type Value = Vec<i128>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<i128>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Vec<i128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of integers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<i128>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Integer)? {
            values.push(value);
        }
        Ok(values)
    }
}

struct Integer;

impl<'de> DeserializeSeed<'de> for Integer {
    type Value = i128;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i128, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Integer {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer from -2^63 to 2^64-1")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i128, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i128, E> {
        Ok(value.into())
    }
}
