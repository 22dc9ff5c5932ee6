//! Encodings of the whole instruction space, the same for the same seed: every opcode of every map in turn, with prefixes in
//! any order and number, all classes of ModRM and SIB, all vector bits, and immediates at their edges.
//!
//! Not random bytes: those would hardly ever hit a rare combination of prefix, opcode and vector length. What is chosen at
//! random is everything but the opcode and its map.

/// Bytes of a case: the longest instruction and what a decoder may look at beyond it.
pub(crate) const LENGTH: usize = 24;

/// Where the cases lie; branches wrap at the ends.
const ADDRESSES: [[u64; 4]; 2] =
    [[0x40_1000, 0, 0xffff_fff0, 0x7fff_fff0], [0x1_4000_1000, 0, 0xffff_fff0, 0x7fff_ffff_fff0]];

/// One encoding and its address.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) code: Vec<u8>,
    pub(crate) address: u64,
}

/// The cases of one bitness.
#[derive(Debug)]
pub(crate) struct Sweep {
    bits: u32,
    state: u64,
    number: u64,
}

impl Sweep {
    pub(crate) fn new(bits: u32, seed: u64) -> Self {
        let state = (seed ^ u64::from(bits)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { bits, state, number: 0 }
    }

    /// xorshift64*.
    fn next_number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 24
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next_number() % limit
    }

    fn byte(&mut self) -> u8 {
        self.next_number() as u8
    }

    fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }

    fn of(&mut self, bytes: &[u8]) -> u8 {
        bytes[self.below(bytes.len() as u64) as usize]
    }

    /// Legacy and REX prefixes: none half of the time, up to three nearly always, up to sixteen rarely.
    fn prefixes(&mut self, code: &mut Vec<u8>) {
        let count = match self.below(16) {
            0..=5 => 0,
            6..=10 => 1,
            11..=13 => 2,
            14 => 3,
            _ if self.one_in(4) => self.below(17),
            _ => 4,
        };
        for _ in 0..count {
            let byte = match self.below(8) {
                0 | 1 => 0x66,
                2 => 0xf2,
                3 => 0xf3,
                4 => 0x67,
                5 => self.of(&[0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]),
                6 => self.of(&[0xf0, 0x66, 0xf2, 0xf3]),
                _ if self.bits == 64 => 0x40 | self.byte() & 15,
                _ => 0x66,
            };
            code.push(byte);
        }
    }

    fn rex(&mut self, code: &mut Vec<u8>) {
        if self.bits == 64 && self.one_in(3) {
            code.push(0x40 | self.byte() & 15);
        }
    }

    /// Opcode maps 0, 0F, 0F38, 0F3A and the suffixes of 3DNow!, each opcode in turn.
    fn legacy(&mut self, slot: u64, code: &mut Vec<u8>) {
        self.prefixes(code);
        self.rex(code);
        let opcode = slot as u8;
        match slot >> 8 {
            0 | 1 => code.push(opcode),
            2 | 3 => code.extend([0x0f, opcode]),
            4 => code.extend([0x0f, 0x38, opcode]),
            5 => code.extend([0x0f, 0x3a, opcode]),
            _ => {
                code.extend([0x0f, 0x0f]);
                self.modrm(code);
                code.push(opcode);
                return;
            }
        }
        self.modrm(code);
    }

    /// Opcodes that ModRM extends, with every ModRM byte.
    fn group(&mut self, slot: u64, code: &mut Vec<u8>) {
        const GROUPS: [&[u8]; 20] = [
            &[0x0f, 0x00],
            &[0x0f, 0x01],
            &[0x0f, 0x0d],
            &[0x0f, 0x18],
            &[0x0f, 0x1a],
            &[0x0f, 0x1b],
            &[0x0f, 0x1c],
            &[0x0f, 0x1e],
            &[0x0f, 0x1f],
            &[0x0f, 0x71],
            &[0x0f, 0xa6],
            &[0x0f, 0xa7],
            &[0x0f, 0xae],
            &[0x0f, 0xb9],
            &[0x0f, 0xba],
            &[0x0f, 0xc7],
            &[0xc6],
            &[0xc7],
            &[0xfe],
            &[0xff],
        ];
        self.prefixes(code);
        self.rex(code);
        code.extend(GROUPS[(slot >> 8) as usize % GROUPS.len()]);
        code.push(slot as u8);
        if slot & 7 == 4 {
            code.push(self.byte());
        }
    }

    /// C4 and C5: map, opcode, W, L and `pp` in turn.
    fn vex(&mut self, slot: u64, code: &mut Vec<u8>) {
        if self.one_in(8) {
            self.prefixes(code);
        }
        let opcode = slot as u8;
        let low = (slot >> 8 & 7) as u8;
        let high = self.vvvv() | low;
        let free = if self.bits == 32 && !self.one_in(8) { 0xe0 } else { 0 };
        if self.one_in(4) {
            code.extend([0xc5, high | self.byte() & 0x80 | free & 0x80, opcode]);
        } else {
            let map = if self.one_in(32) { self.byte() & 31 } else { 1 + (slot >> 12) as u8 % 3 };
            let inverted = if self.one_in(2) { 0xe0 } else { self.byte() & 0xe0 | free };
            code.extend([0xc4, inverted | map, high | ((slot >> 11 & 1) as u8 * 0x80), opcode]);
        }
        self.modrm(code);
    }

    fn xop(&mut self, slot: u64, code: &mut Vec<u8>) {
        if self.one_in(16) {
            self.prefixes(code);
        }
        let map = if self.one_in(32) { self.byte() & 31 } else { 8 + (slot >> 8) as u8 % 3 };
        let inverted = if self.one_in(2) { 0xe0 } else { self.byte() & 0xe0 };
        let pp = if self.one_in(16) { self.byte() & 3 } else { 0 };
        let wide = self.byte() & 0x84;
        code.extend([0x8f, inverted | map, self.vvvv() | wide | pp, slot as u8]);
        self.modrm(code);
    }

    /// EVEX: map, opcode, W and `pp` in turn; vector length, broadcast, mask and zeroing at random.
    fn evex(&mut self, slot: u64, code: &mut Vec<u8>) {
        if self.one_in(16) {
            self.prefixes(code);
        }
        let map = if self.one_in(64) { 0 } else { 1 + (slot >> 11) as u8 % 3 };
        let inverted = match self.below(4) {
            0 | 1 => 0xf0,
            _ if self.bits == 32 && !self.one_in(8) => 0xc0 | self.byte() & 0x30,
            _ => self.byte() & 0xf0,
        };
        let reserved = if self.one_in(64) { self.byte() & 0x0c } else { 0 };
        let fixed = if self.one_in(64) { 0 } else { 4 };
        let wide = (slot >> 10 & 1) as u8 * 0x80;
        let mask = if self.one_in(2) { 0 } else { self.byte() & 7 };
        let upper = if self.one_in(4) { 0 } else { 8 };
        let rest = match self.below(4) {
            0 => self.byte() & 0x60,
            1 => self.byte() & 0x70,
            _ => self.byte() & 0xf0,
        };
        code.extend([
            0x62,
            inverted | reserved | map,
            wide | self.vvvv() | fixed | (slot >> 8 & 3) as u8,
            rest | upper | mask,
            slot as u8,
        ]);
        self.modrm(code);
    }

    /// The `vvvv` bits: no register half of the time.
    fn vvvv(&mut self) -> u8 {
        if self.one_in(2) { 0x78 } else { self.byte() & 0x78 }
    }

    /// ModRM and SIB of all classes; the displacement is filled in like any rest.
    fn modrm(&mut self, code: &mut Vec<u8>) {
        let mode = self.of(&[0, 0, 0x40, 0x40, 0x80, 0xc0, 0xc0, 0xc0]);
        let rm = match self.below(4) {
            0 => 4,
            1 => self.of(&[5, 0]),
            _ => self.byte() & 7,
        };
        code.push(mode | self.byte() & 0x38 | rm);
        if mode != 0xc0 && rm == 4 {
            let index = if self.one_in(3) { 0x20 } else { self.byte() & 0x38 };
            let base = if self.one_in(3) { 5 } else { self.byte() & 7 };
            code.push(self.byte() & 0xc0 | index | base);
        }
    }

    /// Displacements and immediates: bytes at the edges of signed and unsigned numbers, of names of conditions, of decimals.
    fn fill(&mut self, code: &mut Vec<u8>) {
        let repeated = self.one_in(4).then(|| self.of(&[0, 0xff, 0x80, 0x7f]));
        while code.len() < LENGTH {
            let byte = match (repeated, self.below(4)) {
                (Some(byte), 0..=2) => byte,
                (_, 0 | 1) => self.of(&[0, 1, 3, 7, 8, 9, 10, 0x1f, 0x20, 0x7f, 0x80, 0xf0, 0xff]),
                _ => self.byte(),
            };
            code.push(byte);
        }
    }
}

impl Iterator for Sweep {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        let (family, slot) = (self.number % 16, self.number / 16);
        self.number += 1;
        let mut code = Vec::with_capacity(2 * LENGTH);
        match family {
            0..=4 => self.legacy((slot * 5 + family) % (7 * 256), &mut code),
            5 | 6 => self.group((slot * 2 + family - 5) % (20 * 256), &mut code),
            7..=9 => self.vex((slot * 3 + family - 7) % (3 << 12), &mut code),
            10 => self.xop(slot % (3 * 256), &mut code),
            _ => self.evex((slot * 5 + family - 11) % (3 << 11), &mut code),
        }
        self.fill(&mut code);
        let addresses = ADDRESSES[usize::from(self.bits == 64)];
        let address = if self.one_in(4) { addresses[self.below(4) as usize] } else { addresses[0] };
        // Some end early, as the last bytes of an image do.
        let length = if self.one_in(16) { 1 + self.below(15) as usize } else { LENGTH };
        code.truncate(length);
        Some(Case { code, address })
    }
}
