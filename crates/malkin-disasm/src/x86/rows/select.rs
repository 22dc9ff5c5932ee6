//! Which form an encoding has: its attributes choose a context, the context and the opcode a form.

use super::prefix::{Extension, Reader};
use super::tables::{Map, Rows, attribute, flag};

impl Reader<'_> {
    /// The form of the opcode that was read.
    pub(super) fn select(&mut self, rows: &Rows) -> Option<u16> {
        let mut attributes = self.attributes();
        if self.long && self.operand_size && self.ignores_operand_size() {
            attributes ^= attribute::OPERAND_SIZE;
            self.immediate_width = 4;
            self.displacement_width = 4;
        }
        if !self.long && self.extension != Extension::None {
            let form = self.look_up(rows, attributes)?;
            if self.extension.wide() {
                // W belongs to the opcode unless the form it leads to exists in 64-bit code only.
                let Some(wide) = self.look_up(rows, attributes | attribute::W) else {
                    return (form != 0).then_some(form);
                };
                if !rows.of(wide).has(flag::WIDE) {
                    return (wide != 0).then_some(wide);
                }
            }
        }
        let form = self.choose(rows, attributes)?;
        (form != 0).then_some(form)
    }

    fn choose(&mut self, rows: &Rows, mut attributes: u16) -> Option<u16> {
        let moves = matches!(
            (self.map, self.opcode),
            (Map::One, 0xa0..=0xa3) | (Map::Two, 0xae) | (Map::Three38, 0xf8)
        );
        if moves {
            // Absolute moves, fences and `movdir64b`: both size prefixes count wherever they stand.
            if self.address_size {
                attributes |= attribute::ADDRESS_SIZE;
            }
            if self.operand_size {
                attributes |= attribute::OPERAND_SIZE;
            }
            return self.look_up(rows, attributes);
        }
        let form = self.look_up(rows, attributes)?;
        if self.operand_size && attributes & attribute::OPERAND_SIZE == 0 {
            // 66 is not in the place of a mandatory prefix; it may still mean 16-bit operands.
            let narrow = self.look_up(rows, attributes | attribute::OPERAND_SIZE);
            return Some(narrow.filter(|&narrow| rows.is_narrow_twin(form, narrow)).unwrap_or(form));
        }
        if self.map == Map::One && self.opcode == 0x90 && self.rex & 1 != 0 {
            // `nop` with REX.B is an exchange with r8.
            self.opcode = 0x91;
            let exchange = self.look_up(rows, attributes);
            self.opcode = 0x90;
            return Some(exchange.unwrap_or(form));
        }
        Some(form)
    }

    /// The form for a set of attributes; nothing if the ModRM byte is missing.
    fn look_up(&mut self, rows: &Rows, attributes: u16) -> Option<u16> {
        let modrm = if rows.has_modrm(self.map, attributes, self.opcode) { self.read_modrm()? } else { 0 };
        Some(rows.form(self.map, attributes, self.opcode, modrm))
    }

    fn attributes(&self) -> u16 {
        let mut attributes = if self.long { attribute::LONG_MODE } else { 0 };
        attributes |= match self.extension {
            Extension::None => self.legacy_attributes(),
            Extension::Vex2(byte) | Extension::Vex3(_, byte) | Extension::Xop(_, byte) => {
                let length = if byte & 4 != 0 { attribute::VEX_L } else { 0 };
                attribute::VEX | length | embedded(byte)
            }
            Extension::Evex(_, second, third) => {
                let mut evex = attribute::EVEX | embedded(second);
                for (bits, set) in [
                    (0x80, attribute::ZERO),
                    (0x40, attribute::EVEX_L2),
                    (0x20, attribute::EVEX_L),
                    (0x10, attribute::BROADCAST),
                    (0x07, attribute::MASK),
                ] {
                    if third & bits != 0 {
                        evex |= set;
                    }
                }
                evex
            }
        };
        if self.rex & 8 != 0 {
            attributes |= attribute::W;
            attributes &= !attribute::ADDRESS_SIZE;
        }
        attributes
    }

    fn legacy_attributes(&self) -> u16 {
        match self.mandatory {
            0xf2 => attribute::F2,
            0xf3 => attribute::F3,
            0x66 => attribute::OPERAND_SIZE,
            _ => {
                let mut attributes = 0;
                if self.operand_size {
                    attributes |= attribute::OPERAND_SIZE;
                }
                if self.address_size {
                    attributes |= attribute::ADDRESS_SIZE;
                }
                attributes
                    | match (self.legacy_repeat, self.map) {
                        (0xf3, Map::One) if self.opcode == 0x90 => attribute::F3,
                        (_, Map::One) => 0,
                        (0xf2, _) => attribute::F2,
                        (0xf3, _) => attribute::F3,
                        _ => 0,
                    }
            }
        }
    }

    /// Near calls and jumps of 64-bit code have 32-bit displacements. Capstone looks at the opcode byte alone.
    fn ignores_operand_size(&self) -> bool {
        match self.map {
            Map::One => matches!(self.opcode, 0xe8 | 0xe9),
            Map::Two => matches!(self.opcode, 0x82..=0x8f),
            _ => false,
        }
    }
}

/// The prefix in the `pp` bits.
fn embedded(byte: u8) -> u16 {
    match byte & 3 {
        1 => attribute::OPERAND_SIZE,
        2 => attribute::F3,
        3 => attribute::F2,
        _ => 0,
    }
}
