//! Which family a sample belongs to, as a person reads it: what speaks for the first family, what for the next, and how sure that is
//! (`docs/matching.md`).

use serde_json::Value;

use crate::output::{Align, Document, Table};
use crate::shown::counted;

/// Families that are shown.
const FAMILIES: usize = 5;

/// Adds the section to a page; nothing when no family shares code outside of libraries.
pub(crate) fn section(page: &mut Document, attribution: &Value) {
    let families = attribution["families"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(first) = families.first() else { return };
    page.blank();
    // An empty sum is -0.0 in Rust.
    let number = |value: &Value| value.as_f64().unwrap_or(0.0) + 0.0;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |family: &Value| {
        let name = text(&family["family"]);
        if name.is_empty() { "(no family)".to_owned() } else { name }
    };
    page.line(&format!(
        "attribution: {}, confidence {:.2}; {} functions ({:.0} bytes) are library code and count for no family",
        name(first),
        number(&attribution["confidence"]),
        attribution["library_functions"],
        number(&attribution["library_bytes"]),
    ));
    page.blank();
    let mut table = Table::new(&[
        ("evidence for", Align::Left),
        ("samples", Align::Right),
        ("functions", Align::Right),
        ("of own code %", Align::Right),
        ("only there", Align::Right),
        ("bytes only there", Align::Right),
    ]);
    for family in families.iter().take(FAMILIES) {
        table.row(vec![
            name(family),
            family["samples"].to_string(),
            family["functions"].to_string(),
            format!("{:.1}", number(&family["percent"])),
            family["unique_functions"].to_string(),
            format!("{:.0}", number(&family["unique_bytes"])),
        ]);
    }
    page.table(&table);
    let strongest = first["strongest"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !strongest.is_empty() {
        page.blank();
        page.line(&format!("largest functions found only in {}:", name(first)));
        page.blank();
        let mut table = Table::new(&[
            ("function", Align::Right),
            ("at", Align::Right),
            ("bytes", Align::Right),
            ("name", Align::Left),
            ("score", Align::Right),
            ("like", Align::Right),
            ("of sample", Align::Right),
            ("named", Align::Left),
        ]);
        for one in strongest {
            table.row(vec![
                one["fid"].to_string(),
                format!("{:#x}", one["offset"].as_u64().unwrap_or(0)),
                format!("{:.0}", number(&one["num_bytes"])),
                text(&one["name"]),
                format!("{:.1}", number(&one["score"])),
                one["function_id"].to_string(),
                one["sample_id"].to_string(),
                text(&one["matched_name"]),
            ]);
        }
        page.table(&table);
    }
    if let Some(next) = families.get(1) {
        let functions = counted(next["unique_functions"].as_u64().unwrap_or_default(), "function");
        page.blank();
        page.line(&format!(
            "against it: {} has {functions} ({:.0} bytes) in no other family",
            name(next),
            number(&next["unique_bytes"])
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_family_and_what_speaks_against_it_are_told() {
        let family = |name: &str, unique: u64| {
            json!({"family": name, "samples": 2, "functions": 9, "percent": 12.34, "unique_functions": unique, "unique_bytes": 100.0,
                   "strongest": [{"fid": 3, "offset": 4096, "num_bytes": 77.0, "name": null, "score": 100.0, "function_id": 8,
                                  "sample_id": 1, "matched_name": "rc4"}]})
        };
        let attribution = json!({"confidence": 0.876, "library_functions": 4, "library_bytes": 300.0,
                          "families": [family("emotet", 5), family("", 1)]});
        let page = |attribution: &Value, mut page: Document| {
            section(&mut page, attribution);
            page.as_str().to_owned()
        };
        let text = page(&attribution, Document::plain());
        for part in [
            "attribution: emotet, confidence 0.88",
            "0x1000",
            "rc4",
            "against it: (no family) has 1 function (",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(page(&attribution, Document::markdown()).contains("| evidence for"));
        assert_eq!(page(&json!({"families": []}), Document::plain()), "");
        assert_eq!(page(&Value::Null, Document::plain()), "");
    }
}
