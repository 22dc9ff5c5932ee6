//! Whatever the bytes, reading answers or refuses; what it answers can be written and read back.

use proptest::prelude::*;

/// What decides how parts of a report are read.
const ARCHITECTURES: &[&str] = &["dalvik", "intel", "aarch64", "arm", "cil", "mips"];

/// A report with something in every part, from which mutants are made.
fn template(architecture: &str) -> Vec<u8> {
    let text = r#"{"architecture":"ARCHITECTURE","abi":"","base_addr":0,"binary_size":8192,"bitness":32,"code_areas":[[1,2]],
"code_sections":[["x",1,2]],"confidence_threshold":0.0,"disassembly_errors":{"1":[1]},"execution_time":0.5,"identified_alignment":0,
"message":"","metadata":{"binweight":3.0,"language":{"go":1,"cil":0.5,"_x":"","c":18446744073709551615},"version":38},"sha256":"00","smda_version":"4.4.1","status":"ok",
"statistics":{"num_functions":1,"num_recursive_functions":0,"num_leaf_functions":0,"num_basic_blocks":2,"num_instructions":3,
"num_api_calls":0,"num_function_calls":0,"num_failed_functions":0,"num_failed_instructions":0},"timestamp":"2021-02-04T15-13-54",
"xcfg":{"16":{"offset":16,"blocks":{"16":[[16,"1200","const/4","v0, #0"],[18,"0f00","return","v0"]],"20":[[20,"27ff","throw","\u00e9"]]},
"apirefs":{"16":"a!b"},"blockrefs":{"16":[20,20,16]},"inrefs":[5],"outrefs":{"16":[9]},"stringrefs":{"16":"text","18":""},
"architecture_metadata":{"thumb":true,"try_ranges":[{"start_addr":16,"end_addr":19,"handlers":[{"target_addr":20}],"catch_all_addr":40}]},
"metadata":{"binweight":6.0,"characteristics":null,"confidence":0.5,"function_name":"f","pic_hash":18446744073709551615,
"strongly_connected_components":[[16]],"tfidf":-1.5}},
"48":{"offset":48,"blocks":{},"apirefs":{},"blockrefs":{},"inrefs":[],"outrefs":{},"stringrefs":[{"string":"s","ins_addr":1}],
"is_exported":true,"architecture_metadata":{},"metadata":{"binweight":0,"characteristics":"---","confidence":null,"function_name":"",
"nesting_depth":3,"pic_hash":null,"strongly_connected_components":[],"tfidf":null}}},
"xdata_refs_from":{"-5":[3,-9],"7":[1]},"xdata_refs_to":{"3":[7]},"xheader":"4d 5A","xmetadata":{"symbols":{"10":"a","9":-2.5}}}"#;
    text.replace("ARCHITECTURE", architecture).into_bytes()
}

fn any_template() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(ARCHITECTURES).prop_map(template)
}

/// Values of every kind, and the numbers at the edges of what is a value.
const VALUES: &[&str] = &[
    "0",
    "-1",
    "-0.0",
    "1e308",
    "5e-324",
    "1e400",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "9007199254740993",
    "1.8446744073709552e19",
    "true",
    "null",
    "[]",
    "{}",
    "[[]]",
    "[16,20,16]",
    "{\"b\":1,\"a\":{}}",
    "{\"16\":[16]}",
    "{\"a\":1,\"a\":2}",
    "NaN",
    "\"\"",
    "\" CIL \"",
    "\"\\ud83d\\ude00\"",
    "\"2021-2-4T1-1-1\"",
];

/// Where values stand in a text: behind a colon, a comma or a bracket, up to where the value ends if it is a scalar.
fn places(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let starts = text.iter().enumerate().filter(|(_, byte)| matches!(byte, b':' | b',' | b'['));
    let scalar = |start: usize| {
        let length = text[start..]
            .iter()
            .take_while(|byte| !matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b':'))
            .count();
        start..start + length
    };
    starts.map(|(at, _)| scalar(at + 1)).filter(|place| !place.is_empty()).collect()
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(report) = malkin_wire::read_report(bytes) {
        for text in [malkin_wire::write_report(&report), malkin_wire::write_report_compact(&report)] {
            let again = malkin_wire::read_report(&text);
            prop_assert_eq!(again.as_ref(), Ok(&report));
        }
        let mut pieces = Vec::new();
        malkin_wire::write_report_to(&report, &mut pieces).expect("memory takes all");
        prop_assert_eq!(pieces, malkin_wire::write_report(&report));
        for function in &report.functions {
            let mut record = Vec::new();
            malkin_wire::function_to_json(function, &mut record);
            let alone = malkin_wire::function_from_json(&record);
            prop_assert_eq!(alone.as_ref(), Ok(function));
            let _ = malkin_report::cfg::nesting_depth(function);
            let _ = malkin_report::cfg::strongly_connected_components(&function.blockrefs);
        }
    }
    Ok(())
}

#[test]
fn the_templates_are_accepted() {
    for architecture in ARCHITECTURES {
        let bytes = template(architecture);
        let report = malkin_wire::read_report(&bytes).unwrap();
        assert_eq!(report.functions[0].blockrefs.len(), 3);
        assert_eq!(report.functions[0].stringrefs.is_array(), *architecture == "dalvik");
        check(&bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
        let _ = malkin_wire::function_from_json(&bytes);
        let _ = malkin_wire::read_function_entry(&bytes);
        let _ = malkin_wire::read_value(&bytes);
    }

    #[test]
    fn mutated_reports_never_panic(
        mut bytes in any_template(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"0123456789,:[]{}\"-.en\\u".to_vec())]), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(&bytes)?;
    }

    #[test]
    fn exchanged_values_never_panic(
        mut bytes in any_template(),
        exchanged in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(VALUES)), 1..4),
    ) {
        for (at, value) in exchanged {
            let places = places(&bytes);
            bytes.splice(places[at.index(places.len())].clone(), value.bytes());
        }
        check(&bytes)?;
    }

    #[test]
    fn moved_pieces_never_panic(mut bytes in any_template(), from in any::<prop::sample::Index>(), length in 0_usize..60, to in any::<prop::sample::Index>()) {
        let from = from.index(bytes.len());
        let piece: Vec<u8> = bytes[from..(from + length).min(bytes.len())].to_vec();
        let to = to.index(bytes.len());
        bytes.splice(to..to, piece);
        check(&bytes)?;
    }

    #[test]
    fn any_value_is_read_as_it_was_written(numbers in prop::collection::vec((any::<u64>(), any::<i64>(), -1e15_f64..1e15), 0..5), text in ".{0,20}") {
        let stated = serde_json::json!({"n": numbers, "t": text, "e": {"": [null, true]}});
        let bytes = serde_json::to_vec(&stated).unwrap();
        prop_assert_eq!(malkin_wire::read_value(&bytes).unwrap(), stated);
    }
}
