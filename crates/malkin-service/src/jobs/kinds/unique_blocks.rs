//! Basic blocks that some samples have and no other sample has.

use std::collections::HashSet;

use malkin_codehash::SampleContext;
use malkin_matching::{
    Control, FunctionBlocks, Progress, UniqueBlocksOptions, describe_block, unique_blocks,
};
use malkin_report::{
    BlockNotation, FamilyId, FunctionEntry, SampleEntry, SampleId, UniqueBlock,
    UniqueBlocks as UniqueBlocksResult,
};
use malkin_store::{FunctionQuery, Lane, StoreError};
use serde_json::{Map, Value, json};

use crate::corpus::Corpus;
use crate::corpus::rehash::context;
use crate::error::{Cancelled, JobError};
use crate::jobs::kind::{Kind, Parameters, sample_list};
use crate::jobs::lane;
use crate::jobs::running::JobControl;
use crate::stage::{Stage, timed};

/// Functions whose disassembly is held in memory at once.
const CHUNK_FUNCTIONS: usize = 512;

/// Finds blocks unique to samples.
#[derive(Clone, PartialEq, Debug)]
pub struct UniqueBlocks(pub Vec<SampleId>, pub BlockArguments);

impl Kind for UniqueBlocks {
    const METHOD: &'static str = "getUniqueBlocks";

    fn parameters(&self) -> Parameters {
        Parameters::named(self.1.named()).then([sample_list(&self.0)])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(parameters.samples("0")?, BlockArguments::read(parameters.object())))
    }

    fn lane(&self, corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        lane::by_functions(corpus, &self.0)
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let result = find(corpus, &self.0, &self.1, &mut job.reporting())?;
        Ok(malkin_wire::unique_blocks_to_json(&result, BlockNotation::Hex))
    }
}

/// Parameters of a request for unique blocks. What is absent takes the default, and an omitted parameter and an explicit
/// default are different requests.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BlockArguments {
    named: Vec<(&'static str, Value)>,
}

/// The family the samples were taken from; the job shows it, nothing depends on it.
const FAMILY_ID: &str = "family_id";
/// Chosen blocks wanted for each sample.
const COVERS_REQUIRED: &str = "covers_required";
/// Minimum instructions per block.
const MIN_INSTRUCTIONS: &str = "min_instructions";

impl BlockArguments {
    /// No argument given.
    pub fn none() -> Self {
        Self::default()
    }

    /// Notes which family the samples are those of.
    pub fn family(&mut self, id: FamilyId) {
        self.named.push((FAMILY_ID, json!(id.get())));
    }

    /// Sets the number of chosen blocks wanted for each sample, at least 1.
    pub fn covers_required(&mut self, covers: u64) {
        self.named.push((COVERS_REQUIRED, json!(covers)));
    }

    /// Sets the minimum instructions per block.
    pub fn min_instructions(&mut self, instructions: u64) {
        self.named.push((MIN_INSTRUCTIONS, json!(instructions)));
    }

    /// The options of the search: defaults where nothing was given.
    pub fn options(&self) -> UniqueBlocksOptions {
        let mut options = UniqueBlocksOptions::default();
        for (name, value) in &self.named {
            let number = value.as_u64().unwrap_or_default();
            match *name {
                COVERS_REQUIRED => options.covers_required = number,
                MIN_INSTRUCTIONS => options.min_instructions = number,
                _ => {}
            }
        }
        options
    }

    /// The arguments by name, in their order.
    fn named(&self) -> impl Iterator<Item = (&'static str, Value)> + '_ {
        self.named.iter().cloned()
    }

    fn read(object: &Map<String, Value>) -> Self {
        let known = [FAMILY_ID, COVERS_REQUIRED, MIN_INSTRUCTIONS];
        let named = object.iter().filter_map(|(key, value)| {
            let name = known.into_iter().find(|name| name == key)?;
            Some((name, value.clone()))
        });
        Self { named: named.collect() }
    }
}

/// Finds the blocks, for the job and for questions.
pub(crate) fn find(
    corpus: &Corpus,
    requested: &[SampleId],
    arguments: &BlockArguments,
    control: &mut dyn Control,
) -> Result<UniqueBlocksResult, JobError> {
    let (samples, functions) = timed(Stage::Read, || load(corpus, requested))?;
    let own: HashSet<SampleId> = requested.iter().copied().collect();
    let reader = corpus.index().reader();
    let hashes = functions.iter().map(|function| FunctionBlocks {
        sample_id: function.sample_id,
        function_id: function.function_id,
        blocks: &function.picblockhashes,
    });
    let is_foreign =
        |hash| reader.with_block(hash).any(|found| !own.contains(&reader.sample_id(found.sample)));
    let mut result =
        timed(Stage::Compare, || unique_blocks(requested, hashes.collect(), arguments.options(), is_foreign));
    timed(Stage::Write, || describe(corpus, &samples, &mut result.blocks, control))?;
    Ok(result)
}

/// The requested samples, each once, and their functions.
fn load(corpus: &Corpus, requested: &[SampleId]) -> Result<(Vec<SampleEntry>, Vec<FunctionEntry>), JobError> {
    let (mut samples, mut functions): (Vec<SampleEntry>, Vec<FunctionEntry>) = Default::default();
    let mut seen = HashSet::new();
    for id in requested.iter().filter(|id| seen.insert(**id)) {
        let known = if id.is_query() { None } else { corpus.store().sample(*id)? };
        samples.push(known.ok_or_else(|| JobError::failed(format!("there is no sample {id}")))?);
        functions.extend(corpus.store().functions(&FunctionQuery::OfSample(*id))?);
    }
    Ok((samples, functions))
}

/// Adds instructions and byte sequences. Blocks of one function follow each other, so each is read once.
fn describe(
    corpus: &Corpus,
    samples: &[SampleEntry],
    blocks: &mut [UniqueBlock],
    control: &mut dyn Control,
) -> Result<(), JobError> {
    let mut groups: Vec<&mut [UniqueBlock]> =
        blocks.chunk_by_mut(|a, b| a.function_id == b.function_id).collect();
    let total = groups.len();
    for (chunk_no, chunk) in groups.chunks_mut(CHUNK_FUNCTIONS).enumerate() {
        let done = chunk_no * CHUNK_FUNCTIONS;
        if control.checkpoint(Progress { done, total }).is_break() {
            return Err(Cancelled.into());
        }
        let ids: Vec<_> = chunk.iter().map(|group| group[0].function_id).collect();
        for (group, xcfg) in chunk.iter_mut().zip(corpus.store().disassembly(&ids)?) {
            let sample = samples.iter().find(|sample| sample.sample_id == group[0].sample_id);
            let function = xcfg.and_then(|json| malkin_wire::function_from_json(&json).ok());
            let (Some(sample), Some(function)) = (sample, function) else {
                // The disassembly was dropped: the block keeps its hash, but no rule can be made of it.
                continue;
            };
            let context: SampleContext = context(sample);
            group.iter_mut().for_each(|block| describe_block(block, &function, &context));
        }
    }
    Ok(())
}
