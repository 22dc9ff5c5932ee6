//! What a piece of code looks like: sizes, hashes, and on request plausible disassembly.

use std::fmt::Write as _;

use malkin_report::{BlockHash, BlockOccurrence, MinHash, PicHash, Va};
use malkin_store::NewFunction;
use malkin_wire::columns::Xcfg;

use super::draw::{Draw, mix};

/// Positions of a signature.
const POSITIONS: usize = 64;
/// Of so many functions in a thousand there is a signature: 36 % of Malpedia's are too small for one (field study 2b).
const WITH_SIGNATURE: u64 = 640;
/// Archetypes that unrelated functions resemble, and how many in a hundred do.
const ARCHETYPES: u64 = 60_000;
const LIKE_ARCHETYPE: u64 = 50;
/// Archetypes of the functions of a Go runtime.
const GO_ARCHETYPES: u64 = 4000;
/// Blocks that unrelated functions have in common.
const COMMON_BLOCKS: u64 = 60_000;

/// A piece of code. Equal values are equal code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Code {
    /// What it was before anybody edited it.
    origin: [u64; 2],
    /// 0 for the original.
    edit: u64,
    /// Whether the edit shows in the signature.
    shows: bool,
}

impl Code {
    pub(super) fn original(space: u64, number: u64) -> Self {
        Self { origin: [space, number], edit: 0, shows: false }
    }

    /// A function of a library; most are equal in all versions.
    pub(super) fn library(library: u64, function: u64, version: u64) -> Self {
        let origin = [2, library << 32 | function];
        let changed = mix(origin[1] ^ version << 50).is_multiple_of(4);
        Self { origin, edit: if changed { version } else { 0 }, shows: true }
    }

    /// A function of a Go runtime.
    pub(super) fn go(function: u64, version: u64) -> Self {
        let changed = mix(function ^ version << 50).is_multiple_of(3);
        Self { origin: [3, function], edit: if changed { version } else { 0 }, shows: true }
    }

    /// An edited version of a family's own function.
    pub(super) fn edited(function: u64, edit: u64, shows: u64) -> Self {
        Self { origin: [1, function], edit: edit + 1, shows: shows == 1 }
    }

    fn draw(self, seed: u64, what: u64) -> Draw {
        Draw::of(&[seed, what, self.origin[0], self.origin[1]])
    }

    fn edited_draw(self, seed: u64, what: u64) -> Draw {
        Draw::of(&[seed, what, self.origin[0], self.origin[1], self.edit])
    }
}

/// The function that this code is at an address.
pub(super) fn body(seed: u64, code: Code, offset: Va, disassembled: bool) -> NewFunction {
    let mut shape = code.draw(seed, 10);
    let has_signature = shape.below(1000) < WITH_SIGNATURE;
    let num_blocks = if has_signature { 2 + shape.skewed(60) as u32 } else { 1 + shape.below(2) as u32 };
    let num_instructions =
        if has_signature { 10 + num_blocks * (2 + shape.below(7) as u32) } else { 1 + shape.below(9) as u32 };
    let pichash = code.edited_draw(seed, 11).next() | 1;
    let name = shape.below(1000);
    let mut function = NewFunction {
        offset,
        num_blocks,
        num_instructions,
        binweight: f64::from(num_instructions) * 3.0 + (pichash % 7) as f64,
        function_name: if name < 120 {
            format!("fn_{:x}", mix(code.origin[1]) % 3_000_000)
        } else {
            String::new()
        },
        pichash: PicHash::new(pichash),
        minhash: if has_signature { signature(seed, code) } else { MinHash::empty() },
        picblockhashes: if has_signature { blocks(seed, code, offset, num_blocks) } else { Vec::new() },
        xcfg: Xcfg::default(),
        labels: Vec::new(),
    };
    if disassembled {
        function.xcfg = Xcfg::from_text(&xcfg(seed, code, &function));
    }
    function
}

fn signature(seed: u64, code: Code) -> MinHash {
    let mut draw = code.draw(seed, 12);
    let is_go = code.origin[0] == 3;
    let mut bytes = [0; POSITIONS];
    if is_go || draw.below(100) < LIKE_ARCHETYPE {
        let archetypes = if is_go { GO_ARCHETYPES } else { ARCHETYPES };
        // A few are resembled by very many functions, most by some.
        let archetype = if draw.below(6) == 0 { draw.skewed(archetypes) } else { draw.below(archetypes) };
        fill(&mut Draw::of(&[seed, 13, u64::from(is_go), archetype]), &mut bytes);
        // Between nearly the same and hardly alike.
        let changes = if is_go { draw.below(40) } else { 2 + draw.below(44) };
        change(&mut draw, &mut bytes, changes);
    } else {
        fill(&mut draw, &mut bytes);
    }
    if code.edit != 0 && code.shows {
        let mut edit = code.edited_draw(seed, 14);
        let changes = 1 + edit.skewed(20);
        change(&mut edit, &mut bytes, changes);
    }
    MinHash::from_bytes(bytes)
}

fn fill(draw: &mut Draw, bytes: &mut [u8; POSITIONS]) {
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&draw.next().to_le_bytes());
    }
}

fn change(draw: &mut Draw, bytes: &mut [u8; POSITIONS], changes: u64) {
    for _ in 0..changes {
        let number = draw.next();
        bytes[number as usize % POSITIONS] = (number >> 32) as u8;
    }
}

fn blocks(seed: u64, code: Code, offset: Va, num_blocks: u32) -> Vec<BlockOccurrence> {
    let mut draw = code.draw(seed, 15);
    // Blocks of fewer than four instructions have no hash: about half.
    let hashed = num_blocks.div_ceil(2);
    let edited = if code.edit == 0 { u32::MAX } else { code.edit as u32 % hashed };
    let blocks = (0..hashed).map(|number| {
        let common = draw.below(100) < 25;
        let own = draw.next();
        let hash = if number == edited {
            code.edited_draw(seed, 16).next()
        } else if common {
            Draw::of(&[seed, 17, Draw::of(&[own]).skewed(COMMON_BLOCKS)]).next()
        } else {
            own
        };
        let at = offset.get() + u64::from(number) * 16;
        BlockOccurrence {
            offset: Va::new(at),
            length: 4 + own as u32 % 9,
            size: 16,
            hash: BlockHash::new(hash),
        }
    });
    blocks.collect()
}

/// Instructions as SMDA writes them, of the kinds that make up most of real code.
fn xcfg(seed: u64, code: Code, function: &NewFunction) -> Vec<u8> {
    let mut draw = code.edited_draw(seed, 18);
    let mut text = String::with_capacity(function.num_instructions as usize * 48);
    let offset = function.offset.get();
    let per_block = function.num_instructions / function.num_blocks;
    let _ = write!(text, "{{\"offset\":{offset},\"blocks\":{{");
    let mut at = offset;
    for block in 0..function.num_blocks {
        let last = block + 1 == function.num_blocks;
        let count = if last { function.num_instructions - block * per_block } else { per_block };
        let _ = write!(text, "{}\"{at}\":[", if block == 0 { "" } else { "," });
        for number in 0..count {
            let separator = if number == 0 { "" } else { "," };
            let (bytes, mnemonic, operands) = instruction(&mut draw, last && number + 1 == count);
            let _ = write!(text, "{separator}[{at},\"{bytes}\",\"{mnemonic}\",\"{operands}\"]");
            at += bytes.len() as u64 / 2;
        }
        text.push(']');
    }
    text.push_str("},\"apirefs\":{},\"blockrefs\":{},\"inrefs\":[],\"outrefs\":{},\"is_exported\":false,");
    text.push_str("\"metadata\":{\"binweight\":0,\"characteristics\":\"------\",\"confidence\":0.5,\"function_name\":\"\",");
    text.push_str(
        "\"pic_hash\":null,\"nesting_depth\":0,\"strongly_connected_components\":[],\"tfidf\":0.0}}",
    );
    text.into_bytes()
}

pub(super) fn instruction(draw: &mut Draw, is_last: bool) -> (String, &'static str, String) {
    const REGISTERS: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
    let (a, b) = (draw.below(8) as usize, draw.below(8) as usize);
    let value = draw.below(128);
    match draw.below(8) {
        _ if is_last => ("c3".to_owned(), "ret", String::new()),
        0 => (format!("{:02x}", 0x50 + a), "push", REGISTERS[a].to_owned()),
        1 => (format!("8b{:02x}", 0xc0 + a * 8 + b), "mov", format!("{}, {}", REGISTERS[a], REGISTERS[b])),
        2 => (
            format!("8b{:02x}{value:02x}", 0x45 + a * 8),
            "mov",
            format!("{}, dword ptr [ebp + {value:#x}]", REGISTERS[a]),
        ),
        3 => (format!("83{:02x}{value:02x}", 0xc0 + a), "add", format!("{}, {value:#x}", REGISTERS[a])),
        4 => (format!("85{:02x}", 0xc0 + a * 9), "test", format!("{0}, {0}", REGISTERS[a])),
        5 => (
            format!("e8{:08x}", draw.next() as u32),
            "call",
            format!("{:#x}", 0x40_0000 + draw.below(1 << 20)),
        ),
        6 => (format!("74{value:02x}"), "je", format!("{:#x}", 0x40_0000 + draw.below(1 << 20))),
        _ => (format!("6a{value:02x}"), "push", format!("{value:#x}")),
    }
}
