//! Searches against a look at every record: random corpora, changes and queries.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use malkin_report::{FamilyId, SampleId};
use malkin_store::conformance::search::{Case, NAMES, compare};
use malkin_store::conformance::{at, sample};
use malkin_store::search::{Expression, Operator};
use malkin_store::{Catalogue, FamilyChange, NewSample, Noun, SampleChange, SqliteStore};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Add { functions: u64, texts: [usize; 4], names: Vec<usize> },
    Move { sample: i64, family: usize, version: usize },
    Rename { family: i64, name: usize },
    Delete { sample: i64 },
    DeleteFamily { family: i64, keep: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let texts = prop::array::uniform4(name.clone());
    prop_oneof![
        8 => (0_u64..9, texts, prop::collection::vec(name.clone(), 9))
            .prop_map(|(functions, texts, names)| Step::Add { functions, texts, names }),
        2 => (0_i64..8, name.clone(), name.clone()).prop_map(|(sample, family, version)| Step::Move { sample, family, version }),
        1 => (0_i64..8, name).prop_map(|(family, name)| Step::Rename { family, name }),
        2 => (0_i64..8).prop_map(|sample| Step::Delete { sample }),
        1 => (0_i64..8, any::<bool>()).prop_map(|(family, keep)| Step::DeleteFamily { family, keep }),
    ]
}

fn apply(store: &SqliteStore, steps: &[Step]) {
    for (seed, step) in (0..).zip(steps) {
        match step {
            Step::Add { functions, texts, names } => {
                let text = |at: usize| NAMES[texts[at]].to_owned();
                let mut new = NewSample {
                    family: text(0),
                    filename: text(1),
                    version: text(2),
                    component: text(3),
                    ..sample(seed, *functions)
                };
                for (function, name) in new.functions.iter_mut().zip(names) {
                    NAMES[*name].clone_into(&mut function.function_name);
                }
                store.add_sample(&new, &[], "x", at(0)).unwrap();
            }
            Step::Move { sample, family, version } => {
                let change = SampleChange {
                    family: Some(NAMES[*family].to_owned()),
                    version: Some(NAMES[*version].to_owned()),
                    ..SampleChange::default()
                };
                store.modify_sample(SampleId::new(*sample), &change, at(1)).unwrap();
            }
            Step::Rename { family, name } => {
                let change = FamilyChange { name: Some(NAMES[*name].to_owned()), is_library: Some(true) };
                store.modify_family(FamilyId::new(*family), &change, at(1)).unwrap();
            }
            Step::Delete { sample } => {
                store.delete_sample(SampleId::new(*sample), at(1)).unwrap();
            }
            Step::DeleteFamily { family, keep } => {
                store.delete_family(FamilyId::new(*family), *keep, at(1)).unwrap();
            }
        }
    }
}

fn expression() -> impl Strategy<Value = Expression> {
    let fields = [
        "family_id",
        "family_name",
        "num_samples",
        "sample_id",
        "filename",
        "family",
        "version",
        "bitness",
        "is_library",
        "statistics.num_functions",
        "function_id",
        "function_name",
        "offset",
        "num_blocks",
        "num_instructions",
        "minhash",
        "pichash",
        "function_labels.username",
        "nosuch",
    ];
    let text = prop_oneof![
        (0..NAMES.len()).prop_map(|at| NAMES[at].to_owned()),
        "[aAbBcCkKiIsS]{0,4}",
        (-2_i64..12).prop_map(|number| number.to_string()),
    ];
    let leaf = prop_oneof![
        text.clone().prop_map(Expression::Term),
        (prop::sample::select(fields.to_vec()), prop::sample::select(Operator::ALL.to_vec()), text).prop_map(
            |(field, operator, value)| Expression::Condition { field: field.to_owned(), operator, value }
        ),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            prop::collection::vec(inner, 2..4).prop_map(Expression::Or),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_is_what_looking_at_everything_finds(
        steps in prop::collection::vec(step(), 1..14),
        queries in prop::collection::vec((expression(), 0_usize..16, any::<bool>(), 1_usize..6), 1..12),
    ) {
        let store = SqliteStore::open_in_memory().unwrap();
        apply(&store, &steps);
        for (query, sort, ascending, limit) in &queries {
            let query = query.to_string();
            for noun in [Noun::Family, Noun::Sample, Noun::Function] {
                let fields = noun.sort_fields();
                let sort_by = fields[sort % fields.len()];
                compare(&store, Case { noun, query: &query, sort_by, ascending: *ascending, limit: *limit });
            }
        }
        store.verify().unwrap();
    }
}
