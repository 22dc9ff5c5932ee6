//! Pages of examined files.

use malkin_pages::frame::Here;
use malkin_pages::triage::{AnalysesPage, AnalysisPage, AnalysisRow, Item, Reason, SectionRow};
use malkin_store::{AnalysisFilter, Page};
use serde_json::Value;

use super::listing::{pager, start};
use super::{forms, frame, missing, page as render, see_other, store_failed};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Records of a page.
const ROWS: u64 = 50;
/// Rows of each table of a record.
const ITEMS: usize = 200;
/// Characters of a record that are shown as JSON.
const MAX_JSON: usize = 400_000;

/// `GET /ui/triage?q=&start=`
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let query: String = call.query.last("q").unwrap_or_default().trim().chars().take(1000).collect();
    let text = Some(query.clone()).filter(|text| !text.is_empty());
    let start = start(&call.query);
    let filter = AnalysisFilter { text, ..AnalysisFilter::default() };
    let found = app.service.corpus.store().analyses(&filter, Page { start, limit: ROWS });
    let (total, entries) = found.map_err(|error| store_failed(app, call, &error))?;
    let shown = entries.len() as u64;
    let rows = entries.into_iter().map(|entry| AnalysisRow {
        id: entry.id,
        name: entry.file_name.unwrap_or_default(),
        sha256: entry.sha256.unwrap_or_default(),
        size: entry.size_bytes.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        when: entry.created_at.unwrap_or_default(),
        families: entry.families,
    });
    render(&AnalysesPage {
        frame: frame(app, &call.headers, Here::Triage, "Triage"),
        query,
        rows: rows.collect(),
        pager: pager(&call.query, "/ui/triage", start, shown, ROWS, Some(total)),
    })
}

/// A member as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn list_of(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten().take(ITEMS)
}

fn items(value: &Value, kind: &str, what: &str, detail: &str) -> Vec<Item> {
    let of = |item: &Value, name: &str| text(&item[name]);
    list_of(value)
        .map(|item| Item { kind: of(item, kind), text: of(item, what), detail: of(item, detail) })
        .collect()
}

/// `GET /ui/triage/{id}`
pub(super) fn page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let found = app.service.corpus.store().analysis(call.text(1));
    let found = found
        .map_err(|error| store_failed(app, call, &error))?
        .ok_or_else(|| missing(app, call, "record"))?;
    // Records of the original service hold less: what is not there is not shown.
    let record: Value = serde_json::from_str(&found.document).unwrap_or_default();
    let report = if record["report"].is_object() { &record["report"] } else { &record };
    let facts = &report["facts"];
    let verdict = &report["verdict"];
    let name = [&report["file"]["name"], &record["file_name"], &record["file"]["name"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let level = verdict["level"].as_str().or_else(|| report["summary"]["overall_risk_level"].as_str());
    let score = verdict["score"].as_i64().or_else(|| report["summary"]["score"].as_i64());
    let kinds = ["pe", "native", "macho", "dotnet"];
    let code = kinds.iter().map(|kind| &facts[*kind]).find(|code| code.is_object()).unwrap_or(&Value::Null);
    let sections = list_of(&code["sections"]).map(|section| SectionRow {
        name: text(&section["name"]),
        address: section["address"].as_u64().unwrap_or(0),
        size: section["size"].as_u64().or_else(|| section["raw_size"].as_u64()).unwrap_or(0),
        entropy: section["entropy"].as_f64().unwrap_or(0.0),
        rights: text(&section["flags"]),
    });
    let known = [
        ("Kind", text(&facts["kind"])),
        ("Size", facts["size"].as_u64().map(malkin_pages::size_text).unwrap_or_default()),
        ("Entropy", text(&facts["entropy"])),
        ("Architecture", text(&code["architecture"])),
        ("Compiled", text(&code["compiled"])),
        ("Signer", text(&code["signature"]["signer"])),
        ("Signature fits the file", text(&code["signature"]["matches"])),
        ("imphash", text(&code["imphash"])),
        ("Build id", text(&code["build_id"])),
        ("Libraries", libraries(&code["libraries"])),
        ("Hint", text(&report["file"]["hint"])),
    ];
    let hashes =
        [("MD5", "md5"), ("SHA-1", "sha1"), ("SHA-256", "sha256"), ("ssdeep", "ssdeep"), ("TLSH", "tlsh")]
            .map(|(name, member)| (name, text(&facts["hashes"][member])));
    let kinship = list_of(&report["kinship"]["families"]).map(|family| {
        let functions =
            family["functions"].as_u64().or_else(|| family["num_functions"].as_u64()).unwrap_or(0);
        (text(&family["family"]), functions, family["percent"].as_f64().unwrap_or(0.0))
    });
    let indicators = list_of(&facts["indicators"]).map(|one| Item {
        kind: text(&one["kind"]),
        text: text(&one["defanged"]),
        detail: text(&one["defanged"]),
    });
    let reputation = report["reputation"].as_object().into_iter().flatten().take(ITEMS);
    let children = list_of(&report["children"]).map(|child| {
        let name = child["name"].as_str().or_else(|| child["file_name"].as_str()).unwrap_or_default();
        (text(&child["id"]), name.to_owned(), text(&child["level"]))
    });
    let mut json = serde_json::to_string_pretty(&record).unwrap_or_default();
    if json.len() > MAX_JSON {
        json.truncate(json.floor_char_boundary(MAX_JSON));
        json.push_str("\n…");
    }
    let unread = list_of(&facts["unread"]).chain(list_of(&facts["not_unpacked"])).map(text);
    render(&AnalysisPage {
        frame: frame(app, &call.headers, Here::Triage, name.clone()),
        id: found.id.clone(),
        name,
        when: text(&record["created_at"]),
        level: level.unwrap_or("Unknown").to_owned(),
        score: score.unwrap_or(0),
        reasons: list_of(&verdict["reasons"])
            .map(|reason| Reason {
                points: reason["points"].as_i64().unwrap_or(0),
                text: text(&reason["what"]),
                from: text(&reason["fact"]),
            })
            .collect(),
        facts: known.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        hashes: hashes.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        kinship: kinship.collect(),
        compared: report["kinship"]["num_functions"].as_u64(),
        findings: items(&facts["findings"], "kind", "what", "fact"),
        capabilities: items(&facts["capabilities"], "technique", "what", "apis"),
        yara: items(&facts["yara"], "rule", "description", "tags"),
        indicators: indicators.collect(),
        sections: sections.collect(),
        entropy: entropy(&facts["entropy_profile"]["values"]),
        children: children.collect(),
        unread: unread.collect(),
        reputation: reputation
            .map(|(name, answer)| Item { kind: name.clone(), text: text(answer), detail: String::new() })
            .collect(),
        json,
    })
}

/// Names of libraries, whatever else a record says of each.
fn libraries(value: &Value) -> String {
    let name = |library: &Value| library["name"].as_str().or(library.as_str()).map(str::to_owned);
    list_of(value).filter_map(name).collect::<Vec<_>>().join(", ")
}

/// Points of a line: entropies of 0 to 8 bits over the file.
fn entropy(values: &Value) -> String {
    let values: Vec<f64> =
        values.as_array().into_iter().flatten().filter_map(Value::as_f64).take(1000).collect();
    let step = 100.0 / values.len().saturating_sub(1).max(1) as f64;
    let points = values.iter().enumerate();
    points
        .map(|(at, bits)| format!("{:.2},{:.2}", step * at as f64, 8.0 - bits.clamp(0.0, 8.0)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `POST /ui/triage/{id}/delete`
pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    let deleted = app.service.corpus.store().delete_analysis(call.text(1));
    if deleted.map_err(|error| store_failed(app, call, &error))? {
        Ok(see_other("/ui/triage"))
    } else {
        Err(missing(app, call, "record"))
    }
}
