//! Every number that bounds what a hostile file can make the loader do. SMDA's own limits are marked; the others are far
//! above what compilers produce.

/// Largest mapped image in bytes (SMDA: 100 MiB; more is an error). Nothing larger is ever allocated for an image.
pub const MAX_IMAGE_SIZE: u64 = 100 * 1024 * 1024;

/// Bytes of PE, ELF and Mach-O header kept in a report (SMDA).
pub const HEADER_CAP_PE: usize = 0x1000;
/// See [`HEADER_CAP_PE`].
pub const HEADER_CAP_ELF: usize = 0x400;
/// See [`HEADER_CAP_PE`].
pub const HEADER_CAP_MACHO: usize = 0x2000;
/// Size of a DEX header in bytes.
pub const HEADER_SIZE_DEX: usize = 0x70;

/// Imports read from one PE, over all libraries. `shell32.dll` of Windows 11 imports about 1,500.
pub const MAX_IMPORTS: usize = 100_000;

/// Rows read from an export table.
pub const MAX_EXPORTS: u64 = 1_000_000;

/// Symbols read from one symbol table. A debug build of a browser has about 1,000,000.
pub const MAX_SYMBOLS: usize = 4_000_000;

/// Rows read from an ELF section table.
pub const MAX_SECTIONS: u64 = 65_535;

/// Rows read from an ELF program header table.
pub const MAX_SEGMENTS: u64 = 65_535;

/// Relocations read from one table.
pub const MAX_RELOCATIONS: u64 = 4_000_000;

/// Times the bytes of an image may be written by overlapping segments or sections; later rows are dropped.
/// Segments and sections of an ordinary file write everything twice.
pub const MAX_OVERWRITES: u64 = 8;

/// Load commands read from a Mach-O.
pub const MAX_COMMANDS: u32 = 65_535;

/// Bytes of names kept from one table, and of readable names made of them. The symbols of a browser with debug
/// information have about 150 MiB of mangled names; behind the limit names are empty or stay mangled.
pub const MAX_NAME_BYTES: usize = 256 << 20;

/// Bytes of names kept from one table for each byte of the file, and what every file may have. Names of real tables lie side
/// by side or share their ends.
pub const NAME_BYTES_PER_BYTE: usize = 4;
/// See [`NAME_BYTES_PER_BYTE`].
pub const MIN_NAME_BYTES: usize = 1 << 20;

/// Slots that bind opcodes and chained fixups of a Mach-O fill. The largest programs and frameworks have some 100,000; a file
/// has no more than it has pointers.
pub const MAX_BOUND_SLOTS: u64 = 262_144;

/// Rows of version tables of an ELF. Versions are numbered with 15 bits; glibc, which has most, has about 50.
pub const MAX_VERSIONS: usize = 65_536;

/// Bytes of names tried as C++ for the language evidence.
pub const MAX_CPP_BYTES: usize = 4 << 20;

/// Rows of a PE section table that are seen (lief's limit; Windows loads at most 96). The mapping is not bound by it.
pub const MAX_PE_SECTIONS: u64 = 1000;

/// Segments looked through when a Mach-O address is turned into a file offset.
pub const MAX_LOOKUP_SEGMENTS: usize = 256;

/// Names tried as C++ for the language evidence.
pub const MAX_CPP_ATTEMPTS: usize = 10_000;
