//! Text of an instruction: its layout with the operands filled in.

use super::register::Register;
use super::tables::{Rows, Style, flag};
use super::{Instruction, Operand};
use crate::x86::text::number::{decimal, signed, unsigned};

/// Conditions of floating point comparisons.
const FLOAT: [&str; 32] = [
    "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord", "eq_uq", "nge", "ngt", "false", "neq_oq", "ge",
    "gt", "true", "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s", "eq_us",
    "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq", "true_us",
];
/// Conditions of XOP comparisons.
const XOP: [&str; 8] = ["lt", "le", "gt", "ge", "eq", "neq", "false", "true"];
const ROUNDING: [&str; 4] = ["{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"];

impl Instruction {
    /// Appends the mnemonic with its prefix words.
    pub(in crate::x86) fn write_mnemonic(&self, out: &mut String) {
        self.write_words(out);
        self.fill(Rows::get().of(self.form).mnemonic, 0, out);
    }

    /// Appends the operands. `address` is where the instruction lies.
    pub(in crate::x86) fn write_operands(&self, address: u64, out: &mut String) {
        self.fill(Rows::get().layout(self.form), address, out);
    }

    /// The mnemonic without prefix words, as the table has it.
    pub(super) fn plain_mnemonic(&self) -> &'static str {
        Rows::get().of(self.form).mnemonic
    }

    fn write_words(&self, out: &mut String) {
        let form = Rows::get().of(self.form);
        let elides = self.elision != 0 && form.has(flag::EXCHANGES);
        out.push_str(match (self.repeat, self.elision) {
            (0xf0, 0xf2) => "xacquire lock ",
            (0xf0, 0xf3) => "xrelease lock ",
            (0xf0, _) => "lock ",
            (0xf2, _) if elides => "xacquire ",
            (0xf2, _) if form.has(flag::REPNE) => "repne ",
            (0xf2, _) if form.has(flag::BND) => "bnd ",
            (0xf3, _) if elides => "xrelease ",
            (0xf3, _) if form.has(flag::REP) => "rep ",
            (0xf3, _) if form.has(flag::REPE) => "repe ",
            (0xf3, _) if form.has(flag::REPZ) => "repz ",
            _ => "",
        });
        if self.segment == 0x3e && form.has(flag::NOTRACK) {
            out.push_str("notrack ");
        }
    }

    /// Appends a layout, each `<printer:place>` replaced by the operand at that place.
    fn fill(&self, layout: &str, address: u64, out: &mut String) {
        let mut rest = layout;
        while let Some((text, tail)) = rest.split_once('<') {
            out.push_str(text);
            let (token, tail) = tail.split_once('>').unwrap_or((tail, ""));
            rest = tail;
            let place = token.bytes().last().map_or(0, |digit| usize::from(digit.wrapping_sub(b'0')));
            self.write_operand(&token[..token.len().saturating_sub(1)], place, address, out);
        }
        out.push_str(rest);
    }

    fn write_operand(&self, printer: &str, place: usize, address: u64, out: &mut String) {
        let number = self.number(place).unwrap_or(0);
        match printer {
            "" => self.plain(place, out),
            "rel" => unsigned(self.target_of(number, address), out),
            "u8:" => unsigned(number as u64 & 0xff, out),
            "rc" => out.push_str(ROUNDING[number as usize & 3]),
            "cc" => out.push_str(FLOAT[number as usize & 31]),
            "xc" => out.push_str(XOP.get(number as usize).unwrap_or(&XOP[0])),
            "mem:" => self.memory(place, out),
            _ => self.sized(printer, place, out),
        }
    }

    fn sized(&self, printer: &str, place: usize, out: &mut String) {
        let (class, word) =
            printer.trim_end_matches(':').split_once('.').unwrap_or(("", printer.trim_end_matches(':')));
        if word != "ptr" {
            out.push_str(word);
            out.push(' ');
        }
        out.push_str("ptr ");
        match class {
            "si" => {
                self.segment(place + 1, out);
                self.bracket(place, out);
            }
            "di" => {
                out.push_str(if self.bits == 64 { "" } else { "es:" });
                self.bracket(place, out);
            }
            "offs" => {
                self.segment(place + 1, out);
                out.push('[');
                unsigned(self.number(place).unwrap_or(0) as u64 & self.mask(), out);
                out.push(']');
            }
            _ => self.memory(place, out),
        }
    }

    fn bracket(&self, place: usize, out: &mut String) {
        out.push('[');
        self.register(place).unwrap_or(Register::None).write(out);
        out.push(']');
    }

    fn segment(&self, place: usize, out: &mut String) {
        let segment = self.register(place).unwrap_or(Register::None);
        if segment != Register::None {
            segment.write(out);
            out.push(':');
        }
    }

    /// A memory operand: base, scale, index, displacement and segment from `place` on.
    fn memory(&self, place: usize, out: &mut String) {
        let register = |at: usize| self.register(place + at).unwrap_or(Register::None);
        self.segment(place + 4, out);
        out.push('[');
        let (base, index) = (register(0), register(2));
        base.write(out);
        let mut plus = base != Register::None;
        if !matches!(index, Register::None | Register::Eiz) {
            if plus {
                out.push_str(" + ");
            }
            index.write(out);
            let scale = self.number(place + 1).unwrap_or(1);
            if scale != 1 {
                out.push('*');
                decimal(scale as u32, out);
            }
            plus = true;
        }
        let displacement = self.number(place + 3).unwrap_or(0);
        if !plus {
            unsigned(displacement as u64 & self.mask(), out);
        } else if displacement != 0 {
            out.push_str(if displacement < 0 { " - " } else { " + " });
            unsigned(displacement.unsigned_abs(), out);
        }
        out.push(']');
    }

    fn mask(&self) -> u64 {
        if self.bits == 64 { u64::MAX } else { 0xffff_ffff }
    }

    /// Where a relative branch leads.
    pub(super) fn target_of(&self, distance: i64, address: u64) -> u64 {
        address.wrapping_add(self.length as u64).wrapping_add_signed(distance) & self.mask()
    }

    fn plain(&self, place: usize, out: &mut String) {
        match self.operand(place) {
            Some(Operand::Register(register)) => register.write(out),
            Some(Operand::Number(number)) => self.immediate(number, place, out),
            None => {}
        }
    }

    fn immediate(&self, number: i64, place: usize, out: &mut String) {
        let form = Rows::get().of(self.form);
        let number = if form.immediate == 1 { number & 0xff } else { number };
        match form.style {
            Style::Signed => signed(number, out),
            Style::Byte => unsigned(number as u64 & 0xff, out),
            Style::Far if place == 1 => unsigned(number as u64 & 0xffff, out),
            Style::Positive | Style::Far => unsigned(number as u64, out),
            Style::Masked => {
                let width = if form.immediate == 0 { self.immediate } else { form.immediate };
                let mask = if width >= 8 { u64::MAX } else { (1 << (8 * width)) - 1 };
                unsigned(number as u64 & mask, out);
            }
            Style::Return => unsigned(number as u64 & 0xffff, out),
        }
    }
}
