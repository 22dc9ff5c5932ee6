//! What a `.mcrit` file says about itself.

use serde_json::{Map, Value, json};

use crate::EntryError;
use malkin_report::id::FamilyId;

/// Counts that a file states about itself. They are shown, never relied upon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// Whether the functions of each sample are packed.
    pub is_compressed: bool,
    /// Families of the samples.
    pub num_families: u64,
    /// Samples.
    pub num_samples: u64,
    /// Functions of all samples.
    pub num_functions: u64,
}

// An importer compares these with its own settings: hashes made with others match nothing, and nobody would see why
// (docs/reference/mcrit-api.md section 12).
/// Which software and which configuration made the hashes of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// Version of the server.
    pub version: String,
    /// SHA-256 of the shingler's configuration, hex.
    pub shingler: String,
    /// SHA-256 of the MinHash configuration, hex.
    pub minhash: String,
    /// Fingerprint of the escaper by architecture, 16 hex digits each. Absent in older files.
    pub escaper: Option<Vec<(String, String)>>,
    /// Version of the disassembler the server ran with. Absent in older files.
    pub smda_version: Option<String>,
}

/// Everything in a file but samples and functions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Counts.
    pub content: Content,
    /// Origin of the hashes.
    pub config: Config,
    /// Names of the families by the numbers that the samples of the file use.
    pub family_mapping: Vec<(FamilyId, String)>,
}

fn fault(record: &'static str, field: &'static str, fault: &'static str) -> EntryError {
    EntryError { record, field, fault }
}

impl Content {
    pub(super) fn from_json(value: &Value) -> Result<Self, EntryError> {
        let count = |field: &'static str| {
            value
                .get(field)
                .map_or(Ok(0), |count| count.as_u64().ok_or(fault("content", field, "is not a count")))
        };
        Ok(Self {
            is_compressed: value.get("is_compressed").and_then(Value::as_bool).ok_or(fault(
                "content",
                "is_compressed",
                "is not a boolean",
            ))?,
            num_families: count("num_families")?,
            num_samples: count("num_samples")?,
            num_functions: count("num_functions")?,
        })
    }

    pub(super) fn to_json(self) -> Value {
        json!({
            "is_compressed": self.is_compressed,
            "num_families": self.num_families,
            "num_samples": self.num_samples,
            "num_functions": self.num_functions,
        })
    }
}

impl Config {
    pub(super) fn from_json(value: &Value) -> Result<Self, EntryError> {
        let text = |field: &'static str| {
            let text = value.get(field).ok_or(fault("config", field, "is missing"))?;
            text.as_str().map(str::to_owned).ok_or(fault("config", field, "is not a text"))
        };
        let escaper = match value.get("escaper") {
            // Older files say nothing about their escapers.
            None | Some(Value::Null) => None,
            Some(Value::Object(fingerprints)) => {
                let pairs = fingerprints.iter().map(|(architecture, fingerprint)| {
                    let text =
                        fingerprint.as_str().ok_or(fault("config", "escaper", "is not a fingerprint"))?;
                    Ok((architecture.clone(), text.to_owned()))
                });
                Some(pairs.collect::<Result<_, _>>()?)
            }
            Some(_) => return Err(fault("config", "escaper", "is not an object")),
        };
        Ok(Self {
            version: text("version")?,
            shingler: text("shingler")?,
            minhash: text("minhash")?,
            escaper,
            smda_version: value.get("smda_version").and_then(Value::as_str).map(str::to_owned),
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        add("version", self.version.as_str().into());
        add("shingler", self.shingler.as_str().into());
        add("minhash", self.minhash.as_str().into());
        if let Some(escaper) = &self.escaper {
            let pairs = escaper.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            add("escaper", Value::Object(pairs.collect()));
        }
        if let Some(version) = &self.smda_version {
            add("smda_version", version.as_str().into());
        }
        Value::Object(fields)
    }
}

/// Reads `{family number: name}`.
pub(super) fn families_from_json(value: &Value) -> Result<Vec<(FamilyId, String)>, EntryError> {
    let wrong = fault("family_mapping", "name", "is not a text under a family number");
    let fields = value.as_object().ok_or_else(|| wrong.clone())?;
    let pairs = fields.iter().map(|(number, name)| {
        let number = number.parse().map_err(|_| wrong.clone())?;
        // A family without a name may be `null`.
        let name = if name.is_null() { "" } else { name.as_str().ok_or_else(|| wrong.clone())? };
        Ok((FamilyId::new(number), name.to_owned()))
    });
    pairs.collect()
}

pub(super) fn families_to_json(families: &[(FamilyId, String)]) -> Value {
    Value::Object(
        families.iter().map(|(number, name)| (number.to_string(), Value::from(name.as_str()))).collect(),
    )
}
