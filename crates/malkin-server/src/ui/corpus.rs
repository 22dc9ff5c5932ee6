//! Pages about what the corpus holds: search, families, samples, statistics; and changes of them.

use std::collections::{BTreeMap, HashMap};

use http::StatusCode;
use malkin_pages::corpus::{
    Bar, FamiliesPage, FamilyPage, SamplePage, SamplesPage, SearchPage, StatisticsPage,
};
use malkin_pages::frame::Here;
use malkin_report::{FamilyId, FunctionEntry, PicHash, SampleEntry, SampleId};
use malkin_service::{Changes, questions};
use malkin_store::search::parse;
use malkin_store::{Filter, FunctionQuery, JobFilter, Noun, Order, Page, Search, StoreError};
use serde_json::{Map, Value};

use super::listing::{ROWS, pager, start};
use super::{failed, forms, frame, missing, page as render, see_other, store_failed, view};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Rows of each kind that a search shows.
const FOUND: usize = 50;
/// Most characters of a query.
const MAX_QUERY: usize = 1000;
/// Samples whose numbers a family page offers for comparison.
const COMPARABLE: usize = 100;
/// Jobs that are looked through for those of a sample.
const LOOKED_THROUGH: u64 = 500;
/// Samples that statistics count one by one.
const COUNTED: u64 = 200_000;
/// Bars of a chart.
const BARS: usize = 20;

/// A number of the path; none for what is no number, which no record has.
fn number(call: &Call) -> i64 {
    call.text(1).parse().unwrap_or(i64::MIN)
}

/// `GET /ui/search?q=`
pub(super) fn search(app: &App, call: &Call) -> Result<Answer, Answer> {
    let query: String = call.query.last("q").unwrap_or_default().trim().chars().take(MAX_QUERY).collect();
    let mut found = SearchPage {
        frame: frame(app, &call.headers, Here::Nowhere, "Search"),
        query: query.clone(),
        error: None,
        families: Vec::new(),
        samples: Vec::new(),
        functions: Vec::new(),
        most: FOUND,
    };
    if !query.is_empty() {
        match look_up(app, &query) {
            Ok((families, samples, functions)) => {
                found.families = families.iter().map(view::family).collect();
                found.functions =
                    function_rows(app, &functions).map_err(|error| store_failed(app, call, &error))?;
                found.samples = samples.iter().map(view::sample).collect();
            }
            Err(Unfound::Query(error)) => found.error = Some(error),
            Err(Unfound::Store(error)) => return Err(store_failed(app, call, &error)),
        }
    }
    render(&found)
}

enum Unfound {
    Query(String),
    Store(StoreError),
}

impl From<StoreError> for Unfound {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Search(error) => Self::Query(error.to_string()),
            other => Self::Store(other),
        }
    }
}

type Hits = (Vec<malkin_report::FamilyEntry>, Vec<SampleEntry>, Vec<FunctionEntry>);

/// A hash, an address or a query, in all three kinds of records.
fn look_up(app: &App, query: &str) -> Result<Hits, Unfound> {
    let corpus = &app.service.corpus;
    let store = corpus.store();
    if query.len() == 64 && query.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let sample = store.sample_by_sha256(&query.to_ascii_lowercase())?;
        return Ok((Vec::new(), sample.into_iter().collect(), Vec::new()));
    }
    let hexadecimal = query.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if let Some(value) = hexadecimal {
        let places = questions::with_pichash(corpus, PicHash::new(value));
        let ids = places.into_iter().take(FOUND).map(|place| place.function).collect();
        let mut functions = store.functions(&FunctionQuery::ByIds(ids))?;
        if functions.is_empty() {
            functions = found(Noun::Function, &format!("offset:{value:#x}"), |search| {
                Ok(store.search_functions(search, None)?.entries)
            })?;
        }
        return Ok((Vec::new(), Vec::new(), functions));
    }
    let by_pichash =
        |hash| questions::with_pichash(corpus, hash).into_iter().map(|place| place.function).collect();
    let families = found(Noun::Family, query, |search| Ok(store.search_families(search)?.entries))?;
    let samples = found(Noun::Sample, query, |search| Ok(store.search_samples(search)?.entries))?;
    let functions = found(Noun::Function, query, |search| {
        Ok(store.search_functions(search, Some(&by_pichash))?.entries)
    })?;
    Ok((families, samples, functions))
}

/// One kind of records by query. A condition that this kind does not have finds nothing.
fn found<T>(
    noun: Noun,
    query: &str,
    ask: impl FnOnce(&Search) -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, Unfound> {
    parse(query).map_err(|error| Unfound::Query(error.to_string()))?;
    let Ok(filter) = Filter::new(noun, query) else { return Ok(Vec::new()) };
    let order = Order::new(noun, None, true).map_err(|error| Unfound::Query(error.to_string()))?;
    let search = Search { filter, order, border: None, limit: FOUND };
    Ok(ask(&search)?)
}

/// Functions with the families of their samples and the number of families that have the same code.
fn function_rows(
    app: &App,
    functions: &[FunctionEntry],
) -> Result<Vec<malkin_pages::corpus::FunctionRow>, StoreError> {
    let mut ids: Vec<SampleId> = functions.iter().map(|function| function.sample_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let samples = app.service.corpus.store().samples_by_ids(&ids)?;
    let family: HashMap<SampleId, String> =
        samples.into_iter().map(|sample| (sample.sample_id, sample.family)).collect();
    let rows = functions.iter().map(|function| {
        let family = family.get(&function.sample_id).map_or("", String::as_str);
        view::function(function, family, families_with(app, function.pichash))
    });
    Ok(rows.collect())
}

/// In how many families functions with a PicHash stand.
pub(super) fn families_with(app: &App, hash: PicHash) -> u64 {
    if hash.get() == 0 {
        return 0;
    }
    let reader = app.service.corpus.index().reader();
    let mut families: Vec<FamilyId> =
        reader.with_pichash(hash).map(|found| reader.sample_facts(found.sample).family_id).collect();
    families.sort_unstable();
    families.dedup();
    families.len() as u64
}

/// `GET /ui/families?start=`
pub(super) fn families(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let start = start(&call.query);
    let rows = app.service.corpus.store().families(Page { start, limit: ROWS }).map_err(error)?;
    let total = app.service.corpus.counts().map_err(error)?.families;
    let shown = rows.len() as u64;
    // The nameless family is a place for samples without one, and no family while it has none.
    let rows = rows.iter().filter(|family| family.num_samples > 0 || !family.family_name.is_empty());
    render(&FamiliesPage {
        frame: frame(app, &call.headers, Here::Families, "Families"),
        rows: rows.map(view::family).collect(),
        pager: pager(&call.query, "/ui/families", start, shown, ROWS, Some(total)),
    })
}

/// `GET /ui/families/{id}?start=`
pub(super) fn family(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let id = FamilyId::new(number(call));
    let store = app.service.corpus.store();
    let Some(entry) = store.family(id).map_err(error)? else { return Err(missing(app, call, "family")) };
    let samples = store.samples_of_family(id).map_err(error)?;
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for sample in &samples {
        *versions.entry(&sample.version).or_default() += 1;
    }
    let versions = versions.into_iter().take(200).map(|(name, count)| (name.to_owned(), count)).collect();
    let ids = (samples.len() <= COMPARABLE)
        .then(|| samples.iter().map(|sample| sample.sample_id.to_string()).collect::<Vec<_>>().join(","));
    let start = start(&call.query);
    let from = usize::try_from(start).unwrap_or(usize::MAX);
    let shown: Vec<_> = samples.iter().skip(from).take(ROWS as usize).map(view::sample).collect();
    let (count, total) = (shown.len() as u64, samples.len() as u64);
    render(&FamilyPage {
        frame: frame(app, &call.headers, Here::Families, entry.family_name.clone()),
        family: view::family(&entry),
        samples: shown,
        versions,
        ids,
        pager: pager(&call.query, &format!("/ui/families/{id}"), start, count, ROWS, Some(total)),
    })
}

/// `GET /ui/samples?start=`
pub(super) fn samples(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let start = start(&call.query);
    let rows = app.service.corpus.store().samples(Page { start, limit: ROWS }).map_err(error)?;
    let total = app.service.corpus.counts().map_err(error)?.samples;
    render(&SamplesPage {
        frame: frame(app, &call.headers, Here::Samples, "Samples"),
        pager: pager(&call.query, "/ui/samples", start, rows.len() as u64, ROWS, Some(total)),
        rows: rows.iter().map(view::sample).collect(),
    })
}

/// `GET /ui/samples/{id}?start=`
pub(super) fn sample(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let id = SampleId::new(number(call));
    let store = app.service.corpus.store();
    let Some(entry) = store.sample(id).map_err(error)?.filter(|sample| !sample.sample_id.is_query()) else {
        return Err(missing(app, call, "sample"));
    };
    let numbers = store.function_numbers(id).map_err(error)?;
    let start = start(&call.query);
    let from = usize::try_from(start).unwrap_or(usize::MAX);
    let wanted: Vec<_> = numbers.iter().copied().skip(from).take(ROWS as usize).collect();
    let functions = store.functions(&FunctionQuery::ByIds(wanted)).map_err(error)?;
    let jobs = store.jobs(&JobFilter::default(), 0, LOOKED_THROUGH, false).map_err(error)?;
    let mine: Vec<_> = jobs.iter().filter(|job| view::samples_of(job).contains(&id)).take(10).collect();
    let result = mine.iter().find(|job| job.method == "getMatchesForSample" && job.result.is_some());
    render(&SamplePage {
        frame: frame(app, &call.headers, Here::Samples, format!("Sample {id}")),
        sample: view::sample(&entry),
        base_addr: entry.base_addr.get(),
        size: entry.binary_size,
        smda_version: entry.smda_version.clone(),
        result: result.and_then(|job| job.result).map(|result| result.to_string()),
        jobs: mine.iter().map(|job| view::job(job)).collect(),
        pager: pager(
            &call.query,
            &format!("/ui/samples/{id}"),
            start,
            functions.len() as u64,
            ROWS,
            Some(numbers.len() as u64),
        ),
        functions: functions
            .iter()
            .map(|function| view::function(function, &entry.family, families_with(app, function.pichash)))
            .collect(),
    })
}

/// Values of a form as the changes of the API understand them; the API's own rules decide about them.
fn changes(
    app: &App,
    call: &Call,
    fields: &[(&str, &str)],
    check: fn(Map<String, Value>) -> Result<Changes, Answer>,
) -> Result<Changes, Answer> {
    let form = forms::read(app, call)?;
    let mut body = Map::new();
    for (field, member) in fields {
        let text = form.text(field);
        if !text.is_empty() {
            body.insert((*member).to_owned(), text.into());
        }
    }
    body.insert("is_library".to_owned(), form.is_ticked("is_library").into());
    check(body).map_err(|answer| failed(app, &call.headers, answer.status, &answer.message()))
}

/// `POST /ui/samples/{id}`
pub(super) fn change_sample(app: &App, call: &Call) -> Result<Answer, Answer> {
    let fields = [("family", "family_name"), ("version", "version"), ("component", "component")];
    let changes = changes(app, call, &fields, crate::api::sample_changes)?;
    let id = SampleId::new(number(call));
    let changed = app.service.corpus.modify_sample(id, &changes.of_sample());
    if !changed.map_err(|error| store_failed(app, call, &error))? {
        return Err(missing(app, call, "sample"));
    }
    Ok(see_other(&format!("/ui/samples/{id}")))
}

/// `POST /ui/samples/{id}/delete`
pub(super) fn delete_sample(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    let deleted = app.service.corpus.delete_sample(SampleId::new(number(call)));
    if !deleted.map_err(|error| store_failed(app, call, &error))? {
        return Err(missing(app, call, "sample"));
    }
    Ok(see_other("/ui/samples"))
}

/// `POST /ui/families/{id}`
pub(super) fn change_family(app: &App, call: &Call) -> Result<Answer, Answer> {
    let changes = changes(app, call, &[("name", "family_name")], crate::api::family_changes)?;
    let id = FamilyId::new(number(call));
    let store = app.service.corpus.store();
    let error = |error| store_failed(app, call, &error);
    let before = store.family(id).map_err(error)?;
    let sample = store.samples_of_family(id).map_err(error)?.first().map(|sample| sample.sample_id);
    if before.is_none() || !app.service.corpus.modify_family(id, &changes.of_family()).map_err(error)? {
        return Err(missing(app, call, "family"));
    }
    // A new name may be a new number: the samples know it.
    let now = sample.map(|id| store.sample(id)).transpose().map_err(error)?.flatten();
    Ok(see_other(
        &now.map_or("/ui/families".to_owned(), |sample| format!("/ui/families/{}", sample.family_id)),
    ))
}

/// `POST /ui/families/{id}/delete`
pub(super) fn delete_family(app: &App, call: &Call) -> Result<Answer, Answer> {
    let form = forms::read(app, call)?;
    let id = FamilyId::new(number(call));
    let deleted = app.service.corpus.delete_family(id, form.is_ticked("keep_samples"));
    if !deleted.map_err(|error| store_failed(app, call, &error))? {
        return Err(missing(app, call, "family"));
    }
    Ok(see_other("/ui/families"))
}

/// `GET /ui/statistics`
pub(super) fn statistics(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let store = app.service.corpus.store();
    let counts = app.service.corpus.counts().map_err(error)?;
    let samples = store.samples(Page { start: 0, limit: COUNTED }).map_err(error)?;
    let mut families: HashMap<&str, u64> = HashMap::new();
    let mut architectures: BTreeMap<String, u64> = BTreeMap::new();
    let mut months: BTreeMap<&str, u64> = BTreeMap::new();
    for sample in &samples {
        *families.entry(&sample.family).or_default() += 1;
        *architectures.entry(view::sample(sample).architecture).or_default() += 1;
        *months.entry(sample.timestamp.get(..7).unwrap_or_default()).or_default() += 1;
    }
    let mut families: Vec<(String, u64)> =
        families.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    families.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    families.truncate(BARS);
    let skip = months.len().saturating_sub(36);
    let months = months.into_iter().skip(skip).map(|(month, count)| (month.to_owned(), count));
    let stored = store.size().map_err(error)?;
    render(&StatisticsPage {
        frame: frame(app, &call.headers, Here::Statistics, "Statistics"),
        numbers: vec![
            ("samples", counts.samples),
            ("families", counts.families.saturating_sub(1)),
            ("functions", counts.functions),
            ("different functions", store.distinct_pichashes().map_err(error)?),
            ("bytes stored", stored),
        ],
        by_family: Bar::scaled(families),
        by_architecture: Bar::scaled(architectures.into_iter().take(BARS)),
        by_month: Bar::scaled(months),
        is_cut: counts.samples > samples.len() as u64,
    })
}

/// A refusal of a form in one word of HTTP.
pub(super) fn refused(app: &App, call: &Call, message: &str) -> Answer {
    failed(app, &call.headers, StatusCode::BAD_REQUEST, message)
}
