//! A MatchingResult as a person reads it: families ranked by how much of the own code they share, then their samples.
//!
//! Works on the JSON of the API, so that a result of a server and one of the own data directory look the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::command::evidence;
use crate::failure::Failure;
use crate::output::{self, Align, Document, Format, Table};
use crate::shown::counted;

/// Cells of a full bar.
const BAR: usize = 10;

/// A foreign sample's line.
struct Line {
    family_id: i64,
    family: String,
    version: String,
    sample_id: i64,
    filename: String,
    is_library: bool,
    functions: u64,
    direct: f64,
    nonlib: f64,
    frequency: f64,
    unique: f64,
    /// In exact mode: own functions matched by signature alone that banding would have missed.
    missed: Option<u64>,
}

/// Prints a result; `attribution` is what it says of families, as the API returns it.
pub(crate) fn print(result: &[u8], attribution: &Value, format: Format, top: usize) -> Result<(), Failure> {
    if matches!(format, Format::Json | Format::Jsonl) {
        return output::json_text(&String::from_utf8_lossy(result));
    }
    let result: Value = serde_json::from_slice(result)
        .map_err(|error| Failure::Other(format!("the result cannot be read: {error}")))?;
    let mut lines = lines(&result);
    lines.sort_by(|a, b| b.frequency.total_cmp(&a.frequency).then(a.sample_id.cmp(&b.sample_id)));
    let families = family_table(&lines);
    let is_exact = result["exact"].is_object();
    let mut samples = sample_table(is_exact);
    for line in lines.iter().take(top) {
        samples.row(sample_row(line));
    }
    let mut page = Document::new(format);
    page.line(&summary(&result));
    for remark in [banding(&result["exact"]), partial(&result["partial"])].into_iter().flatten() {
        page.line(&remark);
    }
    page.blank();
    if !lines.is_empty() {
        page.table(&families);
        page.blank();
        page.table(&samples);
    }
    evidence::section(&mut page, attribution);
    if lines.len() > top {
        page.blank();
        page.line(&format!("{}, see --top", counted((lines.len() - top) as u64, "more sample")));
    }
    output::document(&page)
}

fn summary(result: &Value) -> String {
    let sample = &result["info"]["sample"];
    let functions = result["matches"]["functions"].as_array().map_or(0, Vec::len);
    let matched =
        result["matches"]["aggregation"]["minhash"]["num_own_functions_matched"].as_u64().unwrap_or(0);
    let by_pichash =
        result["matches"]["aggregation"]["pichash"]["num_own_functions_matched"].as_u64().unwrap_or(0);
    let name = text(&sample["filename"]);
    let seconds =
        result["info"]["job"]["duration"].as_f64().map(|s| format!(", {s:.3} s")).unwrap_or_default();
    format!(
        "{name} ({}): {matched} of {functions} functions seen before, {by_pichash} of them equal by PicHash{seconds}",
        text(&sample["architecture"]),
    )
}

/// What banding would have missed, if the comparison was exact.
fn banding(report: &Value) -> Option<String> {
    let number = |what: &str, of: &str| report[what][of].as_u64();
    let (found, missed) = (number("matches", "found")?, number("matches", "missed")?);
    let own = number("own_functions", "missed")?;
    let share = if found > 0 { 100.0 * missed as f64 / found as f64 } else { 0.0 };
    Some(format!(
        "exact: bands (at least {}) would have missed {missed} of {found} matches by signature alone ({share:.0} %), and {own} functions \
         altogether",
        report["band_matches_required"]
    ))
}

/// That this is not all, if it is not.
fn partial(cut: &Value) -> Option<String> {
    let ceiling = cut["ceiling"].as_str()?;
    Some(format!(
        "PARTIAL: {ceiling} was reached after {} of {} distinct signatures; the others were not compared",
        cut["done"], cut["total"]
    ))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn lines(result: &Value) -> Vec<Line> {
    let unique = unique_bytes(result);
    let exact = &result["exact"];
    let binweight = result["info"]["sample"]["binweight"].as_f64().unwrap_or(0.0);
    let line = |sample: &Value| {
        let percent = |kind: &str| sample["matched"]["percent"][kind].as_f64().unwrap_or(0.0);
        let sample_id = sample["sample_id"].as_i64().unwrap_or(0);
        let unique_bytes = unique.get(&sample_id).copied().unwrap_or(0.0);
        Line {
            family_id: sample["family_id"].as_i64().unwrap_or(0),
            family: text(&sample["family"]),
            version: text(&sample["version"]),
            sample_id,
            filename: text(&sample["filename"]),
            is_library: sample["is_library"] == true,
            functions: sample["matched"]["functions"]["combined"].as_u64().unwrap_or(0),
            direct: percent("score_weighted"),
            nonlib: percent("nonlib_score_weighted"),
            frequency: percent("frequency_weighted"),
            unique: if binweight > 0.0 { 100.0 * unique_bytes / binweight } else { 0.0 },
            missed: exact
                .is_object()
                .then(|| exact["samples"][sample_id.to_string()]["missed"].as_u64().unwrap_or(0)),
        }
    };
    result["matches"]["samples"].as_array().into_iter().flatten().map(line).collect()
}

/// Per sample: bytes of own functions that were seen in one family only, weighted by their best score there
/// (`docs/reference/similarity.md` section 10).
fn unique_bytes(result: &Value) -> BTreeMap<i64, f64> {
    let mut bytes = BTreeMap::new();
    for function in result["matches"]["functions"].as_array().into_iter().flatten() {
        let tuples = function["matches"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(family) = tuples.first().map(|tuple| &tuple[0]) else {
            continue;
        };
        if tuples.iter().any(|tuple| tuple[0] != *family) {
            continue;
        }
        let size = function["num_bytes"].as_f64().unwrap_or(0.0);
        let mut best: BTreeMap<i64, f64> = BTreeMap::new();
        for tuple in tuples {
            let weighted = size * tuple[3].as_f64().unwrap_or(0.0) / 100.0;
            let entry = best.entry(tuple[1].as_i64().unwrap_or(0)).or_default();
            *entry = entry.max(weighted);
        }
        for (sample, weighted) in best {
            *bytes.entry(sample).or_default() += weighted;
        }
    }
    bytes
}

/// Per family its best sample, best family first; `lines` are sorted already.
fn family_table(lines: &[Line]) -> Table {
    let mut table = Table::new(&[
        ("family", Align::Left),
        ("samples", Align::Right),
        ("functions", Align::Right),
        ("direct %", Align::Right),
        ("non-lib %", Align::Right),
        ("freq %", Align::Right),
        ("unique %", Align::Right),
        ("", Align::Left),
    ]);
    let mut seen = Vec::new();
    for line in lines {
        if seen.contains(&line.family_id) {
            continue;
        }
        seen.push(line.family_id);
        let samples = lines.iter().filter(|other| other.family_id == line.family_id).count();
        let mut cells = vec![family_name(line), samples.to_string(), line.functions.to_string()];
        cells.extend(percents(line));
        table.row(cells);
    }
    table
}

fn family_name(line: &Line) -> String {
    let name = if line.family.is_empty() { "(no family)" } else { &line.family };
    if line.is_library { format!("{name} [library]") } else { name.to_owned() }
}

fn sample_table(is_exact: bool) -> Table {
    let mut columns = vec![
        ("sample", Align::Right),
        ("family", Align::Left),
        ("version", Align::Left),
        ("file", Align::Left),
        ("functions", Align::Right),
    ];
    if is_exact {
        columns.push(("bands miss", Align::Right));
    }
    columns.extend([
        ("direct %", Align::Right),
        ("non-lib %", Align::Right),
        ("freq %", Align::Right),
        ("unique %", Align::Right),
        ("", Align::Left),
    ]);
    Table::new(&columns)
}

fn sample_row(line: &Line) -> Vec<String> {
    let mut cells = vec![
        line.sample_id.to_string(),
        family_name(line),
        line.version.clone(),
        line.filename.clone(),
        line.functions.to_string(),
    ];
    cells.extend(line.missed.map(|missed| missed.to_string()));
    cells.extend(percents(line));
    cells
}

fn percents(line: &Line) -> Vec<String> {
    let mut cells: Vec<String> = [line.direct, line.nonlib, line.frequency, line.unique]
        .iter()
        .map(|percent| format!("{percent:.1}"))
        .collect();
    let full = ((line.frequency.clamp(0.0, 100.0) / 100.0) * BAR as f64).round() as usize;
    cells.push("█".repeat(full) + &"·".repeat(BAR - full));
    cells
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unique_counts_functions_of_one_family_by_their_best_score() {
        let result = json!({"matches": {"functions": [
            {"num_bytes": 100.0, "matches": [[1, 0, 5, 50.0, 1], [1, 0, 6, 80.0, 1], [1, 2, 9, 100.0, 3]]},
            {"num_bytes": 10.0, "matches": [[1, 0, 5, 100.0, 3], [2, 1, 7, 100.0, 3]]},
            {"num_bytes": 10.0, "matches": []},
        ]}});
        assert_eq!(unique_bytes(&result), BTreeMap::from([(0, 80.0), (2, 100.0)]));
    }
}
