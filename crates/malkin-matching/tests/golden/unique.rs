//! Unique blocks and YARA rules of MCRIT 1.9.0 against ours. Its memory back end made them, hence decimal names.

use malkin_codehash::SampleContext;
use malkin_matching::{
    FunctionBlocks, RuleOptions, UniqueBlocksOptions, describe_block, unique_blocks, yara_rule,
};
use malkin_report::{BlockNotation, SampleId, UniqueBlocks};
use malkin_wire::{unique_blocks_from_json, unique_blocks_to_json};
use serde_json::Value;

use super::corpus::{Corpus, Reports};
use super::difference;

fn ours(corpus: &Corpus, query: &Value) -> UniqueBlocks {
    let requested: Vec<SampleId> = query["sample_ids"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_i64)
        .map(SampleId::new)
        .collect();
    let defaults = UniqueBlocksOptions::default();
    let params = &query["params"];
    let options = UniqueBlocksOptions {
        covers_required: params["covers_required"].as_u64().unwrap_or(defaults.covers_required),
        min_instructions: params["min_instructions"].as_u64().unwrap_or(defaults.min_instructions),
    };
    let samples = corpus.samples.iter().filter(|sample| requested.contains(&sample.entry.sample_id));
    let functions = samples.flat_map(|sample| {
        let functions = sample.functions.iter().zip(&sample.blocks);
        functions.map(|(function, blocks)| FunctionBlocks {
            sample_id: sample.entry.sample_id,
            function_id: function.id,
            blocks,
        })
    });
    let reader = corpus.index.reader();
    let mut result = unique_blocks(&requested, functions.collect(), options, |hash| {
        reader.with_block(hash).any(|found| !requested.contains(&reader.sample_id(found.sample)))
    });
    for block in &mut result.blocks {
        let (sample, function) = corpus.code(block.function_id);
        describe_block(block, function, &SampleContext::of(&sample.report));
    }
    result
}

fn rule_options(params: &Value) -> RuleOptions {
    let mut options = RuleOptions::default();
    for (name, value) in params.as_object().expect("parameters") {
        let value = value.as_u64().expect("a number");
        match name.as_str() {
            "min_ins" => options.min_instructions = value,
            "max_ins" => options.max_instructions = value,
            "min_bytes" => options.min_bytes = value,
            "max_bytes" => options.max_bytes = value,
            "required_per_sample" => options.required_per_sample = value,
            "condition_required" => options.condition_required = value,
            "wrap_at" => options.wrap_at = value as usize,
            _ => panic!("parameter {name} is unknown"),
        }
    }
    options
}

/// Our result in the form of a golden one: without its blocks where those were left out to save space.
fn as_golden(result: &UniqueBlocks, golden: &Value) -> Value {
    let mut shown = result.clone();
    if let Some(count) = golden["num_unique_blocks"].as_u64() {
        assert_eq!(shown.blocks.len() as u64, count);
        shown.blocks.retain(|block| result.yara_rule.contains(&block.hash));
    }
    let json = unique_blocks_to_json(&shown, BlockNotation::Decimal);
    serde_json::from_slice(&json).expect("JSON")
}

#[test]
fn every_public_choice_of_unique_blocks_and_every_rule_is_equal() {
    let Some(folder) = malkin_testkit::shared("codehash/golden/public") else { return };
    let mut reports = Reports::new(&folder.join("smda"));
    let (mut results, mut rules) = (0, 0);
    for path in malkin_testkit::files_in(folder.join("match"), ".json.gz") {
        let golden = malkin_testkit::json_gz(&path);
        let corpus = Corpus::of_run(&golden["run"], &mut reports);
        for step in golden["results"].as_array().expect("a list") {
            if step["query"]["kind"] != "unique_blocks" {
                continue;
            }
            let result = ours(&corpus, &step["query"]);
            let shown = as_golden(&result, &step["result"]);
            for part in ["statistics", "unique_blocks", "yara_rule"] {
                let difference = difference(&shown[part], &step["result"][part], part);
                assert_eq!(difference, None, "{}, {}", path.display(), step["query"]);
            }
            results += 1;
            for notation in [BlockNotation::Hex, BlockNotation::Decimal] {
                let read = unique_blocks_from_json(&unique_blocks_to_json(&result, notation)).expect("ours");
                assert_eq!(read, (result.clone(), notation));
            }
            for rendered in step["result"]["rendered"].as_array().expect("rules") {
                let rule =
                    yara_rule(&result, BlockNotation::Decimal, &rule_options(&rendered["params"]), "DATE");
                assert_eq!(Some(rule.text.as_str()), rendered["rule"].as_str(), "{}", rendered["params"]);
                rules += 1;
            }
        }
    }
    println!("{results} results and {rules} rules equal");
    assert!(results > 0 && rules > 0);
}
