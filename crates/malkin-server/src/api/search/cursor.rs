//! Cursors as text: URL-safe base64 of the JSON text `[[values of a border entry...], 1|0]`, 1 to go on after that entry, 0
//! to go back before it. Read as leniently as Python reads base64, written as Python writes JSON.

use std::fmt::Write as _;

use malkin_store::Border;
use malkin_store::search::Value as Scalar;
use serde_json::Value;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Longest cursor that is looked at, in bytes.
const MAX_CURSOR: usize = 64 * 1024;

/// The cursor of an entry by the values of its place.
pub(super) fn write(values: &[Scalar], backward: bool) -> String {
    let values: Vec<String> = values.iter().map(scalar_text).collect();
    encode(format!("[[{}], {}]", values.join(", "), u8::from(!backward)).as_bytes())
}

/// Reads a cursor; the error says what is wrong with it.
pub(super) fn read(text: &str) -> Result<Border, String> {
    if text.len() > MAX_CURSOR {
        return Err(format!("The cursor is longer than {MAX_CURSOR} bytes."));
    }
    let bytes = decode(text).ok_or("The cursor is no URL-safe base64 text.")?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("The cursor is no JSON: {error}."))?;
    let [values, forward, ..] = value.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err("The cursor is no list of values and direction.".to_owned());
    };
    let values = match values {
        Value::Array(values) => values.iter().map(scalar).collect(),
        // A text is taken apart into its characters.
        Value::String(text) => text.chars().map(|c| Scalar::Text(c.into())).collect(),
        _ => return Err("The cursor has no list of values.".to_owned()),
    };
    Ok(Border { values, backward: !is_truthy(forward) })
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(flag) => Scalar::Flag(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Scalar::Integer(number.into()),
            (None, Some(number)) => Scalar::Integer(number.into()),
            (None, None) => Scalar::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Scalar::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Scalar::Compound,
    }
}

fn scalar_text(value: &Scalar) -> String {
    match value {
        Scalar::Null | Scalar::Compound => "null".to_owned(),
        Scalar::Flag(flag) => flag.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Real(number) => serde_json::json!(number).to_string(),
        Scalar::Text(text) => ascii(&serde_json::json!(text).to_string()),
    }
}

/// JSON text with everything beyond ASCII as `\u` escapes.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// What Python takes for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= group.len() { digit.into() } else { '=' });
        }
    }
    out
}

/// Other characters are passed over, as is everything after complete padding; missing padding is an error.
fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut digits, mut padding) = (0_u32, 0, 0);
    for byte in text.bytes() {
        let byte = match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
        if byte == b'=' {
            padding += 1;
            if digits >= 2 && digits + padding >= 4 {
                return Some(out);
            }
        } else if let Some(digit) = ALPHABET.iter().position(|known| *known == byte) {
            padding = 0;
            bits = bits << 6 | digit as u32;
            digits = (digits + 1) % 4;
            if digits != 1 {
                // Two digits make a byte and a half, three two and a quarter, four three.
                out.push((bits >> (6 - 2 * ((digits + 3) % 4))) as u8);
            }
        }
    }
    (digits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_written_as_recorded() {
        assert_eq!(write(&[Scalar::Integer(1)], false), "W1sxXSwgMV0=");
        assert_eq!(
            write(&[Scalar::Text("distlib".to_owned()), Scalar::Integer(3)], true),
            "W1siZGlzdGxpYiIsIDNdLCAwXQ=="
        );
        assert_eq!(write(&[Scalar::Text(String::new()), Scalar::Integer(31)], false), "W1siIiwgMzFdLCAxXQ==");
        let odd = [
            Scalar::Text("\u{e4}\"\n\u{1f600}\u{7f}".to_owned()),
            Scalar::Real(5.0),
            Scalar::Flag(true),
            Scalar::Null,
        ];
        let text = write(&odd, false);
        let json = String::from_utf8(decode(&text).unwrap()).unwrap();
        assert_eq!(json, "[[\"\\u00e4\\\"\\n\\ud83d\\ude00\u{7f}\", 5.0, true, null], 1]");
        assert_eq!(read(&text), Ok(Border { values: odd.into(), backward: false }));
    }

    #[test]
    fn base64_is_read_leniently() {
        let one = Ok(Border { values: vec![Scalar::Integer(1)], backward: false });
        for text in ["W1sxXSwgMV0=", "W1sxXSwgMV0==", "W1sxX SwgMV0=", "!W1sxXSwgMV0=\n", "W1sxXSwgMV0=W1s"] {
            assert_eq!(read(text), one, "{text:?}");
        }
        for text in [
            "W1sxXSwgMV0",
            "",
            " ",
            "=",
            "!!!",
            "YWJj",
            "+/8=",
            "W1s\u{e9}",
            "e30=",
            "W10=",
            "W1sxXV0=",
            "WzEsMV0=",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        for length in 0..20 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37).wrapping_add(200)).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn the_direction_is_what_python_takes_for_true() {
        for (direction, backward) in [
            ("1", false),
            ("0", true),
            ("-1", false),
            ("1.0", false),
            ("null", true),
            ("\"0\"", false),
            ("\"\"", true),
            ("[]", true),
        ] {
            let text = encode(format!("[[1], {direction}, 5]").as_bytes());
            assert_eq!(read(&text).map(|border| border.backward), Ok(backward), "{direction}");
        }
    }
}
