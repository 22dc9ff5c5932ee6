//! Fields of a file that may be counts, sizes, offsets or ranges, and what is put into them.

use super::base::{Base, Kind};

/// A small generator (`SplitMix64`): a file is known by its number.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % bound.max(1) as u64) as usize
    }
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// So many bytes, lowest first.
    Binary(usize),
    /// Highest first.
    Reversed(usize),
    /// Decimal or octal digits: how many.
    Digits(usize),
    /// LEB128, of which the first byte is here.
    Leb128,
    /// A part of a text in brackets: how many bytes, with both brackets.
    Part(usize),
}

/// A number in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) at: usize,
    pub(crate) form: Form,
}

/// Bytes at the start of a file in which every aligned word is a field, and at the start of every table.
const HEADER: usize = 0x800;

/// Fields of a file, those of headers and tables of a program, numbers in a text.
pub(crate) fn fields(base: &Base) -> Vec<Field> {
    let bytes = &base.bytes;
    let mut found = Vec::new();
    match base.kind {
        Kind::Program => {
            // All words of the headers, and those a table may have behind them: small files are tables mostly.
            let reach = bytes.len().min(if bytes.len() < 16 << 10 { 16 << 10 } else { HEADER });
            words(bytes, 0..reach, &mut found);
            if bytes.starts_with(b"\xca\xfe\xba\xbe") {
                found.extend((0..0x40).step_by(4).map(|at| Field { at, form: Form::Reversed(4) }));
            }
            if bytes.starts_with(b"\x7fELF") {
                // Section headers stand at the end.
                words(bytes, bytes.len().saturating_sub(HEADER)..bytes.len(), &mut found);
            }
        }
        Kind::Data if bytes.starts_with(b"PK") || bytes.starts_with(b"\x1f\x8b") => {
            let all = 0..bytes.len().min(HEADER);
            let end = bytes.len().saturating_sub(0x180)..bytes.len();
            for range in [all, end] {
                found.extend(range.map(|at| Field { at, form: Form::Binary(2 + 2 * (at % 2)) }));
            }
            found.retain(|field| field.at + 4 <= bytes.len());
        }
        Kind::Data => digits(bytes, &mut found),
        Kind::Report | Kind::Export | Kind::Rules => {
            digits(bytes, &mut found);
            parts(bytes, &mut found);
        }
    }
    found
}

/// Words of two, four and eight bytes, and the first bytes of numbers in LEB128.
fn words(bytes: &[u8], range: std::ops::Range<usize>, found: &mut Vec<Field>) {
    for at in range.step_by(2) {
        for width in [2, 4, 8] {
            let value = bytes.get(at..at + width);
            if at % width.min(4) == 0 && value.is_some_and(|value| value.iter().any(|byte| *byte != 0)) {
                found.push(Field { at, form: Form::Binary(width) });
            }
        }
        if at + 10 < bytes.len() {
            found.extend([at, at + 1].map(|at| Field { at, form: Form::Leb128 }));
        }
    }
}

fn digits(bytes: &[u8], found: &mut Vec<Field>) {
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        if length > 0 {
            found.push(Field { at, form: Form::Digits(length) });
        }
        at += length.max(1);
    }
}

/// Parts in brackets that are closed, the longest first among those that begin at one place. Brackets within texts count as well: a
/// multiplied text is as good.
fn parts(bytes: &[u8], found: &mut Vec<Field>) {
    let mut open = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'[' | b'{' | b'(' => open.push(at),
            b']' | b'}' | b')' => {
                if let Some(start) = open.pop() {
                    found.push(Field { at: start, form: Form::Part(at + 1 - start) });
                }
            }
            _ => {}
        }
    }
}

/// Largest text that repetition makes, in bytes.
const MAX_TEXT: usize = 4 << 20;

/// Repeats a part of a text as elements of an array, or nests it. Returns what was done in words.
fn repeat(bytes: &mut Vec<u8>, at: usize, length: usize, chance: &mut Chance) -> String {
    let part = bytes[at..at + length].to_vec();
    let wanted = [2, 100, 10_000, 1_000_000][chance.below(4)];
    let times = MAX_TEXT.saturating_sub(bytes.len()) / (length + 1);
    let times = times.clamp(1, wanted);
    let (how, new) = match chance.below(4) {
        0 => ("is repeated with commas", vec![part.clone(); times].join(&b',')),
        1 => ("is repeated", part.repeat(times)),
        2 => {
            let inside = vec![part[1..length - 1].to_vec(); times].join(&b',');
            ("has repeated content", [&part[..1], &inside, &part[length - 1..]].concat())
        }
        _ => {
            ("is nested", [part[..1].repeat(times), part.clone(), part[length - 1..].repeat(times)].concat())
        }
    };
    bytes.splice(at..at + length, new);
    format!("a part of {length} bytes {how}, {times} times")
}

/// Multiplies a field. Returns what was done in words.
pub(crate) fn multiply(bytes: &mut Vec<u8>, field: Field, chance: &mut Chance) -> String {
    if let Form::Part(length) = field.form {
        return repeat(bytes, field.at, length, chance);
    }
    let value = read(bytes, field);
    let other = chance.below(bytes.len());
    let (how, new) = [
        ("x 2", value.saturating_mul(2)),
        ("x 1000", value.saturating_mul(1000)),
        ("x 100,000", value.saturating_mul(100_000)),
        ("0xffff", 0xffff),
        ("0xffffffff", 0xffff_ffff),
        ("all ones", u64::MAX),
        ("the sign", value | 1 << 63 | 1 << 31 | 1 << 15),
        ("its own place", field.at as u64),
        ("another place", other as u64),
        ("64 MiB", 64 << 20),
        ("1", 1),
    ][chance.below(11)];
    write(bytes, field, new);
    format!("{:?} {value:#x} becomes {how}", field.form)
}

fn read(bytes: &[u8], field: Field) -> u64 {
    let word = |width: usize| bytes.get(field.at..field.at + width).unwrap_or_default().iter();
    match field.form {
        Form::Binary(width) => word(width).rev().fold(0, |value, byte| value << 8 | u64::from(*byte)),
        Form::Reversed(width) => word(width).fold(0, |value, byte| value << 8 | u64::from(*byte)),
        Form::Digits(width) => word(width)
            .fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))),
        Form::Leb128 => word(1).map(|byte| u64::from(byte & 0x7f)).sum(),
        Form::Part(width) => width as u64,
    }
}

fn write(bytes: &mut Vec<u8>, field: Field, value: u64) {
    let all = value.to_le_bytes();
    match field.form {
        Form::Binary(width) => bytes[field.at..field.at + width].copy_from_slice(&all[..width]),
        Form::Reversed(width) => {
            all[..width].iter().rev().zip(&mut bytes[field.at..]).for_each(|(new, byte)| *byte = *new);
        }
        // The rest of the text moves.
        Form::Digits(width) => {
            bytes.splice(field.at..field.at + width, value.to_string().into_bytes());
        }
        // `repeat` does these.
        Form::Part(_) => {}
        Form::Leb128 => {
            let mut rest = value;
            for byte in &mut bytes[field.at..] {
                *byte = (rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 };
                rest >>= 7;
                if rest == 0 {
                    break;
                }
            }
        }
    }
}
