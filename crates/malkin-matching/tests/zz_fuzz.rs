//! temporary
use malkin_matching::*;
use malkin_report::wire::matching::matching_result_from_json;
use malkin_report::*;
use serde_json::{Value, json};
#[test]
fn filters() {
    let mut bad = [0; 4];
    let mut n = 0;
    let mut shown = 0;
    for case in malkin_testkit::json_lines_gz("/tmp/ub/fzf.json.gz") {
        n += 1;
        let result = matching_result_from_json(case["result"].to_string().as_bytes()).unwrap();
        let f = &case["filter"];
        let num = |k: &str| f[k].as_f64().unwrap_or(0.0);
        let int = |k: &str| f[k].as_u64().unwrap_or(0);
        let flag = |k: &str| f[k].as_bool().unwrap_or(false);
        let filter = ResultFilter {
            unique_only: flag("filter_unique_only"),
            direct_min_score: num("filter_direct_min_score"),
            direct_nonlib_min_score: num("filter_direct_nonlib_min_score"),
            frequency_min_score: num("filter_frequency_min_score"),
            frequency_nonlib_min_score: num("filter_frequency_nonlib_min_score"),
            exclude_own_family: flag("filter_exclude_own_family"),
            family_name: f["filter_family_name"].as_str().unwrap_or("").to_owned(),
            exclude_library: flag("filter_exclude_library"),
            library_min_score: num("filter_library_min_score"),
            max_num_families: int("filter_max_num_families"),
            min_num_samples: int("filter_min_num_samples"),
            max_num_samples: int("filter_max_num_samples"),
            function_min_score: num("filter_function_min_score"),
            function_max_score: num("filter_function_max_score"),
            function_offset: f["filter_function_offset"].as_u64().map(Va::new),
            exclude_pic: flag("filter_exclude_pic"),
            func_unique: flag("filter_func_unique"),
        };
        let left = filter.apply(&result);
        let ms: Vec<Value> = left
            .matches
            .iter()
            .map(|m| {
                json!([
                    m.function_id.get(),
                    m.offset.get(),
                    m.found.family_id.get(),
                    m.found.sample_id.get(),
                    m.found.function_id.get(),
                    match m.found.score {
                        Amount::Int(i) => json!(i),
                        Amount::Float(x) => json!(x),
                    }
                ])
            })
            .collect();
        let ss: Vec<i64> = left.samples.iter().map(|s| s.sample_id.get()).collect();
        let best: Vec<i64> = left.best_of_families().iter().map(|s| s.sample_id.get()).collect();
        let o = &case["linkopt"];
        let ids =
            |k: &str| o[k].as_array().into_iter().flatten().filter_map(Value::as_i64).collect::<Vec<_>>();
        let options = LinkHuntOptions {
            min_score: o["min_score"].as_f64(),
            min_lib_score: o["min_lib_score"].as_f64(),
            min_size: o["min_size"].as_f64(),
            min_offset: o["min_offset"].as_u64().map(Va::new),
            max_offset: o["max_offset"].as_u64().map(Va::new),
            unpenalized_family_count: o["unpenalized_family_count"].as_u64().unwrap_or(3),
            exclude_family_ids: ids("exclude_family_ids").into_iter().map(FamilyId::new).collect(),
            exclude_sample_ids: ids("exclude_sample_ids").into_iter().map(SampleId::new).collect(),
            strongest_per_family: o["strongest_per_family"].as_bool().unwrap_or(true),
        };
        let key = |r: &Value| {
            (
                std::cmp::Reverse((r[6].as_f64().unwrap() * 1e9) as i64),
                r[0].as_i64(),
                r[3].as_i64(),
                r[4].as_i64(),
            )
        };
        let mut links: Vec<Value> = link_hunt(&flatten(&result), &options)
            .iter()
            .map(|l| {
                json!([
                    l.matched.function_id.get(),
                    l.matched.offset.get(),
                    l.matched.found.family_id.get(),
                    l.matched.found.sample_id.get(),
                    l.matched.found.function_id.get(),
                    match l.matched.found.score {
                        Amount::Int(i) => json!(i),
                        Amount::Float(x) => json!(x),
                    },
                    l.link_score,
                    l.is_unique
                ])
            })
            .collect();
        let mut expected: Vec<Value> = case["links"].as_array().unwrap().clone();
        links.sort_by_key(key);
        expected.sort_by_key(key);
        let same = [
            json!(ms) == case["matches"],
            json!(ss) == case["samples"],
            json!(best) == case["best"],
            links == expected,
        ];
        for (b, s) in bad.iter_mut().zip(same) {
            *b += usize::from(!s);
        }
        if same.contains(&false) && shown < 40 {
            shown += 1;
            println!(
                "{same:?} {f} {o} lens {} {} / {} {} / {} {}",
                ms.len(),
                case["matches"].as_array().unwrap().len(),
                ss.len(),
                case["samples"].as_array().unwrap().len(),
                links.len(),
                expected.len()
            );
        }
    }
    println!("{n} cases, different: matches {} samples {} best {} links {}", bad[0], bad[1], bad[2], bad[3]);
}
