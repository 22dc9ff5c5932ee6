//! YARA rules tried on the executables that the store keeps: what they hit, and what they should not have hit.
//!
//! Which hits are wanted is the caller's to say. Files that have to be hit are tried first, so that time runs out on the
//! others; what was not tried is reported with the reason. Only files that are kept with a stored sample are tried: what
//! a client sent as a query is not shown to others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use malkin_matching::{Control, Progress};
use malkin_report::SampleId;
use malkin_store::{KeptFile, Lane, StoreError};
use malkin_triage::yara::Rules;
use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::ended::{Budget, note_ended};
use crate::error::{Cancelled, JobError};
use crate::jobs::kind::{Kind, Parameters, sample_list};
use crate::jobs::running::JobControl;
use crate::stage::{Stage, timed};

/// Time for one file.
const FILE_TIME: Duration = Duration::from_secs(20);
/// Time for all files.
pub(crate) const TIME: Duration = Duration::from_mins(5);
/// What is said of files for which there was no time.
const LATE: &str = "time was up";
/// Most files that are tried.
const MAX_FILES: usize = 20_000;
/// Most untried files that are named.
const MAX_UNTRIED: usize = 1000;

/// What rules did on the kept files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuleCheck {
    /// Files that were scanned: first those that were asked for first, then in the order in which they were submitted.
    pub files: Vec<CheckedFile>,
    /// Files that were not scanned, the first thousand of them.
    pub untried: Vec<UntriedFile>,
    /// How many were not.
    pub num_untried: u64,
    /// Bytes that were scanned.
    pub bytes: u64,
    /// Which budget ended the check before all files were scanned: `time` or `files`.
    pub ended_by: Option<String>,
}

/// [`RuleCheck::ended_by`]: the time for all files was used up.
pub(crate) const TIME_BUDGET: &str = "time";
/// [`RuleCheck::ended_by`]: as many files as one check may scan were scanned.
pub(crate) const FILES_BUDGET: &str = "files";

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

/// A kept file that was not scanned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UntriedFile {
    /// SHA-256 in hex.
    pub sha256: String,
    /// The stored sample that it is, if it is one.
    pub sample: Option<SampleId>,
    /// Why.
    pub cause: String,
}

impl RuleCheck {
    /// As the API returns it.
    pub fn to_json(&self) -> Value {
        let files = self.files.iter().map(|file| {
            json!({"sha256": file.sha256, "sample_id": file.sample.map(SampleId::get), "rules": file.rules})
        });
        let untried = self.untried.iter().map(|file| {
            json!({"sha256": file.sha256, "sample_id": file.sample.map(SampleId::get), "cause": file.cause})
        });
        json!({
            "files": files.collect::<Vec<_>>(), "untried": untried.collect::<Vec<_>>(),
            "num_untried": self.num_untried, "bytes": self.bytes, "ended_by": self.ended_by,
        })
    }

    /// Reads [`Self::to_json`]; what is missing is empty.
    pub fn from_json(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let sample = |file: &Value| file["sample_id"].as_i64().map(SampleId::new);
        let files = list(&value["files"]).into_iter().map(|file| CheckedFile {
            sha256: text(&file["sha256"]),
            sample: sample(&file),
            rules: list(&file["rules"]).iter().map(text).collect(),
        });
        let untried = list(&value["untried"]).into_iter().map(|file| UntriedFile {
            sha256: text(&file["sha256"]),
            sample: sample(&file),
            cause: text(&file["cause"]),
        });
        let number = |name: &str| value[name].as_u64().unwrap_or(0);
        Self {
            files: files.collect(),
            untried: untried.collect(),
            num_untried: number("num_untried"),
            bytes: number("bytes"),
            ended_by: value["ended_by"].as_str().map(str::to_owned),
        }
    }

    fn leave_out(&mut self, file: &KeptFile, cause: &str) {
        self.num_untried += 1;
        if self.untried.len() < MAX_UNTRIED {
            let (sha256, sample) = (file.upload.sha256.to_string(), Some(file.sample));
            self.untried.push(UntriedFile { sha256, sample, cause: cause.to_owned() });
        }
    }

    fn leave_out_for(&mut self, file: &KeptFile, budget: &str, cause: &str) {
        self.ended_by = Some(budget.to_owned());
        self.leave_out(file, cause);
    }
}

/// YARA rules over all kept executables, those of the samples first. Ours. The file of the job holds the rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckRules(pub Vec<SampleId>);

impl Kind for CheckRules {
    const METHOD: &'static str = "checkRules";

    fn parameters(&self) -> Parameters {
        Parameters::positional([Value::Null, sample_list(&self.0)])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        parameters.samples("1").map(Self)
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        const GONE: &str = "the rules are not kept any more";
        let body: Value =
            serde_json::from_slice(&job.file(GONE)?).map_err(|error| JobError::failed(error.to_string()))?;
        let source = body["rules"].as_str().ok_or_else(|| JobError::failed(GONE))?;
        Ok(check(corpus, source, &self.0, TIME, &mut job.reporting())?.to_json().to_string().into_bytes())
    }
}

/// What hinders rules from being compiled, if anything does.
pub fn fault_of_rules(source: &str) -> Option<String> {
    compile(source).err()
}

/// The body of a job that checks rules: JSON, as bodies of queries are.
pub fn rules_to_body(source: &str) -> Vec<u8> {
    json!({ "rules": source }).to_string().into_bytes()
}

fn compile(source: &str) -> Result<Rules, String> {
    if Rules::are_too_heavy(source) {
        note_ended(Budget::Memory);
        return Err("the rules have too many or too long repetitions and jumps".to_owned());
    }
    let rules = Rules::compile([("rules".to_owned(), source.to_owned())], FILE_TIME);
    match rules.refused.first() {
        None => Ok(rules),
        Some((_, cause)) => {
            Err(format!("the rules do not compile: {}", cause.lines().next().unwrap_or_default()))
        }
    }
}

/// Compiles rules and runs them over every kept executable, those of the samples named `first` first, for at most `time`.
pub(crate) fn check(
    corpus: &Corpus,
    source: &str,
    first: &[SampleId],
    time: Duration,
    control: &mut dyn Control,
) -> Result<RuleCheck, JobError> {
    let started = Instant::now();
    let rules = compile(source).map_err(JobError::Failed)?;
    let files = kept(corpus, first)?;
    let mut check = RuleCheck::default();
    for (done, file) in files.iter().enumerate() {
        if control.checkpoint(Progress { done, total: files.len() }).is_break() {
            return Err(Cancelled.into());
        }
        if started.elapsed() >= time {
            check.leave_out_for(file, TIME_BUDGET, LATE);
            continue;
        }
        let Some(bytes) = corpus.store().upload(file.upload.id)? else { continue };
        if check.files.len() >= MAX_FILES {
            check.leave_out_for(file, FILES_BUDGET, "there are too many files");
            continue;
        }
        let (hits, failure) = timed(Stage::Examine, || rules.scan(&bytes));
        if let Some(failure) = failure {
            note_ended(Budget::Time);
            check.leave_out(file, &format!("the scan failed: {failure}"));
            continue;
        }
        check.bytes += bytes.len() as u64;
        check.files.push(CheckedFile {
            sha256: file.upload.sha256.to_string(),
            sample: Some(file.sample),
            rules: hits.into_iter().map(|hit| hit.rule).collect(),
        });
    }
    if check.untried.iter().any(|file| file.cause == LATE) {
        note_ended(Budget::Time);
    }
    Ok(check)
}

/// All kept files, those of the wanted samples first.
fn kept(corpus: &Corpus, first: &[SampleId]) -> Result<Vec<KeptFile>, JobError> {
    let rank: HashMap<SampleId, usize> = first.iter().enumerate().map(|(rank, id)| (*id, rank)).collect();
    let mut files = corpus.store().kept_files()?;
    files.sort_by_key(|file| rank.get(&file.sample).copied().unwrap_or(usize::MAX));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use malkin_matching::NeverCancelled;
    use malkin_store::SqliteStore;

    use super::*;
    use crate::app::App;
    use crate::clock::Clock;
    use crate::questions;
    use crate::test_corpus::sample;

    #[test]
    fn rules_are_run_over_kept_executables() {
        let store: std::sync::Arc<dyn malkin_store::Store> =
            std::sync::Arc::new(SqliteStore::open_in_memory().unwrap());
        let app = App::open(store.clone(), Clock::System).unwrap();
        for (seed, bytes) in [&b"MZ one needle"[..], b"MZ two"].into_iter().enumerate() {
            let file = store.keep_file(bytes, app.corpus.now()).unwrap();
            let sha256 = file.sha256.to_string();
            let sample = malkin_store::NewSample { sha256, ..sample("a.exe", "family", seed as u64, 3) };
            store.add_sample(&sample, &[], "", app.corpus.now()).unwrap();
        }
        // A query that waits, and a kept file without its sample, are nobody's business.
        store.keep_file(b"MZ stray needle", app.corpus.now()).unwrap();
        let query = crate::jobs::kinds::QueryBinary(crate::matching::MatchArguments::none());
        app.jobs.enqueue_file(b"MZ secret needle", &query, false).unwrap();
        let source = r#"rule needle { strings: $a = "needle" condition: $a } rule all { condition: true }"#;
        let checked = questions::check_rules(&app.corpus, source, &[]).unwrap();
        let rules: Vec<Vec<String>> = checked.files.iter().map(|file| file.rules.clone()).collect();
        assert_eq!(rules, [vec!["needle".to_owned(), "all".to_owned()], vec!["all".to_owned()]]);
        assert_eq!((checked.num_untried, checked.bytes), (0, 19));
        assert_eq!(RuleCheck::from_json(&checked.to_json()), checked);
        let late = check(&app.corpus, source, &[], Duration::ZERO, &mut NeverCancelled).unwrap();
        assert_eq!((late.num_untried, late.untried.len(), late.files.len()), (2, 2, 0));
        assert_eq!((late.ended_by.as_deref(), &checked.ended_by), (Some(TIME_BUDGET), &None));
        assert_eq!(late.untried[0].cause, "time was up");
        assert_eq!(RuleCheck::from_json(&late.to_json()), late);
        let error = questions::check_rules(&app.corpus, "rule { nothing", &[]).unwrap_err();
        assert!(error.to_string().contains("do not compile"), "{error}");
        assert_eq!(fault_of_rules(source), None);
        let heavy = r"rule a { strings: $a = { 00 [1-9999999] 11 } condition: $a }";
        assert!(fault_of_rules(heavy).is_some_and(|fault| fault.contains("repetitions")));
        let stop = &mut |_: Progress| std::ops::ControlFlow::Break(());
        assert!(matches!(check(&app.corpus, source, &[], TIME, stop), Err(JobError::Cancelled(_))));
    }
}
