//! Records of samples, families and functions as trees of JSON values, with the keys of MCRIT 1.9.0 (`docs/reference/mcrit-api.md` 2.1 to
//! 2.3). Text without a tree is `entry_text`.

use serde_json::{Map, Value, json};

use malkin_report::address::Va;
use malkin_report::entry::{BlockOccurrence, FamilyEntry, FunctionEntry, FunctionLabel, SampleEntry};
use malkin_report::hash::{BlockHash, MinHash, PicHash};
use malkin_report::id::{FamilyId, FunctionId, SampleId};
use malkin_report::report::{Architecture, Statistics};

/// Why a record cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{record} record: field `{field}` {fault}")]
pub struct EntryError {
    /// Which kind of record.
    pub record: &'static str,
    /// Which of its fields.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: &'static str,
}

// Addresses are signed in records and unsigned in reports: MongoDB has no unsigned numbers of 64 bits, and MCRIT shows what its database
// holds (`docs/reference/mcrit-api.md` 2.1).
/// A sample as clients see it.
pub fn sample_entry_to_json(entry: &SampleEntry) -> Value {
    json!({
        "architecture": entry.architecture.as_str(),
        "base_addr": entry.base_addr.to_signed(),
        "binary_size": entry.binary_size,
        "binweight": entry.binweight,
        "bitness": entry.bitness,
        "component": entry.component,
        "family_id": entry.family_id.get(),
        "family": entry.family,
        "filename": entry.filename,
        "is_library": entry.is_library,
        "sample_id": entry.sample_id.get(),
        "sha256": entry.sha256,
        "smda_version": entry.smda_version,
        "statistics": statistics_to_json(&entry.statistics),
        "timestamp": entry.timestamp,
        "version": entry.version,
    })
}

/// Counts of a report as clients see them.
///
/// In the order of MCRIT, which is not that of report files: there keys are sorted.
pub fn statistics_to_json(counts: &Statistics) -> Value {
    let mut value = Map::new();
    let mut add = |name: &str, count: Option<u64>| value.insert(name.to_owned(), count.into());
    add("num_functions", Some(counts.num_functions));
    add("num_recursive_functions", Some(counts.num_recursive_functions));
    add("num_leaf_functions", Some(counts.num_leaf_functions));
    // Records of SMDA before version 2 lack the member and go on lacking it; a `null` of a later one stays `null`.
    if !counts.omits_thunks {
        add("num_thunk_functions", counts.num_thunk_functions);
    }
    add("num_basic_blocks", Some(counts.num_basic_blocks));
    add("num_instructions", Some(counts.num_instructions));
    add("num_api_calls", Some(counts.num_api_calls));
    add("num_function_calls", Some(counts.num_function_calls));
    add("num_failed_functions", Some(counts.num_failed_functions));
    add("num_failed_instructions", Some(counts.num_failed_instructions));
    Value::Object(value)
}

/// A family as clients see it, without its samples.
pub fn family_entry_to_json(entry: &FamilyEntry) -> Value {
    json!({
        "family_id": entry.family_id.get(),
        "family_name": entry.family_name,
        "num_samples": entry.num_samples,
        "num_functions": entry.num_functions,
        "num_library_samples": entry.num_library_samples,
    })
}

/// A function as clients see it. `xcfg` is its disassembly as an object, or `null` when that was not asked for.
pub fn function_entry_to_json(entry: &FunctionEntry, xcfg: Value) -> Value {
    let labels: Vec<Value> = entry.function_labels.iter().map(label_to_json).collect();
    let blocks: Vec<Value> = entry.picblockhashes.iter().map(block_to_json).collect();
    json!({
        "architecture": entry.architecture.as_str(),
        "binweight": entry.binweight,
        "family_id": entry.family_id.get(),
        "function_id": entry.function_id.get(),
        "function_name": entry.function_name,
        "function_labels": labels,
        // Members that MCRIT always writes and never fills for clients.
        "matches": {},
        "minhash": entry.minhash.to_hex(),
        "minhash_shingle_composition": {},
        "num_blocks": entry.num_blocks,
        "num_instructions": entry.num_instructions,
        "offset": entry.offset.to_signed(),
        "pichash": entry.pichash.get(),
        "picblockhashes": blocks,
        "sample_id": entry.sample_id.get(),
        "xcfg": xcfg,
    })
}

fn label_to_json(label: &FunctionLabel) -> Value {
    json!({"function_label": label.function_label, "username": label.username, "timestamp": label.timestamp})
}

fn block_to_json(block: &BlockOccurrence) -> Value {
    json!({
        "offset": block.offset.to_signed(),
        "length": block.length,
        "size": block.size,
        "hash": block.hash.get(),
    })
}

// Readers of records are for exports and databases of other servers. What they hold of old versions is taken (see each reader); another type
// than stated is refused, because a record that is stored half would be exported half.
/// Reads a sample. Counts are the only part that may be short of keys: old exports lack `num_thunk_functions`.
pub fn sample_entry_from_json(value: &Value) -> Result<SampleEntry, EntryError> {
    let record = Record { name: "sample", value };
    Ok(SampleEntry {
        sample_id: SampleId::new(record.signed("sample_id")?),
        family_id: FamilyId::new(record.signed("family_id")?),
        family: record.text("family")?,
        version: record.text("version")?,
        component: record.text("component")?,
        filename: record.text("filename")?,
        is_library: record.flag("is_library")?,
        sha256: record.text("sha256")?,
        architecture: Architecture::from_text(&record.text("architecture")?),
        bitness: record.unsigned("bitness")?,
        base_addr: record.address("base_addr")?,
        binary_size: record.unsigned("binary_size")?,
        binweight: record.float("binweight")?,
        smda_version: record.text("smda_version").unwrap_or_default(),
        statistics: statistics_from_json(record.get("statistics")?)?,
        timestamp: record.text("timestamp")?,
    })
}

/// Reads counts. A count that is missing or `null` is 0.
pub fn statistics_from_json(value: &Value) -> Result<Statistics, EntryError> {
    let record = Record { name: "statistics", value };
    // Missing, `null` and a number are three things, and all three have to come back as they were.
    let thunks = value.get("num_thunk_functions");
    Ok(Statistics {
        num_functions: record.unsigned("num_functions")?,
        num_recursive_functions: record.count("num_recursive_functions")?,
        num_leaf_functions: record.count("num_leaf_functions")?,
        num_thunk_functions: thunks.and_then(Value::as_u64),
        omits_thunks: thunks.is_none(),
        num_basic_blocks: record.count("num_basic_blocks")?,
        num_instructions: record.count("num_instructions")?,
        num_api_calls: record.count("num_api_calls")?,
        num_function_calls: record.count("num_function_calls")?,
        num_failed_functions: record.count("num_failed_functions")?,
        num_failed_instructions: record.count("num_failed_instructions")?,
    })
}

/// Reads a family.
pub fn family_entry_from_json(value: &Value) -> Result<FamilyEntry, EntryError> {
    let record = Record { name: "family", value };
    Ok(FamilyEntry {
        family_id: FamilyId::new(record.signed("family_id")?),
        family_name: record.text("family_name")?,
        num_samples: record.unsigned("num_samples")?,
        num_functions: record.unsigned("num_functions")?,
        num_library_samples: record.unsigned("num_library_samples")?,
    })
}

/// Reads a function; its `xcfg` is left to [`crate::function_from_json`]. Labels and block hashes may be missing,
/// and hashes may be hexadecimal text as databases of MCRIT hold them.
pub fn function_entry_from_json(value: &Value) -> Result<FunctionEntry, EntryError> {
    let record = Record { name: "function", value };
    let labels = record.list("function_labels")?.iter().map(label_from_json).collect::<Result<_, _>>()?;
    let blocks = record.list("picblockhashes")?.iter().map(block_from_json).collect::<Result<_, _>>()?;
    let minhash = record.text("minhash")?;
    Ok(FunctionEntry {
        function_id: FunctionId::new(record.signed("function_id")?),
        sample_id: SampleId::new(record.signed("sample_id")?),
        family_id: FamilyId::new(record.signed("family_id")?),
        architecture: Architecture::from_text(&record.text("architecture")?),
        binweight: record.float("binweight")?,
        function_name: record.text("function_name")?,
        function_labels: labels,
        minhash: MinHash::from_hex(&minhash).ok_or(record.fault("minhash", "is not hexadecimal"))?,
        num_blocks: record.small("num_blocks")?,
        num_instructions: record.small("num_instructions")?,
        offset: record.address("offset")?,
        pichash: PicHash::new(record.hash("pichash")?),
        picblockhashes: blocks,
    })
}

fn label_from_json(value: &Value) -> Result<FunctionLabel, EntryError> {
    let record = Record { name: "function label", value };
    Ok(FunctionLabel {
        function_label: record.text("function_label")?,
        username: record.text("username")?,
        timestamp: record.text("timestamp")?,
    })
}

fn block_from_json(value: &Value) -> Result<BlockOccurrence, EntryError> {
    let record = Record { name: "block", value };
    Ok(BlockOccurrence {
        offset: record.address("offset")?,
        length: record.small("length")?,
        size: record.small("size")?,
        hash: BlockHash::new(record.hash("hash")?),
    })
}

/// A JSON object on its way into a record. Like the reference, `null` is read as an empty text, 0 or false.
struct Record<'v> {
    name: &'static str,
    value: &'v Value,
}

impl<'v> Record<'v> {
    fn fault(&self, field: &'static str, fault: &'static str) -> EntryError {
        EntryError { record: self.name, field, fault }
    }

    fn get(&self, field: &'static str) -> Result<&'v Value, EntryError> {
        self.value.get(field).ok_or_else(|| self.fault(field, "is missing"))
    }

    fn text(&self, field: &'static str) -> Result<String, EntryError> {
        match self.get(field)? {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(self.fault(field, "is not a text")),
        }
    }

    fn flag(&self, field: &'static str) -> Result<bool, EntryError> {
        match self.get(field)? {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
            _ => Err(self.fault(field, "is not a boolean")),
        }
    }

    fn float(&self, field: &'static str) -> Result<f64, EntryError> {
        match self.get(field)? {
            Value::Null => Ok(0.0),
            value => value.as_f64().ok_or_else(|| self.fault(field, "is not a number")),
        }
    }

    fn unsigned(&self, field: &'static str) -> Result<u64, EntryError> {
        match self.get(field)? {
            Value::Null => Ok(0),
            value => value.as_u64().ok_or_else(|| self.fault(field, "is not an integer from 0 to 2^64-1")),
        }
    }

    fn small(&self, field: &'static str) -> Result<u32, EntryError> {
        u32::try_from(self.unsigned(field)?).map_err(|_| self.fault(field, "exceeds 32 bits"))
    }

    /// As [`Record::unsigned`], and may be missing.
    fn count(&self, field: &'static str) -> Result<u64, EntryError> {
        if self.value.get(field).is_none() { Ok(0) } else { self.unsigned(field) }
    }

    /// Ids: `null` is none of them, since an entry without a number cannot be referred to.
    fn signed(&self, field: &'static str) -> Result<i64, EntryError> {
        self.get(field)?.as_i64().ok_or_else(|| self.fault(field, "is not an integer of 64 bits"))
    }

    /// An address, as two's complement or without sign.
    fn address(&self, field: &'static str) -> Result<Va, EntryError> {
        let value = self.get(field)?;
        let signed = value.as_i64().map(Va::from_signed);
        signed
            .or(value.as_u64().map(Va::new))
            .ok_or_else(|| self.fault(field, "is not an address of 64 bits"))
    }

    /// A hash as integer, `0x` text or `null` for none.
    fn hash(&self, field: &'static str) -> Result<u64, EntryError> {
        let fault = || self.fault(field, "is not a hash of 64 bits");
        match self.get(field)? {
            Value::Null => Ok(0),
            Value::String(text) => {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                // `from_str_radix` takes a sign, which no hash has.
                let plain = !digits.starts_with('+');
                u64::from_str_radix(digits, 16).ok().filter(|_| plain).ok_or_else(fault)
            }
            value => value.as_u64().ok_or_else(fault),
        }
    }

    /// A list that may be missing: labels and block hashes came with later versions.
    fn list(&self, field: &'static str) -> Result<&'v [Value], EntryError> {
        match self.value.get(field) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.fault(field, "is not a list")),
        }
    }
}

#[cfg(test)]
mod tests {
    use malkin_report::report::Report;

    use super::*;

    fn function() -> FunctionEntry {
        let text = |text: &str| text.to_owned();
        FunctionEntry {
            function_id: FunctionId::new(7),
            sample_id: SampleId::new(-1),
            family_id: FamilyId::new(2),
            architecture: Architecture::Cil,
            binweight: 12.0,
            function_name: text("f"),
            function_labels: vec![FunctionLabel {
                function_label: text("l"),
                username: text("u"),
                timestamp: text("t"),
            }],
            minhash: MinHash::from_bytes([0, 255]),
            num_blocks: 1,
            num_instructions: 4,
            offset: Va::new(u64::MAX),
            pichash: PicHash::new(u64::MAX),
            picblockhashes: vec![BlockOccurrence {
                offset: Va::new(1),
                length: 4,
                size: 9,
                hash: BlockHash::new(1 << 63),
            }],
        }
    }

    #[test]
    fn functions_survive_the_round_trip_and_show_signed_offsets() {
        let value = function_entry_to_json(&function(), Value::Null);
        assert_eq!(value["offset"], -1);
        assert_eq!(value["pichash"], u64::MAX);
        assert_eq!(value["minhash"], "00ff");
        assert_eq!(function_entry_from_json(&value).unwrap(), function());
    }

    #[test]
    fn hashes_may_be_text_and_lists_may_be_missing() {
        let mut value = function_entry_to_json(&function(), Value::Null);
        value["pichash"] = json!("0xffffffffffffffff");
        value["picblockhashes"][0]["hash"] = json!("0x8000000000000000");
        assert_eq!(function_entry_from_json(&value).unwrap(), function());
        value.as_object_mut().unwrap().remove("picblockhashes");
        value.as_object_mut().unwrap().remove("function_labels");
        let bare = function_entry_from_json(&value).unwrap();
        assert!(bare.picblockhashes.is_empty() && bare.function_labels.is_empty());
        value["pichash"] = json!("0x+1");
        let error = function_entry_from_json(&value).unwrap_err();
        assert_eq!(error.to_string(), "function record: field `pichash` is not a hash of 64 bits");
    }

    #[test]
    fn a_sample_needs_counts_and_time() {
        let mut report = Report::empty(Architecture::Intel);
        let of = |report: &Report| SampleEntry::of_report(report, SampleId::new(0), FamilyId::NAMELESS);
        assert_eq!(of(&report), None);
        report.statistics = Some(Statistics { num_functions: 3, ..Statistics::default() });
        assert_eq!(of(&report), None);
        report.timestamp = "2021-02-04T15-13-54".to_owned();
        report.base_addr = Some(u64::MAX - 4095);
        let entry = of(&report).unwrap();
        let value = sample_entry_to_json(&entry);
        assert_eq!(value["base_addr"], -4096);
        assert_eq!(value["statistics"]["num_thunk_functions"], Value::Null);
        assert_eq!(value["statistics"].as_object().unwrap().len(), 10);
        assert_eq!(sample_entry_from_json(&value).unwrap(), entry);
    }

    #[test]
    fn counts_of_old_exports_keep_lacking_thunks() {
        let stated = json!({"num_functions": 2, "num_recursive_functions": 0, "num_leaf_functions": 0, "num_basic_blocks": 9,
            "num_instructions": 50, "num_api_calls": 0, "num_function_calls": 0, "num_failed_functions": 0,
            "num_failed_instructions": 0});
        assert_eq!(statistics_to_json(&statistics_from_json(&stated).unwrap()), stated);
    }
}
