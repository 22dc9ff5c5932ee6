//! YARA rules tried on the executables that the store keeps: what they hit, and what they should not have hit.
//!
//! Which hits are wanted is the caller's to say. Uploads that are reports and not executables are passed over.

use std::time::{Duration, Instant};

use malkin_report::SampleId;
use malkin_triage::yara::Rules;
use serde_json::{Value, json};

use crate::engine::{Engine, ServiceError};

/// Time for one file.
const FILE_TIME: Duration = Duration::from_secs(20);
/// Most files that are tried.
const MAX_FILES: usize = 20_000;

/// What rules did on the kept files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuleCheck {
    /// Files that were scanned, in the order in which they were handed in.
    pub files: Vec<CheckedFile>,
    /// Files that were not, because the time was used up or the scan failed.
    pub left_out: u64,
    /// Bytes that were scanned.
    pub bytes: u64,
}

/// A file that was scanned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedFile {
    /// SHA-256 in hex.
    pub sha256: String,
    /// The stored sample that it is, if it is one.
    pub sample: Option<SampleId>,
    /// Names of the rules that match.
    pub rules: Vec<String>,
}

impl RuleCheck {
    /// As the API tells it.
    pub fn to_json(&self) -> Value {
        let files = self.files.iter().map(|file| {
            json!({"sha256": file.sha256, "sample_id": file.sample.map(SampleId::get), "rules": file.rules})
        });
        json!({"files": files.collect::<Vec<_>>(), "left_out": self.left_out, "bytes": self.bytes})
    }

    /// Reads [`Self::to_json`]; what is missing is empty.
    pub fn from_json(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let files = list(&value["files"]).into_iter().map(|file| CheckedFile {
            sha256: text(&file["sha256"]),
            sample: file["sample_id"].as_i64().map(SampleId::new),
            rules: list(&file["rules"]).iter().map(text).collect(),
        });
        Self {
            files: files.collect(),
            left_out: value["left_out"].as_u64().unwrap_or(0),
            bytes: value["bytes"].as_u64().unwrap_or(0),
        }
    }
}

impl Engine {
    /// Compiles rules and runs them over every kept executable, for at most `time`.
    ///
    /// # Errors
    /// [`ServiceError::Unanswerable`] for rules that do not compile.
    pub fn check_rules(&self, source: &str, time: Duration) -> Result<RuleCheck, ServiceError> {
        let started = Instant::now();
        let rules = Rules::compile([("rules".to_owned(), source.to_owned())], FILE_TIME);
        if let Some((_, cause)) = rules.refused.first() {
            let cause = cause.lines().next().unwrap_or_default();
            return Err(ServiceError::Unanswerable(format!("the rules do not compile: {cause}")));
        }
        let mut check = RuleCheck::default();
        for upload in self.store().uploads()? {
            if check.files.len() >= MAX_FILES || started.elapsed() >= time {
                check.left_out += 1;
                continue;
            }
            let Some(bytes) = self.store().upload(upload.id)? else { continue };
            if is_json(&bytes) {
                continue;
            }
            let (hits, failure) = rules.scan(&bytes);
            if failure.is_some() {
                check.left_out += 1;
                continue;
            }
            let sha256 = upload.sha256.to_string();
            let sample = self.store().sample_by_sha256(&sha256)?.map(|sample| sample.sample_id);
            check.bytes += bytes.len() as u64;
            check.files.push(CheckedFile {
                sha256,
                sample,
                rules: hits.into_iter().map(|hit| hit.rule).collect(),
            });
        }
        Ok(check)
    }
}

/// Reports that were queried are kept as they came.
fn is_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use malkin_store::SqliteStore;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn rules_are_run_over_kept_executables() {
        let store: std::sync::Arc<dyn malkin_store::Store> =
            std::sync::Arc::new(SqliteStore::open_in_memory().unwrap());
        let engine = Engine::open(store.clone(), Clock::System).unwrap();
        for bytes in [&b"MZ one needle"[..], b"MZ two", b" {\"needle\": 1}"] {
            store.put_upload(bytes, engine.now()).unwrap();
        }
        let source = r#"rule needle { strings: $a = "needle" condition: $a } rule all { condition: true }"#;
        let check = engine.check_rules(source, Duration::from_mins(1)).unwrap();
        let rules: Vec<Vec<String>> = check.files.iter().map(|file| file.rules.clone()).collect();
        assert_eq!(rules, [vec!["needle".to_owned(), "all".to_owned()], vec!["all".to_owned()]]);
        assert_eq!((check.left_out, check.bytes), (0, 19));
        assert_eq!(RuleCheck::from_json(&check.to_json()), check);
        assert_eq!(engine.check_rules(source, Duration::ZERO).unwrap().left_out, 3);
        let error = engine.check_rules("rule { nothing", Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("do not compile"), "{error}");
    }
}
