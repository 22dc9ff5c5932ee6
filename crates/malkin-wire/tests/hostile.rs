//! Broken and malicious reports: each is refused with its kind, place and reason, and without panic.

use malkin_wire::{self, ReadErrorKind};

/// A small report, complete in every required field.
const SMALL: &str = r#"{"architecture":"intel","base_addr":4096,"binary_size":8192,"bitness":32,"code_areas":[[4096,8192]],
"code_sections":[[".text",4096,8192]],"confidence_threshold":0.0,"disassembly_errors":{},"execution_time":0.5,"identified_alignment":16,
"message":"fine","metadata":{"binweight":3.0,"family":"f","language":{"go":0.5}},"sha256":"00","smda_version":"5.0.1","status":"ok",
"statistics":{},"timestamp":"2021-02-04T15-13-54","xheader":"4d5a","xmetadata":{"symbols":{"1":"a"}},"xdata_refs_from":{"4096":[5000]},
"xcfg":{"4096":{"offset":4096,"blocks":{"4096":[[4096,"55","push","ebp"],[4097,"c3","ret",""]]},"apirefs":{"4096":"a!b"},
"blockrefs":{"4096":[4096]},"inrefs":[5],"outrefs":{"4097":[9]},"stringrefs":{"4096":"text"},"architecture_metadata":{"x":{"y":1}},
"metadata":{"binweight":2.0,"characteristics":"-----------","confidence":0.5,"function_name":"","pic_hash":18446744073709551615,
"nesting_depth":0,"strongly_connected_components":[[4096]],"tfidf":-1.5}}}}"#;

fn replaced(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from} does not occur");
    SMALL.replacen(from, to, 1)
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>, kind: ReadErrorKind, path: &str, message: &str) {
    let error = malkin_wire::read_report(text.as_ref()).expect_err("the report was accepted");
    assert_eq!((error.kind(), error.path()), (kind, path), "{error}");
    assert!(error.message().contains(message), "{error}");
    assert!(error.message().len() < 300 && error.offset() <= text.as_ref().len() as u64);
}

#[test]
fn the_small_report_is_accepted() {
    let report = malkin_wire::read_report(SMALL.as_bytes()).unwrap();
    assert_eq!(report.functions[0].metadata.pic_hash.map(malkin_report::PicHash::get), Some(u64::MAX));
    assert_eq!(report.statistics, None);
}

#[test]
fn a_budget_ends_the_reading_and_is_named() {
    // Both readers: the quick one leaves spaces of this kind to the thorough one.
    for text in [SMALL.to_owned(), SMALL.replace("\"blocks\":{", "\"blocks\" : {")] {
        let enough = malkin_report::Budget::new(100_000, 100_000);
        malkin_wire::read_report_within(text.as_bytes(), &enough).expect("there is enough of both");
        assert!((512..10_000).contains(&enough.used()), "{}", enough.used());
        let held = 100_000 - enough.memory_left();
        assert!((1024..10_000).contains(&held), "{held}");
        for (budget, what) in [
            (malkin_report::Budget::new(100, 100_000), "more work"),
            (malkin_report::Budget::new(100_000, 1000), "more memory"),
        ] {
            let error = malkin_wire::read_report_within(text.as_bytes(), &budget).expect_err("too little");
            assert_eq!(error.kind(), ReadErrorKind::Limit);
            assert!(!error.path().is_empty() && error.message().contains(what), "{error}");
        }
    }
}

#[test]
fn truncation_is_always_a_fault_of_syntax() {
    for end in 0..SMALL.len() {
        let error =
            malkin_wire::read_report(&SMALL.as_bytes()[..end]).expect_err("a truncated report was accepted");
        assert_eq!(error.kind(), ReadErrorKind::Syntax, "cut at {end}: {error}");
        assert!(error.offset() <= end as u64);
    }
}

#[test]
fn wrong_types_and_ranges_are_named_with_their_place() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("\"base_addr\":4096", "\"base_addr\":true", "base_addr", "boolean `true`"),
        ("\"base_addr\":4096", "\"base_addr\":-1", "base_addr", "`-1`"),
        ("\"base_addr\":4096", "\"base_addr\":4096.0", "base_addr", "floating point"),
        ("\"base_addr\":4096", "\"base_addr\":18446744073709551616", "base_addr", "floating point"),
        ("\"base_addr\":4096", "\"base_addr\":\"4096\"", "base_addr", "string \"4096\""),
        ("\"bitness\":32", "\"bitness\":[32]", "bitness", "sequence"),
        ("\"architecture\":\"intel\"", "\"architecture\":5", "architecture", "integer `5`"),
        ("[[4096,8192]]", "[[4096]]", "code_areas", "length 1"),
        ("[[\".text\",4096,8192]]", "[[\".text\",4096]]", "code_sections", "length 2"),
        ("[[\".text\",4096,8192]]", "null", "code_sections", "null"),
        ("\"confidence_threshold\":0.0", "\"confidence_threshold\":false", "confidence_threshold", "boolean"),
        ("\"execution_time\":0.5", "\"execution_time\":\"x\"", "execution_time", "string"),
        (
            "\"identified_alignment\":16",
            "\"identified_alignment\":1e3",
            "identified_alignment",
            "floating point",
        ),
        (
            "\"metadata\":{\"binweight\":3.0",
            "\"metadata\":{\"binweight\":[]",
            "metadata.binweight",
            "sequence",
        ),
        ("\"family\":\"f\"", "\"family\":{}", "metadata.family", "expected a text"),
        ("\"smda_version\":\"5.0.1\"", "\"smda_version\":5", "smda_version", "integer"),
        (
            "\"statistics\":{}",
            "\"statistics\":{\"num_functions\":1}",
            "statistics",
            "required fields are missing: num_api_calls",
        ),
        ("\"statistics\":{}", "\"statistics\":[]", "statistics", "sequence"),
        ("2021-02-04T15-13-54", "2021-02-30T15-13-54", "timestamp", "YYYY-MM-DDTHH-MM-SS"),
        ("\"xheader\":\"4d5a\"", "\"xheader\":\"4d5\"", "xheader", "hex digits"),
        ("\"xheader\":\"4d5a\"", "\"xheader\":null", "xheader", "null"),
        ("{\"symbols\":{\"1\":\"a\"}}", "[]", "xmetadata", "expected an object"),
        ("{\"4096\":[5000]}", "{\"4096\":[\"x\"]}", "xdata_refs_from.4096", "string"),
        ("{\"4096\":[5000]}", "{\"4096\":[true]}", "xdata_refs_from.4096", "boolean"),
        ("{\"4096\":[5000]}", "{\"4096\":[18446744073709551616]}", "xdata_refs_from.4096", "floating point"),
        ("{\"4096\":[5000]}", "{\"-9223372036854775809\":[]}", "xdata_refs_from", "is not an integer"),
        ("{\"4096\":[5000]}", "null", "xdata_refs_from", "null"),
        ("\"xcfg\":{\"4096\":", "\"xcfg\":{\"-4096\":", "xcfg", "`-4096` is not a decimal address"),
        ("\"xcfg\":{\"4096\":", "\"xcfg\":{\"4097\":", "xcfg.4097", "another offset (4096)"),
        ("\"offset\":4096", "\"offset\":null", "xcfg.4096.offset", "null"),
        ("{\"4096\":[[4096,", "{\"x\":[[4096,", "xcfg.4096.blocks", "`x` is not"),
        (
            "[[4096,\"55\",\"push\",\"ebp\"]",
            "[[4096,\"55\",\"push\"]",
            "xcfg.4096.blocks.4096[0]",
            "length 3",
        ),
        (
            "[4097,\"c3\",\"ret\",\"\"]",
            "[4097,195,\"ret\",\"\"]",
            "xcfg.4096.blocks.4096[1]",
            "bytes of an instruction",
        ),
        ("[4097,\"c3\",\"ret\",\"\"]", "[true,\"c3\",\"ret\",\"\"]", "xcfg.4096.blocks.4096[1]", "boolean"),
        ("[4097,\"c3\",\"ret\",\"\"]", "{}", "xcfg.4096.blocks.4096[1]", "map"),
        ("{\"4096\":\"a!b\"}", "{\"4096\":[]}", "xcfg.4096.apirefs.4096", "sequence"),
        (
            "\"blockrefs\":{\"4096\":[4096]}",
            "\"blockrefs\":{\"4096\":[-4]}",
            "xcfg.4096.blockrefs.4096",
            "`-4`",
        ),
        ("\"inrefs\":[5]", "\"inrefs\":{}", "xcfg.4096.inrefs", "map"),
        (
            "\"stringrefs\":{\"4096\":\"text\"}",
            "\"stringrefs\":5",
            "xcfg.4096.stringrefs",
            "expected an object or a list",
        ),
        ("{\"x\":{\"y\":1}}", "null", "xcfg.4096.architecture_metadata", "expected an object"),
        ("{\"x\":{\"y\":1}}", "{\"x\":1e300}", "xcfg.4096.architecture_metadata", "too large"),
        ("{\"x\":{\"y\":1}}", "{\"try_ranges\":5}", "xcfg.4096", "try_ranges"),
        (
            "\"pic_hash\":18446744073709551615",
            "\"pic_hash\":18446744073709551616",
            "xcfg.4096.metadata.pic_hash",
            "floating point",
        ),
        (
            "[[4096]],\"tfidf\"",
            "[4096],\"tfidf\"",
            "xcfg.4096.metadata.strongly_connected_components[0]",
            "integer",
        ),
        ("\"tfidf\":-1.5", "\"idftf\":-1.5", "xcfg.4096.metadata", "missing: tfidf"),
        ("\"outrefs\":{\"4097\":[9]}", "\"out\":{}", "xcfg.4096", "missing: outrefs"),
        ("\"message\":\"fine\",", "", "", "missing: message"),
    ];
    for (from, to, path, message) in cases {
        refused(replaced(from, to), ReadErrorKind::Shape, path, message);
    }
}

#[test]
fn keys_that_repeat_are_refused_at_every_level() {
    let cases: &[(&str, &str, &str)] = &[
        ("\"status\":\"ok\"", "\"status\":\"ok\",\"status\":\"ok\"", ""),
        ("\"status\":\"ok\"", "\"status\":\"ok\",\"stat\\u0075s\":\"ok\"", ""),
        ("\"status\":\"ok\"", "\"status\":\"ok\",\"new\":1,\"n\\u0065w\":1", ""),
        ("\"status\":\"ok\"", "\"status\":\"ok\",\"new\":[{\"a\":{\"b\":1,\"b\":2}}]", ""),
        ("\"family\":\"f\"", "\"family\":\"f\",\"family\":\"f\"", "metadata"),
        ("{\"go\":0.5}", "{\"go\":0.5,\"go\":0.5}", "metadata.language"),
        ("\"disassembly_errors\":{}", "\"disassembly_errors\":{\"1\":1,\"1\":1}", "disassembly_errors"),
        ("{\"1\":\"a\"}", "{\"1\":\"a\",\"1\":\"a\"}", "xmetadata"),
        ("{\"4096\":[5000]}", "{\"4096\":[5000],\"04096\":[]}", "xdata_refs_from"),
        ("\"offset\":4096", "\"offset\":4096,\"offset\":4096", "xcfg.4096"),
        ("\"blocks\":{", "\"blocks\":{\"4096\":[],", "xcfg.4096.blocks"),
        ("\"blocks\":{", "\"blocks\":{\" 4096\":[],", "xcfg.4096.blocks"),
        ("{\"4096\":\"a!b\"}", "{\"4096\":\"a!b\",\"4096\":\"\"}", "xcfg.4096.apirefs"),
        ("\"blockrefs\":{", "\"blockrefs\":{\"4096\":[],", "xcfg.4096.blockrefs"),
        ("{\"4096\":\"text\"}", "{\"4096\":\"text\",\"4096\":\"text\"}", "xcfg.4096.stringrefs"),
        ("{\"y\":1}", "{\"y\":1,\"y\":1}", "xcfg.4096.architecture_metadata"),
        ("\"tfidf\":-1.5", "\"tfidf\":-1.5,\"tfidf\":-1.5", "xcfg.4096.metadata"),
    ];
    for (from, to, path) in cases {
        refused(replaced(from, to), ReadErrorKind::Shape, path, "occurs twice");
    }
    let function = &SMALL[SMALL.find("{\"offset\"").unwrap()..SMALL.len() - 2];
    let twice = replaced("\"xcfg\":{", &format!("\"xcfg\":{{\"4096\":{function},"));
    refused(twice, ReadErrorKind::Shape, "xcfg", "`4096` occurs twice");
}

#[test]
fn what_is_no_json_is_told_from_json_that_is_no_report() {
    for text in ["null", "[]", "5", "\"x\"", "{}", " {} "] {
        let error = malkin_wire::read_report(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::Shape, "{error}");
    }
    let no_json: &[&[u8]] = &[
        b"",
        b"{",
        b"{]",
        b"{}{}",
        b"nul",
        b"NaN",
        b"{\"a\":Infinity}",
        b"{\"a\":01}",
        b"\xff",
        b"{'a':1}",
        b"\xef\xbb\xbf{}",
        b"\"\\ud800\"",
    ];
    for text in no_json {
        let error = malkin_wire::read_report(text).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::Syntax, "{error}");
    }
    // A fault of syntax behind a faulty field is what the sender has to mend first.
    let both = replaced("\"bitness\":32", "\"bitness\":\"x\"") + "}";
    refused(both, ReadErrorKind::Syntax, "", "trailing characters");
}

#[test]
fn numbers_of_a_million_digits_are_refused_in_no_time() {
    let long = "9".repeat(1_000_000);
    for (from, name) in [
        ("\"bitness\":32", "bitness"),
        ("\"execution_time\":0.5", "execution_time"),
        ("\"disassembly_errors\":{}", "disassembly_errors"),
    ] {
        let text = replaced(from, &format!("\"{name}\":{long}"));
        refused(text, ReadErrorKind::Syntax, name, "number out of range");
    }
    refused(
        replaced("\"status\"", &format!("\"new\":{long},\"status\"")),
        ReadErrorKind::Syntax,
        "",
        "number out of range",
    );
    refused(
        replaced("\"xcfg\":{\"4096\"", &format!("\"xcfg\":{{\"{long}\"")),
        ReadErrorKind::Shape,
        "xcfg",
        "is not a decimal address",
    );
    let fraction =
        malkin_wire::read_report(replaced("0.5,\"identified", &format!("0.{long},\"identified")).as_bytes())
            .unwrap();
    assert_eq!(fraction.execution_time, Some(1.0));
}

#[test]
fn deep_nesting_is_refused() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    for (from, name) in [("\"disassembly_errors\":{}", "disassembly_errors"), ("\"bitness\":32", "bitness")] {
        let error = malkin_wire::read_report(replaced(from, &format!("\"{name}\":{open}{close}")).as_bytes())
            .unwrap_err();
        assert_eq!(error.path(), name);
        assert_ne!(error.kind(), ReadErrorKind::Limit);
    }
    refused(
        replaced("\"status\"", &format!("\"new\":{open}{close},\"status\"")),
        ReadErrorKind::Syntax,
        "",
        "recursion limit",
    );
    refused(&open, ReadErrorKind::Syntax, "", "");
    let objects = "{\"a\":".repeat(100_000);
    refused(
        replaced("\"metadata\"", &format!("\"new\":{objects}")),
        ReadErrorKind::Syntax,
        "",
        "recursion limit",
    );
}

#[test]
fn bytes_that_are_no_utf8_and_lone_surrogates_are_refused_with_their_place() {
    let mut bytes = SMALL.as_bytes().to_vec();
    let at = SMALL.find("fine").unwrap();
    bytes[at] = 0xff;
    let error = malkin_wire::read_report(&bytes).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ReadErrorKind::Syntax, at as u64));
    refused(replaced("fine", "\\ud800"), ReadErrorKind::Syntax, "message", "");
    refused(
        replaced("\"push\"", "\"\\udc00\""),
        ReadErrorKind::Syntax,
        "xcfg.4096.blocks.4096[0]",
        "surrogate",
    );
    refused(replaced("fine", "a\nb"), ReadErrorKind::Syntax, "message", "control character");
}

#[test]
fn trees_of_tiny_values_exhaust_a_budget_in_proportion_to_the_file() {
    let zeros = "0,".repeat(2_000_000);
    refused(
        replaced("\"disassembly_errors\":{}", &format!("\"disassembly_errors\":[{zeros}0]")),
        ReadErrorKind::Limit,
        "disassembly_errors",
        "too many values",
    );
    let empty = "{},".repeat(1_000_000);
    refused(
        replaced("\"stringrefs\":{\"4096\":\"text\"}", &format!("\"stringrefs\":[{empty}0]")),
        ReadErrorKind::Limit,
        "xcfg.4096.stringrefs",
        "too many values",
    );
}

#[test]
fn trees_are_allowed_by_their_text_and_not_by_white_space_around_them() {
    let zeros = vec!["0"; 400_000].join(",");
    let blanks = " ".repeat(8 << 20);
    let stated = "\"stringrefs\":{\"4096\":\"text\"}";
    // Written again it would be a tree of 400,000 nodes in a document of 0.8 MB, and so would its function as a record.
    refused(
        replaced(stated, &format!("\"stringrefs\":[{zeros}]{blanks}")),
        ReadErrorKind::Limit,
        "xcfg.4096",
        "too many values",
    );
    refused(
        replaced("\"disassembly_errors\":{}", &format!("\"disassembly_errors\":[{zeros}]{blanks}")),
        ReadErrorKind::Limit,
        "",
        "too many values",
    );
    // Code that is there in any spelling allows them.
    let operands = "x".repeat(8 << 20);
    let allowed = replaced(stated, &format!("\"stringrefs\":[{zeros}]")).replacen("ebp", &operands, 1);
    let report = malkin_wire::read_report(allowed.as_bytes()).unwrap();
    assert_eq!(malkin_wire::read_report(&malkin_wire::write_report_compact(&report)).as_ref(), Ok(&report));
    let mut record = Vec::new();
    malkin_wire::function_to_json(&report.functions[0], &mut record);
    assert_eq!(malkin_wire::function_from_json(&record).as_ref(), Ok(&report.functions[0]));
}

#[test]
fn string_references_of_dalvik_are_scalars_and_count_as_what_they_become() {
    let dalvik = replaced("\"intel\"", "\"dalvik\"");
    let with = |references: &str| dalvik.replacen("{\"4096\":\"text\"}", references, 1);
    assert!(malkin_wire::read_report(with("{\"4096\":5,\"4098\":null}").as_bytes()).is_ok());
    // One level deeper it would no longer be read.
    refused(with("{\"4096\":[\"text\"]}"), ReadErrorKind::Shape, "", "a text as string reference");
    let many: Vec<String> = (0..200_000).map(|address| format!("\"{address}\":\"\"")).collect();
    refused(with(&format!("{{{}}}", many.join(","))), ReadErrorKind::Limit, "", "too many values");
}

#[test]
fn integers_that_a_double_would_blur_are_refused_at_both_ends() {
    for (number, is_kept) in [
        ("18446744073709551615", true),
        ("18446744073709551616", false),
        ("-9223372036854775808", true),
        ("-9223372036854775809", false),
        ("-1e19", false),
    ] {
        assert_eq!(malkin_wire::read_value(number.as_bytes()).is_ok(), is_kept, "{number}");
    }
}

#[test]
fn languages_come_in_one_order_and_only_with_scores_that_can_be_written() {
    let text = replaced("{\"go\":0.5}", "{\"rust\":0.5,\"go\":1,\"c\":18446744073709551615}");
    let report = malkin_wire::read_report(text.as_bytes()).unwrap();
    let names: Vec<&str> = report.metadata.language.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["go", "rust"]);
    assert_eq!(malkin_wire::read_report(&malkin_wire::write_report(&report)).as_ref(), Ok(&report));
}

#[test]
fn a_long_mnemonic_and_a_long_name_are_refused_and_long_operands_are_not() {
    let long = "x".repeat(70_000);
    refused(
        replaced("\"push\"", &format!("\"{long}\"")),
        ReadErrorKind::Limit,
        "xcfg.4096.blocks.4096[0]",
        "mnemonic",
    );
    assert!(malkin_wire::read_report(replaced("\"ebp\"", &format!("\"{long}\"")).as_bytes()).is_ok());
    let name = "n".repeat(2 << 20);
    refused(
        replaced("\"function_name\":\"\"", &format!("\"function_name\":\"{name}\"")),
        ReadErrorKind::Limit,
        "xcfg.4096.metadata.function_name",
        "longer",
    );
    refused(
        replaced("\"bitness\":32", &format!("\"bitness\":\"{name}\"")),
        ReadErrorKind::Shape,
        "bitness",
        "...",
    );
}

#[test]
fn the_offset_of_an_error_is_where_it_was_noticed() {
    let text = replaced("\"ret\"", "5");
    let error = malkin_wire::read_report(text.as_bytes()).unwrap_err();
    let at = text.find("\"c3\",5").unwrap() + 6;
    assert_eq!(error.offset(), at as u64, "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "xcfg.4096.blocks.4096[1]: invalid type: integer `5`, expected a mnemonic as a string (at byte {at})"
        )
    );
}

#[test]
fn leniency_is_that_of_the_reference() {
    let accepted: &[(&str, &str)] = &[
        ("\"architecture\":\"intel\"", "\"architecture\":null"),
        ("\"base_addr\":4096", "\"base_addr\":null"),
        ("\"base_addr\":4096", "\"base_addr\":18446744073709551615"),
        ("[[4096,8192]]", "null"),
        ("\"status\":\"ok\"", "\"status\":\"new\""),
        ("\"status\":\"ok\"", "\"status\":null,\"abi\":null,\"oep\":null,\"md5\":null"),
        ("\"smda_version\":\"5.0.1\"", "\"smda_version\":null"),
        ("\"sha256\":\"00\"", "\"sha256\":null"),
        ("2021-02-04T15-13-54", ""),
        ("\"statistics\":{}", "\"statistics\":null"),
        ("\"family\":\"f\"", "\"family\":null,\"version\":38,\"is_library\":1,\"filename\":null"),
        ("\"disassembly_errors\":{}", "\"disassembly_errors\":null"),
        ("\"xmetadata\":{\"symbols\":{\"1\":\"a\"}}", "\"xmetadata\":null"),
        ("{\"4096\":[5000]}", "{\"4096\":[5000,-36],\"-36\":[1,1]}"),
        ("{\"4096\":\"a!b\"}", "{\" +4096\":null}"),
        ("[4097,\"c3\",\"ret\",\"\"]", "[4097,\"c3\",\"ret\",\"\",{},[1]]"),
        ("\"stringrefs\":{\"4096\":\"text\"},", ""),
        ("\"nesting_depth\":0,", ""),
        ("[[4096]],\"tfidf\"", "null,\"tfidf\""),
        ("\"pic_hash\":18446744073709551615", "\"pic_hash\":null"),
        (
            "\"characteristics\":\"-----------\",\"confidence\":0.5",
            "\"characteristics\":null,\"confidence\":null",
        ),
        ("\"tfidf\":-1.5", "\"tfidf\":null,\"unknown\":[1,{\"a\":2}]"),
    ];
    for (from, to) in accepted {
        let text = replaced(from, to);
        let report =
            malkin_wire::read_report(text.as_bytes()).unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!(malkin_wire::read_report(&malkin_wire::write_report(&report)).unwrap(), report, "{to}");
    }
}
