//! Instruction boundaries as capstone 5 sees them, on top of iced-x86.
//!
//! The recovery must stop at the same byte as the reference does, so what counts is not what a processor executes but
//! what capstone's tables contain: it knows no extension younger than about 2020, refuses several undocumented aliases,
//! ignores prefixes that a processor faults on, and accepts a few forms that are undefined.

mod unsupported;

use iced_x86::{Code, DecoderOptions, EncodingKind, Instruction, Mnemonic, OpKind};

/// Longest instruction, in bytes.
const MAX_LENGTH: usize = 15;

/// Decodes one instruction at a time out of a byte slice.
#[derive(Clone, Debug)]
pub struct Decoder {
    bits: u32,
    unsupported: Box<[u64]>,
}

impl Decoder {
    /// A decoder for 32-bit or 64-bit code; everything but 64 means 32.
    pub fn new(bits: u32) -> Self {
        let mut unsupported = vec![0u64; Code::values().len().div_ceil(64)].into_boxed_slice();
        for code in Code::values().filter(|&code| unsupported::is_unsupported(code)) {
            unsupported[code as usize / 64] |= 1 << (code as usize % 64);
        }
        Self { bits: if bits == 64 { 64 } else { 32 }, unsupported }
    }

    /// 32 or 64.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Decodes the instruction at the start of `bytes`, which lies at `address`.
    pub fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let window = &bytes[..bytes.len().min(MAX_LENGTH)];
        self.judge(self.decode_raw(window, address, DecoderOptions::MPX), window, address)
    }

    /// A decoder that stays with one slice, for many instructions in turn.
    pub fn stream<'a>(&self, data: &'a [u8], base: u64) -> Stream<'a> {
        let inner = iced_x86::Decoder::with_ip(self.bits, data, base, DecoderOptions::MPX);
        Stream { inner, data, base }
    }

    /// What capstone makes of what a processor makes of the bytes.
    fn judge(&self, instruction: Instruction, window: &[u8], address: u64) -> Option<Instruction> {
        if instruction.is_invalid() {
            return self.decode_lenient(window, address);
        }
        if matches!(instruction.mnemonic(), Mnemonic::Ud0 | Mnemonic::Ud1) {
            return Some(self.without_operands(instruction, window));
        }
        self.accepts(&instruction, window).then_some(instruction)
    }

    fn decode_raw(&self, window: &[u8], address: u64, options: u32) -> Instruction {
        iced_x86::Decoder::with_ip(self.bits, window, address, options).decode()
    }

    /// What a processor refuses and capstone takes.
    #[cold]
    #[inline(never)]
    fn decode_lenient(&self, window: &[u8], address: u64) -> Option<Instruction> {
        let prefixes = self.prefixes(window);
        let opcode = window.get(prefixes.len()..)?;
        // A move to CS or to a register that does not exist, and a LOCK on a source operand.
        if matches!(opcode, [0x8e, ..] | [0x0f, 0x20..=0x23, ..]) || prefixes.contains(&0xf0) {
            let instruction =
                self.decode_raw(window, address, DecoderOptions::MPX | DecoderOptions::NO_INVALID_CHECK);
            if !instruction.is_invalid() && instruction.code().encoding() == EncodingKind::Legacy {
                return self.accepts(&instruction, window).then_some(instruction);
            }
        }
        if self.bits == 32 && opcode.first() == Some(&0x62) {
            return self.decode_narrow_vector(window, prefixes.len(), address);
        }
        for wanted in [[0xf2, 0xf3], [0x66, 0x66]] {
            let Some(at) = prefixes.iter().rposition(|byte| wanted.contains(byte)) else { continue };
            if let Some(instruction) = self.without_prefix(window, address, at) {
                return Some(instruction);
            }
        }
        None
    }

    /// In 32-bit code the bits that select registers above 7 are ignored in an EVEX prefix that has such a register.
    fn decode_narrow_vector(&self, window: &[u8], at: usize, address: u64) -> Option<Instruction> {
        let mut plain = [0u8; MAX_LENGTH];
        plain[..window.len()].copy_from_slice(window);
        let prefix = plain.get_mut(at + 1..at + 4)?;
        prefix[0] |= 0xd0;
        prefix[1] |= 0x40;
        prefix[2] |= 0x08;
        let instruction = self.decode_raw(&plain[..window.len()], address, DecoderOptions::NONE);
        plain[at + 2] ^= 0x08;
        let other = self.decode_raw(&plain[..window.len()], address, DecoderOptions::NONE);
        let accepted = !instruction.is_invalid() && !other.is_invalid() && self.accepts(&instruction, window);
        accepted.then_some(instruction)
    }

    /// Decodes as if the prefix at `at` were not there, for instructions whose capstone table row is the same with it.
    fn without_prefix(&self, window: &[u8], address: u64, at: usize) -> Option<Instruction> {
        let mut shorter = [0u8; MAX_LENGTH];
        let length = window.len() - 1;
        shorter[..at].copy_from_slice(&window[..at]);
        shorter[at..length].copy_from_slice(&window[at + 1..]);
        // One byte later, so that relative targets come out right.
        let mut instruction =
            self.decode_raw(&shorter[..length], address.wrapping_add(1), DecoderOptions::MPX);
        let ignores = instruction.code().encoding() != EncodingKind::Legacy
            || self.bits == 64 && self.prefixes(window).iter().any(|byte| byte & 0xf8 == 0x48)
            || ignores_prefixes(&instruction);
        if instruction.is_invalid() || !ignores || !self.accepts(&instruction, window) {
            return None;
        }
        instruction.set_len(instruction.len() + 1);
        Some(instruction)
    }

    /// The legacy and REX prefixes in front of the opcode.
    fn prefixes<'a>(&self, window: &'a [u8]) -> &'a [u8] {
        let is_prefix = |byte: &u8| match byte {
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3 => true,
            0x40..=0x4f => self.bits == 64,
            _ => false,
        };
        let end = window.iter().position(|byte| !is_prefix(byte)).unwrap_or(window.len());
        &window[..end]
    }

    /// Capstone knows these without a ModRM byte.
    fn without_operands(&self, mut instruction: Instruction, window: &[u8]) -> Instruction {
        instruction.set_len(self.prefixes(window).len() + 2);
        instruction
    }

    fn accepts(&self, instruction: &Instruction, window: &[u8]) -> bool {
        let code = instruction.code() as usize;
        if self.unsupported[code / 64] >> (code % 64) & 1 != 0 {
            return false;
        }
        if instruction.has_lock_prefix() && !self.lock_fits(instruction, window) {
            return false;
        }
        instruction.mnemonic() != Mnemonic::Reservednop || self.known_nop(instruction, window)
    }

    /// Which of the reserved `nop` encodings capstone's tables hold.
    fn known_nop(&self, instruction: &Instruction, window: &[u8]) -> bool {
        use unsupported::NopRow;
        let memory = instruction.op0_kind() == OpKind::Memory;
        let group = instruction.op1_register().number() & 7;
        match NopRow::of(instruction.code()) {
            NopRow::Op0D | NopRow::Op1A | NopRow::Op1B => false,
            NopRow::Op18 => memory || group >= 4,
            NopRow::Op19 | NopRow::Op1F => true,
            NopRow::Op1C => memory && (group == 0 || self.prefixes(window).contains(&0x66)),
            NopRow::Other => memory,
        }
    }

    /// Whether a LOCK prefix is allowed here. One that is followed by F2 or F3 does not count.
    fn lock_fits(&self, instruction: &Instruction, window: &[u8]) -> bool {
        use Mnemonic::{
            Adc, Add, And, Btc, Btr, Bts, Cmpxchg, Cmpxchg8b, Cmpxchg16b, Dec, Inc, Neg, Nop, Not, Or,
            Reservednop, Sbb, Sub, Xadd, Xchg, Xor,
        };
        let last = self.prefixes(window).iter().rfind(|byte| matches!(byte, 0xf0 | 0xf2 | 0xf3));
        if last != Some(&0xf0) {
            return true;
        }
        let destination = instruction.op0_kind() == OpKind::Memory;
        let source = instruction.op_count() == 2 && instruction.op1_kind() == OpKind::Memory;
        match instruction.mnemonic() {
            Adc | Add | And | Or | Sub | Xor | Xchg => destination || source,
            Btc | Btr | Bts | Cmpxchg | Cmpxchg8b | Cmpxchg16b | Dec | Inc | Neg | Not | Sbb | Xadd => {
                destination
            }
            Nop | Reservednop => destination && instruction.memory_size().size() == 4,
            _ => false,
        }
    }
}

/// Decodes at any place of one slice. Setting up a decoder costs more than an instruction does.
#[expect(missing_debug_implementations, reason = "the decoder inside has none")]
pub struct Stream<'a> {
    inner: iced_x86::Decoder<'a>,
    data: &'a [u8],
    base: u64,
}

impl Stream<'_> {
    /// The instruction at an offset, by the rules of `decoder`.
    pub fn decode(&mut self, decoder: &Decoder, offset: usize) -> Option<Instruction> {
        self.inner.set_position(offset).ok()?;
        let address = self.base.wrapping_add(offset as u64);
        self.inner.set_ip(address);
        let instruction = self.inner.decode();
        let rest = self.data.get(offset..)?;
        decoder.judge(instruction, &rest[..rest.len().min(MAX_LENGTH)], address)
    }
}

/// Instructions whose capstone table row holds for every prefix.
fn ignores_prefixes(instruction: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(
        instruction.mnemonic(),
        M::Getsec
            | M::Sha1rnds4
            | M::Sha1nexte
            | M::Sha1msg1
            | M::Sha1msg2
            | M::Sha256rnds2
            | M::Sha256msg1
            | M::Sha256msg2
            | M::Movdiri
            | M::Ldmxcsr
            | M::Stmxcsr
            | M::Fxsave
            | M::Fxrstor
            | M::Xsavec
            | M::Xsaves
            | M::Xrstors
    )
}
