//! Real exports are read, written and read again; hostile ones are refused.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;
use std::path::PathBuf;

use malkin_wire::mcrit::{McritError, McritReader, McritWriter, base85, zip};
use serde_json::Value;

fn exports() -> Option<Vec<PathBuf>> {
    let mut files = malkin_testkit::files_in(malkin_testkit::shared("exports")?, ".mcrit");
    files.extend(malkin_testkit::files_in(malkin_testkit::shared("mcrit-api/golden/inputs")?, ".mcrit"));
    Some(files)
}

/// The whole file as a tree, functions unpacked.
fn tree(bytes: &[u8]) -> Value {
    let mut file: Value = serde_json::from_slice(bytes).unwrap();
    for functions in file["function_entries"].as_object_mut().unwrap().values_mut() {
        if let Some(text) = functions.as_str() {
            let json = zip::unpack(&base85::decode(text.as_bytes()).unwrap(), "content").unwrap();
            *functions = serde_json::from_slice(&json).unwrap();
        }
    }
    file
}

fn rewritten(bytes: &[u8], compress: bool) -> Vec<u8> {
    let mut reader = McritReader::open(Cursor::new(bytes)).unwrap();
    let mut header = reader.header().clone();
    header.content.is_compressed = compress;
    let mut writer = McritWriter::new(Vec::new(), &header, reader.samples()).unwrap();
    while let Some(record) = reader.next_sample().unwrap() {
        let functions = record.functions.iter();
        writer
            .functions(
                functions.map(|one| (&one.entry, one.xcfg.as_deref().map(|text| text.get().as_bytes()))),
            )
            .unwrap();
    }
    writer.finish().unwrap()
}

/// Equal as clients see it: 7 and 7.0 are the same number unless it is too large for a double.
fn assert_same(a: &Value, b: &Value, path: &str) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            a.iter().for_each(|(key, value)| assert_same(value, &b[key], &format!("{path}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            a.iter().zip(b).for_each(|(a, b)| assert_same(a, b, path));
        }
        (Value::Number(x), Value::Number(y)) if x.is_f64() != y.is_f64() => {
            assert_eq!(x.as_f64(), y.as_f64(), "{path}");
        }
        _ => assert_eq!(a, b, "{path}"),
    }
}

#[test]
fn real_exports_survive_reading_and_writing() {
    let Some(files) = exports() else { return };
    let (mut samples, mut functions, mut disassembled) = (0, 0, 0);
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let mut stated = tree(&bytes);
        for compress in [false, true] {
            let mut written = tree(&rewritten(&bytes, compress));
            for tree in [&mut stated, &mut written] {
                tree["content"]["is_compressed"] = Value::Null;
            }
            assert_same(&stated, &written, "");
        }
        let mut reader = McritReader::open(Cursor::new(&bytes)).unwrap();
        let content = reader.header().content;
        let mut count = 0;
        while let Some(record) = reader.next_sample().unwrap() {
            samples += 1;
            count += record.functions.len();
            for function in &record.functions {
                let text = function.xcfg.as_ref().unwrap().get();
                let disassembly = malkin_wire::function_from_json(text.as_bytes()).unwrap();
                assert_eq!(disassembly.num_instructions(), function.entry.num_instructions as usize);
                assert_eq!(disassembly.num_blocks(), function.entry.num_blocks as usize);
                assert_eq!(disassembly.offset, function.entry.offset);
                disassembled += 1;
            }
        }
        assert_eq!(count as u64, content.num_functions, "{}", file.display());
        functions += count;
    }
    println!(
        "{} exports, {samples} samples, {functions} functions, {disassembled} disassembled",
        files.len()
    );
    let (exports, total) = if malkin_testkit::has_shared() { (48, 22_528) } else { (4, 222) };
    assert!(files.len() >= exports && functions == total && disassembled == functions, "{functions}");
}

/// A small export whose parts come in the order given.
fn small(order: &[&str]) -> String {
    let part = |name: &str| match name {
        "content" => r#"{"is_compressed":false,"num_families":1,"num_samples":1,"num_functions":1}"#,
        "config" => r#"{"version":"1.9.0","shingler":"aa","minhash":"bb"}"#,
        "family_mapping" => r#"{"3":"f"}"#,
        "sample_entries" => {
            r#"{"ab":{"architecture":"intel","base_addr":-4096,"binary_size":5,"binweight":3,"bitness":32,"component":"","family_id":3,
            "family":"f","filename":"n","is_library":false,"sample_id":9,"sha256":"ab","smda_version":"1.5","statistics":{"num_functions":1},
            "timestamp":"2021-02-04T15-13-54","version":""}}"#
        }
        _ => {
            r#"{"ab":{"7":{"architecture":"intel","binweight":1.0,"family_id":3,"function_id":7,"function_name":"x","minhash":"","num_blocks":1,
            "num_instructions":1,"offset":4096,"pichash":18446744073709551615,"sample_id":9,"xcfg":{"a": [1, {"b":"}"}]}}}}"#
        }
    };
    let parts: Vec<String> = order.iter().map(|name| format!("\"{name}\":{}", part(name))).collect();
    format!("{{{}}}", parts.join(","))
}

const ORDER: [&str; 5] = ["content", "config", "family_mapping", "sample_entries", "function_entries"];

#[test]
fn parts_may_come_in_any_order_and_labels_may_be_missing() {
    for order in [ORDER, ["function_entries", "sample_entries", "family_mapping", "config", "content"]] {
        // The source need not stand at its start.
        let text = format!("garbage{}\n", small(&order));
        let mut source = Cursor::new(text.as_bytes());
        source.set_position(7);
        let mut reader = McritReader::open(source).unwrap();
        assert_eq!(reader.samples()[0].base_addr.get(), u64::MAX - 4095);
        let record = reader.next_sample().unwrap().unwrap();
        assert_eq!(record.functions[0].entry.pichash.get(), u64::MAX);
        assert_eq!(record.functions[0].xcfg.as_ref().unwrap().get(), "{\"a\": [1, {\"b\":\"}\"}]}");
        assert!(reader.next_sample().unwrap().is_none());
    }
}

#[test]
fn a_known_sample_can_be_passed_over() {
    let text = small(&ORDER);
    let mut reader = McritReader::open(Cursor::new(text.as_bytes())).unwrap();
    reader.skip_sample();
    reader.skip_sample();
    assert!(reader.next_sample().unwrap().is_none());
}

fn read(text: &str) -> Result<usize, McritError> {
    let mut reader = McritReader::open(Cursor::new(text.as_bytes()))?;
    let mut functions = 0;
    while let Some(record) = reader.next_sample()? {
        functions += record.functions.len();
    }
    Ok(functions)
}

#[test]
fn broken_exports_are_refused_with_their_reason() {
    let whole = small(&ORDER);
    assert_eq!(read(&whole).unwrap(), 1);
    for name in ORDER {
        let rest: Vec<&str> = ORDER.into_iter().filter(|other| *other != name).collect();
        assert_eq!(read(&small(&rest)).unwrap_err().to_string(), format!("`{name}` is missing"));
        let twice: Vec<&str> = ORDER.into_iter().chain([name]).collect();
        assert_eq!(
            read(&small(&twice)).unwrap_err().to_string(),
            format!("the key `{name}` occurs twice in one object")
        );
    }
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at {end}");
    }
    let cases = [
        ("\"ab\":{\"7\"", "\"cd\":{\"7\"", "`function_entries.ab` is missing"),
        (
            "\"offset\":4096",
            "\"offset\":\"x\"",
            "ab: function record: field `offset` is not an address of 64 bits",
        ),
        ("\"minhash\":\"\"", "\"minhash\":\"0\"", "ab: function record: field `minhash` is not hexadecimal"),
        ("\"xcfg\":{\"a\"", "\"xcfg\":5,\"x\":{\"a\"", "ab: [0].xcfg: expected an object or null"),
        (
            "\"pichash\":18446744073709551615",
            "\"pichash\":18446744073709551616",
            "ab: [0].pichash: a number is too large",
        ),
        ("\"version\":\"1.9.0\"", "\"version\":1", "config: config record: field `version` is not a text"),
        ("{\"3\":\"f\"}", "{\"x\":\"f\"}", "family_mapping: family_mapping record"),
        ("{\"3\":\"f\"}", "{\"3\":\"f\",\"3\":\"f\"}", "family_mapping: the key `3` occurs twice"),
        ("\"num_samples\":1", "\"num_samples\":-1", "content: content record: field `num_samples`"),
        (
            "\"bitness\":32",
            "\"bitness\":32,\"bitness\":32",
            "sample_entries.ab: the key `bitness` occurs twice",
        ),
        ("\"bitness\":32,", "", "sample_entries.ab: sample record: field `bitness` is missing"),
        ("{\"is_compressed\"", "{\"is_compressed\":}{", "content:"),
    ];
    for (from, to, message) in cases {
        assert!(whole.contains(from), "{from}");
        let error = read(&whole.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(read(&format!("{whole}x")).unwrap_err().to_string().starts_with("something follows the object"));
}

#[test]
fn damaged_archives_are_refused() {
    let start = small(&ORDER);
    let start = &start[..start.find("{\"ab\":{\"7\"").unwrap()];
    let with =
        |functions: &str| read(&format!("{start}{{\"ab\":\"{functions}\"}}}}")).unwrap_err().to_string();
    assert_eq!(with("\\n"), "functions of sample ab: the text is not base85");
    assert_eq!(with("00000"), "functions of sample ab: the archive is damaged");
    let bomb = zip::pack("content", &vec![b' '; 100 << 20]).unwrap();
    assert_eq!(
        with(&base85::encode(&bomb)),
        "functions of sample ab: the content of the archive is too large"
    );
    let empty = zip::pack("content", b"[]").unwrap();
    assert!(with(&base85::encode(&empty)).contains("expected an object of function records"));
}

#[test]
fn a_writer_wants_the_functions_of_every_sample() {
    let text = small(&ORDER);
    let reader = McritReader::open(Cursor::new(text.as_bytes())).unwrap();
    let mut writer = McritWriter::new(Vec::new(), reader.header(), reader.samples()).unwrap();
    let unfinished = McritWriter::new(Vec::new(), reader.header(), reader.samples()).unwrap();
    assert!(unfinished.finish().is_err());
    writer.functions([]).unwrap();
    assert!(writer.functions([]).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn mutated_exports_never_panic(at in proptest::prelude::any::<proptest::prelude::prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = small(&ORDER).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(mut reader) = McritReader::open(Cursor::new(&bytes)) {
            while let Ok(Some(_)) = reader.next_sample() {}
        }
    }
}
