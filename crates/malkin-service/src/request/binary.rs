//! What a client says about an executable it sends, as positional parameters of the job that stores it.

use malkin_loader::LoadOptions;
use serde_json::{Map, Value, json};

/// Description of an executable or memory dump that comes without report. What the client did not say stays unsaid: the
/// job shows it as null.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BinaryArguments {
    /// Name of the file, as the client gave it.
    pub filename: Option<String>,
    /// Family the sample belongs to.
    pub family: Option<String>,
    /// Version of the family.
    pub version: Option<String>,
    /// A memory dump or raw code, mapped already.
    pub is_dump: bool,
    /// Where a dump is mapped.
    pub base_addr: u64,
    /// Bitness of a dump, 32 or 64.
    pub bitness: u32,
}

impl BinaryArguments {
    /// How the input is to be mapped: executables say so themselves, of dumps it was said.
    pub fn load_options(&self) -> LoadOptions {
        if self.is_dump {
            LoadOptions::buffer(self.base_addr, Some(self.bitness))
        } else {
            LoadOptions::file()
        }
    }

    pub(super) fn positional(&self) -> Vec<Value> {
        let Self { filename, family, version, is_dump, base_addr, bitness } = self;
        vec![
            Value::Null,
            json!(filename),
            json!(family),
            json!(version),
            json!(is_dump),
            json!(base_addr),
            json!(bitness),
        ]
    }

    pub(super) fn read(params: &Map<String, Value>) -> Option<Self> {
        let text = |position: &str| params.get(position).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            filename: text("1"),
            family: text("2"),
            version: text("3"),
            is_dump: params.get("4")?.as_bool()?,
            base_addr: params.get("5")?.as_u64()?,
            bitness: u32::try_from(params.get("6")?.as_u64()?).ok()?,
        })
    }
}
