//! What a loader hands to a disassembler: the mapped bytes of an executable and everything its container says about
//! them. Not a parser (see the format modules) and not an analysis: no byte is decoded here.
//!
//! All addresses are virtual addresses in the mapped image unless a field says otherwise; the layout follows SMDA 5.0.1,
//! whose reports every consumer compares with (`docs` of the crate list where that differs from what an operating system
//! would map).

use std::collections::{BTreeMap, BTreeSet};

use malkin_report::{Architecture, ImageRange};

/// Container the bytes came in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Portable Executable that could be read as one.
    Pe,
    /// Executable and Linkable Format.
    Elf,
    /// Mach-O, thin or one slice of a universal file.
    MachO,
    /// Dalvik executable.
    Dex,
    /// IDR knowledge base of Delphi units.
    DelphiKb,
    /// Nothing recognised, or a container so damaged that nothing can be read from it.
    Other,
}

/// Named part of a container with its address range. Names may be empty; ranges may be empty or leave the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Name as spelled in the container; empty when it is not valid UTF-8.
    pub name: String,
    /// First address.
    pub start: u64,
    /// First address after the section. Larger than 64 bits where a header states such a sum.
    pub end: u128,
}

/// A function of another module, as an import table names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiName {
    /// Library in lower case (PE, Mach-O) or symbol version such as `GLIBC_2.2.5` (ELF); absent when not stated.
    pub library: Option<String>,
    /// Name, never demangled; ordinals without a known name are `#12`.
    pub name: String,
}

impl ApiName {
    /// Text of `apirefs` in a report: `library!name`, with `None` for an absent library.
    pub fn to_text(&self) -> String {
        format!("{}!{}", self.library.as_deref().unwrap_or("None"), self.name)
    }
}

/// One record of the x64 exception directory of a PE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExceptionRecord {
    /// First address.
    pub begin: u64,
    /// First address behind; not checked against `begin`.
    pub end: u64,
    /// Whether the record continues another one. A chained record starts no function.
    pub chained: bool,
    /// Whether the extent may be used to refuse addresses inside it (declared table and plausible bounds). Records
    /// found by searching a buffer without headers never are.
    pub trusted: bool,
}

/// Language scores (0..=1) in the order SMDA states them, and the one it decides for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Language {
    /// Language name to score; every language is present.
    pub scores: Vec<(&'static str, f64)>,
    /// The decision; `go` changes how padding is judged.
    pub guess: &'static str,
    /// Function starts known from the language's own tables (Go pclntab, Delphi VMTs, knowledge base): candidates with
    /// the language flag. Filled only when the score of that language is above 0.5.
    pub functions: Vec<u64>,
    /// Whether Delphi was recognised (score above 0.5, not a knowledge base).
    pub delphi: bool,
    /// Whether only `functions` are to be analysed (Delphi knowledge base): no gap scan, no other candidates.
    pub functions_only: bool,
}

/// The static tables of the container as a report states them (`xmetadata`). `None` is `null` in the report: the format
/// has no such table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tables {
    /// Exported functions.
    pub exported_functions: Option<BTreeMap<u64, String>>,
    /// Exported functions and data.
    pub exported_symbols: BTreeMap<u64, String>,
    /// Import slot to imported function.
    pub imported_functions: Option<BTreeMap<u64, ApiName>>,
    /// Function symbols with their names.
    pub symbols: Option<BTreeMap<u64, String>>,
}

/// An executable mapped as SMDA maps it.
#[derive(Clone, PartialEq, Debug)]
pub struct Image {
    /// Mapped bytes; the first one is at `base_addr`. At most [`crate::limits::MAX_IMAGE_SIZE`] when a container states
    /// the size, otherwise as long as the input.
    pub data: Vec<u8>,
    /// Address of the first byte.
    pub base_addr: u64,
    /// 32 or 64; for Intel code it is guessed when the container or the caller does not state it. 0 only for
    /// architectures without a guess.
    pub bitness: u32,
    /// Instruction set. Anything but [`Architecture::Intel`] is recognised and mapped, but not for us to disassemble yet.
    pub architecture: Architecture,
    /// Container.
    pub format: Format,
    /// Name of the ELF OS ABI (`SYSTEMV`, `LINUX`, ...), empty otherwise.
    pub abi: String,
    /// `[start, end)` ranges with code, merged and ascending; ends may leave the image. Empty: every address of the image
    /// counts as code. Ends may be larger than 64 bits.
    pub code_areas: Vec<(u64, u128)>,
    /// All sections in the order of the container.
    pub sections: Vec<Section>,
    /// Entry point relative to `base_addr`, as reports state it. Can be negative in effect: use [`Image::entry_point`]
    /// for the address.
    pub oep: Option<u64>,
    /// Whether the input was given as a mapped buffer.
    pub is_buffer: bool,
    /// Header bytes for the report, trailing zeros cut; `None` when the format has none.
    pub xheader: Option<Vec<u8>>,
    /// SHA-256 of the PE header with its volatile fields zeroed, as lower-case hex.
    pub pe_header_hash: Option<String>,
    /// Function starts from symbol tables (all providers together) with their names. These are candidates; the entry
    /// point is one of them when the format names it. Names can be empty.
    pub symbols: BTreeMap<u64, String>,
    /// Exported addresses, for `is_exported`.
    pub exports: BTreeSet<u64>,
    /// Import slot to API, for API references. Empty for PE buffers. See [`Image::api`].
    pub apis: BTreeMap<u64, ApiName>,
    /// Static tables for `xmetadata`.
    pub tables: Tables,
    /// Ranges of import stubs: PLT sections, Mach-O `__stubs`.
    pub import_stubs: Vec<(u64, u64)>,
    /// Ranges of sections named as procedure linkage table (ELF only): exempt from the `.eh_frame` interior rules.
    pub plt_ranges: Vec<(u64, u64)>,
    /// Addresses of `.got.plt`, then `.got`.
    pub got_bases: Vec<u64>,
    /// Whether this is an ELF whose type is not EXEC.
    pub position_independent_elf: bool,
    /// x64 exception records in table order (64-bit images only), including carved ones of header-less buffers.
    pub exception_records: Vec<ExceptionRecord>,
    /// `[start, end)` of the `.eh_frame` records of an ELF, sorted, without empty ones.
    pub eh_frame_ranges: Vec<(u64, u64)>,
    /// Landing pads its exception tables declare, ascending.
    pub landing_pads: Vec<u64>,
    /// Language evidence.
    pub language: Language,
}

impl Image {
    /// The addresses of the image.
    pub fn range(&self) -> ImageRange {
        ImageRange::new(self.base_addr, self.data.len() as u64)
    }

    /// Whether an address lies in the image.
    pub fn contains(&self, address: u64) -> bool {
        self.offset(address).is_some()
    }

    /// Offset of an address in [`Image::data`].
    pub fn offset(&self, address: u64) -> Option<usize> {
        let offset = usize::try_from(address.checked_sub(self.base_addr)?).ok()?;
        (offset < self.data.len()).then_some(offset)
    }

    /// Up to `len` bytes at an address; shorter at the image end, empty outside.
    pub fn bytes(&self, address: u64, len: usize) -> &[u8] {
        self.offset(address).map_or(&[], |at| {
            let rest = self.data.get(at..).unwrap_or_default();
            rest.get(..len).unwrap_or(rest)
        })
    }

    /// The byte at an address.
    pub fn u8_at(&self, address: u64) -> Option<u8> {
        self.data.get(self.offset(address)?).copied()
    }

    /// The little-endian 32-bit value at an address, if all four bytes are in the image.
    pub fn u32_at(&self, address: u64) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes(address, 4).first_chunk()?))
    }

    /// The little-endian 64-bit value at an address, if all eight bytes are in the image.
    pub fn u64_at(&self, address: u64) -> Option<u64> {
        Some(u64::from_le_bytes(*self.bytes(address, 8).first_chunk()?))
    }

    /// Whether an address is inside the code areas; without areas, inside the image.
    pub fn in_code_areas(&self, address: u64) -> bool {
        in_areas(&self.code_areas, self.range(), address)
    }

    /// Address of the entry point: base plus [`Image::oep`], wrapping at 64 bits as a negative difference would.
    pub fn entry_point(&self) -> Option<u64> {
        self.oep.map(|oep| self.base_addr.wrapping_add(oep))
    }

    /// The API behind a slot. `content` is the value found in the slot; only Mach-O bindings are looked up by it too.
    pub fn api(&self, slot: u64, content: Option<u64>) -> Option<&ApiName> {
        self.apis.get(&slot).or_else(|| match self.format {
            Format::MachO => self.apis.get(&content?),
            _ => None,
        })
    }

    /// Largest address mask of the bitness.
    pub fn address_mask(&self) -> u64 {
        if self.bitness == 64 { u64::MAX } else { u64::from(u32::MAX) }
    }
}

/// Whether `address` is inside merged ascending `areas`; without areas, inside the image.
pub(crate) fn in_areas(areas: &[(u64, u128)], image: ImageRange, address: u64) -> bool {
    if areas.is_empty() {
        return image.contains(address);
    }
    let after = areas.partition_point(|area| area.0 <= address);
    after.checked_sub(1).and_then(|at| areas.get(at)).is_some_and(|area| u128::from(address) < area.1)
}
