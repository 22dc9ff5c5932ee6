//! The instructions of a unique block and the byte sequence that finds it.

use malkin_codehash::{FunctionEscaper, SampleContext};
use malkin_report::{BlockInstruction, Function, UniqueBlock};

/// Fills in instructions and byte sequence of a block from the function it was seen in first. A function without a block
/// there leaves both empty.
pub fn describe_block(block: &mut UniqueBlock, function: &Function, context: &SampleContext) {
    let Some(code) = function.code.block_at(block.offset) else {
        return;
    };
    // Sequences are made without a decoder, unlike hashes.
    let escaper = FunctionEscaper::new(function, context).without_decoder();
    let mut sequence = Vec::new();
    for instruction in function.code.instructions(code) {
        if !sequence.is_empty() {
            sequence.push(b' ');
        }
        escaper.push_binary(&instruction, &mut sequence);
        block.instructions.push(BlockInstruction {
            offset: instruction.offset,
            bytes: instruction.bytes.to_owned(),
            mnemonic: instruction.mnemonic.to_owned(),
            operands: instruction.operands.to_owned(),
        });
    }
    block.escaped_sequence = String::from_utf8_lossy(&sequence).into_owned();
}
