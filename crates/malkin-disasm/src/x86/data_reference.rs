//! References to data at fixed addresses.

use iced_x86::{Instruction, OpKind, Register};

use super::operand_text::{number, without_segment};
use super::{Finder, Work};
use crate::flow::Analysis;

impl Analysis<'_, Finder<'_>> {
    /// Records the data an instruction addresses absolutely, without registers.
    pub(super) fn note_absolute(&mut self, instruction: &Instruction, address: u64, work: &mut Work) {
        // Absolute operands always have a displacement, and most instructions have none.
        if instruction.memory_displ_size() == 0
            || instruction.memory_base() != Register::None
            || instruction.memory_index() != Register::None
            || !has_memory_operand(instruction)
            || matches!(instruction.segment_prefix(), Register::FS | Register::GS)
        {
            return;
        }
        let target = instruction.memory_displacement64() & self.view.mask;
        if !self.view.is_data(target) {
            return;
        }
        // The operand itself decides about its form and width; it is rare enough to look at its text.
        let Some(offset) = self.view.offset(address) else { return };
        let code = &self.view.data[offset..offset + instruction.len()];
        let mut text = String::new();
        self.isa.writer.operands(instruction, code, &mut text);
        let text = without_segment(&text);
        for part in text.split(", ") {
            if let Some((target, width)) = absolute_operand(part.trim())
                && self.view.is_data(target)
            {
                work.refer(address, target, width);
                return;
            }
        }
    }
}

fn has_memory_operand(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory)
}

/// Address and width of `[0x1234]`, `dword ptr [0x1234]` and their kin.
fn absolute_operand(text: &str) -> Option<(u64, u32)> {
    let (width, bracket) = match text.split_once(" ptr ") {
        None => (1, text),
        Some((word, bracket)) => {
            let width = match word {
                "byte" => 1,
                "word" => 2,
                "dword" => 4,
                "qword" => 8,
                "xword" | "tbyte" => 10,
                "xmmword" => 16,
                "ymmword" => 32,
                "zmmword" => 64,
                _ => return None,
            };
            (width, bracket)
        }
    };
    let digits = bracket.strip_prefix('[')?.strip_suffix(']')?;
    number(digits).map(|address| (address, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_operands_count() {
        assert_eq!(absolute_operand("dword ptr [0x401000]"), Some((0x0040_1000, 4)));
        assert_eq!(absolute_operand("[0x10]"), Some((0x10, 1)));
        assert_eq!(absolute_operand("word ptr [5]"), Some((5, 2)));
        assert_eq!(absolute_operand("ptr [0x10]"), None);
        assert_eq!(absolute_operand("dword ptr [eax + 0x10]"), None);
        assert_eq!(absolute_operand("dword ptr [0x10]{1to4}"), None);
        assert_eq!(absolute_operand("0x10"), None);
    }
}
