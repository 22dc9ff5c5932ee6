//! Whatever the scanner accepts, the ordinary readers accept too, with the same value.

use malkin_testkit::{files_in, gunzip_file, shared};
use proptest::prelude::*;
use serde_json::Value;

use super::{function, report};
use crate::{
    function_to_json, read_report, thorough_function, thorough_report, write_report, write_report_compact,
};

/// A function with something in every field, under its address, in the order of SMDA's files.
const FUNCTION: &str = r#""16":{"apirefs":{"16":"a!b"},"architecture_metadata":{"thumb":false},"blockrefs":{"16":[20,20,16]},
"blocks":{"20":[[20,"27ff","throw","é, [rsp + 0x18], 9223372036854775807"]],"16":[[16,"1200","const/4","v0, #0"],[18,"0f00","ret",""]]},
"inrefs":[5,18446744073709551615],"is_exported":true,"metadata":{"binweight":6.0,"characteristics":"i--a-pr--f-","confidence":0.922,
"function_name":"f","nesting_depth":1,"pic_hash":18446744073709551615,"strongly_connected_components":[[16],[20]],"tfidf":-2.549},
"offset":16,"outrefs":{"16":[9]},"stringrefs":{"16":"text"}}"#;

fn document(functions: &str) -> String {
    let before = r#"{"architecture":"intel","base_addr":0,"binary_size":8192,"bitness":32,"code_areas":[[1,2]],
"confidence_threshold":0.0,"disassembly_errors":{"x":["]}",{"y":[]}]},"execution_time":0.5,"identified_alignment":0,"message":"",
"metadata":{"language":"CIL"},"sha256":"00","smda_version":"5.0.1","status":"ok","xcfg":"#;
    [before, "{", functions, r#"},"xmetadata":{"symbols":{"1":"a"}}}"#].concat()
}

/// Whether the scanner accepts a text; if so, both ways have to agree.
#[track_caller]
fn accepted(text: &str) -> bool {
    let (fast, thorough) = (report(text, None), thorough_report(text, None));
    assert_eq!(read_report(text.as_bytes()), thorough, "{text}");
    let Some(fast) = fast else { return false };
    let thorough = thorough.unwrap_or_else(|error| panic!("accepted in spite of `{error}`: {text}"));
    assert_eq!(fast, thorough, "{text}");
    // Tells zeros of different sign apart, which are equal to each other.
    assert_eq!(write_report(&fast), write_report(&thorough), "{text}");
    true
}

#[test]
fn usual_forms_are_accepted_in_every_layout() {
    let text = document(FUNCTION);
    assert!(accepted(&text));
    let tree: Value = serde_json::from_str(&text).unwrap();
    let spaced = text.replace("\":", "\": ").replace(",\"", ", \"").replace("],[", "], [");
    for layout in
        [spaced, serde_json::to_string(&tree).unwrap(), serde_json::to_string_pretty(&tree).unwrap()]
    {
        assert!(accepted(&layout), "{layout}");
    }
    assert!(accepted(&document("")));
}

#[test]
fn functions_of_rare_forms_do_not_keep_others_from_being_scanned() {
    let cases = [
        (r#""ret""#, r#""r\u0065t\\\"\n""#),
        (r#""ret""#, r#""""#),
        ("-2.549", "-0.0"),
        ("-2.549", "-2549e-3"),
        ("-2.549", "0.1234567890123456789"),
        ("-2.549", "9007199254740993"),
        ("-2.549", "9007199254740993.5"),
        ("0.922", "null"),
        (r#""i--a-pr--f-""#, "null"),
        ("[[16],[20]]", "null"),
        (r#""tfidf""#, r#""t\u0066idf""#),
        (r#""tfidf""#, r#""new":[1,{"a":"}"}],"tfidf""#),
        (r#","tfidf":-2.549"#, r#","tfidf":1"#),
        (r#""is_exported":true,"#, ""),
        (r#""is_exported":true"#, r#""is_exported":"x""#),
        (r#","stringrefs":{"16":"text"}"#, ""),
        (r#"{"16":"text"}"#, "null"),
        (r#"{"16":"text"}"#, r#"{"16":"\"}{\\","17":[[[{}]]]}"#),
        (r#""é, "#, r#""\ud83d\ude00 "#),
        (r#""ret","""#, r#""ret","",null,[5]"#),
        (r#"{"16":[9]}"#, r#"{" 16 ":[9],"1_7":[]}"#),
        (r#"{"16":"a!b"}"#, r#"{"16":null,"0000000000000000000000017":"\t"}"#),
    ];
    for (from, to) in cases {
        assert!(FUNCTION.contains(from), "{from}");
        assert!(accepted(&document(&FUNCTION.replacen(from, to, 1))), "{to}");
    }
    let high = FUNCTION.replacen(r#""16":{"api"#, r#""18446744073709551615":{"api"#, 1);
    assert!(accepted(&document(&high.replacen("\"offset\":16", "\"offset\":18446744073709551615", 1))));
}

#[test]
fn faults_are_left_to_the_ordinary_readers() {
    let cases = [
        ("[18,", "[018,"),
        ("[18,", "[-18,"),
        ("[18,", "[18.0,"),
        ("[18,", "[18446744073709551616,"),
        ("[18,", "[,18,"),
        ("[18,", "[18 1,"),
        (r#""ret""#, "\"r\tet\""),
        (r#""ret""#, "\"r\u{1f}et\""),
        (r#""ret""#, r#""r\et""#),
        (r#""ret""#, r#""r\ud800et""#),
        (r#""ret""#, r#""ret"#),
        (r#""ret","""#, r#""ret""#),
        (r#""ret","""#, r#""ret","","#),
        (r#""ret",""]]"#, r#""ret",""],]"#),
        (r#""ret",""]]"#, r#""ret",""]],"#),
        (r#""blocks":{"20""#, r#""blocks":{"16""#),
        (r#""blocks":{"20""#, r#""blocks":{"20 0""#),
        (r#""blocks":{"20""#, r#""blocks":{20"#),
        ("-2.549", "-2.549.1"),
        ("-2.549", "-02.549"),
        ("-2.549", "-2."),
        ("-2.549", "-.5"),
        ("-2.549", "2.5f"),
        ("-2.549", "1e999"),
        (":true", ":truee"),
        (":true", ":tru"),
        ("\"offset\":16", "\"offset\":17"),
        ("\"offset\":16", "\"offset\":16,\"offset\":16"),
        ("\"offset\":16,", ""),
        (r#"{"16":"text"}"#, r#"{"16":"text"]"#),
        (r#"{"16":"text"}"#, r#"{"16":"text","16":""}"#),
        (r#"{"16":"text"}"#, r#"{"16" "text"}"#),
        (r#"{"16":"text"}"#, "{},"),
        (r#"{"16":"text"}"#, "5"),
        (r#"{"thumb":false}"#, "[]"),
        (r#"{"thumb":false}"#, r#"{"try_ranges":5}"#),
        (r#"{"16":"a!b"}"#, r#"{"16":"a!b","016":"a!b"}"#),
    ];
    for (from, to) in cases {
        assert!(FUNCTION.contains(from), "{from}");
        let text = document(&FUNCTION.replacen(from, to, 1));
        assert!(!accepted(&text) && read_report(text.as_bytes()).is_err(), "{to}");
    }
    let good = document(FUNCTION);
    for text in [
        document(&[FUNCTION, ",", FUNCTION].concat()),
        document(&[FUNCTION, ","].concat()),
        good.replacen("\"message\"", "\"x\"", 1),
        good.replacen("\"message\"", "\"xcfg\":{},\"message\"", 1),
        good.replacen("\"message\"", "\"\\u0078cfg\":{},\"message\"", 1),
        good.replacen("\"xmetadata\"", "\"xcfg\"", 1),
        [good.as_str(), "}"].concat(),
        [good.as_str(), "\u{a0}"].concat(),
        good[..good.len() - 1].to_owned(),
    ] {
        assert!(!accepted(&text) && read_report(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn depth_ends_where_it_ends_for_the_ordinary_readers() {
    for depth in [1, 50, 62, 64, 100, 123, 124, 125, 126, 200] {
        let nested = ["{\"x\":", &"[".repeat(depth), &"]".repeat(depth), "}"].concat();
        let text = document(&FUNCTION.replacen(r#"{"thumb":false}"#, &nested, 1));
        assert_eq!(accepted(&text), depth <= 62, "{depth}");
    }
}

#[test]
fn budgets_span_the_whole_document() {
    let nodes = format!("[{}0]", "0,".repeat(200_000));
    let with = |name: &str| format!("{{\"{name}\":{nodes}}}");
    let one = document(&FUNCTION.replacen(r#"{"thumb":false}"#, &with("x"), 1));
    assert!(accepted(&one));
    let two = one.replacen(r#"{"symbols":{"1":"a"}}"#, &with("y"), 1);
    assert!(!accepted(&two) && read_report(two.as_bytes()).is_err());
}

#[test]
fn golden_reports_are_scanned_and_equal() {
    let Some(folder) = shared("codehash/golden/public/smda") else { return };
    let (mut reports, mut functions, mut scanned) = (0, 0, 0);
    for file in files_in(folder, ".smda.gz") {
        let bytes = gunzip_file(&file);
        let text = std::str::from_utf8(&bytes).unwrap();
        let name = file.display();
        let fast = report(text, None).unwrap_or_else(|| panic!("{name} is not of a usual form"));
        assert!(fast == thorough_report(text, None).unwrap(), "{name}");
        reports += 1;
        if bytes.len() > 4 << 20 {
            continue;
        }
        let indented = write_report(&fast);
        assert!(report(std::str::from_utf8(&indented).unwrap(), None).as_ref() == Some(&fast), "{name}");
        let compact = write_report_compact(&fast);
        assert!(report(std::str::from_utf8(&compact).unwrap(), None).as_ref() == Some(&fast), "{name}");
        let mut json = Vec::new();
        for one in &fast.functions {
            json.clear();
            function_to_json(one, &mut json);
            let text = std::str::from_utf8(&json).unwrap();
            let thorough = thorough_function(text).unwrap();
            assert!(&thorough == one, "{name} {}", one.offset);
            functions += 1;
            if let Some(fast) = function(text) {
                assert!(fast == thorough, "{name} {}", one.offset);
                scanned += 1;
            }
        }
    }
    println!("{reports} reports, {scanned} of {functions} functions for themselves");
    let (files, least) = if malkin_testkit::has_shared() { (34, 4000) } else { (10, 800) };
    assert!(reports >= files && scanned > least && scanned * 100 >= functions * 99);
}

#[test]
fn cut_golden_reports_are_refused_as_before() {
    let Some(folder) = shared("codehash/golden/public/smda") else { return };
    for file in files_in(folder, ".smda.gz") {
        let bytes = gunzip_file(&file);
        if bytes.len() > 1 << 20 {
            continue;
        }
        let text = std::str::from_utf8(&bytes).unwrap();
        let step = text.len() / 23 + 1;
        for end in (0..text.len()).step_by(step).filter(|end| text.is_char_boundary(*end)) {
            assert!(report(&text[..end], None).is_none(), "{} cut at {end}", file.display());
            let mut edited = bytes.clone();
            edited[end] = b"\"\\,0]}x \n"[end % 9];
            if let Ok(edited) = std::str::from_utf8(&edited) {
                accepted(edited);
            }
        }
    }
}

/// Pieces of JSON, sound and unsound.
const PIECES: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "01",
    "1.0",
    "1e5",
    "1E400",
    "18446744073709551615",
    "18446744073709551616",
    "0.1",
    "5e-324",
    "123456.789012345678",
    "9007199254740992.5",
    "\"\"",
    "\"\\u0041\"",
    "\"\\ud800\"",
    "\"a\tb\"",
    "\"\\\"\"",
    "\\",
    "\"",
    "\\n",
    "\u{7f}",
    "é",
    "null",
    "true",
    "false",
    "nul",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    " ",
    "\n",
    "\r\t",
    "\u{b}",
    ",",
    ":",
    "\"16\":",
    "\"16\":[]",
    "[[16,\"55\",\"push\",\"ebp\"]]",
    ",[1,\"\",\"\",\"\"]",
    ",\"x\":1",
    "\"offset\":16,",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edited_reports_are_read_alike(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, prop::sample::select(PIECES)), 1..4),
    ) {
        let mut text = FUNCTION.to_owned();
        for (at, length, piece) in edits {
            let at = text.floor_char_boundary(at.index(text.len()));
            let end = text.floor_char_boundary((at + length).min(text.len()));
            text.replace_range(at..end.max(at), piece);
        }
        accepted(&document(&text));
        let object = &text[text.find(':').map_or(0, |colon| colon + 1)..];
        if let Some(fast) = function(object) {
            prop_assert_eq!(Ok(fast), thorough_function(object));
        }
    }

    #[test]
    fn whole_tokens_are_read_alike(
        swaps in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(PIECES)), 1..3),
    ) {
        // Cut at the bytes that part tokens, so that most of the results are JSON.
        let mut tokens: Vec<&str> = FUNCTION.split_inclusive([',', ':', '[', '{', ']', '}']).collect();
        for (at, piece) in swaps {
            let at = at.index(tokens.len());
            let token = tokens[at];
            let end = token.char_indices().next_back().map_or(0, |(end, _)| end);
            tokens.splice(at..=at, [piece, &token[end..]]);
        }
        accepted(&document(&tokens.concat()));
    }

    #[test]
    fn numbers_and_texts_are_read_alike(score in any::<f64>(), short in -100_000_i64..100_000, number in any::<u64>(), text in ".{0,40}") {
        for score in [score.to_string(), (short as f64 / 1000.0).to_string(), format!("{score:e}")] {
            let function = FUNCTION
                .replacen("-2.549", &score, 1)
                .replacen("[18,", &format!("[{number},"), 1)
                .replacen(r#""ret""#, &Value::from(text.as_str()).to_string(), 1);
            accepted(&document(&function));
        }
    }
}
