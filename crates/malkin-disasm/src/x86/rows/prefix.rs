//! Prefixes and opcode bytes, in the order and with the side effects capstone reads them.

use super::address::Address;
use super::tables::Map;

/// The prefix that carries more than one byte, if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extension {
    None,
    Vex2(u8),
    Vex3(u8, u8),
    Xop(u8, u8),
    Evex(u8, u8, u8),
}

impl Extension {
    /// The byte that holds `vvvv` and `pp`, if the extension has one.
    pub(super) fn vvvv_byte(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Vex2(byte) | Self::Vex3(_, byte) | Self::Xop(_, byte) | Self::Evex(_, byte, _) => {
                Some(byte)
            }
        }
    }

    /// The W bit, where it is one.
    pub(super) fn wide(self) -> bool {
        match self {
            Self::None | Self::Vex2(_) => false,
            Self::Vex3(_, byte) | Self::Xop(_, byte) | Self::Evex(_, byte, _) => byte & 0x80 != 0,
        }
    }
}

/// What was read so far.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    code: &'a [u8],
    /// Bytes read.
    pub(super) at: usize,
    pub(super) long: bool,
    pub(super) repeat: u8,
    pub(super) segment: u8,
    pub(super) elision: u8,
    pub(super) locked: bool,
    /// F2 or F3 as it counts for the opcode, 0 after a LOCK.
    pub(super) legacy_repeat: u8,
    /// The prefix that is part of the opcode, 0 if there is none.
    pub(super) mandatory: u8,
    pub(super) operand_size: bool,
    pub(super) address_size: bool,
    pub(super) rex: u8,
    pub(super) extension: Extension,
    /// Widths in bytes.
    pub(super) register_width: u8,
    pub(super) address_width: u8,
    pub(super) displacement_width: u8,
    pub(super) immediate_width: u8,
    pub(super) shown_immediate: u8,
    pub(super) map: Map,
    pub(super) opcode: u8,
    pub(super) modrm: Option<u8>,
    pub(super) address: Address,
}

impl<'a> Reader<'a> {
    pub(super) fn new(code: &'a [u8], bits: u32) -> Self {
        Self {
            code,
            at: 0,
            long: bits == 64,
            repeat: 0,
            segment: 0,
            elision: 0,
            locked: false,
            legacy_repeat: 0,
            mandatory: 0,
            operand_size: false,
            address_size: false,
            rex: 0,
            extension: Extension::None,
            register_width: 4,
            address_width: 4,
            displacement_width: 4,
            immediate_width: 4,
            shown_immediate: 4,
            map: Map::One,
            opcode: 0,
            modrm: None,
            address: Address::default(),
        }
    }

    pub(super) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.code.get(self.at).copied()
    }

    /// Reads a little-endian number of `width` bytes.
    pub(super) fn take_number(&mut self, width: u8) -> Option<u64> {
        let bytes = self.code.get(self.at..self.at + usize::from(width))?;
        self.at += usize::from(width);
        Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn is_rex(&self, byte: u8) -> bool {
        self.long && byte & 0xf0 == 0x40
    }

    /// Reads everything in front of the opcode.
    pub(super) fn read_prefixes(&mut self) -> Option<()> {
        let last = loop {
            self.skip_rex()?;
            let byte = self.take()?;
            self.note_elision(byte)?;
            match byte {
                0xf0 | 0xf2 | 0xf3 => {
                    self.note_repeat(byte);
                    self.repeat = byte;
                }
                0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 => self.segment = byte,
                0x66 => {
                    self.operand_size = true;
                    let next = self.peek();
                    if self.mandatory == 0 && next.is_some_and(|next| next == 0x0f || self.is_rex(next)) {
                        self.mandatory = byte;
                    }
                }
                0x67 => self.address_size = true,
                byte => break byte,
            }
        };
        self.read_extension(last)?;
        self.set_widths();
        Some(())
    }

    /// Of several REX prefixes the last one counts, and only if no legacy prefix follows it.
    fn skip_rex(&mut self) -> Option<()> {
        if !self.long || self.peek()? & 0xf0 != 0x40 {
            return Some(());
        }
        while self.peek()? & 0xf0 == 0x40 {
            self.at += 1;
        }
        if !is_legacy(self.peek()?) {
            self.at -= 1;
        }
        Some(())
    }

    /// F2 or F3 as the very first byte may announce lock elision.
    fn note_elision(&mut self, byte: u8) -> Option<()> {
        if self.at != 1 || !matches!(byte, 0xf2 | 0xf3) {
            return Some(());
        }
        let next = self.peek()?;
        let exchange = next == 0xf0 || next & 0xfe == 0x86 || next & 0xf8 == 0x90;
        let store = byte == 0xf3 && matches!(next, 0x88 | 0x89 | 0xc6 | 0xc7);
        if exchange || store {
            self.elision = byte;
        }
        if self.is_rex(next) { self.code.get(self.at + 1).map(|_| ()) } else { Some(()) }
    }

    fn note_repeat(&mut self, byte: u8) {
        if byte == 0xf0 {
            self.locked = true;
            self.legacy_repeat = 0;
            return;
        }
        let Some(next) = self.peek() else { return };
        if self.is_rex(next) || next == 0x0f || next == 0x66 {
            self.mandatory = byte;
        }
        self.legacy_repeat = byte;
        self.locked = false;
    }

    fn read_extension(&mut self, byte: u8) -> Option<()> {
        match byte {
            0x62 => self.read_evex(),
            0xc4 | 0xc5 => self.read_vex(byte),
            0x8f if self.peek()? & 0x38 != 0 => {
                let (first, second) = (self.take()?, self.take()?);
                self.extension = Extension::Xop(first, second);
                self.simulate_rex(first, second & 0x80 != 0);
                self.operand_size |= second & 3 == 1;
                Some(())
            }
            byte if self.is_rex(byte) => {
                self.peek()?;
                self.rex = byte;
                Some(())
            }
            _ => {
                self.at -= 1;
                Some(())
            }
        }
    }

    fn read_evex(&mut self) -> Option<()> {
        let first = self.peek()?;
        let second = self.code.get(self.at + 1).copied();
        let fits = |second: u8| (self.long || first & 0xc0 == 0xc0) && first & 0x0c == 0 && second & 4 != 0;
        if !second.is_some_and(fits) {
            self.at -= 1;
            return Some(());
        }
        let (first, second, third) = (self.take()?, self.take()?, self.take()?);
        self.extension = Extension::Evex(first, second, third);
        self.simulate_rex(first, second & 0x80 != 0);
        Some(())
    }

    fn read_vex(&mut self, byte: u8) -> Option<()> {
        let first = self.peek()?;
        if !self.long && first & 0xc0 != 0xc0 {
            self.at -= 1;
            return Some(());
        }
        self.at += 1;
        if byte == 0xc5 {
            self.extension = Extension::Vex2(first);
            if self.long {
                self.rex = 0x40 | (!first & 0x80) >> 5;
            }
            self.operand_size |= first & 3 == 1;
        } else {
            let second = self.take()?;
            self.extension = Extension::Vex3(first, second);
            self.simulate_rex(first, second & 0x80 != 0);
        }
        Some(())
    }

    /// The REX prefix whose bits a longer prefix holds: W, and R, X and B inverted.
    fn simulate_rex(&mut self, inverted: u8, wide: bool) {
        if self.long {
            self.rex = 0x40 | u8::from(wide) << 3 | (!inverted & 0xe0) >> 5;
        }
    }

    fn set_widths(&mut self) {
        let narrow = if self.operand_size { 2 } else { 4 };
        if !self.long {
            self.register_width = narrow;
            self.immediate_width = narrow;
            self.shown_immediate = narrow;
            self.address_width = if self.address_size { 2 } else { 4 };
            self.displacement_width = self.address_width;
            return;
        }
        self.address_width = if self.address_size { 4 } else { 8 };
        if self.rex & 8 != 0 {
            self.register_width = 8;
            self.displacement_width = 4;
            self.immediate_width = 4;
            self.shown_immediate = 4;
        } else {
            self.register_width = narrow;
            self.displacement_width = narrow;
            self.immediate_width = narrow;
            self.shown_immediate = if self.operand_size { 4 } else { 8 };
        }
    }

    /// Reads the opcode and finds its map.
    pub(super) fn read_opcode(&mut self) -> Option<()> {
        let map = match self.extension {
            Extension::None => return self.read_legacy_opcode(),
            Extension::Vex2(_) => Map::Two,
            Extension::Vex3(byte, _) => vector_map(byte & 0x1f)?,
            Extension::Evex(byte, ..) => vector_map(byte & 3)?,
            Extension::Xop(byte, _) => match byte & 0x1f {
                8 => Map::Xop8,
                9 => Map::Xop9,
                10 => Map::Xopa,
                _ => return None,
            },
        };
        self.map = map;
        self.opcode = self.take()?;
        Some(())
    }

    fn read_legacy_opcode(&mut self) -> Option<()> {
        self.opcode = self.take()?;
        if self.opcode != 0x0f {
            // A mandatory prefix belongs to an escaped opcode.
            self.mandatory = 0;
            return Some(());
        }
        self.opcode = self.take()?;
        match self.opcode {
            0x38 => {
                self.map = Map::Three38;
                self.opcode = self.take()?;
            }
            0x3a => {
                self.map = Map::Three3a;
                self.opcode = self.take()?;
            }
            0x0f => {
                // The opcode of 3DNow! follows its operands.
                self.opcode = 0;
                self.read_modrm()?;
                self.opcode = self.take()?;
                self.map = Map::Amd3d;
            }
            _ => self.map = Map::Two,
        }
        Some(())
    }
}

fn vector_map(number: u8) -> Option<Map> {
    match number {
        1 => Some(Map::Two),
        2 => Some(Map::Three38),
        3 => Some(Map::Three3a),
        _ => None,
    }
}

fn is_legacy(byte: u8) -> bool {
    matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)
}
