//! The text of a YARA rule, byte for byte as MCRIT's client writes it.
//!
//! Reports are hostile and rules get compiled, so two things differ from the reference: text of instructions cannot end the
//! comment it stands in, and blocks whose sequence is no YARA hex string (or is missing) are left out.

use std::fmt::Write as _;

use malkin_report::{BlockHash, BlockNotation, SampleId, UniqueBlock, UniqueBlocks};
use sha2::{Digest, Sha256};

use super::cover::cover;

/// Which blocks may be in a rule, and how it is written. A limit of 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuleOptions {
    /// Fewest instructions of a block.
    pub min_instructions: u64,
    /// Most instructions of a block.
    pub max_instructions: u64,
    /// Fewest bytes of a block, wildcards included.
    pub min_bytes: u64,
    /// Most bytes of a block.
    pub max_bytes: u64,
    /// Blocks wanted for each sample; 0 takes the best block alone.
    pub required_per_sample: u64,
    /// Blocks that have to hit, if there are as many.
    pub condition_required: u64,
    /// Columns of a sequence before it is wrapped; 0 keeps it on one line.
    pub wrap_at: usize,
    /// Most wildcards of a block in percent of its digits; 100 is no limit. Ours: a block of wildcards says little.
    pub max_wildcards: u8,
}

impl Default for RuleOptions {
    /// The reference's.
    fn default() -> Self {
        Self {
            min_instructions: 0,
            max_instructions: 0,
            min_bytes: 0,
            max_bytes: 0,
            required_per_sample: 10,
            condition_required: 7,
            wrap_at: 80,
            max_wildcards: 100,
        }
    }
}

impl RuleOptions {
    fn admits(&self, block: &UniqueBlock) -> bool {
        let digits = block.escaped_sequence.bytes().filter(|byte| *byte != b' ').count() as u64;
        let wildcards = block.escaped_sequence.bytes().filter(|byte| *byte == b'?').count() as u64;
        let within = |value: u64, least: u64, most: u64| value >= least && (most == 0 || value <= most);
        within(u64::from(block.length), self.min_instructions, self.max_instructions)
            && within(digits / 2, self.min_bytes, self.max_bytes)
            && 100 * wildcards <= u64::from(self.max_wildcards) * digits
    }
}

/// A rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct YaraRule {
    /// Its name.
    pub name: String,
    /// Its text; ends with a line feed.
    pub text: String,
    /// Its blocks, best first. Without any the rule finds everything and is of no use.
    pub blocks: Vec<BlockHash>,
    /// Samples with as many blocks as required.
    pub num_samples_covered: u64,
}

/// Renders a rule from unique blocks. `date` is the day it is made, `YYYY-MM-DD`.
pub fn yara_rule(
    result: &UniqueBlocks,
    notation: BlockNotation,
    options: &RuleOptions,
    date: &str,
) -> YaraRule {
    let admitted: Vec<&UniqueBlock> =
        result.blocks.iter().filter(|block| is_sound(block) && options.admits(block)).collect();
    let samples: Vec<SampleId> = result.statistics.by_sample.iter().map(|sample| sample.sample_id).collect();
    let chosen = cover(&admitted, &samples, options.required_per_sample);
    let blocks: Vec<BlockHash> = chosen.blocks.iter().map(|at| admitted[*at].hash).collect();
    let mut in_order = chosen.blocks;
    in_order.sort_unstable();

    let covered = chosen.num_samples_covered;
    let num_samples = result.statistics.num_samples;
    let name = name(&blocks, notation);
    let mut text = head(&name, date);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "        // Rule generation selected {} picblocks, covering {covered}/{num_samples} input sample(s).",
        blocks.len()
    );
    for at in in_order {
        push_block(&mut text, admitted[at], notation, covered, options.wrap_at);
    }
    let hits = options.condition_required.min(blocks.len() as u64);
    text.push_str(&condition(hits));
    YaraRule { name, text, blocks, num_samples_covered: covered }
}

fn condition(hits: u64) -> String {
    format!("    condition:\n        {hits} of them\n}}\n")
}

impl YaraRule {
    /// The same rule under another name, with another number of blocks that have to hit.
    #[must_use]
    pub fn requiring(&self, hits: u64, name: &str) -> Self {
        let text = self.text.replacen(&format!("rule {} {{", self.name), &format!("rule {name} {{"), 1);
        let strings = text.rfind("    condition:\n").map_or(text.as_str(), |end| &text[..end]);
        Self { name: name.to_owned(), text: format!("{strings}{}", condition(hits)), ..self.clone() }
    }
}

/// Whether the sequence can stand in a rule: pairs of hex digits or question marks.
fn is_sound(block: &UniqueBlock) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'?';
    let is_word = |word: &str| word.len().is_multiple_of(2) && word.bytes().all(is_digit);
    !block.escaped_sequence.is_empty() && block.escaped_sequence.split(' ').all(is_word)
}

/// Rules with the same blocks have the same name.
fn name(blocks: &[BlockHash], notation: BlockNotation) -> String {
    let names: Vec<String> = blocks.iter().map(|hash| notation.name(*hash).to_string()).collect();
    let digest = Sha256::digest(names.join(",").as_bytes());
    let digits = digest.iter().take(8).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    format!("mcrit_{digits}")
}

fn head(name: &str, date: &str) -> String {
    let description = concat!(
        "Code-based YARA rule composed from potentially unique basic blocks ",
        "for the selected set of samples/family."
    );
    format!(
        "rule {name} {{\n    meta:\n        author = \"MCRIT YARA Generator\"\n        \
         description = \"{description}\"\n        date = \"{date}\"\n    strings:\n"
    )
}

fn push_block(text: &mut String, block: &UniqueBlock, notation: BlockNotation, covered: u64, wrap_at: usize) {
    let name = notation.name(block.hash);
    let width = block.instructions.iter().map(|one| one.bytes.chars().count()).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "        /* picblockhash: {name} - coverage: {}/{covered} samples.",
        block.samples.len()
    );
    for one in &block.instructions {
        let line = format!("{:<width$} | {} {}", one.bytes, one.mnemonic, one.operands);
        let _ = writeln!(text, "         * {}", harmless(&line));
    }
    text.push_str("         */\n");
    if wrap_at == 0 {
        let _ = writeln!(text, "        $blockhash_{name} = {{ {} }}\n", block.escaped_sequence);
    } else {
        let lines = wrap(&block.escaped_sequence, wrap_at).join("\n            ");
        let _ = writeln!(text, "        $blockhash_{name} = {{\n            {lines}\n        }}\n");
    }
}

/// Text that cannot end the comment or the line it stands in.
fn harmless(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    line.replace("*/", "* /")
}

/// Lines of at most `columns` columns, as many words on each as fit; a longer word has a line of its own.
fn wrap(sequence: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sequence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
