//! Recognises system calls that end the process, by the number loaded before them.

use super::operand_text::{Line, immediate};
use super::{Finder, Work};
use crate::flow::Analysis;

impl Analysis<'_, Finder<'_>> {
    /// The number in the accumulator at a system call, from the instructions of the open block. `bits` selects the
    /// register names: `int 0x80` is read as 64-bit code in either case.
    pub(super) fn system_call_number(&self, work: &Work, bits: u32) -> Option<u64> {
        let open = work.rows.len().saturating_sub(work.open);
        for row in work.rows.get(open..)?.iter().rev() {
            let line = self.line(*row);
            let bare = line.bare();
            if bare.starts_with('j') || is_boundary(bare) || writes_implicitly(bare) {
                return None;
            }
            let text = self.operand_text(*row);
            let operands: Vec<&str> =
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
            if bare == "imul" && operands.len() == 1 {
                return None;
            }
            if matches!(bare, "xchg" | "xadd") && operands.iter().any(|part| is_accumulator(part, bits)) {
                return None;
            }
            if matches!(bare, "bt" | "cmp" | "push" | "test")
                || !operands.first().is_some_and(|part| is_accumulator(part, bits))
            {
                continue;
            }
            return loaded_number(&line, &operands, bits);
        }
        None
    }
}

fn loaded_number(line: &Line, operands: &[&str], bits: u32) -> Option<u64> {
    let [destination, source] = operands else { return None };
    let whole = *destination == "eax" || bits == 64 && *destination == "rax";
    if !matches!(line.bare(), "mov" | "movabs") || !whole {
        return None;
    }
    let (negative, digits) = match source.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, *source),
    };
    let value = immediate(digits)?;
    Some(if negative { value.wrapping_neg() } else { value })
}

fn is_accumulator(name: &str, bits: u32) -> bool {
    matches!(name, "eax" | "ax" | "al" | "ah") || bits == 64 && name == "rax"
}

/// Control flow and traps: what came before them is not known to run before the system call.
fn is_boundary(bare: &str) -> bool {
    matches!(
        bare,
        "call"
            | "hlt"
            | "int"
            | "int3"
            | "iret"
            | "iretd"
            | "iretq"
            | "lcall"
            | "ljmp"
            | "loop"
            | "loope"
            | "loopne"
            | "ret"
            | "retf"
            | "retfq"
            | "retn"
            | "syscall"
            | "sysenter"
    )
}

/// Instructions that write the accumulator without naming it.
fn writes_implicitly(bare: &str) -> bool {
    matches!(
        bare,
        "aaa"
            | "aad"
            | "aam"
            | "aas"
            | "cbw"
            | "cdqe"
            | "cmpxchg"
            | "cmpxchg16b"
            | "cmpxchg8b"
            | "cpuid"
            | "cwde"
            | "daa"
            | "das"
            | "div"
            | "idiv"
            | "in"
            | "ins"
            | "insb"
            | "insd"
            | "insw"
            | "lahf"
            | "lodsb"
            | "lodsd"
            | "lodsq"
            | "lodsw"
            | "mul"
            | "popal"
            | "popaw"
            | "rdmsr"
            | "rdpmc"
            | "rdtsc"
            | "rdtscp"
            | "xgetbv"
            | "xlat"
            | "xlatb"
    )
}
