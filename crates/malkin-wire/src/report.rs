//! A report as a whole (`docs/reference/similarity.md` 1.1).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::context::{Context, Step};
use super::data_refs::DataReferences;
use super::field::{fields, repeated, text_or_null};
use super::function::FunctionSeed;
use super::metadata::{MetadataSeed, StatisticsSeed};
use super::refs::AddressKey;
use super::value::{Skim, Strict};
use super::weight;
use crate::limits::MAX_FUNCTIONS;
use malkin_report::function::Function;
use malkin_report::report::{Architecture, Report, Status};

const FIELDS: &[&str] = &[
    "abi",
    "architecture",
    "base_addr",
    "binary_size",
    "bitness",
    "buffer",
    "code_areas",
    "code_sections",
    "confidence_threshold",
    "disassembly_errors",
    "execution_time",
    "identified_alignment",
    "md5",
    "message",
    "metadata",
    "oep",
    "pe_header_hash",
    "sha1",
    "sha256",
    "smda_version",
    "statistics",
    "status",
    "timestamp",
    "xcfg",
    "xdata_refs_from",
    "xdata_refs_to",
    "xheader",
    "xmetadata",
];
/// A report without one of these is refused (`docs/reference/similarity.md` 1.1).
const REQUIRED: &[&str] = &[
    "architecture",
    "base_addr",
    "binary_size",
    "bitness",
    "code_areas",
    "confidence_threshold",
    "disassembly_errors",
    "execution_time",
    "identified_alignment",
    "message",
    "sha256",
    "smda_version",
    "status",
    "xcfg",
];

/// Reads a report.
pub(super) struct ReportSeed<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for ReportSeed<'_> {
    type Value = Report;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Report, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReportSeed<'_> {
    type Value = Report;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Report, A::Error> {
        // Fields come in any order, and each is put where it belongs as it comes: nothing is held twice.
        let mut report = Report::empty(Architecture::Other(String::new()));
        let present = fields(self.context, FIELDS, &mut map, |name, map| {
            read_field(self.context, &mut report, name, map)
        })?;
        present.require(REQUIRED)?;
        complete(self.context, &mut report)?;
        Ok(report)
    }
}

/// What is left to do when all functions of a report are there.
pub(super) fn complete<E: Error>(context: &Context<'_>, report: &mut Report) -> Result<(), E> {
    // The architecture may be stated after the functions: only now is it known how their string references are meant.
    if report.architecture == Architecture::Dalvik {
        for function in &mut report.functions {
            list_string_references(context, &mut function.stringrefs)?;
        }
    }
    weight::check_report(context, report)
}

/// Reads the field `name` of a report. The table of types is docs/reference/similarity.md 1.1: numbers are exact, texts may be `null` where the
/// reference has no use for them, and what is kept without being understood is a tree.
fn read_field<'de, A: MapAccess<'de>>(
    context: &Context<'_>,
    report: &mut Report,
    name: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    match name {
        "abi" => report.abi = text_or_null(context, map)?.unwrap_or_default(),
        "architecture" => {
            report.architecture = Architecture::from_text(&text_or_null(context, map)?.unwrap_or_default());
        }
        "base_addr" => report.base_addr = map.next_value()?,
        "binary_size" => report.binary_size = map.next_value()?,
        "bitness" => report.bitness = map.next_value()?,
        "buffer" => report.buffer = map.next_value()?,
        "code_areas" => report.code_areas = map.next_value()?,
        "code_sections" => report.code_sections = Some(map.next_value_seed(CodeSections)?),
        "confidence_threshold" => report.confidence_threshold = map.next_value()?,
        "disassembly_errors" => report.disassembly_errors = map.next_value_seed(Strict { context })?,
        "execution_time" => report.execution_time = map.next_value()?,
        "identified_alignment" => report.identified_alignment = map.next_value()?,
        "md5" => report.md5 = text_or_null(context, map)?,
        "message" => report.message = text_or_null(context, map)?.unwrap_or_default(),
        "metadata" => report.metadata = map.next_value_seed(MetadataSeed { context })?,
        "oep" => report.oep = map.next_value()?,
        "pe_header_hash" => report.pe_header_hash = text_or_null(context, map)?,
        "sha1" => report.sha1 = text_or_null(context, map)?,
        "sha256" => report.sha256 = text_or_null(context, map)?.unwrap_or_default(),
        "smda_version" => report.smda_version = text_or_null(context, map)?,
        "statistics" => report.statistics = map.next_value_seed(StatisticsSeed { context })?,
        "status" => report.status = status(text_or_null(context, map)?.as_deref()),
        "timestamp" => report.timestamp = timestamp(&map.next_value::<String>()?)?,
        "xcfg" => report.functions = map.next_value_seed(Functions { context })?,
        "xdata_refs_from" => report.xdata_refs_from = Some(map.next_value_seed(DataReferences { context })?),
        "xdata_refs_to" => report.xdata_refs_to = Some(map.next_value_seed(DataReferences { context })?),
        "xheader" => report.xheader = Some(hex(map.next_value()?)?),
        _ => report.xmetadata = static_tables(map.next_value_seed(Strict { context })?)?,
    }
    Ok(())
}

/// Other text than SMDA writes is accepted, as the reference does; nothing depends on it.
fn status(text: Option<&str>) -> Status {
    match text {
        Some("ok") => Status::Ok,
        Some("timeout") => Status::Timeout,
        Some("error") => Status::Error,
        _ => Status::Unknown,
    }
}

fn static_tables<E: Error>(value: Value) -> Result<Option<Value>, E> {
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(value)),
        _ => Err(E::custom("expected an object")),
    }
}

/// Hex digits in pairs, white space between pairs allowed. Comes out in lower case without it.
fn hex<E: Error>(text: String) -> Result<String, E> {
    let pairs = text.split_ascii_whitespace();
    if pairs
        .clone()
        .any(|run| !run.len().is_multiple_of(2) || !run.bytes().all(|digit| digit.is_ascii_hexdigit()))
    {
        return Err(E::custom("expected hex digits in pairs"));
    }
    Ok(pairs.collect::<String>().to_ascii_lowercase())
}

/// Reads `YYYY-MM-DDTHH-MM-SS` as Python does: leading zeros may be missing behind the year, the date has to exist. Empty
/// text stays empty. Comes out with all zeros.
fn timestamp<E: Error>(text: &str) -> Result<String, E> {
    if text.is_empty() {
        return Ok(String::new());
    }
    normal_timestamp(text).ok_or_else(|| E::custom("expected a time as YYYY-MM-DDTHH-MM-SS"))
}

fn normal_timestamp(text: &str) -> Option<String> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, [2, 2, 2])?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let exists = year >= 1 && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    exists.then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}"))
}

/// Three numbers between dashes with at most as many digits as `widths` says; a width of four has to be filled.
fn numbers(text: &str, widths: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split('-');
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let digits = parts.next()?;
        let fits = (1..=width).contains(&digits.len()) && (width < 4 || digits.len() == width);
        if !fits || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        *number = digits.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Nodes that a string reference has in a list beyond the one it has in an object.
const NODES_OF_LISTED: usize = 4;

/// String references of Dalvik as a list. Older reports map the referring instruction to the text, which has to be a scalar:
/// anything else would end up deeper than it was, where it might not be read again.
fn list_string_references<E: Error>(context: &Context<'_>, stated: &mut Value) -> Result<(), E> {
    let Value::Object(by_address) = stated else { return Ok(()) };
    if by_address.values().any(|text| text.is_array() || text.is_object()) {
        return Err(E::custom("expected a text as string reference"));
    }
    // The list has more values than the object had, so it is paid for like values that were read.
    context.spend_value_nodes(by_address.len() * NODES_OF_LISTED)?;
    let mut pairs: Vec<(String, Value)> = std::mem::take(by_address).into_iter().collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let items = pairs.into_iter().map(|(address, text)| {
        let mut item = Map::new();
        item.insert("string".to_owned(), text);
        item.insert(
            "ins_addr".to_owned(),
            address.parse::<u64>().map_or(Value::String(address), Value::from),
        );
        item.insert("data_addr".to_owned(), Value::Null);
        item.insert("type".to_owned(), Value::from("dex"));
        Value::Object(item)
    });
    *stated = Value::Array(items.collect());
    Ok(())
}

/// Reads `{address: function}` in ascending order.
struct Functions<'c> {
    context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Functions<'_> {
    type Value = Vec<Function>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Functions<'_> {
    type Value = Vec<Function>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps addresses to functions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let context = self.context;
        let mut functions: Vec<Function> = Vec::new();
        while let Some(key) = map.next_key_seed(AddressKey)? {
            if functions.len() == MAX_FUNCTIONS {
                return Err(context.limit(format_args!("more than {MAX_FUNCTIONS} functions")));
            }
            let seed = FunctionSeed { context, key: Some(key) };
            functions.push(context.at(Step::Address(key), || map.next_value_seed(seed))?);
        }
        in_order(functions)
    }
}

// Two keys such as `1` and `01` are one address. The parser cannot see that, and a function that is there twice would be counted and matched
// twice.
/// Functions in ascending order of their offsets, none of which may repeat.
pub(super) fn in_order<E: Error>(mut functions: Vec<Function>) -> Result<Vec<Function>, E> {
    functions.sort_by_key(|function| function.offset);
    match functions.windows(2).find(|pair| pair[0].offset == pair[1].offset) {
        Some(pair) => Err(repeated(pair[0].offset.get())),
        None => Ok(functions),
    }
}

/// Reads `[[name, start, end], ...]`, leaving the names out as SMDA does.
struct CodeSections;

impl<'de> DeserializeSeed<'de> for CodeSections {
    type Value = Vec<(u64, u128)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for CodeSections {
    type Value = Vec<(u64, u128)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of sections")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut sections = Vec::new();
        while let Some(section) = seq.next_element_seed(CodeSection)? {
            sections.push(section);
        }
        Ok(sections)
    }
}

struct CodeSection;

impl<'de> DeserializeSeed<'de> for CodeSection {
    type Value = (u64, u128);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for CodeSection {
    type Value = (u64, u128);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section [name, start, end]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let short = |length| A::Error::invalid_length(length, &"a section of three items");
        seq.next_element_seed(Skim)?.ok_or_else(|| short(0))?;
        let start = seq.next_element()?.ok_or_else(|| short(1))?;
        let end = seq.next_element()?.ok_or_else(|| short(2))?;
        // The end is exclusive and may be 2^64, one more than an address: hence 128 bits.
        while seq.next_element_seed(Skim)?.is_some() {}
        Ok((start, end))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn timestamps_are_dates_that_exist() {
        assert_eq!(normal_timestamp("2021-2-4T1-1-1").as_deref(), Some("2021-02-04T01-01-01"));
        assert_eq!(normal_timestamp("2024-02-29T23-59-59").as_deref(), Some("2024-02-29T23-59-59"));
        for wrong in [
            "2023-02-29T00-00-00",
            "2021-02-04T15:13:54",
            "2021-02-04T15-13-60",
            "21-02-04T15-13-54",
            "x",
            "0000-01-01T00-00-00",
        ] {
            assert_eq!(normal_timestamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn string_references_of_dalvik_become_a_list() {
        let mut stated = json!({"20": "b", "100": "a"});
        let context = Context::new(0);
        list_string_references::<serde::de::value::Error>(&context, &mut stated).unwrap();
        let expected = json!([
            {"string": "a", "ins_addr": 100, "data_addr": null, "type": "dex"},
            {"string": "b", "ins_addr": 20, "data_addr": null, "type": "dex"},
        ]);
        assert_eq!(stated, expected);
    }
}
