//! From the text of a function to its columns.
//!
//! The text is taken apart only if every part of it is exactly what `join` would write; at the first thing that is not,
//! there is no answer, and the text is kept instead. A text that nobody checked has to be, besides, one that the readers
//! of functions accept: what is passed over unread here is passed over in checked texts only.

use std::cell::RefCell;

use super::model::{
    AS_TEXT, FIELDS, FOLLOWING, FOLLOWING_ALL, METADATA, Model, NO_MORE, STATED, branch_target,
};
use super::{BLOCKS, COLUMNS, END, HASHES, MARK, NEAR_BRANCH, REFERENCES, SHAPE, SHORT_BRANCH, TEXT, joined};
use crate::fast::cursor::{Cursor, is_plain};
use crate::field::Present;
use crate::function::{METADATA_REQUIRED, REQUIRED};
use crate::leb128::{put_distance, put_number};
use crate::limits;

/// Takes apart a text that may be anything; `None` is no verdict about it.
pub(super) fn unchecked(text: &str) -> Option<Vec<u8>> {
    split(text, false)
}

/// Takes apart a text that the readers of functions accept and that has no blanks between its tokens.
pub(super) fn checked(text: &[u8]) -> Option<Vec<u8>> {
    split(std::str::from_utf8(text).ok()?, true)
}

fn split(text: &str, is_checked: bool) -> Option<Vec<u8>> {
    if text.len() > super::MAX_TEXT {
        return None;
    }
    let mut cursor = Cursor::new(text);
    let columns = at_cursor(text, &mut cursor, is_checked)?;
    cursor.is_at_end().then_some(columns)
}

/// The columns of a function that is kept as text.
pub(super) fn as_text(text: &[u8]) -> Vec<u8> {
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    columns[SHAPE].push(AS_TEXT);
    put_number(&mut columns[REFERENCES], text.len() as u64);
    columns[TEXT].extend_from_slice(text);
    joined(&columns)
}

/// Takes apart the object at a cursor of the text.
pub(super) fn at_cursor(text: &str, cursor: &mut Cursor<'_>, is_checked: bool) -> Option<Vec<u8>> {
    thread_local! {
        /// One function after another goes through the same memory.
        static SPLITTER: RefCell<Splitter> = RefCell::default();
    }
    SPLITTER.with_borrow_mut(|splitter| {
        splitter.columns.iter_mut().for_each(Vec::clear);
        splitter.model.clear();
        splitter.is_checked = is_checked;
        let start = cursor.at();
        splitter.function(text, cursor)?;
        (cursor.at() - start <= super::MAX_TEXT).then(|| joined(&splitter.columns))
    })
}

#[derive(Default)]
struct Splitter {
    columns: [Vec<u8>; COLUMNS],
    model: Model,
    is_checked: bool,
}

// The order that `Splitter::instruction` takes the columns in.
const _: () = assert!(super::LENGTHS == 2 && super::CODE == 3 && super::WORDS == 4);

impl Splitter {
    fn shape(&mut self, code: u8) {
        self.columns[SHAPE].push(code);
    }

    fn function(&mut self, text: &str, cursor: &mut Cursor<'_>) -> Option<()> {
        let present = self.fields(cursor, &FIELDS, |splitter, cursor, name| match name {
            "offset" => {
                splitter.model.entry = cursor.integer()?;
                put_number(&mut splitter.columns[REFERENCES], splitter.model.entry);
                Some(())
            }
            "blocks" => splitter.blocks(text, cursor),
            "apirefs" => splitter.names(cursor),
            "blockrefs" => splitter.edges(cursor),
            "inrefs" => splitter.addresses(cursor),
            "outrefs" => splitter.references(cursor),
            "is_exported" => splitter.flag(cursor),
            "metadata" => splitter.metadata(cursor),
            _ => splitter.tree(cursor),
        })?;
        present.require::<serde_json::Error>(REQUIRED).ok()
    }

    fn metadata(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let present = self.fields(cursor, &METADATA, |splitter, cursor, name| match name {
            "binweight" => splitter.double(cursor),
            "confidence" | "tfidf" => splitter.or_null(cursor, Self::double),
            "characteristics" | "function_name" => splitter.or_null(cursor, Self::name),
            "nesting_depth" => splitter.or_null(cursor, |splitter, cursor| {
                let depth = cursor.integer()?;
                splitter.text(&depth.to_string());
                Some(())
            }),
            "pic_hash" => {
                let is_null = cursor.takes("null");
                splitter.shape(u8::from(!is_null));
                if !is_null {
                    splitter.columns[HASHES].extend_from_slice(&cursor.integer()?.to_le_bytes());
                }
                Some(())
            }
            _ => splitter.components(cursor),
        })?;
        present.require::<serde_json::Error>(METADATA_REQUIRED).ok()
    }

    /// An object of known fields, each at most once.
    fn fields<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        known: &'static [&'static str],
        mut value: impl FnMut(&mut Self, &mut Cursor<'a>, &'static str) -> Option<()>,
    ) -> Option<Present> {
        let mut present = Present::none_of(known);
        cursor.object(|cursor| {
            let name = present.add(cursor.plain_text()?)?;
            cursor.take(b':')?;
            let code = known.iter().position(|known| *known == name)? + 1;
            self.shape(code as u8);
            value(self, cursor, name)
        })?;
        self.shape(NO_MORE);
        Some(present)
    }

    fn or_null<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        value: impl FnOnce(&mut Self, &mut Cursor<'a>) -> Option<()>,
    ) -> Option<()> {
        if cursor.takes("null") {
            self.columns[TEXT].extend_from_slice(&[MARK, END]);
            return Some(());
        }
        value(self, cursor)
    }

    /// A number as it is written. Those that only the thorough readers can judge are passed over in checked texts.
    fn double(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut number = cursor.clone();
        if self.is_checked {
            number.pass()?;
        } else {
            number.double()?;
        }
        let text = cursor.until(&number)?;
        *cursor = number;
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        self.text(is_number.then_some(text)?);
        Some(())
    }

    fn name(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let name = cursor.plain_text()?;
        self.text((name.len() <= limits::MAX_TEXT).then_some(name)?);
        Some(())
    }

    /// A text without control characters.
    fn text(&mut self, text: &str) {
        self.columns[TEXT].extend_from_slice(text.as_bytes());
        self.columns[TEXT].push(END);
    }

    fn flag(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let is_true = cursor.takes("true");
        let is_flag = is_true || cursor.takes("false");
        self.shape(u8::from(is_true));
        is_flag.then_some(())
    }

    /// A value that is kept as stated.
    fn tree(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let text = cursor.pass_tree()?;
        let is_empty = text == "{}";
        self.shape(u8::from(!is_empty));
        if !is_empty {
            self.is_checked.then_some(())?;
            put_number(&mut self.columns[REFERENCES], text.len() as u64);
            self.columns[TEXT].extend_from_slice(text.as_bytes());
        }
        Some(())
    }

    /// Blocks with their instructions. From here on the model knows the function, and everything behind it can be said in its terms; what comes
    /// before it in an unusual order is said in distances.
    fn blocks(&mut self, text: &str, cursor: &mut Cursor<'_>) -> Option<()> {
        let start = cursor.at();
        let mut num_blocks = 0_u64;
        cursor.object(|cursor| {
            let start = canonical_key(cursor)?;
            self.model.can_begin(start).then_some(())?;
            put_distance(&mut self.columns[BLOCKS], self.model.end(), start);
            self.model.begin(start);
            let mut end = start;
            let mut num_instructions = 0_u64;
            cursor.array(|cursor| {
                end = self.instruction(cursor, end)?;
                num_instructions += 1;
                Some(())
            })?;
            put_number(&mut self.columns[BLOCKS], num_instructions);
            num_blocks += 1;
            Some(())
        })?;
        put_number(&mut self.columns[REFERENCES], num_blocks);
        // Also refuses blanks other than spaces, which a checked text does not have.
        is_plain(text.as_bytes().get(start..cursor.at())?).then_some(())
    }

    /// One instruction at `address`; answers where it ends.
    #[inline]
    fn instruction(&mut self, cursor: &mut Cursor<'_>, address: u64) -> Option<u64> {
        // A copy stays in registers.
        let mut here = cursor.clone();
        here.take(b'[')?;
        let stated = here.integer()?;
        here.take(b',')?;
        let digits = here.unchecked_text()?;
        here.take(b',')?;
        let mnemonic = here.unchecked_text()?;
        here.take(b',')?;
        let operands = here.unchecked_text()?;
        here.take(b']')?;
        *cursor = here;
        // Addresses are left out where they follow from the lengths. Instructions with gaps between them, as in overlapping code, make
        // the whole function text.
        (stated == address).then_some(())?;
        let digits = digits.0.get(..digits.1)?;
        let name = mnemonic.0.get(..mnemonic.1).filter(|text| u16::try_from(text.len()).is_ok())?;
        let length = u8::try_from(digits.len() / 2).ok().filter(|_| digits.len() % 2 == 0)?;
        let end = address.checked_add(u64::from(length))?;
        let [_, _, lengths, code, words, ..] = &mut self.columns;
        lengths.push(length);
        let start = code.len();
        for pair in digits.as_chunks::<2>().0 {
            let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
            // Upper-case digits are hexadecimal too, but would come back in lower case.
            if high | low > 15 {
                return None;
            }
            code.push(high << 4 | low);
        }
        put_beginning(words, mnemonic.0, mnemonic.1);
        words.push(MARK);
        let target = hexadecimal(operands.0.get(..operands.1)?);
        // Whether the operands are the target of the branch is tried and not decided by mnemonic: what `join` computes has to be what
        // stands here, and nothing else counts.
        let mark = [SHORT_BRANCH, NEAR_BRANCH]
            .into_iter()
            .find(|mark| target.is_some() && branch_target(*mark, &code[start..], end) == target);
        match mark {
            Some(mark) => words.push(mark),
            None => put_beginning(words, operands.0, operands.1),
        }
        let target = target.filter(|_| mark.is_some());
        words.push(END);
        self.model.instruction(address, end, name, target);
        Some(end)
    }

    /// Names by address: keys as distances from the entry.
    fn names(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut last = None;
        self.object(cursor, |splitter, cursor| {
            let key = ascending_key(cursor, &mut last)?;
            put_distance(&mut splitter.columns[REFERENCES], splitter.model.entry, key);
            splitter.text(cursor.plain_text()?);
            Some(())
        })
    }

    /// A list of addresses, each as the distance from the one before: they mostly ascend.
    fn addresses(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut last = self.model.entry;
        self.array(cursor, |splitter, cursor| {
            let address = cursor.integer()?;
            put_distance(&mut splitter.columns[REFERENCES], last, address);
            last = address;
            Some(())
        })
    }

    /// Where instructions refer to. Most are branches and calls whose target is in their code: a byte of 0 says so.
    fn references(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut last = None;
        self.object(cursor, |splitter, cursor| {
            let before = last.unwrap_or(splitter.model.entry);
            let key = ascending_key(cursor, &mut last)?;
            put_distance(&mut splitter.columns[REFERENCES], before, key);
            let target = splitter.model.target_of(key);
            splitter.array(cursor, |splitter, cursor| {
                let address = cursor.integer()?;
                let column = &mut splitter.columns[REFERENCES];
                put_number(column, u64::from(target != Some(address)));
                if target != Some(address) {
                    put_distance(column, key, address);
                }
                Some(())
            })
        })
    }

    /// Lists of blocks. A number of a block is short, an address is not.
    fn components(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut last = 0;
        self.array(cursor, |splitter, cursor| splitter.places(cursor, &mut last))
    }

    /// Edges, in one of three ways: following from the code with or without the blocks that end it, or one by one.
    fn edges(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let before = cursor.clone();
        for (mode, names_all) in [(FOLLOWING, false), (FOLLOWING_ALL, true)] {
            if follows(cursor, &self.model, names_all).is_some() {
                self.shape(mode);
                return Some(());
            }
            *cursor = before.clone();
        }
        self.shape(STATED);
        let (mut last, mut place) = (None, 0);
        self.object(cursor, |splitter, cursor| {
            let key = ascending_key(cursor, &mut last)?;
            splitter.place(&mut place, key);
            let mut target = place;
            splitter.places(cursor, &mut target)
        })
    }

    /// A list of addresses, each as [`Splitter::place`] puts it.
    fn places(&mut self, cursor: &mut Cursor<'_>, last: &mut usize) -> Option<()> {
        self.array(cursor, |splitter, cursor| {
            splitter.place(last, cursor.integer()?);
            Some(())
        })
    }

    /// An address by the number of the block that starts there, or by its distance from the entry.
    fn place(&mut self, last: &mut usize, address: u64) {
        let column = &mut self.columns[REFERENCES];
        if let Some(block) = self.model.block_at(address) {
            let distance = block as i64 - *last as i64;
            put_number(column, 1 + ((distance << 1) ^ (distance >> 63)) as u64);
            *last = block;
        } else {
            put_number(column, 0);
            put_distance(column, self.model.entry, address);
        }
    }

    /// An array as a list: the number of its items, then what `item` puts for each.
    fn array<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        mut item: impl FnMut(&mut Self, &mut Cursor<'a>) -> Option<()>,
    ) -> Option<()> {
        let (at, mut count) = (self.columns[REFERENCES].len(), 0);
        cursor.array(|cursor| {
            count += 1;
            item(self, cursor)
        })?;
        self.put_count(at, count);
        Some(())
    }

    /// As [`Splitter::array`] for the members of an object.
    fn object<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        mut member: impl FnMut(&mut Self, &mut Cursor<'a>) -> Option<()>,
    ) -> Option<()> {
        let (at, mut count) = (self.columns[REFERENCES].len(), 0);
        cursor.object(|cursor| {
            count += 1;
            member(self, cursor)
        })?;
        self.put_count(at, count);
        Some(())
    }

    /// Puts the number of items, known behind the last of them, before the first.
    // A list says its length first, but how many items there are is known at the end. Turning the bytes of the list around costs less
    // than counting beforehand, and most lists are empty or have one item.
    fn put_count(&mut self, at: usize, count: u64) {
        let column = &mut self.columns[REFERENCES];
        let end = column.len();
        put_number(column, count);
        let length = column.len() - end;
        if let Some(list) = column.get_mut(at..) {
            list.rotate_right(length);
        }
    }
}

/// Moves over edges if they are those that follow from the code.
fn follows(cursor: &mut Cursor<'_>, model: &Model, names_all: bool) -> Option<()> {
    let mut edges = model.edges().filter(|(_, successors)| names_all || !successors.as_slice().is_empty());
    cursor.object(|cursor| {
        let (start, successors) = edges.next()?;
        (canonical_key(cursor)? == start).then_some(())?;
        let mut successors = successors.as_slice().iter();
        cursor.array(|cursor| {
            let successor = successors.next()?;
            (cursor.integer()? == *successor).then_some(())
        })?;
        successors.next().is_none().then_some(())
    })?;
    edges.next().is_none().then_some(())
}

/// A key that is greater than the one before; others may be right, but are rare.
fn ascending_key(cursor: &mut Cursor<'_>, last: &mut Option<u64>) -> Option<u64> {
    let key = canonical_key(cursor)?;
    let ascends = last.is_none_or(|last| last < key);
    *last = Some(key);
    ascends.then_some(key)
}

/// A key of decimal digits as they are usually written, with its colon.
#[inline]
fn canonical_key(cursor: &mut Cursor<'_>) -> Option<u64> {
    let (key, has_leading_zero) = cursor.address_key_as_written()?;
    (!has_leading_zero).then_some(key)
}

/// Values of lowercase hexadecimal digits; of anything else, more than 15.
const DIGITS: [u8; 256] = {
    let mut values = [0xff; 256];
    let digits = b"0123456789abcdef";
    let mut at = 0;
    while at < digits.len() {
        values[digits[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Appends the beginning, of a length, of a longer text. Most are short, and copied without a call.
#[inline]
fn put_beginning(bytes: &mut Vec<u8>, text: &[u8], length: usize) {
    /// Bytes that are copied at once.
    const SHORT: usize = 24;
    match text.first_chunk::<SHORT>() {
        Some(chunk) if length <= SHORT => {
            let end = bytes.len() + length;
            bytes.extend_from_slice(chunk);
            bytes.truncate(end);
        }
        _ => bytes.extend_from_slice(text.get(..length).unwrap_or_default()),
    }
}

/// An address as operands show it: `0x` and lowercase digits without leading zeros.
#[inline]
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"0x")?;
    let first = *digits.first()?;
    if digits.len() > 16 || first == b'0' {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = DIGITS[usize::from(*byte)];
        (digit < 16).then(|| value << 4 | u64::from(digit))
    })
}
