//! Blocks and instructions, the greater part of every report.

use serde::de::value::Error;

use super::cursor::Cursor;
use crate::address::Va;
use crate::function::{Code, CodeBuilder};
use crate::limits::MAX_FUNCTION_TEXT;
use crate::wire::context::Context;

/// Reads `{block start: [[offset, bytes, mnemonic, operands], ...]}`.
pub(super) fn blocks(context: &Context, cursor: &mut Cursor<'_>) -> Option<Code> {
    let builder = &mut *context.builder.borrow_mut();
    builder.clear();
    cursor.object(|cursor| {
        builder.begin_block(Va::new(cursor.address_key()?));
        cursor.array(|cursor| instruction(cursor, builder))
    })?;
    context.spend_instructions::<Error>(builder.num_instructions()).ok()?;
    builder.take().ok()
}

/// Reads an instruction.
#[inline]
fn instruction(cursor: &mut Cursor<'_>, builder: &mut CodeBuilder) -> Option<()> {
    // A copy stays in registers.
    let mut here = cursor.clone();
    if let Some((offset, pieces)) = plain_instruction(&mut here) {
        *cursor = here;
        if builder.text_len() + pieces.iter().map(|piece| piece.1).sum::<usize>() > MAX_FUNCTION_TEXT {
            return None;
        }
        return builder.push_beginnings(offset, pieces).ok();
    }
    escaped_instruction(cursor, builder)
}

/// An instruction without escapes: its offset and, for each of its texts, the document from there on and the length.
#[inline]
fn plain_instruction<'a>(cursor: &mut Cursor<'a>) -> Option<(Va, [(&'a str, usize); 3])> {
    cursor.take(b'[')?;
    let offset = cursor.integer()?;
    cursor.take(b',')?;
    let bytes = cursor.beginning()?;
    cursor.take(b',')?;
    let mnemonic = cursor.beginning()?;
    cursor.take(b',')?;
    let operands = cursor.beginning()?;
    cursor.take(b']')?;
    Some((Va::new(offset), [bytes, mnemonic, operands]))
}

#[cold]
fn escaped_instruction(cursor: &mut Cursor<'_>, builder: &mut CodeBuilder) -> Option<()> {
    cursor.take(b'[')?;
    builder.begin_instruction(Va::new(cursor.integer()?));
    cursor.take(b',')?;
    let bytes = cursor.text()?;
    cursor.take(b',')?;
    let mnemonic = cursor.text()?;
    cursor.take(b',')?;
    let operands = cursor.text()?;
    cursor.take(b']')?;
    if builder.text_len() + bytes.len() + mnemonic.len() + operands.len() > MAX_FUNCTION_TEXT {
        return None;
    }
    builder.push_bytes(&bytes);
    builder.push_mnemonic(&mnemonic).ok()?;
    builder.push_operands(&operands);
    builder.end_instruction().ok()
}
