//! `/search`: families, samples and functions by query, in order, page by page (`docs/reference/mcrit-api.md` section 11). The language
//! and the search itself are the store's; here are the parameters, their oddities and the shape of the answer.

mod cursor;

use std::sync::Arc;

use http::StatusCode;
use malkin_report::{FamilyEntry, FamilyId, FunctionEntry, FunctionId, SampleEntry, SampleId};
use malkin_service::Corpus;
use malkin_service::Role;
use malkin_service::questions;
use malkin_store::search::{MAX_PAGE, Record, read_id};
use malkin_store::{Filter, Found, FunctionQuery, Noun, Order, Search, SearchError, StoreError};
use serde_json::{Map, Value, json};

use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{LIMIT, Parameter};
use crate::query::Query;

/// Records of a page unless the client says otherwise.
const DEFAULT_LIMIT: i64 = 100;
/// Numbers beyond this are not looked up.
const MAX_ID: i128 = 0xffff_ffff;

const SEARCH: &[Parameter] = &[
    Parameter::text("query").required(),
    Parameter::text("sort_by"),
    Parameter::flag("is_ascending"),
    LIMIT,
    Parameter::text("cursor"),
];

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/search/families", Role::Reader, families, "Families by name and conditions")
        .query(SEARCH),
    Operation::get("/search/samples", Role::Reader, samples, "Samples by name and conditions").query(SEARCH),
    Operation::get("/search/functions", Role::Reader, functions, "Functions by name and conditions")
        .query(SEARCH),
];

/// `GET /search/families?query=&sort_by=&is_ascending=&limit=&cursor=`
pub(super) fn families(app: &App, call: &Call) -> Result<Answer, Answer> {
    with_room(app, call, find_families)
}

fn find_families(corpus: &Corpus, query: &Query) -> Result<Answer, Answer> {
    let request = Request::read(Noun::Family, query)?;
    let store = corpus.store();
    let page = request
        .page(|search| store.search_families(search), |family: &FamilyEntry| family.family_id.get())?;
    let named =
        request.named().map(|id| store.family(FamilyId::new(id))).transpose().map_err(store_failed)?;
    Ok(answer(page, named.flatten().as_ref(), FamilyEntry::shape))
}

/// `GET /search/samples?...`, with the sample whose SHA-256 the query is.
pub(super) fn samples(app: &App, call: &Call) -> Result<Answer, Answer> {
    with_room(app, call, find_samples)
}

fn find_samples(corpus: &Corpus, query: &Query) -> Result<Answer, Answer> {
    let request = Request::read(Noun::Sample, query)?;
    let store = corpus.store();
    let page =
        request.page(|search| store.search_samples(search), |sample: &SampleEntry| sample.sample_id.get())?;
    let named =
        request.named().map(|id| store.sample(SampleId::new(id))).transpose().map_err(store_failed)?;
    let by_sha256 =
        request.sha256().map(|text| store.sample_by_sha256(text)).transpose().map_err(store_failed)?;
    let mut page = page;
    page.insert("sha_match".to_owned(), by_sha256.flatten().map_or(Value::Null, |sample| sample.shape()));
    Ok(answer(page, named.flatten().as_ref(), SampleEntry::shape))
}

/// `GET /search/functions?...`, without disassembly.
pub(super) fn functions(app: &App, call: &Call) -> Result<Answer, Answer> {
    with_room(app, call, find_functions)
}

fn find_functions(corpus: &Corpus, query: &Query) -> Result<Answer, Answer> {
    let request = Request::read(Noun::Function, query)?;
    let store = corpus.store();
    let by_pichash =
        |hash| questions::with_pichash(corpus, hash).into_iter().map(|place| place.function).collect();
    let page = request.page(
        |search| store.search_functions(search, Some(&by_pichash)),
        |function: &FunctionEntry| function.function_id.get(),
    )?;
    let by_id = |id| store.functions(&FunctionQuery::ByIds(vec![FunctionId::new(id)]));
    let named = request.named().map(by_id).transpose().map_err(store_failed)?.unwrap_or_default();
    Ok(answer(page, named.first(), FunctionEntry::shape))
}

/// Memory that a record of a page takes until the page is written, in bytes, as a rule.
const RECORD_BYTES: usize = 4 << 10;

/// Searches when there is room for a page as long as the client wants.
#[expect(clippy::unnecessary_wraps, reason = "the end of handlers")]
fn with_room(
    app: &App,
    call: &Call,
    find: fn(&Corpus, &Query) -> Result<Answer, Answer>,
) -> Result<Answer, Answer> {
    let limit = call.query.int("limit").unwrap_or(DEFAULT_LIMIT).unsigned_abs();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_PAGE);
    let (corpus, query) = (Arc::clone(&app.service.corpus), call.query.clone());
    Ok(Answer::later(limit * RECORD_BYTES, move || find(&corpus, &query)))
}

/// A record as the API shows it.
trait Shape: Record {
    fn shape(&self) -> Value;
}

impl Shape for FamilyEntry {
    fn shape(&self) -> Value {
        malkin_wire::family_entry_to_json(self)
    }
}

impl Shape for SampleEntry {
    fn shape(&self) -> Value {
        malkin_wire::sample_entry_to_json(self)
    }
}

impl Shape for FunctionEntry {
    fn shape(&self) -> Value {
        malkin_wire::function_entry_to_json(self, Value::Null)
    }
}

fn answer<T>(mut page: Map<String, Value>, named: Option<&T>, shape: fn(&T) -> Value) -> Answer {
    page.insert("id_match".to_owned(), named.map_or(Value::Null, shape));
    Answer::data(&Value::Object(page))
}

/// The parameters of a search.
#[derive(Debug)]
struct Request<'a> {
    text: &'a str,
    search: Search,
    /// As the client gave it: not 0, maybe negative.
    limit: i64,
}

impl<'a> Request<'a> {
    /// In the order in which the reference looks at them, since the first mistake is the one reported.
    fn read(noun: Noun, query: &'a Query) -> Result<Self, Answer> {
        let text = once(query, "query")?.ok_or_else(|| refused("The parameter 'query' is missing."))?;
        let ascending = once(query, "is_ascending")?.is_none_or(|text| !text.eq_ignore_ascii_case("false"));
        let order = Order::new(noun, once(query, "sort_by")?, ascending).map_err(refused_search)?;
        let border =
            once(query, "cursor")?.map(cursor::read).transpose().map_err(|message| refused(&message))?;
        let filter = Filter::new(noun, text).map_err(refused_search)?;
        order.check().map_err(refused_search)?;
        let limit = query.int("limit").unwrap_or(DEFAULT_LIMIT);
        if limit == 0 {
            return Err(refused("The limit must not be 0."));
        }
        Ok(Self { text, search: Search { filter, order, border, limit: 0 }, limit })
    }

    /// Searches and shows the page. `id` is a record's number.
    fn page<T: Shape>(
        &self,
        find: impl FnOnce(&Search) -> Result<Found<T>, StoreError>,
        id: fn(&T) -> i64,
    ) -> Result<Map<String, Value>, Answer> {
        let limit = match self.limit {
            // All but the last.
            -1 => MAX_PAGE,
            // The reference fetches as many as a positive limit would have it, and one more, and shows all but the last:
            // of a negative limit the sign is lost in between.
            negative if negative < 0 => usize::try_from(negative.unsigned_abs() - 2).unwrap_or(usize::MAX),
            positive => usize::try_from(positive).unwrap_or(usize::MAX),
        };
        let search = Search { limit, ..self.search.clone() };
        let mut found = find(&search).map_err(|error| match error {
            StoreError::Search(error) => refused_search(error),
            other => store_failed(other),
        })?;
        let backward = search.border.as_ref().is_some_and(|border| border.backward);
        if self.limit < 0 {
            if !found.more {
                let furthest = if backward { 0 } else { found.entries.len().saturating_sub(1) };
                if furthest < found.entries.len() {
                    found.entries.remove(furthest);
                }
            }
            if found.entries.is_empty() {
                return Err(refused("A negative limit leaves nothing of this page."));
            }
            found.more = true;
        }
        let cursors = self.cursors(&found, backward, id)?;
        let results = found.entries.iter().map(|entry| (id(entry).to_string(), entry.shape())).collect();
        let mut page = Map::new();
        page.insert("search_results".to_owned(), Value::Object(results));
        page.insert("cursor".to_owned(), cursors);
        Ok(page)
    }

    fn cursors<T: Shape>(
        &self,
        found: &Found<T>,
        backward: bool,
        id: fn(&T) -> i64,
    ) -> Result<Value, Answer> {
        let (Some(first), Some(last)) = (found.entries.first(), found.entries.last()) else {
            return Ok(json!({"forward": null, "backward": null}));
        };
        // The reference ends by mistake where the furthest record is number 0.
        let goes_on = found.more && id(if backward { first } else { last }) != 0;
        let (goes_forward, goes_backward) =
            if backward { (true, goes_on) } else { (goes_on, self.search.border.is_some()) };
        if self.search.order.sort_by() == "timestamp" && (goes_forward || goes_backward) {
            return Err(refused("Samples sorted by the field 'timestamp' cannot be shown page by page."));
        }
        let border = |entry: &T, backward| cursor::write(&self.search.order.border(entry), backward);
        Ok(json!({
            "forward": goes_forward.then(|| border(last, false)),
            "backward": goes_backward.then(|| border(first, true)),
        }))
    }

    /// The number that the whole query is, if it can be one of a record.
    fn named(&self) -> Option<i64> {
        let id = read_id(self.text).filter(|id| (0..=MAX_ID).contains(id))?;
        i64::try_from(id).ok()
    }

    /// The query if it is a SHA-256.
    fn sha256(&self) -> Option<&str> {
        Some(self.text).filter(|text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

/// A parameter given at most once.
fn once<'a>(query: &'a Query, name: &str) -> Result<Option<&'a str>, Answer> {
    match query.once(name) {
        None if query.has(name) => Err(refused(&format!("The parameter '{name}' is given more than once."))),
        value => Ok(value),
    }
}

fn refused(message: &str) -> Answer {
    Answer::failed(StatusCode::BAD_REQUEST, message)
}

fn refused_search(error: SearchError) -> Answer {
    refused(&error.to_string())
}
