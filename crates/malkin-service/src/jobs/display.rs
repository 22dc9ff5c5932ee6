//! A job in one line, as the text filter of the job listing sees it.

use serde_json::{Map, Value};

use crate::python_json;

/// The text of a job as the `filter` of the job listing sees it: `method(arg, arg, name=...)` with arguments rendered as
/// Python values, positional ones first.
pub fn display_text(method: &str, params: &str) -> String {
    let params: Map<String, Value> = serde_json::from_str(params).unwrap_or_default();
    let is_position = |key: &str| key.bytes().all(|byte| byte.is_ascii_digit());
    let mut positional: Vec<(u64, &Value)> = params
        .iter()
        .filter(|(key, _)| is_position(key))
        .map(|(key, value)| (key.parse().unwrap_or(u64::MAX), value))
        .collect();
    positional.sort_by_key(|(position, _)| *position);
    let named = params.iter().filter(|(key, _)| !is_position(key)).map(|(_, value)| value);
    let arguments: Vec<String> =
        positional.into_iter().map(|(_, value)| value).chain(named).map(python_value).collect();
    format!("{method}({})", arguments.join(", "))
}

/// A value as Python prints it inside a list of arguments.
fn python_value(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(_) => python_json::to_text(value),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(nested_value).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("'{key}': {}", nested_value(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn nested_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        other => python_value(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_text_shows_python_values() {
        assert_eq!(
            display_text("getMatchesForSample", r#"{"pichash_size": 20, "0": 1}"#),
            "getMatchesForSample(1, 20)"
        );
        assert_eq!(display_text("updateMinHashes", r#"{"0": null}"#), "updateMinHashes(None)");
        assert_eq!(
            display_text("getUniqueBlocks", r#"{"0": [0, 1], "x": true}"#),
            "getUniqueBlocks([0, 1], True)"
        );
        assert_eq!(
            display_text("modifySample", r#"{"0": 3, "1": {"version": "a", "is_library": true}}"#),
            "modifySample(3, {'version': 'a', 'is_library': True})"
        );
    }
}
