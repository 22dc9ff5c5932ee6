//! JSON text, written straight into bytes: compact, or in the layout of Python's `json.dumps(indent=1)`. ASCII only.

use std::fmt::Write;

use serde_json::Value;

/// Appends JSON text to a byte vector. Commas, line breaks and indentation come by themselves; that objects and arrays
/// are closed and keys alternate with values is up to the caller.
pub(super) struct JsonText<'o> {
    out: &'o mut Vec<u8>,
    indent: bool,
    depth: usize,
    /// Whether the open object or array has no item yet.
    is_empty: bool,
    /// Whether a key was written whose value comes next.
    after_key: bool,
}

impl<'o> JsonText<'o> {
    /// Text without white space.
    pub(super) fn compact(out: &'o mut Vec<u8>) -> Self {
        Self { out, indent: false, depth: 0, is_empty: true, after_key: false }
    }

    /// One item a line, indented by one blank a level.
    pub(super) fn indented(out: &'o mut Vec<u8>) -> Self {
        Self { indent: true, ..Self::compact(out) }
    }

    /// What was written; taking it away changes nothing of what comes next.
    pub(super) fn written(&mut self) -> &mut Vec<u8> {
        self.out
    }

    pub(super) fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.nested(b'{', b'}', write);
    }

    pub(super) fn array(&mut self, write: impl FnOnce(&mut Self)) {
        self.nested(b'[', b']', write);
    }

    /// Objects and arrays nest by calls of the writer, whose depth is that of the type that is written; trees of values have the bound of
    /// who read them.
    fn nested(&mut self, open: u8, close: u8, write: impl FnOnce(&mut Self)) {
        self.item();
        self.out.push(open);
        self.depth += 1;
        self.is_empty = true;
        write(self);
        self.depth -= 1;
        if !self.is_empty {
            self.line();
        }
        self.is_empty = false;
        self.out.push(close);
    }

    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.item();
        escape(key, self.out);
        self.colon()
    }

    /// JSON has text as keys only; an address becomes its decimal digits, as Python's integers do.
    pub(super) fn address_key(&mut self, address: u64) -> &mut Self {
        self.item();
        self.out.push(b'"');
        digits(address, self.out);
        self.out.push(b'"');
        self.colon()
    }

    fn colon(&mut self) -> &mut Self {
        self.out.extend_from_slice(if self.indent { b": " } else { b":" });
        self.after_key = true;
        self
    }

    pub(super) fn text(&mut self, text: &str) {
        self.item();
        escape(text, self.out);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.item();
        digits(number, self.out);
    }

    /// A number that may be larger than 64 bits.
    pub(super) fn wide_number(&mut self, number: u128) {
        self.item();
        match u64::try_from(number) {
            Ok(number) => digits(number, self.out),
            Err(_) => self.out.extend_from_slice(number.to_string().as_bytes()),
        }
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.item();
        if number < 0 {
            self.out.push(b'-');
        }
        digits(number.unsigned_abs(), self.out);
    }

    /// An array of one number and texts, which is what nine tenths of a report consist of: the layout between its items is
    /// made once, by whoever keeps `gap`.
    pub(super) fn row(&mut self, number: u64, texts: [&str; 3], gap: &mut RowGap) {
        self.item();
        if gap.depth != Some(self.depth) {
            *gap = RowGap::new(self.indent, self.depth);
        }
        self.out.extend_from_slice(&gap.open);
        digits(number, self.out);
        for text in texts {
            self.out.extend_from_slice(&gap.between);
            escape(text, self.out);
        }
        self.out.extend_from_slice(&gap.close);
    }

    /// As Python writes a float, so that a report that is read and written again keeps its bytes.
    pub(super) fn float(&mut self, number: f64) {
        self.item();
        self.out.extend_from_slice(python_float(number).as_bytes());
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.word(if flag { "true" } else { "false" });
    }

    pub(super) fn null(&mut self) {
        self.word("null");
    }

    /// Text that is JSON already.
    pub(super) fn word(&mut self, word: &str) {
        self.item();
        self.out.extend_from_slice(word.as_bytes());
    }

    /// JSON text of one value, white space included as it is.
    pub(super) fn raw(&mut self, json: &[u8]) {
        self.item();
        self.out.extend_from_slice(json);
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// A tree of values. Depth is bounded by whoever made the tree. With `sorted`, keys ascend: as numbers where all of an
    /// object are addresses, as Python does with integer keys, else as text.
    pub(super) fn value(&mut self, value: &Value, sorted: bool) {
        match value {
            Value::Null => self.null(),
            Value::Bool(flag) => self.flag(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => self.number(number),
                (None, Some(number)) => self.signed(number),
                (None, None) => self.float(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => self.text(text),
            Value::Array(items) => self.array(|json| items.iter().for_each(|item| json.value(item, sorted))),
            Value::Object(fields) if sorted => {
                let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
                // `json.dumps(sort_keys=True)` sorts the keys of a Python dictionary before they become text: addresses are integers there,
                // so 9 comes before 10.
                let by_number = |key: &str| key.parse::<u64>().ok().filter(|_| !key.starts_with('+'));
                if fields.iter().all(|(key, _)| by_number(key).is_some()) {
                    fields.sort_by_key(|(key, _)| by_number(key));
                } else {
                    fields.sort_by_key(|(key, _)| *key);
                }
                self.object(|json| {
                    for (key, value) in fields {
                        json.key(key).value(value, sorted);
                    }
                });
            }
            Value::Object(fields) => {
                self.object(|json| fields.iter().for_each(|(key, value)| json.key(key).value(value, sorted)));
            }
        }
    }

    /// Begins an item of the open object or array, unless it is the value behind a key.
    fn item(&mut self) {
        if std::mem::take(&mut self.after_key) {
            return;
        }
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        if self.depth > 0 {
            self.line();
        }
    }

    fn line(&mut self) {
        if self.indent {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + self.depth, b' ');
        }
    }
}

/// What stands around the items of a [`JsonText::row`].
#[derive(Default)]
pub(super) struct RowGap {
    depth: Option<usize>,
    open: Vec<u8>,
    between: Vec<u8>,
    close: Vec<u8>,
}

impl RowGap {
    fn new(indent: bool, depth: usize) -> Self {
        let line = |start: &[u8], blanks: usize| {
            let mut text = start.to_vec();
            if indent {
                text.push(b'\n');
                text.resize(text.len() + blanks, b' ');
            }
            text
        };
        let mut close = line(b"", depth);
        close.push(b']');
        Self { depth: Some(depth), open: line(b"[", depth + 1), between: line(b",", depth + 1), close }
    }
}

// Reports are mostly addresses, and division is the slow part of writing one: two digits for each.
/// All numbers of two digits.
const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
    2021222324252627282930313233343536373839\
    4041424344454647484950515253545556575859\
    6061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899";

fn digits(mut number: u64, out: &mut Vec<u8>) {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    while number >= 100 {
        let pair = 2 * (number % 100) as usize;
        number /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if number >= 10 {
        let pair = 2 * number as usize;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&buffer[at..]);
}

/// A string literal; everything outside printable ASCII is escaped.
// Python's `json.dumps` with `ensure_ascii`, which is its default: MCRIT's answers and SMDA's files are ASCII, and so are ours.
fn escape(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    // Without a way out of the loop, so that it is done for many bytes at once.
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && (byte != b'"') && (byte != b'\\');
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|character| escape_char(character, out));
    }
    out.push(b'"');
}

fn escape_char(character: char, out: &mut Vec<u8>) {
    let short = match character {
        '"' | '\\' => character as u8,
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        ' '..='~' => return out.push(character as u8),
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            // JSON escapes are UTF-16 (RFC 8259, section 7): a character beyond the first plane is a pair of them, as Python writes
            // it with `ensure_ascii`.
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                out.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(*unit >> shift) & 15]));
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The text Python's `repr` gives a double: the shortest digits that mean it, with an exponent outside of 1e-4..1e16. A
/// value that JSON cannot express becomes `null`.
pub fn python_float(number: f64) -> String {
    if !number.is_finite() {
        return "null".to_owned();
    }
    let shortest = format!("{number:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // The bounds of `repr(float)` in CPython (`float_repr_style` short). Rust never writes an exponent with `to_string`, so only
    // the numbers outside of them are put together here.
    if (-4..16).contains(&exponent) {
        let mut text = number.to_string();
        if !text.contains('.') {
            text.push_str(".0");
        }
        return text;
    }
    let mut text = mantissa.to_owned();
    // Writing to a string cannot fail.
    // Python writes a sign always and two digits at least: `1e-07`, `1e+16`.
    let _ = write!(text, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn floats_read_as_in_python() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (50_273.0, "50273.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (f64::NAN, "null"),
        ];
        for (number, text) in cases {
            assert_eq!(python_float(number), text);
        }
    }

    #[test]
    fn layout_is_that_of_python() {
        let value =
            json!({"b": [], "a": {"10": 1, "9": [null, true, -5, "\u{e9}\u{1f600}\n\"\u{7f}"]}, "c": {}});
        let mut indented = Vec::new();
        JsonText::indented(&mut indented).value(&value, true);
        let expected = "{\n \"a\": {\n  \"9\": [\n   null,\n   true,\n   -5,\n   \"\\u00e9\\ud83d\\ude00\\n\\\"\\u007f\"\n  ],\n  \"10\": 1\n },\n \"b\": [],\n \"c\": {}\n}";
        assert_eq!(String::from_utf8(indented).unwrap(), expected);
        let mut compact = Vec::new();
        JsonText::compact(&mut compact).value(&value, false);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&compact).unwrap(), value);
        assert!(compact.starts_with(b"{\"b\":[],\"a\":{\"10\":1,"));
    }
}
