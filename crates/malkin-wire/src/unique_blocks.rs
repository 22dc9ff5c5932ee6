//! JSON of unique blocks as MCRIT 1.9.0 writes it, and its reader for results that come from a server or the store.

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::entry::EntryError;
use super::matching::ResultReadError;
use malkin_report::address::Va;
use malkin_report::hash::BlockHash;
use malkin_report::id::{FunctionId, SampleId};
use malkin_report::unique_blocks::{
    BlockInstruction, BlockNotation, SampleBlocks, UniqueBlock, UniqueBlocks, UniqueBlocksStatistics,
};

/// The JSON text of a result, its blocks named in this notation.
pub fn unique_blocks_to_json(result: &UniqueBlocks, notation: BlockNotation) -> Vec<u8> {
    let instructions: usize = result.blocks.iter().map(|block| block.instructions.len()).sum();
    let mut bytes = Vec::with_capacity(1024 + 300 * result.blocks.len() + 64 * instructions);
    let written = serde_json::to_writer(&mut bytes, &Whole { result, notation });
    debug_assert!(written.is_ok(), "writing to memory cannot fail and every key is a string: {written:?}");
    bytes
}

/// `{"statistics", "unique_blocks", "yara_rule"}` (docs/reference/similarity.md section 13).
struct Whole<'a> {
    result: &'a UniqueBlocks,
    notation: BlockNotation,
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The blocks a rule was made of: as text in hexadecimal, as numbers in decimal notation.
        let chosen = self.result.yara_rule.iter().map(|hash| match self.notation {
            BlockNotation::Hex => json!(self.notation.name(*hash).to_string()),
            BlockNotation::Decimal => json!(hash.get()),
        });
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("statistics", &statistics_to_json(&self.result.statistics))?;
        map.serialize_entry("unique_blocks", &Blocks(self))?;
        map.serialize_entry("yara_rule", &chosen.collect::<Vec<_>>())?;
        map.end()
    }
}

/// How many blocks there were, were unique, and are covered by the rule; by sample and in all.
fn statistics_to_json(statistics: &UniqueBlocksStatistics) -> Value {
    let by_sample = statistics.by_sample.iter().map(|sample| {
        let counts = json!({
            "sample_id": sample.sample_id.get(),
            "total_blocks": sample.total_blocks,
            "characteristic_blocks": sample.characteristic_blocks,
            "unique_blocks": sample.unique_blocks,
        });
        (sample.sample_id.to_string(), counts)
    });
    json!({
        "by_sample_id": by_sample.collect::<Map<_, _>>(),
        "unique_blocks_overall": statistics.unique_blocks_overall,
        "num_samples": statistics.num_samples,
        "has_yara_rule": statistics.has_yara_rule,
        "yara_covers": statistics.yara_covers,
        "has_complete_yara_rule": statistics.has_complete_yara_rule,
        "covers_required": statistics.covers_required,
        "min_instructions": statistics.min_instructions,
        "blocks_considered": statistics.blocks_considered,
        "num_samples_covered": statistics.num_samples_covered,
    })
}

struct Blocks<'a>(&'a Whole<'a>);

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Whole { result, notation } = self.0;
        serializer.collect_map(
            result.blocks.iter().map(|block| (notation.name(block.hash).to_string(), One(block))),
        )
    }
}

/// A block with the instructions of one function that holds it, which stands for all: the hash covers what is equal in them.
struct One<'a>(&'a UniqueBlock);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let block = self.0;
        let samples: Vec<i64> = block.samples.iter().map(|sample| sample.get()).collect();
        let instructions: Vec<_> = block
            .instructions
            .iter()
            .map(|one| (one.offset.get(), &one.bytes, &one.mnemonic, &one.operands))
            .collect();
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("samples", &samples)?;
        map.serialize_entry("length", &block.length)?;
        map.serialize_entry("function_id", &block.function_id.get())?;
        map.serialize_entry("sample_id", &block.sample_id.get())?;
        map.serialize_entry("offset", &block.offset.get())?;
        map.serialize_entry("instructions", &instructions)?;
        map.serialize_entry("escaped_sequence", &block.escaped_sequence)?;
        map.serialize_entry("score", &block.score)?;
        map.end()
    }
}

// Blocks are named by their hash, in hexadecimal or in decimal by the storage of the server. The notation is part of what is read, so that
// a result which is read and written again is unchanged.
/// Reads a result and the notation its blocks are named in (hex if it has none).
pub fn unique_blocks_from_json(bytes: &[u8]) -> Result<(UniqueBlocks, BlockNotation), ResultReadError> {
    let stated: Stated = serde_json::from_slice(bytes)?;
    // All keys of a result have one notation, so that of the last one is that of all.
    let mut notation = BlockNotation::Hex;
    let mut blocks = Vec::with_capacity(stated.unique_blocks.len());
    for (key, block) in stated.unique_blocks {
        let (written, hash) = BlockNotation::read(&key).ok_or(BAD_KEY)?;
        notation = written;
        blocks.push(serde_json::from_value::<StatedBlock>(block)?.into_block(hash));
    }
    let yara_rule = stated.yara_rule.iter().map(chosen).collect::<Option<_>>().ok_or(BAD_KEY)?;
    Ok((UniqueBlocks { statistics: stated.statistics.into(), blocks, yara_rule }, notation))
}

/// One fault for keys and for chosen blocks: either way a hash is not readable, and nothing more is known.
const BAD_KEY: EntryError =
    EntryError { record: "unique blocks", field: "unique_blocks", fault: "has a key that is no hash" };

/// A chosen block: text, or a number in results of the memory back end.
fn chosen(value: &Value) -> Option<BlockHash> {
    match value {
        Value::String(text) => Some(BlockNotation::read(text)?.1),
        other => other.as_u64().map(BlockHash::new),
    }
}

#[derive(Deserialize)]
struct Stated {
    statistics: StatedStatistics,
    unique_blocks: Map<String, Value>,
    yara_rule: Vec<Value>,
}

#[derive(Deserialize)]
struct StatedStatistics {
    by_sample_id: Map<String, Value>,
    unique_blocks_overall: u64,
    num_samples: u64,
    has_yara_rule: bool,
    yara_covers: u64,
    has_complete_yara_rule: bool,
    // Unknown to MCRIT before 1.9.0.
    #[serde(default)]
    covers_required: u64,
    #[serde(default)]
    min_instructions: u64,
    #[serde(default)]
    blocks_considered: u64,
    #[serde(default)]
    num_samples_covered: u64,
}

impl From<StatedStatistics> for UniqueBlocksStatistics {
    fn from(stated: StatedStatistics) -> Self {
        let by_sample = stated.by_sample_id.iter().filter_map(|(key, counts)| {
            // Counts are shown and never calculated with; one that is missing is 0.
            let count = |name: &str| counts[name].as_u64().unwrap_or_default();
            Some(SampleBlocks {
                sample_id: SampleId::new(key.parse().ok()?),
                total_blocks: count("total_blocks"),
                characteristic_blocks: count("characteristic_blocks"),
                unique_blocks: count("unique_blocks"),
            })
        });
        Self {
            by_sample: by_sample.collect(),
            unique_blocks_overall: stated.unique_blocks_overall,
            num_samples: stated.num_samples,
            has_yara_rule: stated.has_yara_rule,
            yara_covers: stated.yara_covers,
            has_complete_yara_rule: stated.has_complete_yara_rule,
            covers_required: stated.covers_required,
            min_instructions: stated.min_instructions,
            blocks_considered: stated.blocks_considered,
            num_samples_covered: stated.num_samples_covered,
        }
    }
}

#[derive(Deserialize)]
struct StatedBlock {
    samples: Vec<i64>,
    length: u32,
    function_id: i64,
    sample_id: i64,
    offset: u64,
    instructions: Vec<(u64, String, String, String)>,
    escaped_sequence: String,
    score: f64,
}

impl StatedBlock {
    fn into_block(self, hash: BlockHash) -> UniqueBlock {
        let instructions = self.instructions.into_iter().map(|(offset, bytes, mnemonic, operands)| {
            BlockInstruction { offset: Va::new(offset), bytes, mnemonic, operands }
        });
        UniqueBlock {
            hash,
            samples: self.samples.into_iter().map(SampleId::new).collect(),
            length: self.length,
            function_id: FunctionId::new(self.function_id),
            sample_id: SampleId::new(self.sample_id),
            offset: Va::new(self.offset),
            instructions: instructions.collect(),
            escaped_sequence: self.escaped_sequence,
            score: self.score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> UniqueBlocks {
        let samples = vec![SampleId::new(10), SampleId::new(2)];
        UniqueBlocks {
            statistics: UniqueBlocksStatistics {
                by_sample: vec![SampleBlocks {
                    sample_id: samples[0],
                    total_blocks: 9,
                    characteristic_blocks: 2,
                    unique_blocks: 1,
                }],
                unique_blocks_overall: 2,
                num_samples: 1,
                has_yara_rule: true,
                yara_covers: 3,
                has_complete_yara_rule: false,
                covers_required: 4,
                min_instructions: 5,
                blocks_considered: 6,
                num_samples_covered: 7,
            },
            blocks: vec![UniqueBlock {
                hash: BlockHash::new(0xff00),
                samples,
                length: 1,
                function_id: FunctionId::new(3),
                sample_id: SampleId::new(10),
                offset: Va::new(16),
                instructions: vec![BlockInstruction {
                    offset: Va::new(16),
                    bytes: "90".to_owned(),
                    mnemonic: "nop".to_owned(),
                    operands: String::new(),
                }],
                escaped_sequence: "90".to_owned(),
                score: 50.5,
            }],
            yara_rule: vec![BlockHash::new(0xff00)],
        }
    }

    #[test]
    fn keys_stand_in_the_order_of_the_reference() {
        let text = String::from_utf8(unique_blocks_to_json(&result(), BlockNotation::Hex)).unwrap();
        let expected = concat!(
            r#"{"statistics":{"by_sample_id":{"10":{"sample_id":10,"total_blocks":9,"characteristic_blocks":2,"#,
            r#""unique_blocks":1}},"unique_blocks_overall":2,"num_samples":1,"has_yara_rule":true,"yara_covers":3,"#,
            r#""has_complete_yara_rule":false,"covers_required":4,"min_instructions":5,"blocks_considered":6,"#,
            r#""num_samples_covered":7},"unique_blocks":{"0xff00":{"samples":[10,2],"length":1,"function_id":3,"#,
            r#""sample_id":10,"offset":16,"instructions":[[16,"90","nop",""]],"escaped_sequence":"90","score":50.5}},"#,
            r#""yara_rule":["0xff00"]}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for notation in [BlockNotation::Hex, BlockNotation::Decimal] {
            let json = unique_blocks_to_json(&result(), notation);
            assert_eq!(unique_blocks_from_json(&json).unwrap(), (result(), notation));
        }
    }

    #[test]
    fn other_documents_are_refused() {
        let json = String::from_utf8(unique_blocks_to_json(&result(), BlockNotation::Hex)).unwrap();
        for odd in ["", "[]", "{}", &json.replace("0xff00\":", "0xzz\":"), &json.replace("\"nop\"", "7")] {
            assert!(unique_blocks_from_json(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
