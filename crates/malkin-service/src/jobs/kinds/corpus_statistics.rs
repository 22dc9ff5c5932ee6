//! What the corpus consists of: samples and functions by family and architecture, and how large samples are. MCRIT has no such
//! job. `GET /corpus/statistics` queues it.

use std::collections::BTreeMap;

use malkin_report::SampleEntry;
use malkin_store::{After, Lane, StoreError};
use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Most rows of a table; those with the most samples stay.
const MAX_ROWS: usize = 1000;

/// Counts the corpus in one state of it: as long as nothing changes, equal requests are one job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorpusStatistics {
    /// [`malkin_store::CorpusCounts::state`] when it was asked for. The job counts what is stored when it runs.
    state: u64,
}

impl CorpusStatistics {
    /// The request for the present state.
    pub fn of(corpus: &Corpus) -> Result<Self, StoreError> {
        Ok(Self { state: corpus.counts()?.state })
    }
}

impl Kind for CorpusStatistics {
    const METHOD: &'static str = "getCorpusStatistics";

    fn parameters(&self) -> Parameters {
        Parameters::named([("state", json!(self.state))])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self { state: parameters.get("state")?.as_u64()? })
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let total = corpus.counts()?.samples.max(1);
        let mut tally = Tally::default();
        let mut after = After::default();
        loop {
            let samples = corpus.store().sample_piece(None, after)?;
            let Some(last) = samples.last() else { break };
            after.number = Some(last.sample_id.get());
            for sample in &samples {
                tally.add(sample);
            }
            job.progress((tally.all.samples as f64 / total as f64).min(1.0))?;
        }
        Ok(tally.to_json().to_string().into_bytes())
    }
}

/// Samples and what they hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sum {
    samples: u64,
    functions: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, sample: &SampleEntry) {
        self.samples += 1;
        self.functions = self.functions.saturating_add(sample.statistics.num_functions);
        self.bytes = self.bytes.saturating_add(sample.binary_size);
    }

    fn to_json(self, mut row: Value) -> Value {
        row["samples"] = json!(self.samples);
        row["functions"] = json!(self.functions);
        row["bytes"] = json!(self.bytes);
        row
    }
}

/// Counts so far. Memory follows the number of families and architectures, not of samples.
#[derive(Debug, Default)]
struct Tally {
    all: Sum,
    libraries: Sum,
    families: BTreeMap<i64, (String, Sum)>,
    architectures: BTreeMap<(String, u64), Sum>,
    /// By number of binary digits: 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7, ...
    sizes: BTreeMap<u32, u64>,
    functions: BTreeMap<u32, u64>,
}

impl Tally {
    fn add(&mut self, sample: &SampleEntry) {
        self.all.add(sample);
        if sample.is_library {
            self.libraries.add(sample);
        }
        let family = self.families.entry(sample.family_id.get());
        family.or_insert_with(|| (sample.family.clone(), Sum::default())).1.add(sample);
        let architecture = (sample.architecture.as_str().to_owned(), sample.bitness);
        self.architectures.entry(architecture).or_default().add(sample);
        *self.sizes.entry(digits(sample.binary_size)).or_default() += 1;
        *self.functions.entry(digits(sample.statistics.num_functions)).or_default() += 1;
    }

    fn to_json(&self) -> Value {
        let families =
            self.families.iter().map(|(id, (name, sum))| (*sum, json!({ "family_id": id, "family": name })));
        let architectures = self
            .architectures
            .iter()
            .map(|((name, bitness), sum)| (*sum, json!({ "architecture": name, "bitness": bitness })));
        json!({
            "corpus": self.all.to_json(json!({})),
            "libraries": self.libraries.to_json(json!({})),
            "families": self.families.len(),
            "by_family": rows(families.collect()),
            "by_architecture": rows(architectures.collect()),
            "binary_sizes": histogram(&self.sizes),
            "functions_per_sample": histogram(&self.functions),
        })
    }
}

/// Binary digits of a number.
fn digits(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// The rows with the most samples, these first.
fn rows(mut sums: Vec<(Sum, Value)>) -> Vec<Value> {
    sums.sort_by_key(|(sum, _)| std::cmp::Reverse(sum.samples));
    sums.truncate(MAX_ROWS);
    sums.into_iter().map(|(sum, row)| sum.to_json(row)).collect()
}

/// Classes by powers of two, both ends included.
fn histogram(classes: &BTreeMap<u32, u64>) -> Vec<Value> {
    let row = |(digits, samples): (&u32, &u64)| {
        let to = 1_u64.checked_shl(*digits).map_or(u64::MAX, |end| end - 1);
        json!({ "from": to - to / 2, "to": to, "samples": samples })
    };
    classes.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use malkin_store::{Job, SqliteStore};

    use super::*;
    use crate::app::App;
    use crate::clock::Clock;
    use crate::test_corpus::sample;

    #[test]
    fn classes_begin_where_the_one_before_ends() {
        let classes: BTreeMap<u32, u64> = [0, 1, 2, 3, 7, 8, u64::MAX].map(|n| (digits(n), n)).into();
        let ends: Vec<(u64, u64)> = histogram(&classes)
            .iter()
            .map(|class| (class["from"].as_u64().unwrap(), class["to"].as_u64().unwrap()))
            .collect();
        assert_eq!(ends, [(0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (1 << 63, u64::MAX)]);
    }

    #[test]
    fn a_corpus_is_counted_by_family_and_architecture() {
        let app = App::open(Arc::new(SqliteStore::open_in_memory().unwrap()), Clock::System).unwrap();
        for (name, family, functions) in [("a", "x", 3), ("b", "x", 20), ("c", "y", 5)] {
            app.corpus.add(&sample(name, family, functions, functions)).unwrap();
        }
        let request = CorpusStatistics::of(&app.corpus).unwrap();
        let id = app.jobs.enqueue(&request, false).unwrap();
        assert_eq!(app.jobs.enqueue(&CorpusStatistics::of(&app.corpus).unwrap(), false).unwrap(), id);
        crate::jobs::worker::run_next(&app.jobs, "malkin-test", (Lane::Long, &[]), |_| {}).unwrap();
        let job: Job = app.corpus.store().job(id).unwrap().unwrap();
        let result = app.corpus.store().result(job.result.unwrap()).unwrap().unwrap();
        let found: Value = serde_json::from_slice(&result).unwrap();
        assert_eq!(found["corpus"], json!({"samples": 3, "functions": 28, "bytes": 3 * 0x1_0000}));
        assert_eq!(found["families"], 2);
        assert_eq!(found["by_family"][0]["family"], "x");
        assert_eq!(found["by_family"][0]["functions"], 23);
        assert_eq!(found["by_architecture"][0]["architecture"], "intel");
        assert_eq!(found["binary_sizes"], json!([{"from": 0x1_0000, "to": 0x1_ffff, "samples": 3}]));
        app.corpus.add(&sample("d", "z", 9, 9)).unwrap();
        let later = CorpusStatistics::of(&app.corpus).unwrap();
        assert_ne!(app.jobs.enqueue(&later, false).unwrap(), id, "the corpus has changed");
    }
}
