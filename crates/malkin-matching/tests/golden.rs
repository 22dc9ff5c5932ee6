//! Results of MCRIT 1.9.0 on real reports against ours, from the report's bytes to the JSON of the result.

mod corpus;
mod reading;
mod unique;

use corpus::{Corpus, Reports, Sample, parameters};
use malkin_matching::{
    Control, Hits, MatchParameters, NeverCancelled, OwnSample, cross, match_all, match_functions,
    match_query_function, match_vs,
};
use malkin_report::{MatchInfo, MatcherKind, MatchingResult, OtherSamples, SampleEntry};
use malkin_wire::matching::{cross_result_to_json, function_match_to_json, matching_result_to_json};
use serde_json::Value;

fn finish(
    scored: Hits<'_>,
    kind: MatcherKind,
    sample: &SampleEntry,
    others: OtherSamples,
    corpus: &Corpus,
) -> MatchingResult {
    let info = MatchInfo { job: None, sample: sample.clone(), kind };
    let control: &mut dyn Control = &mut NeverCancelled;
    scored.into_result(info, others, |id| corpus.entry(id), control).expect("nothing cancels")
}

fn sample_result(corpus: &Corpus, sample: &Sample, parameters: MatchParameters) -> MatchingResult {
    let scored =
        match_all(&corpus.index.reader(), sample.own(), parameters, &mut NeverCancelled).expect("a result");
    finish(scored, MatcherKind::Sample, &sample.entry, OtherSamples::All, corpus)
}

fn vs_result(
    corpus: &Corpus,
    query: &Value,
    others: &[&Sample],
    parameters: MatchParameters,
) -> MatchingResult {
    let sample = corpus.sample(&query["sample_id"]);
    let own_others: Vec<OwnSample<'_>> = others.iter().map(|other| other.own()).collect();
    let projection = corpus.index.projection();
    let scored =
        match_vs(projection, sample.own(), &own_others, parameters, &mut NeverCancelled).expect("a result");
    let mut entries = others.iter().map(|other| other.entry.clone());
    let (kind, others) = if query["other"].is_array() {
        (MatcherKind::VsGroup, OtherSamples::Group(entries.collect()))
    } else {
        (MatcherKind::Vs, OtherSamples::One(Box::new(entries.next().expect("one other"))))
    };
    finish(scored, kind, &sample.entry, others, corpus)
}

fn cross_result(corpus: &Corpus, query: &Value, parameters: MatchParameters) -> Value {
    let ids = query["sample_ids"].as_array().expect("a list");
    let results: Vec<MatchingResult> =
        ids.iter().map(|id| sample_result(corpus, corpus.sample(id), parameters)).collect();
    let rows: Vec<_> = results.iter().map(|r| (r.info.sample.sample_id, r.samples.as_slice())).collect();
    serde_json::from_slice(&cross_result_to_json(&cross(&rows).expect("distinct samples"))).expect("JSON")
}

fn function_vs(corpus: &Corpus, query: &Value) -> Value {
    let (_, a) = corpus.function(&query["a"]);
    let (sample, b) = corpus.function(&query["b"]);
    let entry = &sample.entry;
    let matched = match_functions(a, b, (entry.family_id, entry.sample_id, entry.is_library), 64);
    serde_json::from_slice(&function_match_to_json(&matched)).expect("JSON")
}

/// Numbers given to query samples and their functions so far in a run.
struct QueryIds {
    sample: i64,
    function: i64,
}

fn answer(
    corpus: &Corpus,
    run: &Value,
    query: &Value,
    reports: &mut Reports,
    ids: &mut QueryIds,
) -> Option<MatchingResult> {
    let parameters = parameters(run, query);
    let file = query["file"].as_str().unwrap_or_default();
    Some(match query["kind"].as_str().expect("a kind") {
        "sample" => sample_result(corpus, corpus.sample(&query["sample_id"]), parameters),
        "vs" => vs_result(corpus, query, &[corpus.sample(&query["other"])], parameters),
        "vsgroup" => {
            let others: Vec<&Sample> =
                query["other"].as_array().expect("a list").iter().map(|id| corpus.sample(id)).collect();
            vs_result(corpus, query, &others, parameters)
        }
        "query" => {
            let sample = reports.get(file).as_query(ids.sample, ids.function);
            ids.sample -= 1;
            ids.function -= sample.functions.len() as i64;
            let scored = match_all(&corpus.index.reader(), sample.own(), parameters, &mut NeverCancelled)
                .expect("a result");
            finish(scored, MatcherKind::Query, &sample.entry, OtherSamples::All, corpus)
        }
        "query_function" => {
            let offset = query["offset"].as_u64().expect("an offset");
            let mut sample = reports.single(file, offset).as_query(-1, -1);
            if query["params"]["exclude_self_matches"].as_bool() == Some(true) {
                let same = corpus.samples.iter().find(|known| known.entry.sha256 == sample.entry.sha256);
                sample.entry.sample_id = same.map_or(sample.entry.sample_id, |known| known.entry.sample_id);
            }
            let reader = corpus.index.reader();
            let scored = match_query_function(&reader, sample.own(), parameters, &mut NeverCancelled)
                .expect("a result");
            finish(scored, MatcherKind::QueryFunction, &sample.entry, OtherSamples::All, corpus)
        }
        _ => return None,
    })
}

/// The part of a golden result that this crate answers, and ours.
fn pair(
    corpus: &Corpus,
    run: &Value,
    step: &Value,
    reports: &mut Reports,
    ids: &mut QueryIds,
) -> Option<(Value, Value)> {
    let (query, expected) = (&step["query"], &step["result"]);
    match query["kind"].as_str() {
        Some("cross") => Some((cross_result(corpus, query, parameters(run, query)), expected.clone())),
        Some("function_vs") => Some((function_vs(corpus, query), expected["match_entry"].clone())),
        _ => {
            let result = answer(corpus, run, query, reports, ids)?;
            let json = serde_json::from_slice(&matching_result_to_json(&result, false)).expect("JSON");
            Some((json, expected.clone()))
        }
    }
}

/// Where two documents differ first, as a path.
fn difference(ours: &Value, theirs: &Value, path: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let missing =
                b.keys().find(|key| !a.contains_key(*key)).map(|key| format!("{path}.{key} is missing"));
            missing.or_else(|| {
                a.iter().find_map(|(key, value)| match b.get(key) {
                    Some(other) => difference(value, other, &format!("{path}.{key}")),
                    None => Some(format!("{path}.{key} is not in the golden result")),
                })
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(at, (a, b))| difference(a, b, &format!("{path}[{at}]")))
        }
        _ => (ours != theirs).then(|| format!("{path}: ours {ours}, golden {theirs}")),
    }
}

#[test]
fn every_public_result_is_equal() {
    let Some(folder) = malkin_testkit::shared("codehash/golden/public") else { return };
    let mut reports = Reports::new(&folder.join("smda"));
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for path in malkin_testkit::files_in(folder.join("match"), ".json.gz") {
        let golden = malkin_testkit::json_gz(&path);
        let corpus = Corpus::of_run(&golden["run"], &mut reports);
        let mut ids = QueryIds { sample: -1, function: -1 };
        for step in golden["results"].as_array().expect("a list") {
            let Some((ours, theirs)) = pair(&corpus, &golden["run"], step, &mut reports, &mut ids) else {
                continue;
            };
            if let Some(difference) = difference(&ours, &theirs, "") {
                panic!("{}, {}: {difference}", path.display(), step["query"]);
            }
            *counts.entry(step["query"]["kind"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    println!("equal results: {counts:?}");
    for kind in ["sample", "vs", "vsgroup", "query", "query_function", "cross", "function_vs"] {
        assert!(counts.contains_key(kind), "no golden result of kind {kind} was compared");
    }
}

/// All reports of the folder in one index.
fn whole_folder(folder: &std::path::Path, reports: &mut Reports) -> Corpus {
    let names: Vec<Value> = malkin_testkit::files_in(folder, ".smda.gz")
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".smda.gz").map(str::to_owned))
        .map(|name| serde_json::json!({ "file": name, "family": name }))
        .collect();
    Corpus::of_run(&serde_json::json!({ "index": names }), reports)
}

#[test]
fn exact_mode_misses_nothing_that_bands_find() {
    let Some(folder) = malkin_testkit::shared("codehash/golden/public/smda") else { return };
    let mut reports = Reports::new(&folder);
    let corpus = whole_folder(&folder, &mut reports);
    let stats = corpus.index.stats();
    let per_function = stats.overhead_bytes as f64 / stats.functions as f64;
    println!("{stats:?}: {per_function:.1} bytes a function beyond the signatures");
    let (name, least) =
        if malkin_testkit::has_shared() { ("libssl.so.3", 10) } else { ("prog2_gcc_m64_O0", 2) };
    let sample = corpus.samples.iter().find(|sample| sample.entry.filename == name).expect("in the folder");
    let timed = |exact| {
        let start = std::time::Instant::now();
        let result = sample_result(&corpus, sample, MatchParameters { exact, ..MatchParameters::default() });
        let matches: usize = result.functions.iter().map(|function| function.matches.len()).sum();
        let time = start.elapsed();
        let bytes = matching_result_to_json(&result, false).len();
        println!(
            "{} functions against {} in {time:?} (with JSON {:?}), exact {exact}: {matches} matches, {} samples, {bytes} bytes",
            sample.functions.len(),
            stats.functions,
            start.elapsed(),
            result.samples.len()
        );
        result
    };
    let (banded, exact) = (timed(false), timed(true));
    assert!(banded.samples.len() > least, "{name} resembles {} samples of the folder", banded.samples.len());
    for (banded, exact) in banded.functions.iter().zip(&exact.functions) {
        for found in &banded.matches {
            let same_sample = exact.matches.iter().filter(|other| other.sample_id == found.sample_id);
            assert!(same_sample.map(|other| other.score.get()).fold(0.0, f64::max) >= found.score.get());
        }
    }
}
