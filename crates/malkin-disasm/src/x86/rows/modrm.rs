//! Reads ModRM, SIB and displacement.
//!
//! Specification: Intel SDM, volume 2A, section 2.1; differences of capstone are noted where they are.

use super::address::Base;
use super::prefix::{Extension, Reader};
use super::tables::Map;

impl Reader<'_> {
    /// Reads ModRM and what belongs to it, once.
    pub(super) fn read_modrm(&mut self) -> Option<u8> {
        if let Some(modrm) = self.modrm {
            return Some(modrm);
        }
        let mut modrm = self.take()?;
        // Moves from and to control and debug registers have registers only, whatever ModRM.mod says.
        if self.extension == Extension::None && self.map == Map::Two && matches!(self.opcode, 0x20..=0x23) {
            modrm |= 0xc0;
        }
        self.modrm = Some(modrm);
        let mut reg = modrm >> 3 & 7 | (self.rex & 4) << 1;
        let rm = modrm & 7 | (self.rex & 1) << 3;
        let mut high = 0;
        if let Extension::Evex(byte, ..) = self.extension
            && self.long
        {
            reg |= !byte & 0x10;
            high = (!byte & 0x40) >> 2;
        }
        self.address.reg = reg;
        match (modrm >> 6, self.address_width) {
            (3, 2) => self.address.base = Base::Register(rm),
            (3, _) => self.address.base = Base::Register(rm | high),
            (mode, 2) => self.read_narrow(mode, rm)?,
            (mode, _) => self.read_wide(mode, rm)?,
        }
        Some(modrm)
    }

    fn read_narrow(&mut self, mode: u8, rm: u8) -> Option<()> {
        self.address.base = match rm {
            0..=3 => Base::Pair(rm),
            4 => Base::Narrow(6),
            5 => Base::Narrow(7),
            6 if mode == 0 => Base::None,
            6 => Base::Narrow(5),
            _ => Base::Narrow(3),
        };
        let bytes = match mode {
            0 if rm == 6 => 2,
            0 => 0,
            1 => 1,
            _ => 2,
        };
        if mode == 1 {
            self.displacement_width = 1;
        }
        self.read_displacement(bytes)
    }

    fn read_wide(&mut self, mode: u8, rm: u8) -> Option<()> {
        let mut bytes = match mode {
            0 => 0,
            1 => 1,
            _ => 4,
        };
        if mode == 1 {
            self.displacement_width = 1;
        }
        self.address.base = match rm & 7 {
            4 => {
                let sib = self.take()?;
                let index = sib >> 3 & 7 | (self.rex & 2) << 2;
                let base = sib & 7 | (self.rex & 1) << 3;
                let absent = sib & 7 == 5 && mode == 0;
                if absent {
                    bytes = 4;
                }
                Base::Sib {
                    base: (!absent).then_some(base),
                    index: (index != 4).then_some(index),
                    scale: 1 << (sib >> 6),
                }
            }
            5 if mode == 0 => {
                bytes = 4;
                Base::None
            }
            _ => Base::General(rm),
        };
        self.read_displacement(bytes)
    }

    fn read_displacement(&mut self, bytes: u8) -> Option<()> {
        self.address.displacement_bytes = bytes;
        let raw = self.take_number(bytes)?;
        self.address.displacement = match bytes {
            1 => i64::from(raw as i8),
            2 => i64::from(raw as i16),
            _ => i64::from(raw as i32),
        };
        Some(())
    }
}
