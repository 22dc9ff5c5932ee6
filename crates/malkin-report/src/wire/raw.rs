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
}
