//! What people read out of results: links, clusters, unique scores, coloured graphs. Golden results are read back from their
//! JSON first, so the reader is compared, too.

use std::collections::BTreeMap;

use malkin_codehash::SampleContext;
use malkin_matching::{
    CallGraph, ColorError, Link, LinkHuntOptions, flatten, link_clusters, link_hunt, node_colors, node_name,
    unique_scores,
};
use malkin_report::{FamilyId, FunctionId, MatchingResult, SampleId, Va};
use malkin_wire::matching::{matching_result_from_json, matching_result_to_json};
use serde_json::{Map, Value, json};

use super::corpus::{Corpus, Reports};
use super::difference;

fn read(golden: &Value) -> MatchingResult {
    matching_result_from_json(golden.to_string().as_bytes()).expect("a golden result")
}

/// Calls `check` with every golden step.
fn each_step(mut check: impl FnMut(&Value, &Corpus, &Value)) {
    let Some(folder) = malkin_testkit::shared("codehash/golden/public") else { return };
    let mut reports = Reports::new(&folder.join("smda"));
    for path in malkin_testkit::files_in(folder.join("match"), ".json.gz") {
        let golden = malkin_testkit::json_gz(&path);
        let corpus = Corpus::of_run(&golden["run"], &mut reports);
        for step in golden["results"].as_array().expect("a list") {
            check(&golden["run"]["name"], &corpus, step);
        }
    }
}

#[test]
fn results_are_read_and_written_without_loss() {
    let mut count = 0;
    each_step(|run, _, step| {
        let golden = &step["result"];
        if golden["matches"].is_object() {
            let again: Value =
                serde_json::from_slice(&matching_result_to_json(&read(golden), false)).expect("JSON");
            assert_eq!(difference(&again, golden, ""), None, "{run}, {}", step["query"]);
            count += 1;
        }
    });
    println!("{count} results read and written");
    assert!(count > if malkin_testkit::has_shared() { 30 } else { 10 });
}

fn options(query: &Value) -> LinkHuntOptions {
    let given = &query["linkhunt"];
    let defaults = LinkHuntOptions::default();
    let known = [
        "min_score",
        "min_lib_score",
        "min_size",
        "min_offset",
        "max_offset",
        "unpenalized_family_count",
        "exclude_family_ids",
        "exclude_sample_ids",
        "strongest_per_family",
    ];
    for key in given.as_object().expect("options").keys() {
        assert!(known.contains(&key.as_str()), "option {key} is unknown");
    }
    let ids = |name: &str| given[name].as_array().into_iter().flatten().filter_map(Value::as_i64);
    LinkHuntOptions {
        min_score: given["min_score"].as_f64(),
        min_lib_score: given["min_lib_score"].as_f64(),
        min_size: given["min_size"].as_f64(),
        min_offset: given["min_offset"].as_u64().map(Va::new),
        max_offset: given["max_offset"].as_u64().map(Va::new),
        unpenalized_family_count: given["unpenalized_family_count"]
            .as_u64()
            .unwrap_or(defaults.unpenalized_family_count),
        exclude_family_ids: ids("exclude_family_ids").map(FamilyId::new).collect(),
        exclude_sample_ids: ids("exclude_sample_ids").map(SampleId::new).collect(),
        strongest_per_family: given["strongest_per_family"].as_bool().unwrap_or(true),
    }
}

fn link_json(link: &Link) -> Value {
    let (own, found) = (&link.matched, &link.matched.found);
    json!([
        own.function_id.get(),
        own.offset.get(),
        found.family_id.get(),
        found.sample_id.get(),
        found.function_id.get(),
        found.score.get(),
        link.link_score,
        link.is_unique
    ])
}

/// Rows in an order of their own: equal links stand in any order in the reference.
fn sorted(rows: &[Value]) -> Vec<Value> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| {
        let link = |row: &Value| row[6].as_f64().expect("a score");
        let rest = |row: &Value| [row[0].as_i64(), row[3].as_i64(), row[4].as_i64()];
        link(b).total_cmp(&link(a)).then_with(|| rest(a).cmp(&rest(b)))
    });
    rows
}

#[test]
fn every_public_link_hunt_is_equal() {
    let (mut hunts, mut links_seen, mut clusters_seen) = (0, 0, 0);
    each_step(|run, corpus, step| {
        let Some(golden) = step["linkhunt"].as_array() else { return };
        let result = read(&step["result"]);
        let links = link_hunt(&flatten(&result), &options(&step["query"]));
        let ours: Vec<Value> = links.iter().map(link_json).collect();
        assert_eq!(difference(&json!(sorted(&ours)), &json!(sorted(golden)), ""), None, "{run}");
        let order =
            |rows: &[Value]| rows.iter().map(|row| (row[6].clone(), row[0].clone())).collect::<Vec<_>>();
        assert_eq!(order(&ours), order(golden), "{run}");

        let sample = corpus.sample(&step["query"]["sample_id"]);
        let clusters = link_clusters(&links, &CallGraph::of(sample.report.functions.iter()));
        assert!(clusters.is_sorted_by(|a, b| a.score >= b.score));
        let mut ours: Vec<_> = clusters
            .iter()
            .map(|cluster| {
                let entries =
                    |links: &[Link]| links.iter().map(|link| link.matched.offset.get()).collect::<Vec<_>>();
                let family = cluster.family_id.get();
                (family, entries(&cluster.links), entries(&cluster.unique), cluster.score, cluster.max_score)
            })
            .collect();
        ours.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let golden = step["clusters"].as_array().expect("clusters");
        assert_eq!(ours.len(), golden.len(), "{run}");
        for (ours, golden) in ours.iter().zip(golden) {
            assert_eq!(json!([ours.0, ours.1, ours.2]), json!([golden[0], golden[1], golden[2]]), "{run}");
            assert!((ours.3 - golden[3].as_f64().expect("a sum")).abs() < 1e-8, "{run}: {golden}");
            assert_eq!(json!(ours.4), golden[4], "{run}");
        }
        (hunts, links_seen, clusters_seen) =
            (hunts + 1, links_seen + links.len(), clusters_seen + clusters.len());
    });
    println!("{hunts} link hunts equal: {links_seen} links, {clusters_seen} clusters");
    assert!(hunts > 0);
}

#[test]
fn every_public_unique_score_is_equal() {
    let mut count = 0;
    each_step(|run, _, step| {
        let Some(golden) = step["unique_info"].as_object() else { return };
        let scores = unique_scores(&read(&step["result"])).into_iter().map(|score| {
            let row = json!({
                "functions_matched": score.functions_matched,
                "bytes_matched": match score.bytes_matched {
                    malkin_report::Amount::Int(bytes) => json!(bytes),
                    malkin_report::Amount::Float(bytes) => json!(bytes),
                },
                "unique_score": score.unique_score,
            });
            (score.sample_id.to_string(), row)
        });
        let ours = Value::Object(scores.collect::<Map<_, _>>());
        assert_eq!(difference(&ours, &Value::Object(golden.clone()), ""), None, "{run}, {}", step["query"]);
        count += golden.len();
    });
    println!("{count} unique scores equal");
    assert!(count > 0);
}

#[test]
fn every_public_graph_is_coloured_alike() {
    let (mut graphs, mut colors) = (0, BTreeMap::<&str, usize>::new());
    each_step(|run, corpus, step| {
        if step["query"]["kind"] != "function_vs" {
            return;
        }
        let side = |name: &str| corpus.code(FunctionId::new(step["query"][name].as_i64().expect("a number")));
        let ((sample_a, a), (sample_b, b)) = (side("a"), side("b"));
        let contexts = [&sample_a.report, &sample_b.report].map(|report| SampleContext::of(report));
        let colored = node_colors((a, &contexts[0]), (b, &contexts[1]));
        if step["result"]["node_colors"].is_null() {
            assert_eq!(colored, Err(ColorError::TooManySymbols), "{run}");
            return;
        }
        let [a, b] = colored.expect("colours").map(|nodes| {
            let nodes = nodes.into_iter().map(|(start, color)| {
                *colors.entry(color.as_str()).or_default() += 1;
                (node_name(start), json!(color.as_str()))
            });
            Value::Object(nodes.collect::<Map<_, _>>())
        });
        let ours = json!({ "a": a, "b": b });
        assert_eq!(difference(&ours, &step["result"]["node_colors"], ""), None, "{run}, {}", step["query"]);
        graphs += 1;
    });
    println!("{graphs} pairs of graphs coloured alike: {colors:?}");
    assert!(graphs > 0);
}
