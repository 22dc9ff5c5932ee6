//! `/analyses`: stored records, listed, read and deleted.

use http::StatusCode;
use malkin_service::Role;
use malkin_service::triage::instant;
use malkin_store::{Analysis, AnalysisEntry, AnalysisFilter, Page};
use serde_json::{Value, json};

use super::refusal::{fault, invalid, missing, not_found, store_failed};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::Parameter;

/// Records a page has unless the client says otherwise, and at most (the original's).
const PAGE_SIZE: u32 = 20;
const MAX_PAGE_SIZE: u32 = 200;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/analyses", Role::Reader, list, "Stored records, newest first")
        .query(&[
            Parameter::from_1("page", None, 1),
            Parameter::from_1("page_size", Some(MAX_PAGE_SIZE), PAGE_SIZE),
            Parameter::text("sha256"),
            Parameter::text("sha1"),
            Parameter::text("md5"),
            Parameter::text("date_from"),
            Parameter::text("date_to"),
            Parameter::text("family"),
            Parameter::text("q"),
        ])
        .triage()
        .original_id("list_analyses_analyses_get"),
    Operation::get("/analyses/sha256/{hash}", Role::Reader, by_sha256, "The newest record of a file")
        .triage()
        .original_id("fetch_by_sha256_analyses_sha256__hash__get"),
    Operation::get("/analyses/sha1/{hash}", Role::Reader, by_sha1, "The newest record of a file, by SHA-1")
        .triage()
        .ours(),
    Operation::get("/analyses/{rec_id}", Role::Reader, by_id, "One record")
        .triage()
        .original_id("fetch_by_id_analyses__rec_id__get"),
    Operation::delete("/analyses/{rec_id}", Role::Admin, delete, "Deletes a record")
        .triage()
        .original_id("delete_by_id_analyses__rec_id__delete"),
    Operation::post("/analyses/purge", Role::Admin, purge, "Deletes all records of a file")
        .query(&[Parameter::text("sha256").required()])
        .triage()
        .original_id("purge_by_sha256_analyses_purge_post"),
];

/// `GET /analyses?page=&page_size=&sha256=&sha1=&md5=&date_from=&date_to=`; ours: `family`, `q`.
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let mut faults = Vec::new();
    let page = number(call, "page", 1, None, &mut faults);
    let page_size = number(call, "page_size", PAGE_SIZE.into(), Some(MAX_PAGE_SIZE.into()), &mut faults);
    let from = moment(call, "date_from", &mut faults);
    let to = moment(call, "date_to", &mut faults);
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    let text = |name| call.query.last(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let filter = AnalysisFilter {
        sha256: text("sha256"),
        sha1: text("sha1"),
        md5: text("md5"),
        created_us: (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX)),
        by_moment: ["date_from", "date_to"].into_iter().filter_map(text).any(|bound| !is_plain(&bound)),
        family: text("family"),
        text: text("q"),
    };
    let window = Page { start: (page - 1).saturating_mul(page_size), limit: page_size };
    let (total, entries) = app.service.corpus.store().analyses(&filter, window).map_err(store_failed)?;
    let items: Vec<Value> = entries.iter().map(item).collect();
    let body = json!({"page": page, "page_size": page_size, "total": total, "items": items});
    Ok(Answer::json(StatusCode::OK, &body))
}

fn item(entry: &AnalysisEntry) -> Value {
    json!({
        "id": entry.id,
        "created_at": entry.created_at,
        "file_name": entry.file_name,
        "size_bytes": entry.size_bytes,
        "md5": entry.md5,
        "sha1": entry.sha1,
        "sha256": entry.sha256,
        "hint": entry.hint,
        "model": entry.model,
    })
}

/// A whole number of at least 1; what is too large for 64 bits saturates.
fn number(call: &Call, name: &str, default: u64, most: Option<u64>, faults: &mut Vec<Value>) -> u64 {
    let Some(text) = call.query.last(name) else { return default };
    let place = ["query", name];
    let digits = text.trim();
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = "Input should be a valid integer, unable to parse string as an integer";
        faults.push(fault("int_parsing", &place, message, json!(text)));
        return default;
    }
    let value = if digits.starts_with('-') { 0 } else { unsigned.parse().unwrap_or(u64::MAX) };
    let bound = |kind: &str, words: &str, name: &str, bound: u64| {
        json!({"type": kind, "loc": place, "msg": format!("Input should be {words} or equal to {bound}"), "input": text,
               "ctx": {name: bound}})
    };
    if value < 1 {
        faults.push(bound("greater_than_equal", "greater than", "ge", 1));
    } else if let Some(most) = most.filter(|most| value > *most) {
        faults.push(bound("less_than_equal", "less than", "le", most));
    }
    value.max(1)
}

/// A bound in microseconds since 1970. A bare day, month or year means its first moment, as lower and as upper bound: that is how the
/// original compares it, and a transcript without alternative holds us to it (`list_combined`, step 4).
fn moment(call: &Call, name: &str, faults: &mut Vec<Value>) -> Option<i64> {
    let text = call.query.last(name).filter(|text| !text.is_empty())?;
    let trimmed = text.trim();
    let whole = match trimmed.len() {
        4 => format!("{trimmed}-01-01"),
        7 => format!("{trimmed}-01"),
        _ => trimmed.to_owned(),
    };
    // A plus sign in a query that was not encoded arrives as a blank.
    let zoned = || instant(&whole.replacen(' ', "+", 1));
    let found = instant(&whole).or_else(zoned);
    if found.is_none() {
        let message = "Input should be a valid datetime";
        faults.push(fault("datetime_parsing", &["query", name], message, json!(text)));
    }
    found
}

/// Whether a bound has the form of stored times, whole or up to the day, the month or the year. Only then do the order of texts, which the
/// original lists by, and the order of moments agree about it; with any other bound the listing is in the order of moments.
fn is_plain(bound: &str) -> bool {
    const FORM: &str = "0000-00-00T00:00:00.000000Z";
    [4, 7, 10, FORM.len()].contains(&bound.len())
        && bound
            .bytes()
            .zip(FORM.bytes())
            .all(|(byte, form)| if form == b'0' { byte.is_ascii_digit() } else { byte == form })
}

/// `GET /analyses/{id}`
pub(super) fn by_id(app: &App, call: &Call) -> Result<Answer, Answer> {
    shown(app.service.corpus.store().analysis(call.text(0)).map_err(store_failed)?)
}

/// `GET /analyses/sha256/{hash}`: the newest record of a file.
pub(super) fn by_sha256(app: &App, call: &Call) -> Result<Answer, Answer> {
    shown(app.service.corpus.store().newest_analysis(call.text(0)).map_err(store_failed)?)
}

/// `GET /analyses/sha1/{hash}`: the same by SHA-1.
pub(super) fn by_sha1(app: &App, call: &Call) -> Result<Answer, Answer> {
    let filter = AnalysisFilter { sha1: Some(call.text(0).to_owned()), ..AnalysisFilter::default() };
    let (_, newest) =
        app.service.corpus.store().analyses(&filter, Page { start: 0, limit: 1 }).map_err(store_failed)?;
    let Some(newest) = newest.first() else { return shown(None) };
    shown(app.service.corpus.store().analysis(&newest.id).map_err(store_failed)?)
}

/// The document as it was stored. One that is no JSON, or null, counts as not there.
fn shown(found: Option<Analysis>) -> Result<Answer, Answer> {
    let absent = || not_found("analysis not found");
    let found = found.ok_or_else(absent)?;
    match serde_json::from_str::<Value>(&found.document) {
        Ok(Value::Null) | Err(_) => {
            tracing::warn!(analysis.id = found.id, "a stored analysis is no report");
            Err(absent())
        }
        Ok(_) => Ok(Answer::json_text(StatusCode::OK, found.document.into_bytes())
            .with_header("x-analysis-id", found.id)),
    }
}

/// `DELETE /analyses/{id}`
pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = call.text(0);
    if !app.service.corpus.store().delete_analysis(id).map_err(store_failed)? {
        return Err(not_found("analysis not found"));
    }
    Ok(Answer::json(StatusCode::OK, &json!({"deleted": true, "count": 1, "id": id})))
}

/// `POST /analyses/purge?sha256=`
pub(super) fn purge(app: &App, call: &Call) -> Result<Answer, Answer> {
    let Some(sha256) = call.query.last("sha256") else {
        return Err(invalid(vec![missing(&["query", "sha256"], Value::Null)]));
    };
    let purged = app.service.corpus.store().purge_analyses(sha256).map_err(store_failed)?;
    Ok(Answer::json(StatusCode::OK, &json!({"purged": purged, "sha256": sha256})))
}
