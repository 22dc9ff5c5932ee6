//! Basic blocks that occur in a set of samples and nowhere else, and the choice of them for a YARA rule.
//!
//! Three steps, because only the last one needs disassembly: [`unique_blocks`] selects and chooses from hashes alone,
//! [`describe_block`] adds the instructions of one block from the function it was seen in first, and [`yara_rule`] renders the
//! rule. Rules and order are those of MCRIT 1.9.0 (`docs/reference/similarity.md` section 13).

mod code;
mod cover;
mod rule;
mod select;

pub use code::describe_block;
pub use rule::{RuleOptions, YaraRule, yara_rule};
pub use select::{FunctionBlocks, UniqueBlocksOptions, unique_blocks};
