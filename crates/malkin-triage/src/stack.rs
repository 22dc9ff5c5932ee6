//! Texts that a program puts together on its stack, piece by piece, so that they stand nowhere in the file: found in the
//! disassembly by following stores of constants (`mov byte ptr [ebp - 0x10], 0x68`, `push 0x6578652e`, a register that holds one).
//!
//! This is reading, not running: values that are computed (decoded, copied from tables, returned by calls) are not followed, and
//! blocks are taken in the order of their addresses. Intel code alone.

use std::collections::BTreeMap;

use malkin_report::{Architecture, Function, Report};
use serde::{Deserialize, Serialize};

use crate::strings::{Encoding, MIN_LENGTH, is_printable};

/// Texts that are kept; a program that hides its texts this way has some hundred.
const MAX_TEXTS: usize = 2000;
/// Longest text, in characters.
const MAX_LENGTH: usize = 1024;

/// A text that is put together on the stack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StackText {
    /// Address of the function.
    pub function: u64,
    /// Address of the instruction that writes the first character.
    pub address: u64,
    /// How the characters are encoded.
    pub encoding: Encoding,
    /// The text.
    pub text: String,
}

/// Texts of all functions in the order of their addresses, each once a function.
pub fn stack_texts(report: &Report) -> Vec<StackText> {
    let mut found = Vec::new();
    if report.architecture != Architecture::Intel {
        return found;
    }
    let word = if report.bitness == Some(64) { 8 } else { 4 };
    for function in &report.functions {
        Frame::new(word).read(function, &mut found);
        if found.len() >= MAX_TEXTS {
            found.truncate(MAX_TEXTS);
            break;
        }
    }
    found
}

/// What a place is relative to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Base {
    /// `ebp`, `rbp`.
    Frame,
    /// `esp`, `rsp` as it was at the start of the function.
    Stack,
}

/// A byte on the stack and the instruction that wrote it.
#[derive(Clone, Copy)]
struct Written {
    byte: u8,
    by: u64,
}

/// The stack of a function while it is read.
struct Frame {
    /// Size in bytes of what is pushed.
    word: usize,
    /// What is written relative to each base, by [`Base`].
    bytes: [BTreeMap<i64, Written>; 2],
    /// How far pushes have moved the stack pointer.
    moved: i64,
    /// Constants in registers: value and width in bytes, by number.
    registers: [Option<(u64, usize)>; 16],
}

impl Frame {
    fn new(word: usize) -> Self {
        Self { word, bytes: [BTreeMap::new(), BTreeMap::new()], moved: 0, registers: [None; 16] }
    }

    fn read(mut self, function: &Function, found: &mut Vec<StackText>) {
        let start = function.offset.get();
        let first = found.len();
        for block in function.code.blocks() {
            self.registers = [None; 16];
            for instruction in function.code.instructions(block) {
                let (mnemonic, operands) = (instruction.mnemonic, instruction.operands);
                self.step(mnemonic, operands, (start, instruction.offset.get()), found);
            }
        }
        self.bytes.iter().for_each(|bytes| harvest(bytes, start, found));
        // A buffer that is written in two branches gives its text twice.
        let mut own = found.split_off(first);
        own.sort_by(|a, b| {
            (&a.text, a.encoding as u8, a.address).cmp(&(&b.text, b.encoding as u8, b.address))
        });
        own.dedup_by(|a, b| a.text == b.text && a.encoding == b.encoding);
        own.sort_by_key(|text| text.address);
        found.extend(own);
    }

    fn step(&mut self, mnemonic: &str, operands: &str, at: (u64, u64), found: &mut Vec<StackText>) {
        let (target, source) = operands.split_once(", ").unwrap_or((operands, ""));
        match mnemonic {
            "mov" | "movabs" => {
                let value = self.constant(source);
                if let Some((base, offset, width)) = place(target) {
                    let offset = self.distance(base, offset);
                    let value = value.filter(|(_, known)| *known >= width).map(|(value, _)| value);
                    self.write((base, offset), width, value, at, found);
                } else if let Some((number, width)) = register(target) {
                    self.registers[number] = value.map(|(value, known)| kept(value, known.min(width)));
                } else {
                    self.forget(target);
                }
            }
            "xor" | "sub" if target == source => {
                if let Some((number, width)) = register(target) {
                    self.registers[number] = Some(kept(0, width));
                }
            }
            "push" => {
                self.moved = self.moved.wrapping_sub(self.word as i64);
                let value = self.constant(target).map(|(value, _)| value);
                self.write((Base::Stack, self.moved), self.word, value, at, found);
            }
            "pop" => {
                self.moved = self.moved.wrapping_add(self.word as i64);
                self.forget(target);
            }
            "sub" | "add" if matches!(target, "esp" | "rsp") => {
                let by = number(source).unwrap_or(0) as i64;
                self.moved = self.moved.wrapping_add(if mnemonic == "add" { by } else { by.wrapping_neg() });
            }
            "call" => self.registers = [None; 16],
            "cmp" | "test" => {}
            _ => {
                self.forget(target);
                self.forget(source);
                if let Some((base, offset, width)) = place(target) {
                    let offset = self.distance(base, offset);
                    self.write((base, offset), width, None, at, found);
                }
            }
        }
    }

    fn forget(&mut self, operand: &str) {
        let high = ["ah", "ch", "dh", "bh"].iter().position(|high| *high == operand);
        if let Some(number) = register(operand).map(|(number, _)| number).or(high) {
            self.registers[number] = None;
        }
    }

    /// Value of an operand and how many bytes of it are known.
    fn constant(&self, operand: &str) -> Option<(u64, usize)> {
        match register(operand) {
            Some((number, width)) => {
                let (value, known) = self.registers[number]?;
                (known >= width).then_some((value, width))
            }
            None => number(operand).map(|value| (value, 8)),
        }
    }

    fn distance(&self, base: Base, offset: i64) -> i64 {
        if base == Base::Stack { offset.wrapping_add(self.moved) } else { offset }
    }

    fn write(
        &mut self,
        (base, offset): (Base, i64),
        width: usize,
        value: Option<u64>,
        (function, by): (u64, u64),
        found: &mut Vec<StackText>,
    ) {
        let span = offset..offset.saturating_add(width as i64);
        let bytes = value.map(u64::to_le_bytes);
        // Compilers let the last store reach back over what stands there already.
        let same = |(&place, written): (&i64, &Written)| {
            bytes.is_some_and(|bytes| bytes[(place - offset) as usize & 7] == written.byte)
        };
        let known = &self.bytes[base as usize];
        if !known.range(span).all(same) {
            // The place is used again: what stood there was complete. Arguments that are pushed end no text of the frame.
            harvest(known, function, found);
            self.bytes[base as usize].clear();
        }
        for (place, byte) in (offset..).zip(bytes.into_iter().flatten().take(width)) {
            self.bytes[base as usize].entry(place).or_insert(Written { byte, by });
        }
    }
}

/// Takes the texts out of the bytes that lie side by side.
fn harvest(bytes: &BTreeMap<i64, Written>, function: u64, found: &mut Vec<StackText>) {
    let mut run: Vec<Written> = Vec::new();
    let mut next = None;
    for (&offset, &written) in bytes {
        if next != Some(offset) {
            texts(function, &run, found);
            run.clear();
        }
        run.push(written);
        next = offset.checked_add(1);
    }
    texts(function, &run, found);
}

/// What a register holds after a constant of a width in bytes was written to it: writing half of it clears the rest.
fn kept(value: u64, width: usize) -> (u64, usize) {
    match width {
        4 => (value & 0xffff_ffff, 8),
        width => (value, width),
    }
}

/// Texts in either encoding that more than one instruction has written: one alone is a number that looks like a text.
fn texts(function: u64, run: &[Written], found: &mut Vec<StackText>) {
    let mut at = 0;
    while at < run.len() {
        let narrow = run[at..].iter().take(MAX_LENGTH).take_while(|one| is_printable(one.byte)).count();
        let pairs = run[at..].chunks_exact(2).take(MAX_LENGTH);
        let wide = pairs.take_while(|pair| is_printable(pair[0].byte) && pair[1].byte == 0).count();
        let (encoding, length, step) = if wide >= MIN_LENGTH && wide > narrow {
            (Encoding::Utf16le, 2 * wide, 2)
        } else {
            (Encoding::Ascii, narrow, 1)
        };
        let written = &run[at..at + length];
        let by_several = written.first().is_some_and(|first| written.iter().any(|one| one.by != first.by));
        if length / step >= MIN_LENGTH && by_several && found.len() < MAX_TEXTS {
            let text = written.iter().step_by(step).map(|one| char::from(one.byte)).collect();
            found.push(StackText { function, address: written[0].by, encoding, text });
        }
        at += length.max(1);
    }
}

/// Place on the stack and size in bytes of a memory operand as capstone writes it.
fn place(operand: &str) -> Option<(Base, i64, usize)> {
    let (size, rest) = operand.split_once(" ptr [")?;
    let width = match size {
        "byte" => 1,
        "word" => 2,
        "dword" => 4,
        "qword" => 8,
        _ => return None,
    };
    let inside = rest.strip_suffix(']')?;
    let (name, offset) = match inside.split_once(' ') {
        None => (inside, 0),
        Some((name, offset)) => {
            let (sign, digits) = offset.split_once(' ')?;
            let distance = i64::try_from(number(digits)?).ok()?;
            (name, if sign == "-" { -distance } else { distance })
        }
    };
    let base = match name {
        "ebp" | "rbp" => Base::Frame,
        "esp" | "rsp" => Base::Stack,
        _ => return None,
    };
    Some((base, offset, width))
}

/// A number as capstone writes it: hexadecimal from ten on, with a sign where it is negative.
fn number(text: &str) -> Option<u64> {
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
    let value = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

/// Number and width in bytes of a register of which at least the lowest byte is meant.
fn register(name: &str) -> Option<(usize, usize)> {
    const WIDE: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    const LOW: [&str; 8] = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];
    if let Some(number) = LOW.iter().position(|low| *low == name) {
        return Some((number, 1));
    }
    if let Some(rest) = name.strip_prefix('r').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        let digits = rest.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let width = match &rest[digits.len()..] {
            "" => 8,
            "d" => 4,
            "w" => 2,
            "b" => 1,
            _ => return None,
        };
        return digits.parse().ok().filter(|number| (8..16).contains(number)).map(|number| (number, width));
    }
    let (name, width) = match name.split_at_checked(1) {
        Some(("r", rest)) => (rest, 8),
        Some(("e", rest)) => (rest, 4),
        _ => (name, 2),
    };
    WIDE.iter().position(|wide| *wide == name).map(|number| (number, width))
}

#[cfg(test)]
mod tests {
    use malkin_report::{CodeBuilder, Instruction, Va};

    use super::*;

    /// A program of one function; a blank line starts a block.
    fn program(bitness: u64, text: &str) -> Report {
        let mut builder = CodeBuilder::new();
        let mut at = 0x1000;
        let mut is_start = true;
        for line in text.lines().map(str::trim) {
            if line.is_empty() {
                is_start = true;
                continue;
            }
            if std::mem::take(&mut is_start) {
                builder.begin_block(Va::new(at));
            }
            let (mnemonic, operands) = line.split_once(' ').unwrap_or((line, ""));
            builder.push(Instruction { offset: Va::new(at), bytes: "90", mnemonic, operands }).unwrap();
            at += 1;
        }
        let mut report = Report::empty(Architecture::Intel);
        report.bitness = Some(bitness);
        report.functions.push(Function {
            offset: Va::new(0x1000),
            code: builder.finish().unwrap(),
            ..Function::default()
        });
        report
    }

    fn found(bitness: u64, text: &str) -> Vec<(u64, String)> {
        let texts = stack_texts(&program(bitness, text));
        texts.into_iter().map(|text| (text.address, text.text)).collect()
    }

    #[test]
    fn bytes_and_words_below_the_frame_become_a_text() {
        let code = "push ebp
            mov ebp, esp
            mov byte ptr [ebp - 0x10], 0x63
            mov byte ptr [ebp - 0xf], 0x6d
            mov word ptr [ebp - 0xe], 0x2e64
            mov dword ptr [ebp - 0xc], 0x657865
            ret";
        assert_eq!(found(32, code), [(0x1002, "cmd.exe".to_owned())]);
    }

    #[test]
    fn pushes_are_read_backwards() {
        let code = "xor eax, eax
            push eax
            push 0x6578652e
            push 0x636c6163
            mov ebx, esp";
        assert_eq!(found(32, code), [(0x1003, "calc.exe".to_owned())]);
    }

    #[test]
    fn constants_go_through_registers() {
        let code = "movabs rax, 0x6c6c642e32337377
            mov qword ptr [rsp + 0x20], rax
            mov ecx, 0x5f3273
            mov dword ptr [rsp + 0x1c], ecx
            mov al, 0x41
            mov byte ptr [rsp + 0x28], al
            mov eax, dword ptr [rip + 0x100]
            mov byte ptr [rsp + 0x29], al";
        // The null byte at 0x1f ends what stands before; the unknown byte ends what follows.
        assert_eq!(found(64, code), [(0x1001, "ws32.dllA".to_owned())]);
    }

    #[test]
    fn wide_texts_are_told_as_such() {
        let code = "mov dword ptr [rbp - 0x20], 0x680074
            mov dword ptr [rbp - 0x1c], 0x720065
            mov dword ptr [rbp - 0x18], 0x65";
        let texts = stack_texts(&program(64, code));
        assert_eq!((texts.len(), texts[0].text.as_str(), texts[0].encoding), (1, "there", Encoding::Utf16le));
    }

    #[test]
    fn a_place_that_is_used_again_gives_both_texts() {
        let code = "mov dword ptr [ebp - 8], 0x6c6c6568
            mov word ptr [ebp - 4], 0x6f
            mov dword ptr [ebp - 8], 0x6c726f77
            mov word ptr [ebp - 4], 0x64";
        let texts: Vec<String> = found(32, code).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["hello", "world"]);
    }

    #[test]
    fn stores_may_overlap() {
        let code = "movabs rax, 0x32336c656e72656b
            mov qword ptr [rbp - 0xd], rax
            movabs rax, 0x6c6c642e32336c
            mov qword ptr [rbp - 8], rax";
        assert_eq!(found(64, code), [(0x1001, "kernel32.dll".to_owned())]);
    }

    #[test]
    fn arguments_between_end_no_text_and_equal_texts_are_told_once() {
        let code = "mov dword ptr [ebp - 8], 0x6c6c6568
            push eax
            pop eax
            push eax
            mov word ptr [ebp - 4], 0x6f
            mov dword ptr [ebp - 0x20], 0x6c726f77
            mov word ptr [ebp - 0x1c], 0x64
            mov dword ptr [ebp - 0x30], 0x6c6c6568
            mov word ptr [ebp - 0x2c], 0x6f";
        let expected = [(0x1000, "hello".to_owned()), (0x1005, "world".to_owned())];
        assert_eq!(found(32, code), expected);
        let pushed = code.replacen("push eax", "push 0x41", 1).replace("push eax", "push 0x42");
        let pushed = pushed.replace("pop eax", "add esp, 4");
        assert_eq!(found(32, &pushed), expected);
    }

    #[test]
    fn numbers_are_no_texts() {
        assert_eq!(found(64, "movabs rax, 0x4141414141414141\nmov qword ptr [rsp], rax"), []);
        assert_eq!(found(32, "mov dword ptr [ebp - 8], 1\nmov dword ptr [ebp - 4], 0x41414141"), []);
        // A call may change every register.
        let code =
            "mov eax, 0x41414141\ncall 0x2000\nmov dword ptr [ebp - 8], eax\nmov dword ptr [ebp - 4], eax";
        assert_eq!(found(32, code), []);
        let mut other = program(32, "push 0x41414141\npush 0x41414141");
        other.architecture = Architecture::Arm;
        assert_eq!(stack_texts(&other), []);
    }

    #[test]
    fn operands_are_read_as_capstone_writes_them() {
        assert!(place("dword ptr [ebp - 0x14]") == Some((Base::Frame, -0x14, 4)));
        assert!(place("byte ptr [rsp]") == Some((Base::Stack, 0, 1)));
        assert!(place("qword ptr [rsp + 8]") == Some((Base::Stack, 8, 8)));
        assert!(place("dword ptr [ebp + eax*4 - 8]").is_none());
        assert!(place("dword ptr fs:[ebp]").is_none());
        assert_eq!(
            [number("-1"), number("0x10"), number("9"), number("eax")],
            [Some(u64::MAX), Some(16), Some(9), None]
        );
        assert_eq!(
            [register("r9d"), register("ax"), register("dil"), register("rsi")],
            [Some((9, 4)), Some((0, 2)), Some((7, 1)), Some((6, 8))]
        );
        assert_eq!([register("r16"), register("xmm0"), register("ah"), register("rip")], [None; 4]);
    }

    proptest::proptest! {
        #[test]
        fn any_operands_are_read(lines in proptest::collection::vec(("(mov|push|pop|sub|add|lea)", "[a-z0-9+* \\[\\]x-]{0,30}"), 0..30)) {
            let text = lines.iter().map(|(mnemonic, operands)| format!("{mnemonic} {operands}")).collect::<Vec<_>>().join("\n");
            stack_texts(&program(64, &text));
        }
    }
}
