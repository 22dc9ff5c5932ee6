//! What bytes are when nobody says so: container by its magic, and for raw buffers instruction set and bitness by what
//! the code looks like. Measured thresholds of SMDA 5.0.1 (`intel_bitness.json`, `unsupported_isa.json` of the
//! specification). A guess, not a proof: whoever knows should say.

use std::collections::VecDeque;

use malkin_report::{Architecture, Budget};
use memchr::memmem;

use crate::bytes::Bytes;
use crate::elf::{self, Elf};
use crate::image::Format;
use crate::machine;
use crate::macho::{self, Wanted};
use crate::pe;

/// What [`detect`] finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detected {
    /// Container by its magic.
    pub format: Format,
    /// Instruction set the container names, or the bytes of a raw buffer suggest; `None` when unknown.
    pub architecture: Option<Architecture>,
    /// 32 or 64 as the container states, or as guessed for raw Intel code; 0 when unknown.
    pub bitness: u32,
}

/// Names container, instruction set and bitness without mapping anything. Bytes without a container are judged as a
/// raw buffer.
pub fn detect(data: &[u8]) -> Detected {
    let format = format_of(data);
    let budget = Budget::for_size(data.len());
    let (architecture, bitness) = match format {
        Format::Pe => (pe::file_architecture(data, pe::Pe::parse(data, &budget).as_ref()), pe::bitness(data)),
        Format::Elf => split(Elf::parse(data, &budget).and_then(|elf| elf::machine(&elf))),
        Format::MachO => {
            split(macho::parse(data, Wanted::default(), &budget).and_then(|file| macho::machine(&file)))
        }
        Format::DelphiKb => (Some(Architecture::Intel), 32),
        Format::Dex => (Some(Architecture::Dalvik), 32),
        Format::Other => raw(data),
    };
    Detected { format, architecture, bitness }
}

fn split(machine: Option<(Architecture, u32)>) -> (Option<Architecture>, u32) {
    machine.map_or((None, 0), |(architecture, bitness)| (Some(architecture), bitness))
}

fn raw(data: &[u8]) -> (Option<Architecture>, u32) {
    match code_architecture(data) {
        Ok(Architecture::Intel) => (Some(Architecture::Intel), guess_bitness(data, &[])),
        Ok(Architecture::Aarch64) => (Some(Architecture::Aarch64), 64),
        Ok(other) => (Some(other), 32),
        Err(foreign) => (Some(Architecture::Other(foreign.to_owned())), 0),
    }
}

/// Container by its magic, in SMDA's order.
pub(crate) fn format_of(data: &[u8]) -> Format {
    if data.starts_with(b"MZ") {
        Format::Pe
    } else if data.starts_with(b"\x7fELF") {
        Format::Elf
    } else if macho::is_macho(data) {
        Format::MachO
    } else if data.starts_with(b"IDR Knowledge Base File") {
        Format::DelphiKb
    } else if is_dex(data) {
        Format::Dex
    } else {
        Format::Other
    }
}

/// Files that hold code, or look as if they did, and are no executables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Known {
    /// `ar` archive of object files, as `.a` and `.lib` files are.
    StaticLibrary,
    /// COFF object file for the named machine.
    CoffObject(&'static str),
    /// Object file or import library with the anonymous header of MSVC (`/bigobj`, `/GL`, import libraries).
    AnonymousObject,
    /// LLVM bitcode.
    LlvmBitcode,
    /// Java class file.
    JavaClass,
    /// WebAssembly module.
    WebAssembly,
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StaticLibrary => f.write_str("static library archive"),
            Self::CoffObject(machine) => write!(f, "COFF object file for {machine}"),
            Self::AnonymousObject => f.write_str("COFF object file or import library of MSVC"),
            Self::LlvmBitcode => f.write_str("file of LLVM bitcode"),
            Self::JavaClass => f.write_str("Java class file"),
            Self::WebAssembly => f.write_str("WebAssembly module"),
        }
    }
}

/// Names a file that is none of the executables.
pub(crate) fn known(data: &[u8]) -> Option<Known> {
    let bytes = Bytes::little(data);
    if data.starts_with(b"!<arch>\n") || data.starts_with(b"!<thin>\n") {
        return Some(Known::StaticLibrary);
    }
    if data.starts_with(b"\0\0\xff\xff") && bytes.u16(4)? <= 2 {
        return Some(Known::AnonymousObject);
    }
    if data.starts_with(b"BC\xc0\xde") || data.starts_with(b"\xde\xc0\x17\x0b") {
        return Some(Known::LlvmBitcode);
    }
    if data.starts_with(b"\xca\xfe\xba\xbe") {
        return Some(Known::JavaClass);
    }
    if data.starts_with(b"\0asm\x01\0\0\0") {
        return Some(Known::WebAssembly);
    }
    is_coff_object(bytes).then(|| Known::CoffObject(machine::coff(bytes.u16(0).unwrap_or(0))))
}

/// A COFF header has no magic: the machine is a known one, there is no optional header, and the section table and the symbols
/// lie in the file.
fn is_coff_object(bytes: Bytes<'_>) -> bool {
    let half = |at: u64| u64::from(bytes.u16(at).unwrap_or(0));
    let word = |at: u64| u64::from(bytes.u32(at).unwrap_or(u32::MAX));
    let (sections, symbols) = (half(2), word(8));
    let table_end = 20 + 40 * sections;
    let symbols_fit = symbols == 0 || (symbols >= table_end && symbols + 18 * word(12) <= bytes.len());
    let named = !machine::coff(bytes.u16(0).unwrap_or(0)).is_empty();
    named && sections > 0 && half(16) == 0 && table_end <= bytes.len() && symbols_fit
}

/// Whether the bytes begin with a plausible DEX header of a supported version.
pub(crate) fn is_dex(data: &[u8]) -> bool {
    dex_code_area(data).is_some()
}

/// The data section of a DEX, or the whole file; `None` when the header is implausible.
pub(crate) fn dex_code_area(data: &[u8]) -> Option<(u64, u128)> {
    let bytes = Bytes::little(data);
    let magic = bytes.exact(0, 8)?;
    let versions: [&[u8]; 5] = [b"035", b"037", b"038", b"039", b"040"];
    let supported =
        magic.starts_with(b"dex\n") && magic.ends_with(b"\0") && versions.contains(&magic.get(4..7)?);
    let field = |at: u64| bytes.u32(at).map(u64::from);
    bytes.exact(0, crate::limits::HEADER_SIZE_DEX as u64)?;
    let (file_size, header_size, endian) = (field(0x20)?, field(0x24)?, field(0x28)?);
    let (map, data_size, data_start) = (field(0x34)?, field(0x68)?, field(0x6c)?);
    let plausible = supported
        && header_size == 0x70
        && file_size != 0
        && file_size <= bytes.len()
        && matches!(endian, 0x1234_5678 | 0x7856_3412)
        && (map == 0 || (header_size..file_size).contains(&map))
        && data_start <= file_size
        && (data_size == 0 || data_start + data_size <= file_size);
    let (start, end) =
        if data_start != 0 && data_size != 0 { (data_start, data_start + data_size) } else { (0, file_size) };
    plausible.then_some((start, u128::from(end)))
}

/// Instruction set a container header at the start of a buffer names, if it is one that SMDA disassembles.
pub(crate) fn declared_architecture(data: &[u8]) -> Option<Architecture> {
    let budget = Budget::for_size(data.len());
    let declared = match format_of(data) {
        Format::Pe => pe::architecture(data),
        Format::Elf => Elf::parse(data, &budget).and_then(|elf| elf::machine(&elf)).map(|machine| machine.0),
        Format::MachO => {
            macho::parse(data, Wanted::default(), &budget).and_then(|file| macho::machine(&file)).map(|m| m.0)
        }
        _ => None,
    };
    declared.filter(|named| matches!(named, Architecture::Intel | Architecture::Aarch64 | Architecture::Arm))
}

/// Instruction set of code without a header, or the name of one nobody here disassembles.
pub(crate) fn code_architecture(data: &[u8]) -> Result<Architecture, &'static str> {
    if looks_like_aarch64(data) {
        return Ok(Architecture::Aarch64);
    }
    if ARM_RETURNS.iter().any(|pattern| has_dense_returns(data, pattern, 4)) {
        return Ok(Architecture::Arm);
    }
    let foreign = FOREIGN_RETURNS.iter().find(|(_, patterns, alignment)| {
        patterns.iter().any(|pattern| has_dense_returns(data, pattern, *alignment))
    });
    foreign.map_or(Ok(Architecture::Intel), |found| Err(found.0))
}

/// Returns of AArch64, `ret x30`.
const AARCH64_RETURN: &[u8] = b"\xc0\x03\x5f\xd6";
/// Returns of 32-bit ARM: `bx lr`, `mov pc, lr`. Thumb code is not recognised without a header.
const ARM_RETURNS: [&[u8]; 2] = [b"\x1e\xff\x2f\xe1", b"\x0e\xf0\xa0\xe1"];
/// Returns of instruction sets without a disassembler: name, encodings, alignment.
const FOREIGN_RETURNS: [(&str, &[&[u8]], usize); 9] = [
    ("armeb", &[b"\xe1\x2f\xff\x1e", b"\xe1\xa0\xf0\x0e"], 4),
    ("mips", &[b"\x03\xe0\x00\x08", b"\x08\x00\xe0\x03"], 4),
    ("ppc", &[b"\x4e\x80\x00\x20", b"\x20\x00\x80\x4e"], 4),
    ("sparc", &[b"\x81\xc3\xe0\x08", b"\x81\xc7\xe0\x08"], 4),
    ("nios2", &[b"\x3a\x28\x00\xf8"], 4),
    ("openrisc", &[b"\x44\x00\x48\x00"], 4),
    ("sh4", &[b"\x0b\x00\x09\x00\x09\x00", b"\x00\x0b\x00\x09\x00\x09"], 2),
    ("m68k", &[b"\x4e\x5e\x4e\x75"], 2),
    ("xtensa", &[b"\x3d\xf0\x1d\xf0"], 2),
];
/// Returns that must fall into one window.
const MIN_RETURNS: usize = 16;
/// Size of that window in bytes.
const WINDOW: usize = 64 * 1024;
/// Occurrences looked at for one pattern.
const MAX_PROBES: usize = 1 << 20;
/// Bytes either side of an occurrence that decide whether it lies in text.
const NEIGHBOURHOOD: usize = 32;

/// Enough `ret` words for the size of the buffer.
fn looks_like_aarch64(data: &[u8]) -> bool {
    let required = data.len().div_ceil(WINDOW).max(4);
    return_sites(data, AARCH64_RETURN, 4).take(required).count() >= required
}

fn has_dense_returns(data: &[u8], pattern: &[u8], alignment: usize) -> bool {
    let mut recent = VecDeque::with_capacity(MIN_RETURNS);
    for at in return_sites(data, pattern, alignment) {
        if recent.len() == MIN_RETURNS {
            recent.pop_front();
        }
        recent.push_back(at);
        if recent.len() == MIN_RETURNS && recent.front().is_some_and(|first| at - first < WINDOW) {
            return true;
        }
    }
    false
}

/// Aligned occurrences of a pattern that do not lie in text.
fn return_sites<'d>(data: &'d [u8], pattern: &'d [u8], alignment: usize) -> impl Iterator<Item = usize> + 'd {
    let finder = memmem::Finder::new(pattern);
    let mut at = 0;
    let mut probes = 0;
    std::iter::from_fn(move || {
        loop {
            at += finder.find(data.get(at..)?)?;
            probes += 1;
            if probes > MAX_PROBES {
                return None;
            }
            let aligned = at.next_multiple_of(alignment);
            if aligned != at {
                at = aligned;
                continue;
            }
            let site = at;
            at += alignment;
            if !lies_in_text(data, site) {
                return Some(site);
            }
        }
    })
}

/// Whether the bytes around an offset read as UTF-16 of printable ASCII for four fifths.
fn lies_in_text(data: &[u8], at: usize) -> bool {
    let start = at.saturating_sub(NEIGHBOURHOOD) & !1;
    let end = (at + NEIGHBOURHOOD).min(data.len());
    let units = data.get(start..end).unwrap_or_default().chunks_exact(2);
    let count = units.len();
    let printable = |byte: u8| (0x20..0x7f).contains(&byte);
    let (mut little, mut big) = (0, 0);
    for unit in units {
        if let [a, b] = *unit {
            little += usize::from(b == 0 && printable(a));
            big += usize::from(a == 0 && printable(b));
        }
    }
    count >= 8 && little.max(big) * 5 >= count * 4
}

/// Opcodes a REX.W prefix (0x48) ordinarily introduces.
const REX_W_OPCODES: [u8; 29] = [
    0x01, 0x03, 0x09, 0x0b, 0x21, 0x23, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b, 0x63, 0x69, 0x6b, 0x81, 0x83,
    0x85, 0x87, 0x89, 0x8b, 0x8d, 0x8f, 0xc1, 0xc7, 0xd1, 0xd3, 0xf7, 0xff,
];
/// 0x48 bytes looked at, and needed to decide.
const REX_W_SAMPLES: std::ops::RangeInclusive<u32> = 64..=65_536;
/// First bytes of functions with their weight in 32-bit and in 64-bit code.
const START_BYTES: [(u8, f64, f64); 14] = [
    (0x33, 0.0, 56.0),
    (0x40, 0.0, 349.0),
    (0x44, 0.0, 18.0),
    (0x45, 0.0, 17.0),
    (0x48, 0.0, 1341.0),
    (0x4c, 0.0, 59.0),
    (0x51, 312.0, 0.0),
    (0x53, 548.0, 0.0),
    (0x55, 8334.0, 0.0),
    (0x56, 756.0, 0.0),
    (0x6a, 758.0, 0.0),
    (0x83, 558.0, 0.0),
    (0x8d, 566.0, 0.0),
    (0xe9, 0.0, 16.0),
];

/// Bitness of Intel code: what a PE header at the start states, else by the share of REX.W prefixes, else by first bytes of
/// call targets. `regions` are offsets of code; empty: everything.
pub fn guess_bitness(data: &[u8], regions: &[(usize, usize)]) -> u32 {
    if data.starts_with(b"MZ") && pe::bitness(data) != 0 {
        return pe::bitness(data);
    }
    let everything = [(0, data.len())];
    let first = if regions.is_empty() { &everything } else { regions };
    match rex_w_share(data, first).or_else(|| rex_w_share(data, &everything)) {
        Some(share) if share > 0.5 => 64,
        Some(_) => 32,
        None => bitness_by_start_bytes(data),
    }
}

/// Share of 0x48 bytes followed by an opcode that goes with them; `None` when there are too few.
fn rex_w_share(data: &[u8], regions: &[(usize, usize)]) -> Option<f64> {
    let (mut observed, mut introducing) = (0, 0);
    for &(start, end) in regions {
        let region = data.get(start..end.min(data.len())).unwrap_or_default();
        for at in memchr::memchr_iter(0x48, region) {
            let Some(next) = region.get(at + 1) else { break };
            if observed >= *REX_W_SAMPLES.end() {
                break;
            }
            observed += 1;
            introducing += u32::from(REX_W_OPCODES.contains(next));
        }
    }
    (observed >= *REX_W_SAMPLES.start()).then(|| f64::from(introducing) / f64::from(observed))
}

fn bitness_by_start_bytes(data: &[u8]) -> u32 {
    let bytes = Bytes::little(data);
    let mut starts = [false; 256];
    for at in memchr::memchr_iter(0xe8, data) {
        let Some(relative) = bytes.u32(at as u64 + 1) else { break };
        let target = at as i64 + 5 + i64::from(relative as i32);
        let first =
            usize::try_from(target).ok().filter(|&target| target > 0).and_then(|target| data.get(target));
        if let Some(seen) = first.and_then(|&first| starts.get_mut(usize::from(first))) {
            *seen = true;
        }
    }
    let seen = START_BYTES.iter().filter(|row| starts.get(usize::from(row.0)) == Some(&true));
    let (narrow, wide) = seen.fold((0.0, 0.0), |(narrow, wide), row| (narrow + row.1, wide + row.2));
    if narrow < wide { 64 } else { 32 }
}
