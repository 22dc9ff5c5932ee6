//! Named limits of everything read from outside, with the reason for each figure.
//!
//! They are generous for real input (reports of 100 MB and more, Go programs with 100,000 functions) and exist so that a
//! hostile file costs memory in proportion to its size and no more. Limits of time and of the number of files belong to
//! the callers.

// Figures follow the largest real input that is known, with room to spare. What one request may cost is for the callers (server, command line)
// to say, which have lower ceilings of their own.
/// Largest report or function object, in bytes. The largest real reports known are below 1 GiB.
pub const MAX_REPORT_BYTES: usize = 2 << 30;

/// Functions of one report. Large Go and Rust programs have 100,000 to 300,000.
pub const MAX_FUNCTIONS: usize = 4 << 20;

/// Instructions of one report. A gibibyte of report text holds about 20 million.
pub const MAX_INSTRUCTIONS: usize = 256 << 20;

/// Text of one function: machine code, mnemonics and operands together, in bytes. Spans of instructions are 32 bits wide.
pub const MAX_FUNCTION_TEXT: usize = 1 << 30;

/// Names, versions, hashes, characteristics and the like, in bytes. Demangled C++ names reach some 10 kB.
pub const MAX_TEXT: usize = 1 << 20;

/// Values kept as stated (string references, static tables) are trees in memory, up to some 180 bytes a node. A file of `n` bytes
/// may have [`VALUE_NODES_BASE`] + `n` / [`BYTES_PER_VALUE_NODE`] of them. Of the golden reports a compact one of a DEX file
/// comes closest with one node in 47 bytes.
pub const BYTES_PER_VALUE_NODE: usize = 16;

/// See [`BYTES_PER_VALUE_NODE`]: what even a small file may have.
pub const VALUE_NODES_BASE: usize = 1 << 18;

/// Longest excerpt of the input in an error message, in bytes.
pub const MAX_ERROR_TEXT: usize = 240;

/// JSON text of the functions of one sample in a `.mcrit` file, in bytes, after unpacking.
pub const MAX_SAMPLE_BYTES: usize = 1 << 30;

/// JSON text of one record in a `.mcrit` file that is not the functions of a sample, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// Samples in one `.mcrit` file. Their records, about a kilobyte each, are held in memory.
pub const MAX_EXPORT_SAMPLES: usize = 1 << 20;

/// How much larger than its deflated form the content of a ZIP member may be. Deflate itself ends at 1032; JSON of
/// functions reaches about 15.
pub const MAX_INFLATE_RATIO: usize = 200;
