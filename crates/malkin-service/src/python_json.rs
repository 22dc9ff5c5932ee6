//! JSON text as Python's `json.dumps` writes it with default settings: `, ` and `: ` as separators, everything beyond
//! ASCII escaped. Job documents carry such text, and the identity of an uploaded report is the SHA-256 of it with sorted
//! keys, so that equal requests find each other however their JSON was spaced.
//!
//! Not here: reading reports. The canonical form is made of any JSON, without building a tree of it: an object's members
//! are borrowed slices of the input, sorted and written in turn.

use std::fmt::{self, Write};

use malkin_wire::{python_float, raw_members, raw_text};
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// Deepest nesting of JSON that is taken in. SMDA reports nest five levels.
pub(crate) const MAX_DEPTH: usize = 100;

/// Writes a value in its own key order.
pub(crate) fn to_text(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.push_str(&python_float(float)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_string(key, out);
                out.push_str(": ");
                write_value(member, out);
            }
            out.push('}');
        }
    }
}

/// A string literal with everything beyond printable ASCII escaped.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// SHA-256 of the canonical form (sorted keys) of a JSON document. Errors are those of malformed JSON: position and cause.
pub(crate) fn canonical_sha256(json: &[u8]) -> Result<malkin_report::Sha256, serde_json::Error> {
    let raw: &RawValue = serde_json::from_slice(json)?;
    let mut out = HashingWriter { hasher: Sha256::new(), buffer: String::with_capacity(BUFFER * 2) };
    canonical(raw.get(), MAX_DEPTH, &mut out)?;
    out.hasher.update(out.buffer.as_bytes());
    Ok(malkin_report::Sha256::new(out.hasher.finalize().into()))
}

const BUFFER: usize = 1 << 16;

struct HashingWriter {
    hasher: Sha256,
    buffer: String,
}

impl HashingWriter {
    fn flush_if_full(&mut self) {
        if self.buffer.len() >= BUFFER {
            self.hasher.update(self.buffer.as_bytes());
            self.buffer.clear();
        }
    }
}

fn canonical(raw: &str, depth: usize, out: &mut HashingWriter) -> Result<(), serde_json::Error> {
    if depth == 0 {
        return Err(serde_json::Error::custom(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    out.flush_if_full();
    match raw.as_bytes().first() {
        Some(b'{') => {
            let mut members = raw_members(raw)?;
            members.sort_by(|a, b| a.0.cmp(&b.0));
            if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(serde_json::Error::custom(format!(
                    "key {:?} occurs twice in one object",
                    pair[0].0
                )));
            }
            out.buffer.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.buffer.push_str(", ");
                }
                write_string(key, &mut out.buffer);
                out.buffer.push_str(": ");
                canonical(member.get(), depth - 1, out)?;
            }
            out.buffer.push('}');
        }
        Some(b'[') => {
            let Items(items) = serde_json::from_str(raw)?;
            out.buffer.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.buffer.push_str(", ");
                }
                canonical(item.get(), depth - 1, out)?;
            }
            out.buffer.push(']');
        }
        Some(b'"') => {
            write_string(&raw_text(raw)?, &mut out.buffer);
        }
        Some(b'-' | b'0'..=b'9') => write_number(raw, &mut out.buffer)?,
        _ => out.buffer.push_str(raw),
    }
    Ok(())
}

/// Longest integer literal Python reads (`sys.int_info.default_max_str_digits`).
const MAX_DIGITS: usize = 4300;

/// Integers stay as they are, as in Python; anything with a point or exponent is a double.
fn write_number(raw: &str, out: &mut String) -> Result<(), serde_json::Error> {
    if raw.len() > MAX_DIGITS {
        return Err(serde_json::Error::custom(format!("a number has more than {MAX_DIGITS} digits")));
    }
    if raw.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        let float: f64 = raw.parse().map_err(serde_json::Error::custom)?;
        if !float.is_finite() {
            return Err(serde_json::Error::custom("number out of range"));
        }
        out.push_str(&python_float(float));
    } else if raw == "-0" {
        out.push('0');
    } else {
        out.push_str(raw);
    }
    Ok(())
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;
        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_ascii() {
        assert_eq!(
            to_text(&serde_json::json!({"a": [1, "é\n\u{1f600}\u{7f}"]})),
            r#"{"a": [1, "\u00e9\n\ud83d\ude00\u007f"]}"#
        );
    }

    #[test]
    fn canonical_form_ignores_order_and_spacing() {
        let a = canonical_sha256(br#"{"b":1,"a":[1.0,{"y":null,"x":"\u0041"}]}"#).unwrap();
        let b = canonical_sha256(br#" { "a" : [1.00, {"x":"A","y":null}], "b": 1 }"#).unwrap();
        assert_eq!(a, b);
        // hashlib.sha256(json.dumps({"a": [1.0, {"x": "A", "y": None}], "b": 1}, sort_keys=True).encode()).hexdigest()
        let text = r#"{"a": [1.0, {"x": "A", "y": null}], "b": 1}"#;
        assert_eq!(a, malkin_report::Sha256::new(Sha256::digest(text.as_bytes()).into()));
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let long = "9".repeat(5000);
        for bad in ["", "{", "{\"a\":1,\"a\":2}", "[1e999]", "nul", &deep, &long] {
            assert!(canonical_sha256(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(20)]);
        }
    }
}
