//! Functions come back byte for byte, what is refused is refused, and damaged columns are told.

use proptest::prelude::*;

use super::*;
use crate::thorough_function;

/// A function in the order of fields that MCRIT writes, with whatever `changes` replaces.
fn function(changes: &[(&str, &str)]) -> String {
    let mut text = concat!(
        r#"{"offset":4096,"blocks":{"4096":[[4096,"55","push","ebp"],[4097,"7503","jne","0x1006"]],"#,
        r#""4099":[[4099,"e8f8ffffff","call","0x1000"]],"4102":[[4102,"c3","ret",""]]},"apirefs":{"4099":"a.dll!b"},"#,
        r#""blockrefs":{"4096":[4099,4102]},"inrefs":[9,4099],"outrefs":{"4099":[4096,77]},"is_exported":false,"metadata":"#,
        r#"{"binweight":12.5,"characteristics":"-----","confidence":0.75,"function_name":"f","pic_hash":18446744073709551615,"#,
        r#""nesting_depth":1,"strongly_connected_components":[[4102],[4099,4096],[5]],"tfidf":null}}"#
    )
    .to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

fn is_apart(xcfg: &Xcfg) -> bool {
    xcfg.columns()[SHAPE].first() != Some(&model::AS_TEXT)
}

#[test]
fn usual_functions_are_taken_apart_and_come_back() {
    for changes in [
        &[][..],
        &[("{\"4096\":[4099,4102]}", "{\"4096\":[4099,4102],\"4099\":[],\"4102\":[]}")],
        &[("{\"4096\":[4099,4102]}", "{}")],
        &[("{\"4096\":[4099,4102]}", "{\"3\":[4102,4096,1]}")],
        &[("\"0x1006\"", "\"0x1007\"")],
        &[("\"pic_hash\":18446744073709551615,", "")],
        &[("18446744073709551615", "null"), ("\"f\"", "null"), ("0.75", "null"), ("1,\"str", "null,\"str")],
        &[("\"offset\":4096,", ""), ("\"tfidf\":null}", "\"tfidf\":null},\"offset\":4096")],
        &[("\"inrefs\"", "\"stringrefs\":{},\"architecture_metadata\":{},\"inrefs\"")],
        &[("\"inrefs\":[9,4099]", "\"inrefs\":[]"), ("\"f\"", "\"\u{e9}\"")],
    ] {
        let text = function(changes);
        let apart = Xcfg::from_json(&text).unwrap();
        assert!(is_apart(&apart), "{text}");
        assert_eq!(String::from_utf8(apart.to_text()).unwrap(), text);
        let spaced = text.replace(':', ": ").replace(',', ", ").replace("a.dll! b", "a.dll!b");
        assert_eq!(Xcfg::from_json(&spaced).unwrap(), apart, "blanks between tokens are not kept");
        assert_eq!(Xcfg::from_text(text.as_bytes()), apart);
        assert_eq!(
            Xcfg::from_text(spaced.as_bytes()).to_text(),
            spaced.as_bytes(),
            "all that is given comes back"
        );
    }
}

#[test]
fn what_follows_from_the_rest_takes_no_room() {
    let text = function(&[("[4096,77]", "[4096]")]);
    let apart = Xcfg::from_json(&text).unwrap();
    assert!(apart.len() * 3 < text.len(), "{} of {}", apart.len(), text.len());
}

#[test]
fn unusual_functions_are_kept_as_text() {
    for changes in [
        &[("\"55\"", "\"5G\"")][..],
        &[("\"55\"", "\"5\"")],
        &[("[4097,", "[4098,")],
        &[("\"ebp\"", "\"e\\\"bp\"")],
        &[("\"4102\":[[4102,\"c3\",\"ret\",\"\"]]", "\"7\":[]")],
        &[("\"apirefs\":{\"4099\":", "\"apirefs\":{\"04099\":")],
        &[("\"inrefs\"", "\"more\":[1],\"inrefs\"")],
        &[("[9,4099]", "[9,4099],\"stringrefs\":{\"1\":[2]}"), ("\"f\"", "\"\\u00e9\"")],
        &[("12.5", "1e2")],
    ] {
        let text = function(changes);
        let kept = Xcfg::from_json(&text).unwrap();
        assert_eq!(String::from_utf8(kept.to_text()).unwrap(), text);
        let may_be_apart = text.contains("1e2");
        assert_eq!(is_apart(&kept), may_be_apart, "{text}");
    }
}

#[test]
fn what_is_no_function_is_refused() {
    for (from, to) in [
        ("\"outrefs\":{\"4099\":[4096,77]},", ""),
        ("\"tfidf\":null", "\"tf\":null"),
        ("\"offset\":4096", "\"offset\":04096"),
        ("\"offset\":4096", "\"offset\":-1"),
        ("\"blockrefs\":{\"4096\":", "\"blockrefs\":{\"x\":"),
        ("12.5", "null"),
        ("12.5", "012"),
        ("false", "falsey"),
        ("\"nesting_depth\":1,", "\"nesting_depth\":1,\"nesting_depth\":1,"),
        ("null}}", "null}"),
        ("null}}", "null}}}"),
        ("{\"4099\":\"a.dll!b\"}", "{\"4099\":\"a\",\"4099\":\"b\"}"),
        ("\"ebp\"", "\"e\u{1}p\""),
        ("[9,4099]", "[9,4099],\"architecture_metadata\":[]"),
    ] {
        let text = function(&[(from, to)]);
        assert!(Xcfg::from_json(&text).is_err(), "{text}");
    }
    assert!(Xcfg::from_json("").is_err());
    assert!(Xcfg::from_json(" { } ").unwrap().is_empty());
    assert!(Xcfg::from_text(b"").is_empty());
    assert_eq!(Xcfg::default().to_text(), b"");
}

#[test]
fn several_functions_share_columns() {
    let texts = [function(&[]), "no json at all".to_owned(), function(&[("\"f\"", "\"g\"")])];
    let mut columns = Columns::default();
    for text in &texts {
        columns.push(&Xcfg::from_text(text.as_bytes()));
        columns.push(&Xcfg::default());
    }
    let mut reader = ColumnReader::new(columns.bytes());
    for text in &texts {
        let mut out = b"before".to_vec();
        reader.next(&mut out).unwrap();
        assert_eq!(out, [b"before", text.as_bytes()].concat());
    }
    assert_eq!(reader.next(&mut Vec::new()), Err(DamagedColumns));
}

#[test]
fn a_field_that_repeats_is_damage() {
    let mut columns = Columns::default();
    columns.push(&Xcfg::from_json(&function(&[])).unwrap());
    let whole = columns.bytes().map(<[u8]>::to_vec);
    let edges = whole[SHAPE].windows(2).position(|pair| pair == [4, model::FOLLOWING]).unwrap();
    let mut shape = whole[SHAPE].clone();
    shape.splice(edges..edges, [4, model::FOLLOWING]);
    let mut bytes = columns.bytes();
    assert!(ColumnReader::new(bytes).next(&mut Vec::new()).is_ok());
    bytes[SHAPE] = &shape;
    assert_eq!(ColumnReader::new(bytes).next(&mut Vec::new()), Err(DamagedColumns));
}

/// Pieces that texts of functions are made of, right ones and wrong ones.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("null".to_owned()),
        Just(" ".to_owned()),
        Just("\\\"".to_owned()),
        any::<u64>().prop_map(|number| number.to_string()),
        (0_u64..5000).prop_map(|number| format!("\"{number}\"")),
        "[a-z0-9]{0,4}",
    ]
}

proptest! {
    #[test]
    fn damaged_texts_are_read_as_the_thorough_reader_reads_them(
        at in any::<prop::sample::Index>(), length in 0_usize..4, piece in piece(),
    ) {
        let text = function(&[]);
        let at = at.index(text.len());
        let end = (at + length).min(text.len());
        let damaged = format!("{}{piece}{}", &text[..at], &text[end..]);
        match (Xcfg::from_json(&damaged), thorough_function(&damaged)) {
            (Ok(kept), Ok(_)) => prop_assert_eq!(kept.to_text(), without_blanks(&damaged)),
            (Err(_), Err(_)) => {}
            (ours, thorough) => {
                let is_none = ours.as_ref().is_ok_and(Xcfg::is_empty);
                prop_assert!(is_none, "{}: {:?} {:?}", damaged, ours, thorough.is_ok());
            }
        }
    }

    #[test]
    fn any_text_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..60)) {
        prop_assert_eq!(Xcfg::from_text(&bytes).to_text(), bytes);
    }

    #[test]
    fn damaged_columns_give_a_text_or_an_error(
        damage in prop::collection::vec((0..COLUMNS, any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut columns = Columns::default();
        for change in ["f", "g"] {
            columns.push(&Xcfg::from_text(function(&[("\"f\"", &format!("\"{change}\""))]).as_bytes()));
        }
        for (column, at, byte) in damage {
            let column = &mut columns.0[column];
            let at = at.index(column.len());
            column[at] = byte;
        }
        let mut reader = ColumnReader::new(columns.bytes());
        let mut out = Vec::new();
        while reader.next(&mut out).is_ok() {
            prop_assert!(out.len() < 100 * columns.len());
        }
    }

    #[test]
    fn branches_of_any_kind_come_back(
        address in any::<u64>(), code in prop::collection::vec(any::<u8>(), 0..8), operands in "0x[0-9a-f]{1,17}|[0-9a-f]{0,4}",
        to in any::<i32>(), is_near in any::<bool>(),
    ) {
        let address = address >> 1;
        let mut code = code;
        let end = address + code.len() as u64 + 4;
        let distance = if is_near { i64::from(to) } else { i64::from(to as i8) };
        code.extend_from_slice(&to.to_le_bytes());
        if !is_near {
            let last = code.len() - 1;
            code[last] = to as i8 as u8;
        }
        let target = end.wrapping_add(distance as u64);
        let hex = malkin_report::MinHash::from_bytes(code.clone()).to_hex();
        for operands in [operands, format!("0x{target:x}")] {
            let text = function(&[
                ("\"offset\":4096", &format!("\"offset\":{address}")),
                ("{\"4096\":[[4096,\"55\",\"push\",\"ebp\"],[4097,\"7503\",\"jne\",\"0x1006\"]],\"4099\":[[4099,\"e8f8ffffff\",\"call\",\"0x1000\"]],\"4102\":[[4102,\"c3\",\"ret\",\"\"]]}",
                 &format!("{{\"{address}\":[[{address},\"{hex}\",\"jne\",\"{operands}\"]]}}")),
            ]);
            let apart = Xcfg::from_json(&text).unwrap();
            prop_assert!(is_apart(&apart));
            prop_assert_eq!(String::from_utf8(apart.to_text()).unwrap(), text);
        }
    }
}
