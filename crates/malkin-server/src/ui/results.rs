//! The page of a comparison: where the code of a sample was seen; and its pairs as files.

use std::fmt::Write;
use std::sync::Arc;

use http::StatusCode;
use malkin_pages::frame::Here;
use malkin_pages::result::{FamilyLine, FilterForm, PairLine, ResultPage, SampleLine, Sentence};
use malkin_report::{MatchFlags, MatcherKind, ResultId};
use malkin_service::{KeptTable, Pair, PairOrder, ReadTable, ResultFilter, ResultTable};
use serde_json::{Value, json};

use super::listing::{pager, start};
use super::{forms, frame, missing, page as render, store_failed};
use crate::answer::Answer;
use crate::api::result_filter;
use crate::app::App;
use crate::call::Call;
use crate::query::Query;

/// Rows of pairs that are in the page.
const PAIRS: u64 = 40;
/// Families and samples in the page.
const FAMILIES: usize = 25;
const SAMPLES: usize = 50;
/// Most pairs of a file.
const MOST_EXPORTED: usize = 1_000_000;

/// Fields of the filter form, named as the filters of the API are.
const FIELDS: [&str; 8] = [
    "family_name",
    "function_min_score",
    "max_num_families",
    "function_offset",
    "exclude_library",
    "func_unique",
    "exclude_own_family",
    "exclude_pic",
];

/// The table that a request asks for, and its result.
pub(super) fn table(app: &App, call: &Call, position: usize) -> Result<(ResultId, Arc<KeptTable>), Answer> {
    let id = ResultId::parse(call.text(position)).ok_or_else(|| missing(app, call, "result"))?;
    let filter = filter(&call.query);
    match app
        .tables
        .read(&app.service.corpus, id, &filter)
        .map_err(|error| store_failed(app, call, &error))?
    {
        ReadTable::Table(table) => Ok((id, table)),
        ReadTable::Missing => Err(missing(app, call, "result")),
        ReadTable::Other => Err(super::failed(
            app,
            &call.headers,
            StatusCode::UNPROCESSABLE_ENTITY,
            "This result is no comparison, or too large for a page. Read it with the API.",
        )),
    }
}

/// Filters of the address; an address of code may be hexadecimal here.
fn filter(query: &Query) -> ResultFilter {
    let mut filter = result_filter(query).map(|(filter, _)| filter).unwrap_or_default();
    let offset = query.last("function_offset").and_then(|text| {
        let text = text.trim();
        text.strip_prefix("0x")
            .map_or_else(|| text.parse().ok(), |digits| u64::from_str_radix(digits, 16).ok())
    });
    filter.function_offset = offset.map(malkin_report::Va::new);
    filter
}

/// The order of pairs that is asked for.
pub(super) fn order(query: &Query) -> (&'static str, PairOrder) {
    let wanted = query.last("sort").unwrap_or_default();
    PairOrder::ALL.into_iter().find(|(name, _)| *name == wanted).unwrap_or(PairOrder::ALL[0])
}

fn form(query: &Query) -> FilterForm {
    let values: Vec<(&'static str, String)> =
        FIELDS.iter().map(|name| (*name, query.last(name).unwrap_or_default().to_owned())).collect();
    let parts: Vec<String> = values
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", forms::encoded(value)))
        .collect();
    FilterForm { values, query: parts.join("&"), sort: order(query).0 }
}

/// `GET /ui/results/{id}`
pub(super) fn page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let (id, kept) = table(app, call, 1)?;
    let table = &kept.table;
    let (_, order) = order(&call.query);
    let start = start(&call.query);
    let from = usize::try_from(start).unwrap_or(usize::MAX);
    let positions = kept.sorted(order);
    let pairs: Vec<PairLine> = positions
        .iter()
        .skip(from)
        .take(PAIRS as usize)
        .filter_map(|at| table.pairs.get(*at as usize))
        .map(|pair| pair_line(table, pair))
        .collect();
    let job =
        app.service.corpus.store().job_of_result(id).map_err(|error| store_failed(app, call, &error))?;
    let own = &table.info.sample;
    let is_query = own.sample_id.is_query()
        || matches!(table.info.kind, MatcherKind::Query | MatcherKind::QueryFunction);
    let name = if own.filename.is_empty() { own.sha256.clone() } else { own.filename.clone() };
    let form = form(&call.query);
    let path = format!("/ui/results/{id}");
    let most = table.families.iter().map(|family| family.score).fold(1.0, f64::max);
    let own_bytes = table.attribution.own_bytes.max(1.0);
    let families = table.families.iter().take(FAMILIES).map(|family| FamilyLine {
        id: family.family_id.get(),
        name: family.family.clone(),
        is_library: family.is_library,
        samples: family.num_samples,
        functions: family.functions,
        unique_functions: family.unique_functions,
        score: family.score,
        nonlib_score: family.nonlib_score,
        best_sample: family.best_sample.get(),
        bar: [
            format!("{:.1}", (100.0 * family.unique_bytes / own_bytes).min(100.0)),
            format!("{:.1}", family.score.clamp(0.0, 100.0)),
        ],
        filter: format!("{path}?family_name={}#pairs", forms::encoded(&family.family)),
    });
    let samples = table.samples.iter().take(SAMPLES).map(|sample| SampleLine {
        id: sample.sample_id.get(),
        family: sample.family.clone(),
        version: sample.version.clone(),
        filename: sample.filename.clone(),
        is_library: sample.is_library,
        functions: sample.functions.combined,
        score: sample.percent.score_weighted,
        nonlib_score: sample.percent.nonlib_score_weighted,
        width: format!("{:.1}", 100.0 * sample.percent.score_weighted / most.max(1.0)),
    });
    let num_pairs = table.pairs.len();
    render(&ResultPage {
        frame: frame(app, &call.headers, Here::Jobs, name.clone()),
        id: id.to_string(),
        job: job.map(|job| job.id.to_string()),
        sample: (!is_query).then(|| own.sample_id.get()),
        name,
        question: match table.info.kind {
            MatcherKind::Sample => "A stored sample against everything",
            MatcherKind::Vs => "Two stored samples",
            MatcherKind::VsGroup => "A stored sample against a group",
            MatcherKind::Query => "A file against everything; it was not stored",
            MatcherKind::QueryFunction => "A function against everything",
        },
        sentence: sentence(table),
        partial: None,
        own_functions: table.functions.len(),
        matched: table.functions.iter().filter(|function| function.num_pairs > 0).count(),
        in_library: table.functions.iter().filter(|function| function.is_library).count(),
        own_bytes: table.attribution.own_bytes as u64,
        families: families.collect(),
        more_families: table.families.len().saturating_sub(FAMILIES),
        samples: samples.collect(),
        more_samples: table.samples.len().saturating_sub(SAMPLES),
        form,
        num_pairs,
        pager: pager(&call.query, &path, start, pairs.len() as u64, PAIRS, Some(num_pairs as u64)),
        pairs,
        overlaps: table.overlaps(),
    })
}

/// What the evidence of a result comes to. Only code that one family has, and no library, speaks for a family.
fn sentence(table: &ResultTable) -> Sentence {
    let evidence = &table.attribution;
    let matched = table.functions.iter().filter(|function| function.num_pairs > 0).count();
    if matched == 0 {
        return Sentence {
            before: "None of this code has been seen before.".to_owned(),
            ..Sentence::default()
        };
    }
    let own = (evidence.own_bytes - evidence.library_bytes).max(1.0);
    let best = evidence.families.first().filter(|family| family.unique_functions > 0);
    let mut but = Vec::new();
    if evidence.library_functions > 0 {
        let share = 100.0 * evidence.library_bytes / evidence.own_bytes.max(1.0);
        but.push(format!(
            "{} function{} ({share:.0} % of the code) also occur in libraries and count for no family.",
            malkin_pages::grouped(&evidence.library_functions.to_string()),
            if evidence.library_functions == 1 { "" } else { "s" },
        ));
    }
    let Some(best) = best else {
        return Sentence {
            before: "All code that was found belongs to libraries or to several families, so it points to no family.".to_owned(),
            but,
            ..Sentence::default()
        };
    };
    if let Some(second) =
        evidence.families.get(1).filter(|second| second.unique_bytes * 4.0 > best.unique_bytes)
    {
        but.push(format!(
            "{} has {} functions of its own in common, too.",
            malkin_pages::shown::shown(
                if second.family.is_empty() { "(unnamed)" } else { &second.family },
                60
            ),
            second.unique_functions,
        ));
    }
    let share = (100.0 * best.bytes / own).min(100.0);
    let is_sure = evidence.confidence >= 0.5 && best.unique_functions >= 3;
    if !is_sure {
        but.push(
            "This is too little to name a family: related code or a common source would explain it as well."
                .to_owned(),
        );
    }
    Sentence {
        class: if is_sure { "good" } else { "warn" },
        before: if is_sure {
            "This code belongs to".to_owned()
        } else {
            "Some of this code resembles".to_owned()
        },
        family: Some((best.family_id.get(), best.family.clone())),
        after: format!(
            ": {} function{} occur in no other family, and {share:.0} % of the code outside of libraries was found there.",
            malkin_pages::grouped(&best.unique_functions.to_string()),
            if best.unique_functions == 1 { "" } else { "s" },
        ),
        but,
    }
}

/// A pair as a row.
pub(super) fn pair_line(table: &ResultTable, pair: &Pair) -> PairLine {
    let own = table.functions.get(pair.own as usize);
    let sample = table.samples.get(pair.sample as usize);
    let is_stored = !table.info.sample.sample_id.is_query();
    PairLine {
        own: own.filter(|own| is_stored && own.function_id.get() >= 0).map(|own| own.function_id.get()),
        offset: own.map_or(0, |own| own.offset.get()),
        bytes: own.map_or(0, |own| own.num_bytes as u64),
        function: pair.function_id.get(),
        sample: sample.map_or(0, |sample| sample.sample_id.get()),
        family: sample.map(|sample| sample.family.clone()).unwrap_or_default(),
        score: pair.score,
        families: own.map_or(0, |own| own.num_families),
        why: match (pair.flags.contains(MatchFlags::PICHASH), pair.flags.contains(MatchFlags::LIBRARY)) {
            (true, false) => "same code",
            (true, true) => "same code, library",
            (false, true) => "similar, library",
            (false, false) => "similar",
        },
    }
}

/// `GET /ui/results/{id}/pairs.{csv|json|md}`: what the filters leave.
pub(super) fn pairs_file(app: &App, call: &Call) -> Result<Answer, Answer> {
    let (id, kept) = table(app, call, 1)?;
    let table = &kept.table;
    let positions = kept.sorted(order(&call.query).1);
    let lines = positions.iter().take(MOST_EXPORTED).filter_map(|at| table.pairs.get(*at as usize));
    let lines = lines.map(|pair| pair_line(table, pair));
    let mut text = String::new();
    let kind = call.text(2).rsplit('.').next().unwrap_or_default();
    let media_type = match kind {
        "csv" => {
            text.push_str("own_function,offset,bytes,family,sample,function,score,families,why\r\n");
            for line in lines {
                let own = line.own.map(|own| own.to_string()).unwrap_or_default();
                let family = csv_field(&line.family);
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "{own},{:#x},{},{family},{},{},{:.2},{},\"{}\"\r\n",
                    line.offset, line.bytes, line.sample, line.function, line.score, line.families, line.why
                );
            }
            "text/csv; charset=utf-8"
        }
        "md" => {
            text.push_str("| own function | bytes | family | sample | function | score | families | why |\n|---|--:|---|--:|--:|--:|--:|---|\n");
            for line in lines {
                let family =
                    malkin_pages::shown::shown(&line.family, 60).replace('|', "\\|").replace('<', "&lt;");
                let _ = writeln!(
                    text,
                    "| {:#x} | {} | {family} | {} | {} | {:.1} | {} | {} |",
                    line.offset, line.bytes, line.sample, line.function, line.score, line.families, line.why
                );
            }
            "text/markdown; charset=utf-8"
        }
        _ => {
            let rows: Vec<_> = lines.map(|line| pair_json(&line)).collect();
            text = serde_json::json!({"result": id.to_string(), "pairs": rows}).to_string();
            "application/json"
        }
    };
    Ok(Answer { media_type, ..Answer::json_text(StatusCode::OK, text.into_bytes()) }
        .with_header("content-disposition", format!("attachment; filename=\"{id}.{kind}\""))
        .with_header("cache-control", "no-store".to_owned()))
}

/// A pair as an array: own function or null, entry in hexadecimal, bytes, foreign function, sample, family, score, families, why.
pub(super) fn pair_json(line: &PairLine) -> Value {
    json!([
        line.own,
        format!("{:#x}", line.offset),
        line.bytes,
        line.function,
        line.sample,
        malkin_pages::shown::shown(&line.family, malkin_pages::shown::MAX_SHOWN),
        line.score,
        line.families,
        line.why
    ])
}

/// A text as a field of CSV. A spreadsheet takes what begins with one of these signs for a formula: it gets a quote in front.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = text.replace('"', "\"\"");
    format!("\"{}{text}\"", if is_formula { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv_are_no_formulas() {
        assert_eq!(csv_field("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(csv_field("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
    }

    #[test]
    fn addresses_of_the_filter_may_be_hexadecimal() {
        let offset = |text: &str| filter(&Query::parse(text)).function_offset.map(malkin_report::Va::get);
        assert_eq!(offset("function_offset=0x1000"), Some(4096));
        assert_eq!(offset("function_offset=4096"), Some(4096));
        assert_eq!(offset("function_offset=zz"), None);
    }
}
