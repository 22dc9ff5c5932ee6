//! The compact form of a stored result: the same JSON without `matches.functions`. Everything kept is copied as it stands,
//! nothing is read into values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The bytes of a result without `matches.functions`; `None` if they are not a result with matches.
pub fn compact_result(result: &[u8]) -> Option<Vec<u8>> {
    let members: Members<'_> = serde_json::from_slice(result).ok()?;
    let mut found = false;
    let parts = members.0.into_iter().map(|(key, value)| {
        if key != "matches" {
            return Some((key, value.get().to_owned()));
        }
        found = true;
        let matches: Members<'_> = serde_json::from_str(value.get()).ok()?;
        let kept = matches.0.into_iter().filter(|(key, _)| key != "functions");
        Some((key, object(kept.map(|(key, value)| (key, value.get().to_owned())))))
    });
    let parts: Vec<(String, String)> = parts.collect::<Option<_>>()?;
    found.then(|| object(parts.into_iter()).into_bytes())
}

fn object(members: impl Iterator<Item = (String, String)>) -> String {
    let members: Vec<String> =
        members.map(|(key, value)| format!("{}: {value}", serde_json::Value::String(key))).collect();
    format!("{{{}}}", members.join(", "))
}

/// Members of an object in their order, values untouched.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_left_out_and_the_rest_stays_as_it_is() {
        let result = br#"{"info": {"x": 1.0}, "matches": {"aggregation": {}, "functions": [[1]], "samples": [100]}, "y": null}"#;
        let compact = compact_result(result).unwrap();
        let expected = r#"{"info": {"x": 1.0}, "matches": {"aggregation": {}, "samples": [100]}, "y": null}"#;
        assert_eq!(String::from_utf8(compact).unwrap(), expected);
    }

    #[test]
    fn other_results_have_no_compact_form() {
        for other in ["17", "{}", r#"{"matches": 3}"#, "[", r#"{"matching": {}}"#] {
            assert_eq!(compact_result(other.as_bytes()), None, "{other}");
        }
    }
}
