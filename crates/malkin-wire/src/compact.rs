//! The compact form of a stored result: the same JSON without `matches.functions`. Everything kept is copied as it stands,
//! nothing is read into values.

use std::borrow::Cow;

use super::raw::{Members, raw_members};

/// The bytes of a result without `matches.functions`; `None` if they are not a result with matches.
pub fn compact_result(result: &[u8]) -> Option<Vec<u8>> {
    // Results are stored whole, because most clients want them whole; `compact=true` is answered from the same bytes (docs/reference/mcrit-api.md
    // section 7.1). The widest ones have 500 MB (docs/benchmarks.md), which as values would be several times as much.
    let members = raw_members(std::str::from_utf8(result).ok()?).ok()?;
    let (_, matches) = members.iter().find(|(key, _)| key == "matches")?;
    let matches: Members<'_> =
        raw_members(matches.get()).ok()?.into_iter().filter(|(key, _)| key != "functions").collect();
    let compact = object(matches.iter().map(|(key, value)| (key, value.get())));
    let parts =
        members.iter().map(|(key, value)| (key, if key == "matches" { &compact } else { value.get() }));
    Some(object(parts).into_bytes())
}

/// Puts an object together again. The keys were decoded and have to be escaped once more; the values were not.
fn object<'a>(members: impl Iterator<Item = (&'a Cow<'a, str>, &'a str)>) -> String {
    let members: Vec<String> =
        members.map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key.as_ref()))).collect();
    format!("{{{}}}", members.join(", "))
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
