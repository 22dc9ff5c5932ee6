//! Records of functions as `.mcrit` files have them, with their disassembly taken apart on the way: one walk over the text.

use std::collections::HashSet;

use super::cursor::Cursor;
use super::function::fields;
use crate::columns::{self, Xcfg};
use crate::entry_text::{DisassembledFunction, FIELDS};
use crate::field::Present;
use crate::limits::MAX_FUNCTIONS;
use malkin_report::address::Va;
use malkin_report::entry::{BlockOccurrence, FunctionEntry, FunctionLabel};
use malkin_report::hash::{BlockHash, MinHash, PicHash};
use malkin_report::id::{FamilyId, FunctionId, SampleId};
use malkin_report::report::Architecture;

/// Lists longer than this are left to the ordinary reader, which counts what they may hold.
// A function has a few labels, and at most one block hash for each of its blocks.
const MOST_ITEMS: usize = 10_000;

/// Fields that have to be there.
const REQUIRED: &[&str] = &[
    "architecture",
    "binweight",
    "family_id",
    "function_id",
    "function_name",
    "minhash",
    "num_blocks",
    "num_instructions",
    "offset",
    "pichash",
    "sample_id",
];

/// Fields that MCRIT writes and nobody reads.
const UNREAD: &[&str] = &["matches", "minhash_shingle_composition"];

const LABEL_FIELDS: &[&str] = &["function_label", "timestamp", "username"];
const BLOCK_FIELDS: &[&str] = &["hash", "length", "offset", "size"];

/// Reads `{function number: record}` in the order stated.
pub(crate) fn records(text: &str) -> Option<Vec<DisassembledFunction>> {
    let mut cursor = Cursor::new(text);
    let mut records = Vec::new();
    // Keys are numbers of functions as text; the records have them again. Here they only must not repeat.
    let mut seen = HashSet::new();
    let mut scratch = Vec::new();
    cursor.object(|cursor| {
        let is_new = seen.insert(cursor.plain_text()?);
        cursor.take(b':')?;
        (is_new && records.len() < MAX_FUNCTIONS).then_some(())?;
        records.push(record(text, cursor, &mut scratch)?);
        Some(())
    })?;
    cursor.is_at_end().then_some(records)
}

/// One record. The entry begins as an empty one and is complete when all of [`REQUIRED`] were there.
fn record(
    text: &str,
    cursor: &mut Cursor<'_>,
    scratch: &mut Vec<BlockOccurrence>,
) -> Option<DisassembledFunction> {
    let mut entry = FunctionEntry {
        function_id: FunctionId::new(0),
        sample_id: SampleId::new(0),
        family_id: FamilyId::new(0),
        architecture: Architecture::Intel,
        binweight: 0.0,
        function_name: String::new(),
        function_labels: Vec::new(),
        minhash: MinHash::empty(),
        num_blocks: 0,
        num_instructions: 0,
        offset: Va::new(0),
        pichash: PicHash::new(0),
        picblockhashes: Vec::new(),
    };
    let mut xcfg = Xcfg::default();
    let mut present = Present::none_of(FIELDS);
    let mut unread = Present::none_of(UNREAD);
    cursor.object(|cursor| {
        let stated = cursor.plain_text()?;
        cursor.take(b':')?;
        let Some(name) = present.add(stated) else {
            unread.add(stated)?;
            // MCRIT writes both as empty objects; anything else is left to the ordinary reader.
            return (cursor.pass()? == "{}").then_some(());
        };
        match name {
            "architecture" => entry.architecture = Architecture::from_text(cursor.plain_text()?),
            "binweight" => entry.binweight = cursor.double()?,
            "family_id" => entry.family_id = FamilyId::new(signed(cursor)?),
            "function_id" => entry.function_id = FunctionId::new(signed(cursor)?),
            "function_labels" => entry.function_labels = labels(cursor)?,
            "function_name" => entry.function_name = cursor.text()?.into_owned(),
            "minhash" => entry.minhash = MinHash::from_hex(cursor.plain_text()?)?,
            "num_blocks" => entry.num_blocks = small(cursor)?,
            "num_instructions" => entry.num_instructions = small(cursor)?,
            "offset" => entry.offset = address(cursor)?,
            "picblockhashes" => entry.picblockhashes = blocks(cursor, scratch)?,
            "pichash" => entry.pichash = PicHash::new(cursor.integer()?),
            "sample_id" => entry.sample_id = SampleId::new(signed(cursor)?),
            _ => xcfg = disassembly(text, cursor)?,
        }
        Some(())
    })?;
    present.require::<serde_json::Error>(REQUIRED).ok()?;
    Some(DisassembledFunction { entry, xcfg })
}

/// Disassembly, `null`, or an object without fields where it was dropped.
fn disassembly(text: &str, cursor: &mut Cursor<'_>) -> Option<Xcfg> {
    if cursor.takes("null") || cursor.takes("{}") {
        return Some(Xcfg::default());
    }
    let start = cursor.at();
    // The text is checked and taken apart in one walk. Where that gives up, the object is read as a function, which is what decides
    // whether it is wrong or merely unusual.
    columns::taken_apart(text, cursor).or_else(|| {
        cursor.go_back(start);
        Xcfg::from_json(cursor.pass_tree()?).ok()
    })
}

fn labels(cursor: &mut Cursor<'_>) -> Option<Vec<FunctionLabel>> {
    let mut labels = Vec::new();
    cursor.array(|cursor| {
        let mut label = FunctionLabel {
            function_label: String::new(),
            username: String::new(),
            timestamp: String::new(),
        };
        exactly(cursor, LABEL_FIELDS, |cursor, name| {
            let text = cursor.text()?.into_owned();
            match name {
                "function_label" => label.function_label = text,
                "timestamp" => label.timestamp = text,
                _ => label.username = text,
            }
            Some(())
        })?;
        labels.push(label);
        (labels.len() < MOST_ITEMS).then_some(())
    })?;
    Some(labels)
}

/// Reads blocks into a vector of the exact size, by way of one that is used again.
fn blocks(cursor: &mut Cursor<'_>, blocks: &mut Vec<BlockOccurrence>) -> Option<Vec<BlockOccurrence>> {
    blocks.clear();
    cursor.array(|cursor| {
        if let Some(block) = usual_block(cursor) {
            blocks.push(block);
            return (blocks.len() < MOST_ITEMS).then_some(());
        }
        let mut block = BlockOccurrence { offset: Va::new(0), length: 0, size: 0, hash: BlockHash::new(0) };
        exactly(cursor, BLOCK_FIELDS, |cursor, name| {
            match name {
                "hash" => block.hash = BlockHash::new(cursor.integer()?),
                "length" => block.length = small(cursor)?,
                "offset" => block.offset = address(cursor)?,
                _ => block.size = small(cursor)?,
            }
            Some(())
        })?;
        blocks.push(block);
        (blocks.len() < MOST_ITEMS).then_some(())
    })?;
    Some(blocks.as_slice().to_vec())
}

/// A block whose fields come in the usual order. The cursor stays where it is if not.
fn usual_block(cursor: &mut Cursor<'_>) -> Option<BlockOccurrence> {
    // A copy stays in registers, and nothing is lost if the order is another: block hashes are the most frequent object of a file.
    let mut here = cursor.clone();
    here.take(b'{')?;
    here.key(b"\"offset\":")?;
    let offset = address(&mut here)?;
    here.take(b',')?;
    here.key(b"\"length\":")?;
    let length = small(&mut here)?;
    here.take(b',')?;
    here.key(b"\"size\":")?;
    let size = small(&mut here)?;
    here.take(b',')?;
    here.key(b"\"hash\":")?;
    let hash = BlockHash::new(here.integer()?);
    here.take(b'}')?;
    *cursor = here;
    Some(BlockOccurrence { offset, length, size, hash })
}

/// An object of exactly these fields.
fn exactly<'a>(
    cursor: &mut Cursor<'a>,
    known: &'static [&'static str],
    read: impl FnMut(&mut Cursor<'a>, &'static str) -> Option<()>,
) -> Option<()> {
    fields(cursor, known, read)?.require::<serde_json::Error>(known).ok()
}

/// A count; records keep 32 bits of it.
fn small(cursor: &mut Cursor<'_>) -> Option<u32> {
    u32::try_from(cursor.integer()?).ok()
}

/// An id: negative for queries (docs/reference/mcrit-api.md 2.1).
fn signed(cursor: &mut Cursor<'_>) -> Option<i64> {
    if cursor.peek()? == b'-' {
        cursor.take(b'-')?;
        // Zero with a sign is no integer to everybody, and blanks do not stand behind a sign.
        let start = cursor.at();
        let number = i64::try_from(cursor.integer()?).ok().filter(|number| *number > 0)?;
        return (cursor.at() - start == number.to_string().len()).then_some(-number);
    }
    i64::try_from(cursor.integer()?).ok()
}

/// An address, as two's complement or without sign.
fn address(cursor: &mut Cursor<'_>) -> Option<Va> {
    if cursor.peek()? == b'-' {
        return signed(cursor).map(Va::from_signed);
    }
    cursor.integer().map(Va::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entry_text::thorough_functions;

    const GOOD: &str = r#"{"45": {"architecture": "intel", "binweight": 292.0, "family_id": 1, "function_id": 45,
"function_name": "_aP", "function_labels": [{"username": "a", "function_label": "b\n", "timestamp": "c"}], "matches": {},
"minhash": "6b29", "minhash_shingle_composition": {}, "num_blocks": 50, "num_instructions": 145, "offset": -65568,
"pichash": 18446744073709551615, "picblockhashes": [{"offset": 65568, "length": 8, "size": 14, "hash": 7}], "sample_id": -2,
"xcfg": {"offset":3,"blocks":{},"apirefs":{},"blockrefs":{},"inrefs":[],"outrefs":{},"metadata":{"binweight":1,
"characteristics":null,"confidence":null,"function_name":"","strongly_connected_components":[],"tfidf":null}}},
"46": {"architecture":"dalvik","binweight":1,"family_id":1,"function_id":46,"function_name":"","minhash":"","num_blocks":0,
"num_instructions":0,"offset":18446744073709551615,"pichash":0,"sample_id":1,"xcfg":{}}}"#;

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        let short = records(GOOD).unwrap();
        assert_eq!(short, thorough_functions(GOOD.as_bytes()).unwrap());
        assert_eq!(short.len(), 2);
        assert!(!short[0].xcfg.is_empty() && short[1].xcfg.is_empty());
        assert_eq!(records("{}"), Some(Vec::new()));
    }

    #[test]
    fn unusual_records_are_left_to_the_long_way() {
        for (from, to) in [
            ("\"pichash\": 18446744073709551615", "\"pichash\": \"0x1\""),
            ("\"matches\": {}", "\"matches\": {\"a\": 1}"),
            ("\"matches\": {}", "\"more\": 1"),
            ("\"sample_id\":1,", ""),
            ("\"46\": {", "\"45\": {"),
            ("\"function_name\": \"_aP\"", "\"function_name\": null"),
            ("\"binweight\":1,", "\"binweight\":1,\"binweight\":1,"),
            ("\"sample_id\": -2", "\"sample_id\": -02"),
            ("\"sample_id\": -2", "\"sample_id\": - 2"),
            ("\"sample_id\": -2", "\"sample_id\": -0"),
            ("\"xcfg\":{}", "\"xcfg\":{\"blocks\":3}"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(records(&GOOD.replacen(from, to, 1)), None, "{to}");
        }
    }

    proptest! {
        #[test]
        fn damaged_records_are_read_as_the_long_way_reads_them(
            at in any::<prop::sample::Index>(), length in 0_usize..4,
            piece in prop::sample::select(vec!["", "{", "}", "[", "]", ",", ":", "\"", "1", "-", "0", "null", " ", "\\", "e", "x"]),
        ) {
            let at = at.index(GOOD.len());
            let damaged = format!("{}{piece}{}", &GOOD[..at], &GOOD[(at + length).min(GOOD.len())..]);
            if let Some(short) = records(&damaged) {
                prop_assert_eq!(short, thorough_functions(damaged.as_bytes()).unwrap(), "{}", damaged);
            }
        }
    }
}
