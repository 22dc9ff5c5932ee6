//! Operands: reading what their encodings ask for, and turning them into registers and numbers.

use super::address::Base;
use super::prefix::{Extension, Reader};
use super::register::Register;
use super::specification::{Bank, Encoding, Kind};
use super::tables::Rows;
use super::{OPERANDS, Operand};

/// Immediates of one instruction.
const IMMEDIATES: usize = 2;

/// What the operands of a form were read into.
#[derive(Default)]
struct Values {
    immediates: [u64; IMMEDIATES + 1],
    read: usize,
    translated: usize,
    reg: Option<Register>,
    rm: Option<Register>,
    vvvv: Option<Register>,
    mask: u8,
    rounding: u8,
    opcode: Option<Register>,
    /// The vector register that indexes memory.
    index: Option<Register>,
}

/// The operands that are printed.
struct List {
    operands: [Operand; OPERANDS],
    count: usize,
}

impl List {
    fn push(&mut self, operand: Operand) -> Option<()> {
        *self.operands.get_mut(self.count)? = operand;
        self.count += 1;
        Some(())
    }

    fn register(&mut self, register: Register) -> Option<()> {
        self.push(Operand::Register(register))
    }

    fn number(&mut self, number: i64) -> Option<()> {
        self.push(Operand::Number(number))
    }
}

/// Reads the operands of a form. Returns the form that prints them, which differs for unnamed conditions.
pub(super) fn read(
    reader: &mut Reader<'_>,
    rows: &Rows,
    form: u16,
) -> Option<(u16, [Operand; OPERANDS], usize)> {
    let specified = rows.operands(form);
    let mut values = reader.read_operands(specified)?;
    let mut list = List { operands: [Operand::Number(0); OPERANDS], count: 0 };
    let mut form = form;
    for &(encoding, kind) in specified {
        let (encoding, kind) = match encoding {
            Encoding::Same(at) => *specified.get(usize::from(at))?,
            _ => (encoding, kind),
        };
        if reader.translate(encoding, kind, &mut values, &mut list)? {
            form = rows.alternative(form);
        }
    }
    Some((form, list.operands, list.count))
}

impl Reader<'_> {
    fn read_operands(&mut self, specified: &[(Encoding, Kind)]) -> Option<Values> {
        let mut values = Values::default();
        let vvvv = self.vvvv();
        // A register in vvvv that no operand uses is an error.
        let mut unused = vvvv.is_some_and(|number| number != 0);
        let mut split = false;
        for &(encoding, kind) in specified {
            match encoding {
                Encoding::None
                | Encoding::Source
                | Encoding::Destination
                | Encoding::Float
                | Encoding::Same(_) => {}
                Encoding::Vsib(scale) => {
                    unused = unused && vvvv.is_some_and(|number| number & 15 != 0);
                    self.read_vector_index(kind, &mut values)?;
                    self.scale_displacement(scale);
                }
                Encoding::Reg => {
                    self.read_modrm()?;
                    values.reg = Some(self.register(kind, self.address.reg, 0x1f)?);
                }
                Encoding::Rm(scale) => {
                    self.read_modrm()?;
                    if let Base::Register(number) = self.address.base {
                        values.rm = Some(self.register(kind, number, 0x0f)?);
                    }
                    self.scale_displacement(scale);
                }
                Encoding::Immediate(1) if split => {
                    let last = values.read.checked_sub(1)?;
                    *values.immediates.get_mut(values.read)? = values.immediates[last] & 15;
                    values.read += 1;
                }
                Encoding::Immediate(width) => {
                    self.read_immediate(width, &mut values)?;
                    self.immediate_width = width;
                    split |= width == 1 && matches!(kind, Kind::Bank(Bank::Xmm | Bank::Ymm));
                }
                Encoding::ImmediateOperand => self.read_immediate(self.immediate_width, &mut values)?,
                Encoding::ImmediateAddress => self.read_immediate(self.address_width, &mut values)?,
                Encoding::Rounding => {
                    let Extension::Evex(_, _, third) = self.extension else { return None };
                    values.rounding = third >> 5 & 3;
                }
                Encoding::Opcode(width) => values.opcode = Some(self.opcode_register(width)),
                Encoding::Vvvv => {
                    let number = vvvv?;
                    unused = false;
                    let number = if self.long { number } else { number & 7 };
                    values.vvvv = Some(self.register(kind, number, 0x1f)?);
                }
                Encoding::Mask => {
                    let Extension::Evex(_, _, third) = self.extension else { return None };
                    values.mask = third & 7;
                }
            }
        }
        (!unused).then_some(values)
    }

    fn vvvv(&self) -> Option<u8> {
        let byte = self.extension.vvvv_byte()?;
        let mut number = (!byte & 0x78) >> 3;
        if let Extension::Evex(_, _, third) = self.extension
            && self.long
        {
            number |= (!third & 8) << 1;
        }
        Some(number)
    }

    fn scale_displacement(&mut self, scale: u8) {
        if self.address.displacement_bytes == 1 {
            self.address.displacement *= 1 << scale;
        }
    }

    fn read_vector_index(&mut self, kind: Kind, values: &mut Values) -> Option<()> {
        self.read_modrm()?;
        let Base::Sib { index, .. } = self.address.base else { return None };
        let Kind::Vector(bank) = kind else { return None };
        let mut number = index.unwrap_or(4);
        if let Extension::Evex(_, _, third) = self.extension
            && self.long
            && third & 8 == 0
        {
            number += 16;
        }
        values.index = Some(Register::Of(bank, number));
        Some(())
    }

    fn read_immediate(&mut self, width: u8, values: &mut Values) -> Option<()> {
        if values.read == IMMEDIATES {
            return None;
        }
        values.immediates[values.read] = self.take_number(width)?;
        values.read += 1;
        Some(())
    }

    /// The register a number stands for. General registers have only the bits of `mask`.
    fn register(&self, kind: Kind, number: u8, mask: u8) -> Option<Register> {
        let general = |width: u8| {
            let number = number & mask;
            (number < 16).then_some(Register::General(width, number))
        };
        match kind {
            Kind::Rv => Some(Register::General(self.register_width, number & 15)),
            Kind::R8 => match general(1)? {
                Register::General(_, number @ 4..=7) if self.rex == 0 => Some(Register::High(number - 4)),
                register => Some(register),
            },
            Kind::R16 => general(2),
            Kind::R32 => general(4),
            Kind::R64 => general(8),
            Kind::Bank(bank) => {
                let number = match bank {
                    Bank::Mm | Bank::Segment => number & 7,
                    Bank::Mask => number & 15,
                    _ => number,
                };
                let highest = match bank {
                    Bank::Segment => 5,
                    Bank::Mask | Bank::Mm => 7,
                    Bank::Bound => 3,
                    _ => 31,
                };
                (number <= highest).then_some(Register::Of(bank, number))
            }
            _ => None,
        }
    }

    fn opcode_register(&self, width: u8) -> Register {
        let number = self.opcode & 7 | (self.rex & 1) << 3;
        match if width == 0 { self.register_width } else { width } {
            1 if self.rex == 0 && number >= 4 => Register::High(number - 4),
            width => Register::General(width, number),
        }
    }

    /// Appends an operand. Returns whether it is a condition that has no name.
    fn translate(
        &self,
        encoding: Encoding,
        kind: Kind,
        values: &mut Values,
        list: &mut List,
    ) -> Option<bool> {
        match encoding {
            Encoding::None => {}
            Encoding::Reg => list.register(values.reg?)?,
            Encoding::Mask => list.register(Register::Of(Bank::Mask, values.mask))?,
            Encoding::Vvvv => list.register(values.vvvv?)?,
            Encoding::Opcode(_) => list.register(values.opcode?)?,
            Encoding::Float => list.register(Register::Float(self.modrm.unwrap_or(0) & 7))?,
            Encoding::Rounding => list.number(i64::from(values.rounding))?,
            Encoding::Source => {
                list.register(self.implied(6))?;
                list.register(Register::of_override(self.segment))?;
            }
            Encoding::Destination => list.register(self.implied(7))?,
            Encoding::Rm(_) | Encoding::Vsib(_) => match kind {
                Kind::Memory | Kind::Vector(_) => self.memory(values, list)?,
                _ => list.register(values.rm?)?,
            },
            Encoding::Immediate(_) | Encoding::ImmediateOperand | Encoding::ImmediateAddress => {
                let raw = *values.immediates.get(values.translated)?;
                values.translated += 1;
                return self.immediate(encoding, kind, raw, list);
            }
            Encoding::Same(_) => return None,
        }
        Some(false)
    }

    /// SI and DI in address size.
    fn implied(&self, number: u8) -> Register {
        Register::General(self.address_width_of_strings(), number)
    }

    fn address_width_of_strings(&self) -> u8 {
        match (self.long, self.address_size) {
            (true, false) => 8,
            (false, true) => 2,
            _ => 4,
        }
    }

    fn immediate(&self, encoding: Encoding, kind: Kind, raw: u64, list: &mut List) -> Option<bool> {
        let width = match (encoding, kind) {
            (Encoding::Immediate(width), Kind::Relative | Kind::Immediate) => width,
            (Encoding::ImmediateOperand, Kind::Relative) => self.displacement_width,
            _ => 8,
        };
        let number = match width {
            1 => extend(raw, 8),
            2 => extend(raw, 16),
            4 => extend(raw, 32),
            _ => raw as i64,
        };
        let unnamed = match kind {
            Kind::Condition8 => number >= 8,
            Kind::Condition32 => number >= 32,
            Kind::ConditionInteger => number >= 8 || number & 3 == 3,
            _ => false,
        };
        match kind {
            Kind::Bank(bank) => list.register(Register::Of(bank, (raw >> 4) as u8))?,
            _ => list.number(number)?,
        }
        if kind == Kind::Offset {
            list.register(Register::of_override(self.segment))?;
        }
        Some(unnamed)
    }

    /// Base, scale, index, displacement, segment.
    fn memory(&self, values: &Values, list: &mut List) -> Option<()> {
        let general = |number: u8| Register::General(self.address_width, number);
        let (base, scale, index) = match self.address.base {
            Base::Register(_) => return None,
            Base::None if !self.long => (Register::None, 1, Register::None),
            Base::None if self.address_size => (Register::Eip, 1, Register::None),
            Base::None => (Register::Rip, 1, Register::None),
            Base::General(number) => (general(number), 1, Register::None),
            Base::Narrow(number) => (Register::General(2, number), 1, Register::None),
            Base::Pair(number) => (
                Register::General(2, if number < 2 { 3 } else { 5 }),
                1,
                Register::General(2, 6 + number % 2),
            ),
            Base::Sib { base, index, scale } => {
                let index = match (values.index, index) {
                    (Some(index), _) => index,
                    (None, Some(index)) => general(index),
                    (None, None) => self.absent_index(base, scale),
                };
                (base.map_or(Register::None, general), scale, index)
            }
        };
        list.register(base)?;
        list.number(i64::from(scale))?;
        list.register(index)?;
        list.number(self.address.displacement)?;
        list.register(Register::of_override(self.segment))
    }

    /// A SIB byte that was not needed shows an index that is not there.
    fn absent_index(&self, base: Option<u8>, scale: u8) -> Register {
        let needless = match base {
            None => !self.long,
            Some(base) => !matches!(base, 4 | 12),
        };
        match (scale != 1 || needless, self.address_width) {
            (false, _) => Register::None,
            (true, 4) => Register::Eiz,
            (true, _) => Register::Riz,
        }
    }
}

/// Sets the bits above the lowest `bits` when the highest of these is set. They are not cleared otherwise: a displacement
/// may have more bytes than it counts for.
fn extend(raw: u64, bits: u32) -> i64 {
    let sign = raw >> (bits - 1) & 1 != 0;
    (if sign { raw | u64::MAX << bits } else { raw }) as i64
}
