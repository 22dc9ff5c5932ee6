//! Fields of JSON objects: which are known, that none repeats, that none is missing, and the scalars they hold.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::context::{Context, Step};
use super::value::Skim;
use crate::limits::MAX_TEXT;

/// Walks over an object whose fields have names. `read` is called for each of `known` that occurs, with its position in
/// the list, and has to take the value. Unknown fields are passed over. Answers which of `known` were there, as bits.
pub(super) fn fields<'de, A: MapAccess<'de>>(
    context: &Context<'_>,
    known: &'static [&'static str],
    map: &mut A,
    mut read: impl FnMut(&'static str, &mut A) -> Result<(), A::Error>,
) -> Result<Present, A::Error> {
    let mut present = Present::none_of(known);
    // Unknown fields are accepted: newer versions of SMDA add some, and MCRIT ignores what it does not know.
    let mut unknown: HashSet<Cow<'de, str>> = HashSet::new();
    while let Some(key) = map.next_key_seed(Key { known })? {
        match key {
            Field::Known(at) => {
                let name = known[at];
                if present.bits & (1 << at) != 0 {
                    return Err(repeated(name));
                }
                present.bits |= 1 << at;
                context.at(Step::Field(name), || read(name, map))?;
            }
            Field::Unknown(name) => {
                if unknown.contains(&name) {
                    return Err(repeated(&name));
                }
                unknown.insert(name);
                map.next_value_seed(Skim)?;
            }
        }
    }
    Ok(present)
}

/// The error for a key that repeats.
pub(super) fn repeated<E: Error>(key: impl fmt::Display) -> E {
    E::custom(format_args!("the key `{key}` occurs twice in one object"))
}

/// One bit for each known field, so that an object costs no allocation: a report has several for each of its functions.
/// Which fields an object had.
pub(super) struct Present {
    known: &'static [&'static str],
    bits: u32,
}

impl Present {
    /// An object without fields so far. At most 32 may be `known`.
    pub(super) fn none_of(known: &'static [&'static str]) -> Self {
        Self { known, bits: 0 }
    }

    /// Notes a field. `None` if it is not known or was there before.
    pub(super) fn add(&mut self, name: &str) -> Option<&'static str> {
        // Fields mostly come in the order of the list, so the first guess is the one behind the last.
        let guess = (u32::BITS - self.bits.leading_zeros()) as usize;
        let at = if self.known.get(guess) == Some(&name) {
            guess
        } else {
            self.known.iter().position(|known| *known == name)?
        };
        let before = self.bits;
        self.bits |= 1 << at;
        (self.bits != before).then(|| self.known[at])
    }

    /// Fails with the names of fields that are missing.
    pub(super) fn require<E: Error>(&self, names: &[&'static str]) -> Result<(), E> {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !self.has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(E::custom(format_args!("required fields are missing: {}", missing.join(", "))))
    }

    /// Whether a field was there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known.iter().position(|known| *known == name).is_some_and(|at| self.bits & (1 << at) != 0)
    }
}

enum Field<'de> {
    Known(usize),
    Unknown(Cow<'de, str>),
}

struct Key {
    known: &'static [&'static str],
}

impl Key {
    fn find(&self, name: &str) -> Option<usize> {
        self.known.iter().position(|known| *known == name)
    }
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Field<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(self.find(name).map_or(Field::Unknown(Cow::Borrowed(name)), Field::Known))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.find(name).map_or_else(|| Field::Unknown(Cow::Owned(name.to_owned())), Field::Known))
    }
}

/// Reads a string of at most [`MAX_TEXT`] bytes; `null` becomes `None`.
pub(super) fn text_or_null<'de, A: MapAccess<'de>>(
    context: &Context<'_>,
    map: &mut A,
) -> Result<Option<String>, A::Error> {
    let text = map.next_value::<Option<String>>()?;
    if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
        return Err(context.limit(format_args!("a text is longer than {MAX_TEXT} bytes")));
    }
    Ok(text)
}

/// A scalar where text is meant. The reference keeps whatever JSON states; numbers occur in practice (the format version of
/// a DEX file as its version) and become their decimal text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, a number, a boolean or null")]
pub(super) enum Scalar {
    Text(String),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Null,
}

impl Scalar {
    /// The text; empty for `null`.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Unsigned(number) => number.to_string(),
            Self::Signed(number) => number.to_string(),
            Self::Float(number) => super::text::python_float(number),
            // As `str(True)` in Python, which is what a client of MCRIT would be shown.
            Self::Flag(flag) => (if flag { "True" } else { "False" }).to_owned(),
            Self::Null => String::new(),
        }
    }

    /// MCRIT tests such fields as Python tests any value, so `"false"` is true and `0` is false.
    /// Whether Python takes the value for true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Unsigned(number) => *number != 0,
            Self::Signed(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Flag(flag) => *flag,
            Self::Null => false,
        }
    }
}
