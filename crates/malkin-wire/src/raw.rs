//! JSON looked at without being read: the members of an object as slices of the text they stand in.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Members of an object: decoded keys, values as they stand.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Members of a JSON object in their order; keys may repeat. Anything but an object is an error.
pub fn raw_members(object: &str) -> Result<Members<'_>, serde_json::Error> {
    let Object(members) = serde_json::from_str(object)?;
    Ok(members)
}

/// The text of a JSON string, borrowed where it holds no escapes.
pub fn raw_text(string: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let Text(text) = serde_json::from_str(string)?;
    Ok(text)
}

/// JSON text without the blanks between its tokens; the text has to be JSON.
pub fn without_blanks(text: &str) -> Vec<u8> {
    // Blanks inside of strings are content. So the text is taken in turns: what is between strings loses its blanks, a string is
    // copied as it stands. That the text is JSON is the caller's promise; on anything else the outcome is some other text, never a
    // panic.
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(start) = memchr::memchr(b'"', rest) {
        let (between, string) = rest.split_at(start);
        kept.extend(between.iter().filter(|byte| !is_blank(**byte)));
        let end = end_of_string(string);
        kept.extend_from_slice(&string[..end]);
        rest = &string[end..];
    }
    kept.extend(rest.iter().filter(|byte| !is_blank(**byte)));
    kept
}

/// Blanks of JSON (RFC 8259, section 2).
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Length of the string that the text begins with, quotes included; all of it if the string does not end.
fn end_of_string(string: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = string.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if string[at] == b'"' {
            return at + 1;
        }
        // An escape: what follows the backslash does not end the string.
        at += 2;
    }
    string.len()
}

struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

struct Object<'a>(Members<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Text(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_as_they_stand() {
        let members = raw_members(r#" {"a" : [1.0 ,2], "\u0062": {"x":1}, "a": null} "#).unwrap();
        let members: Vec<_> = members.iter().map(|(key, value)| (key.as_ref(), value.get())).collect();
        assert_eq!(members, [("a", "[1.0 ,2]"), ("b", r#"{"x":1}"#), ("a", "null")]);
        assert!(raw_members("[1]").is_err());
        assert_eq!(raw_text(r#""x\n""#).unwrap(), "x\n");
    }

    #[test]
    fn blanks_go_and_strings_stay() {
        let text = " {\"a b\" : [1.50 ,\t\" \\\" \\\\\" ], \"\" :\r\n{ } } ";
        assert_eq!(without_blanks(text), b"{\"a b\":[1.50,\" \\\" \\\\\"],\"\":{}}");
        // Not JSON, and no reason to panic.
        assert_eq!(without_blanks("[1, \"a \\"), b"[1,\"a \\");
        assert_eq!(without_blanks("\""), b"\"");
    }
}
