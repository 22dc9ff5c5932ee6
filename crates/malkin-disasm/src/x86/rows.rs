//! Encodings that capstone 5.0.9 reads its own way, decoded and printed by capstone's tables.
//!
//! A processor and capstone disagree on much that no compiler emits: what several prefixes mean together, which
//! reserved bits count, which extensions exist. What capstone does follows from its tables and from the order in which it
//! reads prefixes, so both are here: `data/x86_rows.txt` holds the tables, this module the reading. [`Instruction`] is the
//! result; [`flow`] turns it into what the recovery works on.
//!
//! Not here: the ordinary encodings, which `super::decode` leaves to iced-x86 because both agree on them. Specification:
//! capstone 5.0.9, `arch/X86` (BSD-3-Clause, Copyright Nguyen Anh Quynh; parts from LLVM). `tests/sweep.rs` compares.

mod address;
mod flow;
mod modrm;
mod operands;
mod prefix;
mod print;
mod register;
mod select;
mod specification;
mod tables;

pub(super) use flow::is_row;
use tables::Rows;

/// Longest instruction, in bytes.
const MAX_LENGTH: usize = 15;
/// Bytes that decide how an instruction is read: one that is too long ends beyond its limit.
pub(super) const WINDOW: usize = 24;

/// One operand as the printer sees it: a memory operand is five of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operand {
    Register(register::Register),
    Number(i64),
}

/// Most operands of one instruction, memory counted as five.
const OPERANDS: usize = 10;

/// A decoded instruction.
#[derive(Clone, Debug)]
pub(super) struct Instruction {
    bits: u32,
    /// Number of its form in the table.
    form: u16,
    /// Length in bytes.
    length: usize,
    operands: [Operand; OPERANDS],
    count: usize,
    /// The last of F0, F2 and F3, and the last segment override; 0 if there is none.
    repeat: u8,
    segment: u8,
    /// F2 or F3 when it opens the instruction and announces lock elision.
    elision: u8,
    /// Bytes of an immediate whose form does not say how wide it is.
    immediate: u8,
}

impl Instruction {
    /// Decodes the instruction at the start of `code`, of which at most [`WINDOW`] bytes count. `bits` is 32 or 64.
    pub(super) fn decode(code: &[u8], bits: u32) -> Option<Self> {
        let rows = Rows::get();
        let mut reader = prefix::Reader::new(&code[..code.len().min(WINDOW)], bits);
        reader.read_prefixes()?;
        reader.read_opcode()?;
        let form = reader.select(rows)?;
        if reader.locked && !rows.of(form).has(tables::flag::LOCKABLE) {
            return None;
        }
        let (form, operands, count) = operands::read(&mut reader, rows, form)?;
        (reader.at <= MAX_LENGTH).then_some(Self {
            bits,
            form,
            length: reader.at,
            operands,
            count,
            repeat: reader.repeat,
            segment: reader.segment,
            elision: reader.elision,
            immediate: reader.shown_immediate,
        })
    }

    fn operand(&self, at: usize) -> Option<Operand> {
        self.operands[..self.count].get(at).copied()
    }

    fn number(&self, at: usize) -> Option<i64> {
        match self.operand(at)? {
            Operand::Number(number) => Some(number),
            Operand::Register(_) => None,
        }
    }

    fn register(&self, at: usize) -> Option<register::Register> {
        match self.operand(at)? {
            Operand::Register(register) => Some(register),
            Operand::Number(_) => None,
        }
    }
}
