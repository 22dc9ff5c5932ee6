//! What is read out of stored results, one question a line: `cargo run --example read_results < QUESTIONS > ANSWERS`.
//!
//! For comparisons with the reference, whose client library asks the same of the same results. A question is a JSON object with
//! an `op` and what it needs; the answer is one line of JSON.

use std::error::Error;
use std::io::{BufRead, Write};

use malkin_codehash::SampleContext;
use malkin_matching::{
    CallGraph, Link, LinkHuntOptions, ResultFilter, RuleOptions, best_of_families, flatten, link_clusters,
    link_hunt, node_colors, node_name, unique_scores, yara_rule,
};
use malkin_report::{Amount, Architecture, FamilyId, Function, ImageRange, MatchingResult, SampleId, Va};
use malkin_wire::{matching_result_from_json, unique_blocks_from_json};
use serde_json::{Map, Value, json};

type Answer = Result<Value, Box<dyn Error>>;
/// The entry of a function and what it refers to, by the referring instruction.
type Entry = (Va, Vec<(Va, Vec<Va>)>);

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "a script reads the lines")]
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let answer = match question["op"].as_str().unwrap_or_default() {
            "links" => links(&question)?,
            "unique" => unique(&question)?,
            "filter" => filter(&question)?,
            "rule" => rule(&question)?,
            "colors" => colors(&question)?,
            other => return Err(format!("op {other} is unknown").into()),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn result_of(question: &Value) -> Result<MatchingResult, Box<dyn Error>> {
    Ok(matching_result_from_json(question["result"].to_string().as_bytes())?)
}

/// Numbers of families or samples.
fn ids(value: &Value) -> Vec<i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// Links and their clusters. `functions` lists entry and references of the own functions.
fn links(question: &Value) -> Answer {
    let given = &question["options"];
    let options = LinkHuntOptions {
        min_score: given["min_score"].as_f64(),
        min_lib_score: given["min_lib_score"].as_f64(),
        min_size: given["min_size"].as_f64(),
        min_offset: given["min_offset"].as_u64().map(Va::new),
        max_offset: given["max_offset"].as_u64().map(Va::new),
        unpenalized_family_count: given["unpenalized_family_count"].as_u64().unwrap_or(3),
        exclude_family_ids: ids(&given["exclude_family_ids"]).into_iter().map(FamilyId::new).collect(),
        exclude_sample_ids: ids(&given["exclude_sample_ids"]).into_iter().map(SampleId::new).collect(),
        strongest_per_family: given["strongest_per_family"].as_bool().unwrap_or(true),
    };
    let links = link_hunt(&flatten(&result_of(question)?), &options);
    let references: Vec<Entry> = question["functions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|function| {
            let targets = function[1].as_array()?.iter().filter_map(Value::as_u64).map(Va::new).collect();
            Some((Va::new(function[0].as_u64()?), vec![(Va::new(0), targets)]))
        })
        .collect();
    let graph = CallGraph::new(references.iter().map(|(entry, targets)| (*entry, targets.as_slice())));
    let entries = |links: &[Link]| links.iter().map(|link| link.matched.offset.get()).collect::<Vec<_>>();
    let clusters: Vec<Value> = link_clusters(&links, &graph)
        .iter()
        .map(|cluster| {
            let (all, unique) = (entries(&cluster.links), entries(&cluster.unique));
            json!([cluster.family_id.get(), all, unique, cluster.score, cluster.max_score])
        })
        .collect();
    Ok(json!({ "links": links.iter().map(link_row).collect::<Vec<_>>(), "clusters": clusters }))
}

fn link_row(link: &Link) -> Value {
    let (own, found) = (&link.matched, &link.matched.found);
    let numbers =
        [own.function_id.get(), found.family_id.get(), found.sample_id.get(), found.function_id.get()];
    json!([numbers, own.offset.get(), amount(found.score), link.link_score, link.is_unique])
}

fn amount(amount: Amount) -> Value {
    match amount {
        Amount::Int(number) => json!(number),
        Amount::Float(number) => json!(number),
    }
}

fn unique(question: &Value) -> Answer {
    let scores = unique_scores(&result_of(question)?).into_iter().map(|score| {
        let (functions, bytes) = (score.functions_matched, amount(score.bytes_matched));
        let row = json!({ "functions_matched": functions, "bytes_matched": bytes, "unique_score": score.unique_score });
        (score.sample_id.to_string(), row)
    });
    Ok(Value::Object(scores.collect::<Map<_, _>>()))
}

/// What a filter leaves: numbers of samples, the best of each family, and the matches.
fn filter(question: &Value) -> Answer {
    let given = &question["options"];
    let flag = |name: &str| given[name].as_bool().unwrap_or_default();
    let number = |name: &str| given[name].as_f64().unwrap_or_default();
    let count = |name: &str| given[name].as_u64().unwrap_or_default();
    let filter = ResultFilter {
        unique_only: flag("unique_only"),
        direct_min_score: number("direct_min_score"),
        direct_nonlib_min_score: number("direct_nonlib_min_score"),
        frequency_min_score: number("frequency_min_score"),
        frequency_nonlib_min_score: number("frequency_nonlib_min_score"),
        exclude_own_family: flag("exclude_own_family"),
        family_name: given["family_name"].as_str().unwrap_or_default().to_owned(),
        exclude_library: flag("exclude_library"),
        library_min_score: number("library_min_score"),
        max_num_families: count("max_num_families"),
        min_num_samples: count("min_num_samples"),
        max_num_samples: count("max_num_samples"),
        function_min_score: number("function_min_score"),
        function_max_score: number("function_max_score"),
        function_offset: given["function_offset"].as_u64().map(Va::new),
        exclude_pic: flag("exclude_pic"),
        func_unique: flag("func_unique"),
    };
    let result = result_of(question)?;
    let left = filter.apply(&result);
    let samples: Vec<i64> = left.samples.iter().map(|sample| sample.sample_id.get()).collect();
    let best: Vec<i64> =
        best_of_families(left.samples.iter().copied()).iter().map(|sample| sample.sample_id.get()).collect();
    let matches: Vec<Value> = left
        .matches
        .iter()
        .map(|one| json!([one.function_id.get(), one.found.sample_id.get(), one.found.function_id.get()]))
        .collect();
    Ok(json!({ "samples": samples, "best": best, "matches": matches }))
}

/// The rule made of the answer of a search for unique blocks.
fn rule(question: &Value) -> Answer {
    let (blocks, notation) = unique_blocks_from_json(question["result"].to_string().as_bytes())?;
    let given = &question["options"];
    let defaults = RuleOptions::default();
    let number = |name: &str, default: u64| given[name].as_u64().unwrap_or(default);
    let options = RuleOptions {
        min_instructions: number("min_ins", defaults.min_instructions),
        max_instructions: number("max_ins", defaults.max_instructions),
        min_bytes: number("min_bytes", defaults.min_bytes),
        max_bytes: number("max_bytes", defaults.max_bytes),
        required_per_sample: number("required_per_sample", defaults.required_per_sample),
        condition_required: number("condition_required", defaults.condition_required),
        wrap_at: usize::try_from(number("wrap_at", defaults.wrap_at as u64))?,
        ..defaults
    };
    Ok(Value::String(yara_rule(&blocks, notation, &options, "DATE").text))
}

/// Colours of two functions' graphs, or `null` where they cannot be coloured. A side names what the escapers need to know of
/// its sample, and its function.
fn colors(question: &Value) -> Answer {
    let [(function_a, context_a), (function_b, context_b)] = [side(&question["a"])?, side(&question["b"])?];
    let Ok(nodes) = node_colors((&function_a, &context_a), (&function_b, &context_b)) else {
        return Ok(Value::Null);
    };
    let [a, b] = nodes.map(|nodes| {
        let named = nodes.into_iter().map(|(start, color)| (node_name(start), json!(color.as_str())));
        Value::Object(named.collect::<Map<_, _>>())
    });
    Ok(json!({ "a": a, "b": b }))
}

fn side(side: &Value) -> Result<(Function, SampleContext), Box<dyn Error>> {
    let context = SampleContext {
        architecture: Architecture::from_text(side["architecture"].as_str().unwrap_or_default()),
        image: side["base_addr"]
            .as_u64()
            .zip(side["binary_size"].as_u64())
            .map(|(base, size)| ImageRange::new(base, size)),
        bitness: side["bitness"].as_u64().unwrap_or_default(),
    };
    Ok((malkin_wire::function_from_json(side["function"].to_string().as_bytes())?, context))
}
