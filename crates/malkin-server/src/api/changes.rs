//! Bodies of PUT requests: which changes are understood, and in which words the others are refused (`docs/reference/mcrit-api.md` 4, 5).

use malkin_service::Changes;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::call::Call;

/// Largest body of a change in bytes: it is kept with its job and shown in every listing.
const BODY_LIMIT: usize = 64 << 10;

const WITHOUT_BODY: &str = "PUT request without body can't be processed.";
const BAD_NAME: &str =
    "family_name may be 0-64 alphanumeric chars with single dots, dashes, underscores inbetween.";
const BAD_VERSION: &str = "version may be 0-64 printable characters.";
const BAD_COMPONENT: &str = "component may be 0-64 printable characters.";
const BAD_FLAG: &str = "is_library must be boolean.";

/// Changes to a sample.
pub(super) fn of_sample(call: &Call) -> Result<Changes, Answer> {
    sample_changes(body(call)?)
}

/// Changes to a sample, as an object says them.
pub(crate) fn sample_changes(mut body: Map<String, Value>) -> Result<Changes, Answer> {
    check_text(&body, "family_name", is_family_name, BAD_NAME)?;
    check_text(&body, "version", is_printable, BAD_VERSION)?;
    check_text(&body, "component", is_printable, BAD_COMPONENT)?;
    read_flag(&mut body)?;
    Ok(Changes::new(body))
}

/// Changes to a family.
pub(super) fn of_family(call: &Call) -> Result<Changes, Answer> {
    family_changes(body(call)?)
}

/// Changes to a family, as an object says them.
pub(crate) fn family_changes(mut body: Map<String, Value>) -> Result<Changes, Answer> {
    check_text(&body, "family_name", is_family_name, BAD_NAME)?;
    read_flag(&mut body)?;
    Ok(Changes::new(body))
}

/// The body as an object: JSON, or a form whose values are texts.
fn body(call: &Call) -> Result<Map<String, Value>, Answer> {
    call.require_body("PUT")?;
    if call.body.len() > BODY_LIMIT {
        return Err(Answer::too_large(BODY_LIMIT));
    }
    if let Some(form) = call.form()? {
        return Ok(form);
    }
    match call.json()? {
        Value::Object(object) => Ok(object),
        _ => Err(Answer::bad_request(WITHOUT_BODY)),
    }
}

fn check_text(
    body: &Map<String, Value>,
    key: &str,
    is_valid: impl Fn(&str) -> bool,
    message: &str,
) -> Result<(), Answer> {
    match body.get(key) {
        None => Ok(()),
        Some(Value::String(text)) if is_valid(text) => Ok(()),
        Some(_) => Err(Answer::bad_request(message)),
    }
}

/// Replaces the flag by a boolean: the spellings that Python's and JavaScript's clients use are understood.
fn read_flag(body: &mut Map<String, Value>) -> Result<(), Answer> {
    let Some(value) = body.get_mut("is_library") else {
        return Ok(());
    };
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::String(text) => match text.as_str() {
            "True" | "true" | "1" => Some(true),
            "False" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    *value = Value::Bool(flag.ok_or_else(|| Answer::bad_request(BAD_FLAG))?);
    Ok(())
}

/// 2 to 64 letters, digits and single dots, dashes, underscores, the latter neither first nor last. One newline at the end
/// is tolerated, as in the reference.
fn is_family_name(text: &str) -> bool {
    let name = text.strip_suffix('\n').unwrap_or(text).as_bytes();
    let is_mark = |byte: &u8| matches!(byte, b'.' | b'-' | b'_');
    (2..=64).contains(&name.len())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
        && !name.first().is_some_and(is_mark)
        && !name.last().is_some_and(is_mark)
        && !name.windows(2).any(|pair| is_mark(&pair[0]) && is_mark(&pair[1]))
}

/// 1 to 64 printable characters of ASCII, and one newline at the end at most.
fn is_printable(text: &str) -> bool {
    let text = text.strip_suffix('\n').unwrap_or(text).as_bytes();
    (1..=64).contains(&text.len()) && text.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_families() {
        let longest = "a".repeat(64);
        for name in ["ab", "a.b-c_d", "AB.c-d_e", "00", "ab\n", &longest] {
            assert!(is_family_name(name), "{name:?}");
        }
        let too_long = "a".repeat(65);
        for name in ["", "a", "a b", "a..b", "a.-b", "-ab", "ab_", "ab\n\n", "\u{e4}b", &too_long] {
            assert!(!is_family_name(name), "{name:?}");
        }
    }

    #[test]
    fn printable_texts() {
        for text in ["a", "9.9 beta", "~ ", "ab\n"] {
            assert!(is_printable(text), "{text:?}");
        }
        for text in ["", "\n", "a\tb", "v\u{e9}", "\u{7f}", "a\n\n"] {
            assert!(!is_printable(text), "{text:?}");
        }
    }

    #[test]
    fn flags_in_all_spellings() {
        let read = |value: Value| {
            let mut body = Map::new();
            body.insert("is_library".to_owned(), value);
            read_flag(&mut body).map(|()| body["is_library"] == true).ok()
        };
        for value in [json!(true), json!(1), json!(1.0), json!("True"), json!("true"), json!("1")] {
            assert_eq!(read(value.clone()), Some(true), "{value}");
        }
        for value in [json!(false), json!(0), json!("False"), json!("false"), json!("0")] {
            assert_eq!(read(value.clone()), Some(false), "{value}");
        }
        for value in [json!(null), json!(7), json!("TRUE"), json!(" true"), json!([]), json!("1.0")] {
            assert_eq!(read(value.clone()), None, "{value}");
        }
    }
}
