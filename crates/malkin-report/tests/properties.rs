//! Whatever the bytes, reading answers or refuses; what it answers can be written and read back.

use malkin_report::wire;
use proptest::prelude::*;

/// A report with something in every part, from which mutants are made.
fn template() -> Vec<u8> {
    let text = r#"{"architecture":"dalvik","abi":"","base_addr":0,"binary_size":8192,"bitness":32,"code_areas":[[1,2]],
"code_sections":[["x",1,2]],"confidence_threshold":0.0,"disassembly_errors":{"1":[1]},"execution_time":0.5,"identified_alignment":0,
"message":"","metadata":{"binweight":3.0,"language":"CIL","version":38},"sha256":"00","smda_version":"4.4.1","status":"ok",
"statistics":{"num_functions":1,"num_recursive_functions":0,"num_leaf_functions":0,"num_basic_blocks":2,"num_instructions":3,
"num_api_calls":0,"num_function_calls":0,"num_failed_functions":0,"num_failed_instructions":0},"timestamp":"2021-02-04T15-13-54",
"xcfg":{"16":{"offset":16,"blocks":{"16":[[16,"1200","const/4","v0, #0"],[18,"0f00","return","v0"]],"20":[[20,"27ff","throw","\u00e9"]]},
"apirefs":{"16":"a!b"},"blockrefs":{"16":[20,20,16]},"inrefs":[5],"outrefs":{"16":[9]},"stringrefs":{"16":"text"},
"architecture_metadata":{"try_ranges":[{"start_addr":16,"end_addr":19,"handlers":[{"target_addr":20}],"catch_all_addr":40}]},
"metadata":{"binweight":6.0,"characteristics":null,"confidence":0.5,"function_name":"f","pic_hash":18446744073709551615,
"strongly_connected_components":[[16]],"tfidf":-1.5}}}}"#;
    text.as_bytes().to_vec()
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(report) = wire::read_report(bytes) {
        for text in [wire::write_report(&report), wire::write_report_compact(&report)] {
            let again = wire::read_report(&text);
            prop_assert_eq!(again.as_ref(), Ok(&report));
        }
        let mut pieces = Vec::new();
        wire::write_report_to(&report, &mut pieces).expect("memory takes all");
        prop_assert_eq!(pieces, wire::write_report(&report));
        for function in &report.functions {
            let _ = malkin_report::cfg::nesting_depth(function);
            let _ = malkin_report::cfg::strongly_connected_components(&function.blockrefs);
        }
    }
    Ok(())
}

#[test]
fn the_template_is_accepted() {
    let report = wire::read_report(&template()).unwrap();
    assert_eq!(report.functions[0].blockrefs.len(), 3);
    assert!(report.functions[0].stringrefs.is_array());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
        let _ = wire::function_from_json(&bytes);
        let _ = wire::read_function_entry(&bytes);
        let _ = wire::read_value(&bytes);
    }

    #[test]
    fn mutated_reports_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"0123456789,:[]{}\"-.en\\u".to_vec())]), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut bytes = template();
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
    fn moved_pieces_never_panic(from in any::<prop::sample::Index>(), length in 0_usize..60, to in any::<prop::sample::Index>()) {
        let mut bytes = template();
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
        prop_assert_eq!(wire::read_value(&bytes).unwrap(), stated);
    }
}
