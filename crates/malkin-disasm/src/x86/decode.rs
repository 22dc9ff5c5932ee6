//! Instruction boundaries as capstone 5.0.9 sees them.
//!
//! The recovery must stop at the same byte as the reference does, so what counts is not what a processor executes but
//! what capstone's tables contain. Ordinary encodings, nearly all that compilers emit, are decoded by iced-x86, where
//! both agree (`Plain` decides); everything else goes through capstone's own tables (`super::rows`).

mod different;

use iced_x86::{Code, DecoderOptions, EncodingKind, FlowControl, Instruction};

use super::rows;

/// Decodes one instruction at a time out of a byte slice.
#[derive(Clone, Debug)]
pub struct Decoder {
    bits: u32,
    plain: Plain,
}

impl Decoder {
    /// A decoder for 32-bit or 64-bit code; everything but 64 means 32.
    pub fn new(bits: u32) -> Self {
        let bits = if bits == 64 { 64 } else { 32 };
        Self { bits, plain: Plain::new(bits) }
    }

    /// 32 or 64.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Decodes the instruction at the start of `bytes`, which lies at `address`.
    pub fn decode(&self, bytes: &[u8], address: u64) -> Option<Instruction> {
        let window = &bytes[..bytes.len().min(rows::WINDOW)];
        let mut decoder = iced_x86::Decoder::with_ip(self.bits, window, address, DecoderOptions::MPX);
        self.judge(decoder.decode(), window, address)
    }

    /// A decoder that stays with one slice, for many instructions in turn.
    pub fn stream<'a>(&self, data: &'a [u8], base: u64) -> Stream<'a> {
        let inner = iced_x86::Decoder::with_ip(self.bits, data, base, DecoderOptions::MPX);
        Stream { inner, data, base }
    }

    /// What capstone makes of what a processor makes of the bytes.
    fn judge(&self, instruction: Instruction, window: &[u8], address: u64) -> Option<Instruction> {
        if self.plain.holds(&instruction, window) {
            return Some(instruction);
        }
        rows::Instruction::decode(window, self.bits).map(|instruction| instruction.to_flow(address))
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
        decoder.judge(instruction, &rest[..rest.len().min(rows::WINDOW)], address)
    }
}

/// Which encodings iced-x86 and capstone read alike.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    bits: u32,
    /// A bit for every code that both know.
    codes: Box<[u64]>,
}

impl Plain {
    pub(super) fn new(bits: u32) -> Self {
        let mut codes = vec![0u64; Code::values().len().div_ceil(64)].into_boxed_slice();
        for code in Code::values() {
            if code != Code::INVALID
                && code.encoding() == EncodingKind::Legacy
                && !different::differs_in_form(code)
            {
                codes[code as usize / 64] |= 1 << (code as usize % 64);
            }
        }
        Self { bits, codes }
    }

    /// Whether the instruction is ordinary: a legacy encoding that both know, after no prefix, one REX, one 66, or one F2
    /// or F3 that is part of the opcode.
    pub(super) fn holds(&self, instruction: &Instruction, bytes: &[u8]) -> bool {
        let code = instruction.code() as usize;
        if self.codes[code / 64] >> (code % 64) & 1 == 0 {
            return false;
        }
        let [first, second, ..] = *bytes else { return true };
        if self.bits == 64 && first & 0xf0 == 0x40 {
            return !self.is_prefix(second);
        }
        match first {
            0x66 => !self.is_prefix(second) && instruction.code().flow_control() == FlowControl::Next,
            0xf2 | 0xf3 => second == 0x0f && !instruction.has_rep_prefix() && !instruction.has_repne_prefix(),
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x67 | 0xf0 => false,
            _ => true,
        }
    }

    fn is_prefix(&self, byte: u8) -> bool {
        matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)
            || self.bits == 64 && byte & 0xf0 == 0x40
    }
}
