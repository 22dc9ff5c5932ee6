//! From columns back to the text of functions. Columns come from a disk: whatever they hold, the answer is a text or an
//! error, and the text is longer than the columns by a bounded factor only.

use super::model::{AS_TEXT, FIELDS, FOLLOWING, FOLLOWING_ALL, METADATA, Model, NO_MORE, branch_target};
use super::{
    BLOCKS, CODE, COLUMNS, END, HASHES, LENGTHS, MARK, NEAR_BRANCH, REFERENCES, SHAPE, SHORT_BRANCH, TEXT,
    WORDS,
};
use crate::leb128::Numbers;

// No position and no cause: columns are protected by checksums in the store, so this is met only where those were computed over wrong bytes.
/// Columns that no function was taken apart into.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the columns of a function are damaged")]
pub struct DamagedColumns;

/// Reads the functions of columns, one after the other in the order they were added.
pub struct ColumnReader<'a> {
    columns: [&'a [u8]; COLUMNS],
    model: Model,
}

impl<'a> ColumnReader<'a> {
    /// A reader before the first function.
    pub fn new(columns: [&'a [u8]; COLUMNS]) -> Self {
        Self { columns, model: Model::default() }
    }

    /// What was not read yet.
    pub fn rest(&self) -> [&'a [u8]; COLUMNS] {
        self.columns
    }

    /// Appends the text of the next function. Behind the last one, as in damaged columns, there is none.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<(), DamagedColumns> {
        self.model.clear();
        self.function(out).ok_or(DamagedColumns)
    }

    // Every taking function below shortens its column and answers `None` at its end. That is the only bound that damaged columns need: each step
    // takes something, or the reading ends.
    fn byte(&mut self, column: usize) -> Option<u8> {
        let (byte, rest) = self.columns[column].split_first()?;
        self.columns[column] = rest;
        Some(*byte)
    }

    fn bytes(&mut self, column: usize, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.columns[column].split_at_checked(length)?;
        self.columns[column] = rest;
        Some(bytes)
    }

    /// A text up to a mark, which is passed over.
    fn until(&mut self, column: usize, mark: u8) -> Option<&'a [u8]> {
        let length = memchr::memchr(mark, self.columns[column])?;
        let text = self.bytes(column, length)?;
        self.columns[column] = self.columns[column].get(1..)?;
        Some(text)
    }

    fn number(&mut self, column: usize) -> Option<u64> {
        let mut numbers = Numbers(self.columns[column]);
        let number = numbers.take();
        self.columns[column] = numbers.0;
        number
    }

    fn number_from(&mut self, column: usize, from: u64) -> Option<u64> {
        let mut numbers = Numbers(self.columns[column]);
        let number = numbers.take_from(from);
        self.columns[column] = numbers.0;
        number
    }

    /// One function, in the order of its fields that `SHAPE` names: texts come back byte for byte, and SMDA and MCRIT write different orders.
    fn function(&mut self, out: &mut Vec<u8>) -> Option<()> {
        if self.columns[SHAPE].first() == Some(&AS_TEXT) {
            self.byte(SHAPE)?;
            return self.stated(out);
        }
        self.fields(&FIELDS, out, |reader, name, out| match name {
            "offset" => {
                reader.model.entry = reader.number(REFERENCES)?;
                put_decimal(out, reader.model.entry);
                Some(())
            }
            "blocks" => reader.blocks(out),
            "apirefs" => reader.names(out),
            "blockrefs" => reader.edges(out),
            "inrefs" => reader.addresses(out),
            "outrefs" => reader.references(out),
            "is_exported" => {
                let is_true = reader.byte(SHAPE)? != 0;
                out.extend_from_slice(if is_true { b"true" } else { b"false" });
                Some(())
            }
            "metadata" => reader.metadata(out),
            _ if reader.byte(SHAPE)? == 0 => {
                out.extend_from_slice(b"{}");
                Some(())
            }
            _ => reader.stated(out),
        })
    }

    /// The object `metadata`. Numbers are texts here: `0.5` and `0.50` are the same number and not the same bytes.
    fn metadata(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.fields(&METADATA, out, |reader, name, out| match name {
            "pic_hash" if reader.byte(SHAPE)? == 0 => {
                out.extend_from_slice(b"null");
                Some(())
            }
            "pic_hash" => {
                let hash = reader.bytes(HASHES, 8)?.first_chunk::<8>()?;
                put_decimal(out, u64::from_le_bytes(*hash));
                Some(())
            }
            "strongly_connected_components" => reader.components(out),
            _ => {
                let text = reader.until(TEXT, END)?;
                let is_text = matches!(name, "characteristics" | "function_name");
                match text {
                    [MARK] => out.extend_from_slice(b"null"),
                    _ if is_text => put_text(out, text),
                    _ => out.extend_from_slice(text),
                }
                Some(())
            }
        })
    }

    /// A text whose length is a number.
    fn stated(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let length = usize::try_from(self.number(REFERENCES)?).ok()?;
        out.extend_from_slice(self.bytes(TEXT, length)?);
        Some(())
    }

    fn fields(
        &mut self,
        known: &'static [&'static str],
        out: &mut Vec<u8>,
        mut value: impl FnMut(&mut Self, &'static str, &mut Vec<u8>) -> Option<()>,
    ) -> Option<()> {
        let mut separator = b'{';
        let mut seen = 0_u32;
        loop {
            let code = self.byte(SHAPE)?;
            if code == NO_MORE {
                break;
            }
            let name = *known.get(usize::from(code) - 1)?;
            // Bounded growth: a field costs one byte of shape and may write as much as all columns hold.
            // A byte that names the edges again would write all of them again.
            let bit = 1 << code;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            out.push(separator);
            put_text(out, name.as_bytes());
            out.push(b':');
            value(self, name, out)?;
            separator = b',';
        }
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Some(())
    }

    /// Writes what [`super::split`] left out: addresses by adding up lengths, digits of the code, targets of branches.
    fn blocks(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let count = self.number(REFERENCES)?;
        list(out, *b"{}", count, |out| {
            let start = self.number_from(BLOCKS, self.model.end())?;
            self.model.can_begin(start).then_some(())?;
            self.model.begin(start);
            put_key(out, start);
            let count = self.number(BLOCKS)?;
            let mut address = start;
            list(out, *b"[]", count, |out| {
                address = self.instruction(address, out)?;
                Some(())
            })
        })
    }

    fn instruction(&mut self, address: u64, out: &mut Vec<u8>) -> Option<u64> {
        let length = self.byte(LENGTHS)?;
        let code = self.bytes(CODE, usize::from(length))?;
        // Damaged columns may lead beyond the last address.
        let end = address.checked_add(u64::from(length))?;
        // Words have marks and no lengths, so that equal instructions are equal bytes for the compression that follows.
        let mnemonic = self.until(WORDS, MARK)?;
        let operands = self.until(WORDS, END)?;
        out.push(b'[');
        put_decimal(out, address);
        out.extend_from_slice(b",\"");
        for byte in code {
            out.extend_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
        out.extend_from_slice(b"\",");
        put_text(out, mnemonic);
        out.push(b',');
        let target = match operands {
            [mark @ (SHORT_BRANCH | NEAR_BRANCH)] => Some(branch_target(*mark, code, end)?),
            _ => None,
        };
        match target {
            Some(target) => {
                out.extend_from_slice(b"\"0x");
                put_hexadecimal(out, target);
                out.push(b'"');
            }
            None => put_text(out, operands),
        }
        out.push(b']');
        self.model.instruction(address, end, mnemonic, target);
        Some(end)
    }

    /// As `split` puts them; the same for the functions that follow.
    fn names(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let count = self.number(REFERENCES)?;
        list(out, *b"{}", count, |out| {
            put_key(out, self.number_from(REFERENCES, self.model.entry)?);
            put_text(out, self.until(TEXT, END)?);
            Some(())
        })
    }

    fn addresses(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let count = self.number(REFERENCES)?;
        let mut last = self.model.entry;
        list(out, *b"[]", count, |out| {
            last = self.number_from(REFERENCES, last)?;
            put_decimal(out, last);
            Some(())
        })
    }

    fn references(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let count = self.number(REFERENCES)?;
        let mut key = self.model.entry;
        list(out, *b"{}", count, |out| {
            key = self.number_from(REFERENCES, key)?;
            put_key(out, key);
            let count = self.number(REFERENCES)?;
            list(out, *b"[]", count, |out| {
                let target = match self.number(REFERENCES)? {
                    0 => self.model.target_of(key)?,
                    _ => self.number_from(REFERENCES, key)?,
                };
                put_decimal(out, target);
                Some(())
            })
        })
    }

    fn components(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let count = self.number(REFERENCES)?;
        let mut last = 0;
        list(out, *b"[]", count, |out| {
            let count = self.number(REFERENCES)?;
            list(out, *b"[]", count, |out| {
                put_decimal(out, self.place(&mut last)?);
                Some(())
            })
        })
    }

    fn edges(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let mode = self.byte(SHAPE)?;
        // The model has learnt the blocks when they were written. A mode before the blocks in a damaged column finds none and writes `{}`.
        if matches!(mode, FOLLOWING | FOLLOWING_ALL) {
            let mut separator = b'{';
            for (start, successors) in self.model.edges() {
                let successors = successors.as_slice();
                if mode == FOLLOWING && successors.is_empty() {
                    continue;
                }
                out.push(separator);
                separator = b',';
                put_key(out, start);
                let mut successors = successors.iter();
                list(out, *b"[]", successors.len() as u64, |out| {
                    put_decimal(out, *successors.next()?);
                    Some(())
                })?;
            }
            out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
            return Some(());
        }
        let count = self.number(REFERENCES)?;
        let mut place = 0;
        list(out, *b"{}", count, |out| {
            put_key(out, self.place(&mut place)?);
            let count = self.number(REFERENCES)?;
            let mut target = place;
            list(out, *b"[]", count, |out| {
                put_decimal(out, self.place(&mut target)?);
                Some(())
            })
        })
    }

    /// An address by its block or its distance from the entry. A block that is not there ends the reading; `last` may then be anything.
    fn place(&mut self, last: &mut usize) -> Option<u64> {
        match self.number(REFERENCES)? {
            0 => self.number_from(REFERENCES, self.model.entry),
            code => {
                let zigzag = code - 1;
                let distance = ((zigzag >> 1) ^ (zigzag & 1).wrapping_neg()) as usize;
                *last = last.wrapping_add(distance);
                self.model.start_of(*last)
            }
        }
    }
}

/// Appends brackets around a number of items with commas between. Every item takes at least one byte of a column, so that
/// a count that is too large ends soon.
fn list(
    out: &mut Vec<u8>,
    brackets: [u8; 2],
    count: u64,
    mut item: impl FnMut(&mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    out.push(brackets[0]);
    for position in 0..count {
        if position > 0 {
            out.push(b',');
        }
        item(out)?;
    }
    out.push(brackets[1]);
    Some(())
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn put_key(out: &mut Vec<u8>, key: u64) {
    out.push(b'"');
    put_decimal(out, key);
    out.extend_from_slice(b"\":");
}

/// Without the formatting machinery of the standard library: it is called several times for each instruction.
fn put_decimal(out: &mut Vec<u8>, mut number: u64) {
    /// Digits of the largest number.
    const LONGEST: usize = 20;
    let mut digits = [0_u8; LONGEST];
    let mut at = LONGEST;
    while let Some(place) = at.checked_sub(1).and_then(|before| digits.get_mut(before)) {
        at -= 1;
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Lower case without leading zeros, as operands show addresses; 0 is one digit.
fn put_hexadecimal(out: &mut Vec<u8>, number: u64) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(hex_digit((number >> (4 * digit)) as u8 & 15));
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}
