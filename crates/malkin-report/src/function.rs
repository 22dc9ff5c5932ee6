//! A recovered function: blocks of instructions, edges, references, and what the disassembler says about it.
//!
//! The text of all instructions of a function (hex bytes, mnemonic, operands) lives in one string, and an instruction is
//! a small row of spans into it: two allocations a function instead of three an instruction. Blocks are kept in ascending
//! address order, which is the order every hash walks them in.

use crate::address::Va;
use crate::hash::PicHash;

/// One instruction, borrowed from its function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction<'a> {
    /// Address of the first byte.
    pub offset: Va,
    /// The machine code as lower-case hex digits, as the report states it.
    pub bytes: &'a str,
    /// Mnemonic including prefixes, for example `lock cmpxchg`.
    pub mnemonic: &'a str,
    /// Operand text, empty if there are none.
    pub operands: &'a str,
}

/// Spans of one instruction in the text of its function. Widths are checked when the row is closed. Machine code and
/// operands are wide: a CIL `switch` has four bytes a target, and a string literal of a .NET program is an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Row {
    offset: u64,
    start: u32,
    bytes: u32,
    operands: u32,
    mnemonic: u16,
}

/// A basic block: a run of instructions of its function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Address the block is known by (its key in the report).
    pub start: Va,
    first: u32,
    count: u32,
}

impl Block {
    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True for a block without instructions (possible in a report, never produced by a disassembler).
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The code of a function: its blocks in ascending address order with their instructions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Code {
    text: String,
    rows: Vec<Row>,
    blocks: Vec<Block>,
}

impl Code {
    /// Blocks in ascending order of their start.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block known by an address.
    pub fn block_at(&self, start: Va) -> Option<&Block> {
        self.blocks.binary_search_by_key(&start, |block| block.start).ok().map(|at| &self.blocks[at])
    }

    /// Instructions of one block of this function, in the order of the report.
    pub fn instructions(
        &self,
        block: &Block,
    ) -> impl DoubleEndedIterator<Item = Instruction<'_>> + ExactSizeIterator + Clone {
        let first = block.first as usize;
        self.rows[first..first + block.count as usize].iter().map(|row| self.resolve(row))
    }

    /// Start of the block that holds an address: the last block that begins at or before it, if the address lies before
    /// the end of that block's last instruction.
    pub fn block_containing(&self, address: Va) -> Option<Va> {
        let behind = self.blocks.partition_point(|block| block.start <= address);
        let block = &self.blocks[behind.checked_sub(1)?];
        (u128::from(address.get()) < self.end(block)?).then_some(block.start)
    }

    /// Address behind the last instruction of a block, `None` if the block is empty. Two digits of machine code are a byte.
    pub fn end(&self, block: &Block) -> Option<u128> {
        let last = self.instructions(block).next_back()?;
        Some(u128::from(last.offset.get()) + last.bytes.chars().count() as u128 / 2)
    }

    /// All instructions, blocks in ascending order.
    pub fn all_instructions(&self) -> impl Iterator<Item = Instruction<'_>> + Clone {
        self.blocks.iter().flat_map(|block| self.instructions(block))
    }

    /// Number of instructions of all blocks.
    pub fn num_instructions(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of text of all instructions.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    fn resolve(&self, row: &Row) -> Instruction<'_> {
        let bytes_end = row.start as usize + row.bytes as usize;
        let mnemonic_end = bytes_end + usize::from(row.mnemonic);
        Instruction {
            offset: Va::new(row.offset),
            bytes: &self.text[row.start as usize..bytes_end],
            mnemonic: &self.text[bytes_end..mnemonic_end],
            operands: &self.text[mnemonic_end..mnemonic_end + row.operands as usize],
        }
    }
}

/// Why an instruction or block cannot be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeError {
    /// A mnemonic is longer than 65,535 bytes.
    #[error("a mnemonic is longer than 65535 bytes")]
    FieldTooLong,
    /// The text of the function exceeds 4 GiB.
    #[error("the instructions of one function exceed 4 GiB of text")]
    FunctionTooLong,
    /// Two blocks have the same start.
    #[error("two blocks start at {0}")]
    DuplicateBlock(Va),
}

/// Builds [`Code`] block by block, in any order. Can be used for one function after another: [`CodeBuilder::take`] hands
/// out the code in vectors of their exact size and keeps its own buffers.
#[derive(Debug, Default)]
pub struct CodeBuilder {
    /// Text of the instructions so far, always whole strings. Bytes, because those can be copied in fixed steps.
    text: Vec<u8>,
    rows: Vec<Row>,
    blocks: Vec<Block>,
    open: Row,
}

/// Pieces of text up to this length (in bytes), which nearly all are, are copied in one step.
const SHORT: usize = 16;

impl CodeBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a block; following instructions belong to it.
    pub fn begin_block(&mut self, start: Va) {
        let first = self.rows.len() as u32;
        self.blocks.push(Block { start, first, count: 0 });
    }

    /// Adds an instruction to the open block.
    pub fn push(&mut self, instruction: Instruction<'_>) -> Result<(), CodeError> {
        self.begin_instruction(instruction.offset);
        self.push_bytes(instruction.bytes);
        self.push_mnemonic(instruction.mnemonic)?;
        self.push_operands(instruction.operands);
        self.end_instruction()
    }

    /// Number of instructions so far.
    pub fn num_instructions(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of text so far.
    #[inline]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The text of all instructions so far.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Opens an instruction whose text follows piece by piece: bytes, mnemonic, operands, each once and in this order.
    #[inline]
    pub fn begin_instruction(&mut self, offset: Va) {
        self.open = Row { offset: offset.get(), start: self.text.len() as u32, ..Row::default() };
    }

    /// Appends to the open instruction the hexadecimal digits of its machine code.
    #[inline]
    pub fn push_bytes(&mut self, bytes: &str) {
        self.open.bytes = bytes.len() as u32;
        self.text.extend_from_slice(bytes.as_bytes());
    }

    /// Appends its mnemonic, at most 65,535 bytes.
    #[inline]
    pub fn push_mnemonic(&mut self, mnemonic: &str) -> Result<(), CodeError> {
        self.open.mnemonic = u16::try_from(mnemonic.len()).map_err(|_| CodeError::FieldTooLong)?;
        self.text.extend_from_slice(mnemonic.as_bytes());
        Ok(())
    }

    /// Appends its operands.
    #[inline]
    pub fn push_operands(&mut self, operands: &str) {
        self.open.operands = operands.len() as u32;
        self.text.extend_from_slice(operands.as_bytes());
    }

    /// As [`CodeBuilder::push`] for pieces of text that others follow: each is the beginning, of the length given, of a
    /// longer text.
    #[inline]
    pub fn push_beginnings(
        &mut self,
        offset: Va,
        [bytes, mnemonic, operands]: [(&[u8], usize); 3],
    ) -> Result<(), CodeError> {
        self.open = Row {
            offset: offset.get(),
            start: self.text.len() as u32,
            bytes: bytes.1 as u32,
            operands: operands.1 as u32,
            mnemonic: u16::try_from(mnemonic.1).map_err(|_| CodeError::FieldTooLong)?,
        };
        for (text, length) in [bytes, mnemonic, operands] {
            self.push_beginning(text, length);
        }
        self.end_instruction()
    }

    #[inline]
    fn push_beginning(&mut self, text: &[u8], length: usize) {
        match text.first_chunk::<SHORT>() {
            Some(chunk) if length <= SHORT => {
                let end = self.text.len() + length;
                self.text.extend_from_slice(chunk);
                self.text.truncate(end);
            }
            _ => self.text.extend_from_slice(&text[..length.min(text.len())]),
        }
    }

    /// Closes the instruction. Every span of it fits when the end of the text does.
    #[inline]
    pub fn end_instruction(&mut self) -> Result<(), CodeError> {
        if u32::try_from(self.text.len()).is_err() || self.rows.len() >= u32::MAX as usize {
            return Err(CodeError::FunctionTooLong);
        }
        self.rows.push(self.open);
        if let Some(block) = self.blocks.last_mut() {
            block.count += 1;
        }
        Ok(())
    }

    /// Sorts the blocks and checks that none starts twice.
    pub fn finish(mut self) -> Result<Code, CodeError> {
        self.take()
    }

    /// As [`CodeBuilder::finish`], leaving the builder empty and ready for the next function.
    pub fn take(&mut self) -> Result<Code, CodeError> {
        let code = self.sorted();
        self.clear();
        code
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
        self.blocks.clear();
    }

    /// The code in the order of its blocks, so that equal code is equal whatever order it came in.
    fn sorted(&mut self) -> Result<Code, CodeError> {
        if self.blocks.is_sorted_by(|a, b| a.start < b.start) {
            return Ok(Code {
                text: whole(&self.text),
                rows: self.rows.clone(),
                blocks: self.blocks.clone(),
            });
        }
        self.blocks.sort_by_key(|block| block.start);
        if let Some(pair) = self.blocks.windows(2).find(|pair| pair[0].start == pair[1].start) {
            return Err(CodeError::DuplicateBlock(pair[0].start));
        }
        let mut text = Vec::with_capacity(self.text.len());
        let mut rows = Vec::with_capacity(self.rows.len());
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            blocks.push(Block { first: rows.len() as u32, ..*block });
            for row in &self.rows[block.first as usize..][..block.count as usize] {
                let length = row.bytes as usize + usize::from(row.mnemonic) + row.operands as usize;
                rows.push(Row { start: text.len() as u32, ..*row });
                text.extend_from_slice(&self.text[row.start as usize..][..length]);
            }
        }
        Ok(Code { text: whole(&text), rows, blocks })
    }
}

/// The text of a builder, which is well-formed: only whole strings go in.
fn whole(text: &[u8]) -> String {
    std::str::from_utf8(text).unwrap_or_default().to_owned()
}

/// What the disassembler says about a function beyond its code.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FunctionMetadata {
    /// Sum of instruction sizes, in bytes.
    pub binweight: f64,
    /// Eleven marks, each a letter or `-` (`docs/reference/similarity.md` 1.3); none for code without candidates (CIL).
    pub characteristics: Option<String>,
    /// 0..1.
    pub confidence: Option<f64>,
    /// Empty if unknown.
    pub function_name: String,
    /// Position-independent hash as stated by the report, or recomputed behind the version gate.
    pub pic_hash: Option<PicHash>,
    /// Depth of nesting in the dominator tree; absent in reports before 1.3 until recomputed.
    pub nesting_depth: Option<u64>,
    /// Components in the order of their discovery, block starts in the order they were popped.
    pub strongly_connected_components: Vec<Vec<Va>>,
    /// Informational score over mnemonics.
    pub tfidf: Option<f64>,
}

/// A function of a report.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Function {
    /// Entry address. For CIL the method header, so that no block needs to start there.
    pub offset: Va,
    /// Blocks and instructions.
    pub code: Code,
    /// Instruction address -> `library!name`, ascending.
    pub apirefs: Vec<(Va, String)>,
    /// As stated: an object or (Dalvik) a list of objects.
    pub stringrefs: serde_json::Value,
    /// Every block start ascending -> ascending successors without repetition.
    pub blockrefs: Vec<(Va, Vec<Va>)>,
    /// Addresses that refer to the entry, ascending.
    pub inrefs: Vec<Va>,
    /// Instruction address -> targets outside the function, keys ascending, targets as stated.
    pub outrefs: Vec<(Va, Vec<Va>)>,
    /// Whether the file exports the function.
    pub is_exported: bool,
    /// `thumb` for ARM, `try_ranges` and `exception_edges` for Dalvik; an object.
    pub architecture_metadata: serde_json::Value,
    /// The rest.
    pub metadata: FunctionMetadata,
}

impl Function {
    /// Number of basic blocks.
    pub fn num_blocks(&self) -> usize {
        self.code.blocks().len()
    }

    /// Number of instructions of all blocks.
    pub fn num_instructions(&self) -> usize {
        self.code.num_instructions()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(
        offset: u64,
        bytes: &'static str,
        mnemonic: &'static str,
        operands: &'static str,
    ) -> Instruction<'static> {
        Instruction { offset: Va::new(offset), bytes, mnemonic, operands }
    }

    #[test]
    fn blocks_come_out_in_numeric_order_with_their_instructions() {
        let mut builder = CodeBuilder::new();
        builder.begin_block(Va::new(1000));
        builder.push(instruction(1000, "c3", "ret", "")).unwrap();
        builder.begin_block(Va::new(16));
        builder.push(instruction(16, "55", "push", "ebp")).unwrap();
        builder.push(instruction(17, "90", "nop", "")).unwrap();
        let code = builder.finish().unwrap();
        let starts: Vec<u64> = code.blocks().iter().map(|block| block.start.get()).collect();
        assert_eq!(starts, [16, 1000]);
        let mnemonics: Vec<&str> = code.all_instructions().map(|instruction| instruction.mnemonic).collect();
        assert_eq!(mnemonics, ["push", "nop", "ret"]);
        assert_eq!(code.block_at(Va::new(1000)).map(Block::len), Some(1));
        assert_eq!(code.block_at(Va::new(17)), None);

        let mut builder = CodeBuilder::new();
        for part in code.blocks() {
            builder.begin_block(part.start);
            code.instructions(part).for_each(|one| builder.push(one).unwrap());
        }
        assert_eq!(builder.take().unwrap(), code, "equal code is equal whatever order it came in");
    }

    #[test]
    fn long_machine_code_and_operands_are_kept_and_a_builder_serves_again() {
        let long = "0".repeat(70_000);
        let mut builder = CodeBuilder::new();
        for start in [1, 2] {
            builder.begin_block(Va::new(start));
            let wide =
                Instruction { offset: Va::new(start), bytes: &long, mnemonic: "ldstr", operands: &long };
            builder.push(wide).unwrap();
            let code = builder.take().unwrap();
            assert_eq!(code.all_instructions().collect::<Vec<_>>(), [wide]);
        }
        assert_eq!(builder.take().unwrap(), Code::default());
    }

    #[test]
    fn oversized_fields_and_repeated_blocks_are_refused() {
        let long = "0".repeat(65_536);
        let mut builder = CodeBuilder::new();
        builder.begin_block(Va::new(0));
        let odd = Instruction { offset: Va::new(0), bytes: "", mnemonic: &long, operands: "" };
        assert_eq!(builder.push(odd), Err(CodeError::FieldTooLong));
        builder.begin_block(Va::new(0));
        assert_eq!(builder.finish().err(), Some(CodeError::DuplicateBlock(Va::new(0))));
    }
}
