//! Blocks and instructions, the greater part of every report.

use serde::de::value::Error;

use super::cursor::{Cursor, is_plain};
use crate::context::Context;
use crate::limits::MAX_FUNCTION_TEXT;
use malkin_report::address::Va;
use malkin_report::function::{Code, CodeBuilder, Instruction};

/// Reads `{block start: [[offset, bytes, mnemonic, operands], ...]}`.
pub(super) fn blocks(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Code> {
    let builder = &mut *context.builder.borrow_mut();
    let start = cursor.at();
    // Escapes are rare in code (a quote in the operands of CIL), and to look for them while reading would cost each string a branch. So
    // strings are taken up to the next quote, and one look over all of the text at the end says whether that was right.
    if plain_blocks(cursor, builder).is_none() {
        cursor.go_back(start);
        escaped_blocks(cursor, builder)?;
    }
    context.spend_instructions::<Error>(builder.num_instructions()).ok()?;
    builder.take().ok()
}

/// Reads blocks in which no string has escapes.
fn plain_blocks(cursor: &mut Cursor<'_>, builder: &mut CodeBuilder) -> Option<()> {
    builder.clear();
    cursor.object(|cursor| {
        builder.begin_block(Va::new(cursor.address_key()?));
        cursor.array(|cursor| plain_instruction(cursor, builder))
    })?;
    is_plain(builder.text()).then_some(())
}

fn plain_instruction(cursor: &mut Cursor<'_>, builder: &mut CodeBuilder) -> Option<()> {
    // A copy stays in registers.
    let mut here = cursor.clone();
    here.take(b'[')?;
    let offset = here.integer()?;
    here.take(b',')?;
    let bytes = here.unchecked_text()?;
    here.take(b',')?;
    let mnemonic = here.unchecked_text()?;
    here.take(b',')?;
    let operands = here.unchecked_text()?;
    here.take(b']')?;
    *cursor = here;
    fits(builder, [bytes.1, mnemonic.1, operands.1])?;
    builder.push_beginnings(Va::new(offset), [bytes, mnemonic, operands]).ok()
}

/// Reads blocks of any text.
#[cold]
fn escaped_blocks(cursor: &mut Cursor<'_>, builder: &mut CodeBuilder) -> Option<()> {
    builder.clear();
    cursor.object(|cursor| {
        builder.begin_block(Va::new(cursor.address_key()?));
        cursor.array(|cursor| {
            cursor.take(b'[')?;
            let offset = Va::new(cursor.integer()?);
            cursor.take(b',')?;
            let bytes = &cursor.text()?;
            cursor.take(b',')?;
            let mnemonic = &cursor.text()?;
            cursor.take(b',')?;
            let operands = &cursor.text()?;
            cursor.take(b']')?;
            fits(builder, [bytes.len(), mnemonic.len(), operands.len()])?;
            builder.push(Instruction { offset, bytes, mnemonic, operands }).ok()
        })
    })
}

/// Whether the function has room for an instruction.
#[inline]
fn fits(builder: &CodeBuilder, lengths: [usize; 3]) -> Option<()> {
    (builder.text().len() + lengths.iter().sum::<usize>() <= MAX_FUNCTION_TEXT).then_some(())
}
