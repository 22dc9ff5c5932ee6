//! Jobs that look for the basic blocks some samples have and no other sample has.

use std::collections::HashSet;

use malkin_codehash::SampleContext;
use malkin_matching::{Control, FunctionBlocks, NeverCancelled, Progress, describe_block, unique_blocks};
use malkin_report::{BlockNotation, FunctionEntry, SampleEntry, SampleId, UniqueBlock, UniqueBlocks};
use malkin_store::FunctionQuery;

use super::JobError;
use super::rehash::context;
use crate::engine::{Engine, ServiceError};
use crate::queue::Cancelled;
use crate::request::BlockArguments;
use crate::stage::{Stage, timed};

/// Functions whose disassembly is held in memory at once.
const CHUNK_FUNCTIONS: usize = 512;

impl Engine {
    /// Blocks that the samples have and no other sample has, here and now.
    pub fn unique_blocks_now(
        &self,
        samples: &[SampleId],
        arguments: &BlockArguments,
    ) -> Result<UniqueBlocks, ServiceError> {
        find(self, samples, arguments, &mut NeverCancelled).map_err(|error| match error {
            JobError::Store(error) => ServiceError::Store(error),
            other => ServiceError::Unanswerable(other.to_string()),
        })
    }
}

/// The job: the result as clients read it.
pub(super) fn run(
    engine: &Engine,
    samples: &[SampleId],
    arguments: &BlockArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let result = find(engine, samples, arguments, control)?;
    Ok(malkin_wire::unique_blocks_to_json(&result, BlockNotation::Hex))
}

fn find(
    engine: &Engine,
    requested: &[SampleId],
    arguments: &BlockArguments,
    control: &mut dyn Control,
) -> Result<UniqueBlocks, JobError> {
    let (samples, functions) = timed(Stage::Read, || load(engine, requested))?;
    let own: HashSet<SampleId> = requested.iter().copied().collect();
    let reader = engine.memory().reader();
    let hashes = functions.iter().map(|function| FunctionBlocks {
        sample_id: function.sample_id,
        function_id: function.function_id,
        blocks: &function.picblockhashes,
    });
    let is_foreign =
        |hash| reader.with_block(hash).any(|found| !own.contains(&reader.sample_id(found.sample)));
    let mut result =
        timed(Stage::Compare, || unique_blocks(requested, hashes.collect(), arguments.options(), is_foreign));
    timed(Stage::Write, || describe(engine, &samples, &mut result.blocks, control))?;
    Ok(result)
}

/// The requested samples, each once, and their functions.
fn load(engine: &Engine, requested: &[SampleId]) -> Result<(Vec<SampleEntry>, Vec<FunctionEntry>), JobError> {
    let (mut samples, mut functions): (Vec<SampleEntry>, Vec<FunctionEntry>) = Default::default();
    let mut seen = HashSet::new();
    for id in requested.iter().filter(|id| seen.insert(**id)) {
        let known = if id.is_query() { None } else { engine.store().sample(*id)? };
        samples.push(known.ok_or_else(|| JobError::failed(format!("there is no sample {id}")))?);
        functions.extend(engine.store().functions(&FunctionQuery::OfSample(*id))?);
    }
    Ok((samples, functions))
}

/// Adds instructions and byte sequences. Blocks of one function follow each other, so each is read once.
fn describe(
    engine: &Engine,
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
        for (group, xcfg) in chunk.iter_mut().zip(engine.store().disassembly(&ids)?) {
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
