//! Golden runs as values: reports read and hashed by our own crates, an index filled as the run says.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use malkin_codehash::{
    MinHashConfig, MinHasher, Projection, SampleContext, hash_function, hash_function_with_report,
};
use malkin_index::{IndexWriter, IndexedFunction, SampleFacts};
use malkin_matching::{MatchParameters, OwnFunction, OwnSample};
use malkin_report::{
    BlockHash, BlockOccurrence, FamilyId, FunctionId, PicHash, Report, SampleEntry, SampleId,
};
use malkin_wire::read_report;
use serde_json::Value;

/// The time stamp all golden samples were given.
const FIXED_TIME: &str = "2026-01-01T00-00-00";

/// A sample with hashed functions.
pub(crate) struct Sample {
    pub(crate) entry: SampleEntry,
    pub(crate) functions: Vec<OwnFunction>,
    /// Blocks of each function.
    pub(crate) blocks: Vec<Vec<BlockOccurrence>>,
    pub(crate) report: Rc<Report>,
}

impl Sample {
    pub(crate) fn own(&self) -> OwnSample<'_> {
        OwnSample { id: self.entry.sample_id, functions: &self.functions }
    }

    /// The sample as a query, under other numbers.
    pub(crate) fn as_query(&self, sample: i64, first_function: i64) -> Self {
        let mut functions = self.functions.clone();
        for (at, function) in functions.iter_mut().enumerate() {
            function.id = FunctionId::new(first_function - at as i64);
        }
        let entry = SampleEntry {
            sample_id: SampleId::new(sample),
            family_id: FamilyId::NAMELESS,
            ..self.entry.clone()
        };
        Self { entry, functions, blocks: self.blocks.clone(), report: Rc::clone(&self.report) }
    }
}

/// Reports by name, each read and hashed once.
pub(crate) struct Reports {
    folder: PathBuf,
    hasher: MinHasher,
    read: HashMap<String, Sample>,
}

impl Reports {
    pub(crate) fn new(folder: &Path) -> Self {
        let hasher = MinHasher::new(MinHashConfig::default()).expect("the default configuration is valid");
        Self { folder: folder.to_owned(), hasher, read: HashMap::new() }
    }

    /// The report as a sample without number.
    pub(crate) fn get(&mut self, name: &str) -> &Sample {
        if !self.read.contains_key(name) {
            let report = self.report(name);
            let context = SampleContext::of(&report);
            let (mut functions, mut blocks) = (Vec::new(), Vec::new());
            for function in &report.functions {
                let hashes =
                    hash_function(function, &context, &self.hasher).expect("golden functions can be hashed");
                functions.push(own_function(function, hashes.pichash, hashes.minhash));
                blocks.push(hashes.blocks);
            }
            let sample = Sample { entry: entry(&report, name), functions, blocks, report: Rc::new(report) };
            self.read.insert(name.to_owned(), sample);
        }
        &self.read[name]
    }

    /// One function of a report, hashed as the single-function query does it.
    pub(crate) fn single(&self, name: &str, offset: u64) -> Sample {
        let report = self.report(name);
        let function =
            report.functions.iter().find(|function| function.offset.get() == offset).expect("golden offset");
        let hashes =
            hash_function_with_report(function, &SampleContext::of(&report), &self.hasher).expect("hashable");
        let functions = vec![own_function(function, hashes.pichash, hashes.minhash)];
        Sample { entry: entry(&report, name), functions, blocks: Vec::new(), report: Rc::new(report) }
    }

    fn report(&self, name: &str) -> Report {
        let bytes = malkin_testkit::gunzip_file(self.folder.join(format!("{name}.smda.gz")));
        read_report(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

fn own_function(
    function: &malkin_report::Function,
    pichash: Option<PicHash>,
    minhash: malkin_report::MinHash,
) -> OwnFunction {
    OwnFunction {
        id: FunctionId::new(0),
        offset: function.offset,
        num_instructions: function.num_instructions() as u32,
        num_blocks: function.num_blocks() as u32,
        binweight: function.metadata.binweight,
        pichash: pichash.unwrap_or(PicHash::new(0)),
        minhash,
    }
}

fn entry(report: &Report, name: &str) -> SampleEntry {
    let mut entry =
        SampleEntry::of_report(report, SampleId::new(0), FamilyId::NAMELESS).expect("statistics and time");
    name.clone_into(&mut entry.filename);
    FIXED_TIME.clone_into(&mut entry.timestamp);
    entry
}

/// What a run indexed.
pub(crate) struct Corpus {
    pub(crate) index: IndexWriter,
    pub(crate) samples: Vec<Sample>,
}

impl Corpus {
    pub(crate) fn of_run(run: &Value, reports: &mut Reports) -> Self {
        let mut index = IndexWriter::new(projection(run), 64);
        let mut families = vec![String::new()];
        let mut samples: Vec<Sample> = Vec::new();
        let mut next_function = 0;
        for wanted in run["index"].as_array().expect("a list") {
            let text = |key: &str| wanted[key].as_str().unwrap_or_default().to_owned();
            let known = reports.get(&text("file"));
            let (mut entry, mut functions) = (known.entry.clone(), known.functions.clone());
            entry.sample_id = SampleId::new(samples.len() as i64);
            (entry.family, entry.version) = (text("family"), text("version"));
            entry.is_library = wanted["is_library"].as_bool().unwrap_or_default();
            let family = families.iter().position(|name| *name == entry.family).unwrap_or_else(|| {
                families.push(entry.family.clone());
                families.len() - 1
            });
            entry.family_id = FamilyId::new(family as i64);
            for function in &mut functions {
                function.id = FunctionId::new(next_function);
                next_function += 1;
            }
            let (blocks, report) = (known.blocks.clone(), Rc::clone(&known.report));
            let sample = Sample { entry, functions, blocks, report };
            insert(&mut index, &sample);
            samples.push(sample);
        }
        Self { index, samples }
    }

    pub(crate) fn sample(&self, id: &Value) -> &Sample {
        &self.samples[id.as_u64().expect("a sample number") as usize]
    }

    /// The code of a function by its number, with its sample.
    pub(crate) fn code(&self, id: FunctionId) -> (&Sample, &malkin_report::Function) {
        let find = |sample: &Sample| sample.functions.iter().position(|function| function.id == id);
        let found = self.samples.iter().find_map(|sample| Some((sample, find(sample)?)));
        let (sample, at) = found.expect("an indexed function");
        (sample, &sample.report.functions[at])
    }

    pub(crate) fn entry(&self, id: SampleId) -> Option<SampleEntry> {
        self.samples.iter().map(|sample| &sample.entry).find(|entry| entry.sample_id == id).cloned()
    }

    /// A function by its number, with its sample.
    pub(crate) fn function(&self, id: &Value) -> (&Sample, &OwnFunction) {
        let id = FunctionId::new(id.as_i64().expect("a function number"));
        let mut all =
            self.samples.iter().flat_map(|sample| sample.functions.iter().map(move |f| (sample, f)));
        all.find(|(_, function)| function.id == id).expect("an indexed function")
    }
}

fn insert(index: &mut IndexWriter, sample: &Sample) {
    let hashes = |blocks: &Vec<BlockOccurrence>| blocks.iter().map(|block| block.hash).collect();
    let blocks: Vec<Vec<BlockHash>> = sample.blocks.iter().map(hashes).collect();
    let entry = &sample.entry;
    let functions = sample.functions.iter().zip(&blocks);
    let indexed: Vec<IndexedFunction<'_>> = functions
        .map(|(function, blocks)| IndexedFunction {
            id: function.id,
            pichash: function.pichash,
            minhash: function.minhash.as_bytes(),
            blocks,
        })
        .collect();
    let facts = SampleFacts { family_id: entry.family_id, is_library: entry.is_library };
    index.insert_sample(entry.sample_id, facts, &indexed).expect("golden samples can be indexed");
}

fn projection(run: &Value) -> Projection {
    let config = &run["storage_config"];
    match config["STORAGE_BAND_STRATEGY"].as_str() {
        Some("explicit") => Projection::preset(config["STORAGE_BAND_PRESET"].as_str().expect("a name"), 64)
            .expect("a known preset"),
        Some("linear") => {
            let (size, count) =
                config["STORAGE_BANDS"].as_object().and_then(|bands| bands.iter().next()).expect("one size");
            let count = count.as_u64().expect("a count") as usize;
            Projection::linear(size.parse().expect("a size"), count, 64).expect("linear bands")
        }
        _ => Projection::default(),
    }
}

/// Parameters of a run's configuration and of a query.
pub(crate) fn parameters(run: &Value, query: &Value) -> MatchParameters {
    let mut parameters = MatchParameters::default();
    if let Some(implied) = run["minhash_config"]["PICHASH_IMPLIES_MINHASH_MATCH"].as_bool() {
        parameters.pichash_implies_minhash = implied;
    }
    if let Some(size) = query["params"]["pichash_size"].as_u64() {
        parameters.pichash_size = size;
    }
    if let Some(required) = query["params"]["band_matches_required"].as_u64() {
        parameters.band_matches_required = required as u32;
    }
    parameters
}
