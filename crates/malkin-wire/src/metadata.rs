//! What a report says about its sample as a whole: metadata, languages, counts (`docs/reference/similarity.md` 1.2 and 1.5).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::context::Context;
use super::field::{Scalar, fields};
use super::value::{INTEGERS_END, Strict};
use malkin_report::report::{ReportMetadata, Statistics};

const FIELDS: &[&str] =
    &["binweight", "component", "family", "filename", "is_buffer", "is_library", "language", "version"];

/// Reads the metadata object of a report. `null` is as good as absent.
pub(super) struct MetadataSeed<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for MetadataSeed<'_> {
    type Value = ReportMetadata;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReportMetadata, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetadataSeed<'_> {
    type Value = ReportMetadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata object of a report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReportMetadata, A::Error> {
        let context = self.context;
        let mut metadata = ReportMetadata::default();
        fields(context, FIELDS, &mut map, |name, map| {
            match name {
                // Labels come from people and scripts, so numbers and `null` are taken where text is meant
                // (`docs/reference/similarity.md` 1.2).
                "binweight" => metadata.binweight = map.next_value::<Option<f64>>()?.unwrap_or_default(),
                "component" => metadata.component = map.next_value::<Scalar>()?.into_text(),
                "family" => metadata.family = map.next_value::<Scalar>()?.into_text(),
                "filename" => metadata.filename = map.next_value::<Scalar>()?.into_text(),
                "is_buffer" => metadata.is_buffer = map.next_value::<Scalar>()?.is_true(),
                "is_library" => metadata.is_library = map.next_value::<Scalar>()?.is_true(),
                "version" => metadata.version = map.next_value::<Scalar>()?.into_text(),
                _ => metadata.language = languages(&map.next_value_seed(Strict { context })?),
            }
            Ok(())
        })?;
        Ok(metadata)
    }
}

/// Languages with their scores, ascending by name. Old reports name one language as text; entries that are no score are
/// dropped, and of names that fall together the greatest score stays.
fn languages(stated: &Value) -> Vec<(String, f64)> {
    let mut languages: Vec<(String, f64)> = Vec::new();
    match stated {
        Value::String(text) => {
            let name = text.trim().to_lowercase();
            if let Some(name) = current_name(&name).filter(|name| !name.is_empty()) {
                languages.push((name.to_owned(), 1.0));
            }
        }
        Value::Object(scores) => {
            for (name, score) in scores {
                let (Some(name), Some(score)) = (current_name(name), score_of(score)) else { continue };
                match languages.iter_mut().find(|(known, _)| known == name).filter(|_| is_merged(name)) {
                    Some((_, best)) => *best = best.max(score),
                    None => languages.push((name.to_owned(), score.max(0.0))),
                }
            }
        }
        _ => {}
    }
    languages.sort_by(|a, b| a.0.cmp(&b.0));
    languages
}

/// A number as a score. The largest integers of 64 bits round to a double that could not be read again.
fn score_of(stated: &Value) -> Option<f64> {
    stated.as_f64().filter(|score| *score < INTEGERS_END)
}

/// The name a language has today; `None` for a remark of the scorer, which begins with an underscore. Both shapes pass through
/// here, so that a report written as an object reads back as what the text named.
fn current_name(stated: &str) -> Option<&str> {
    match stated {
        "delphi_kb_file" => Some("delphi"),
        "cil" => Some(".net"),
        _ => Some(stated).filter(|name| !name.starts_with('_')),
    }
}

/// Only these two names can come twice out of an object without repeated keys.
fn is_merged(name: &str) -> bool {
    matches!(name, "delphi" | ".net")
}

const COUNTS: &[&str] = &[
    "num_api_calls",
    "num_basic_blocks",
    "num_failed_functions",
    "num_failed_instructions",
    "num_function_calls",
    "num_functions",
    "num_instructions",
    "num_leaf_functions",
    "num_recursive_functions",
    "num_thunk_functions",
];

/// All but the last of [`COUNTS`], which came with SMDA 2.
const COUNTS_REQUIRED: &[&str] = COUNTS.split_at(9).0;

/// Reads the statistics of a report or record; an empty object and `null` become `None`.
pub(super) struct StatisticsSeed<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for StatisticsSeed<'_> {
    type Value = Option<Statistics>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StatisticsSeed<'_> {
    type Value = Option<Statistics>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statistics object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut counts = Statistics::default();
        // `{}` is what reports have whose counts were never made, and differs from counts that are all 0.
        let mut any = false;
        let present = fields(self.context, COUNTS, &mut map, |name, map| {
            any = true;
            let stated: Option<u64> = map.next_value()?;
            let count = stated.unwrap_or_default();
            match name {
                "num_api_calls" => counts.num_api_calls = count,
                "num_basic_blocks" => counts.num_basic_blocks = count,
                "num_failed_functions" => counts.num_failed_functions = count,
                "num_failed_instructions" => counts.num_failed_instructions = count,
                "num_function_calls" => counts.num_function_calls = count,
                "num_functions" => counts.num_functions = count,
                "num_instructions" => counts.num_instructions = count,
                "num_leaf_functions" => counts.num_leaf_functions = count,
                "num_recursive_functions" => counts.num_recursive_functions = count,
                _ => counts.num_thunk_functions = stated,
            }
            Ok(())
        })?;
        if !any {
            return Ok(None);
        }
        present.require(COUNTS_REQUIRED)?;
        Ok(Some(counts))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::languages;

    #[test]
    fn languages_of_all_ages_become_names_with_scores() {
        let names = |stated| languages(&stated);
        assert_eq!(names(json!(" CIL ")), [(".net".to_owned(), 1.0)]);
        assert_eq!(names(json!("Delphi_KB_File")), [("delphi".to_owned(), 1.0)]);
        assert_eq!(names(json!("_CIL")), []);
        assert_eq!(names(json!("  ")), []);
        assert_eq!(names(json!(null)), []);
        let stated = json!({"go": 0.5, "_hint": 1, "delphi": 0.25, "delphi_kb_file": 0.75, "x": true, "cil": 1, "y": "1"});
        let expected =
            [(".net", 1.0), ("delphi", 0.75), ("go", 0.5)].map(|(name, score)| (name.to_owned(), score));
        assert_eq!(names(stated), expected);
        let edge = names(json!({"a": u64::MAX, "b": i64::MIN, "c": u64::MAX - 2048}));
        assert_eq!(edge, [("b".to_owned(), 0.0), ("c".to_owned(), 18_446_744_073_709_549_568.0)]);
    }
}
