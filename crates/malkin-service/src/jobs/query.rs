//! What jobs on files have in common: the file is disassembled within its budget, and a report is compared as a query.

use malkin_loader::LoadOptions;
use malkin_report::Report;

use super::running::JobControl;
use crate::corpus::Corpus;
use crate::corpus::ingest::ingest;
use crate::disassembly::{DEFAULT_TIME, DisassemblyOptions, disassemble_while};
use crate::error::{Cancelled, JobError};
use crate::matching::{self, MatchArguments};
use crate::room::{self, Held};
use crate::stage::{Stage, timed};

/// Disassembles the file of a job when there is memory for it, which has to be held as long as the report. The lease is renewed meanwhile; a cancelled job ends within milliseconds.
pub(super) fn disassembled(
    corpus: &Corpus,
    filename: &str,
    load: LoadOptions,
    job: &JobControl<'_>,
) -> Result<(Report, Held), JobError> {
    let body = job.file("the uploaded binary is gone")?;
    let options = DisassemblyOptions { filename: filename.to_owned(), load, time: DEFAULT_TIME };
    let wanted = || job.progress(0.0).is_ok();
    let Some(memory) = room::take(body.len(), DEFAULT_TIME, &wanted) else {
        return Err(if job.is_cancelled() {
            Cancelled.into()
        } else {
            JobError::failed("other disassemblies used all memory that they may have")
        });
    };
    let report = timed(Stage::Disassemble, || disassemble_while(&body, &options, corpus.clock(), &wanted))?;
    // What stopped the disassembly early may have been the job's cancellation: then the rest is not wanted either.
    if job.is_cancelled() { Err(Cancelled.into()) } else { Ok((report, memory)) }
}

/// Compares a report with everything. Its sample is stored under a negative number for as long as the job is.
pub(super) fn report(
    corpus: &Corpus,
    report: Report,
    arguments: &MatchArguments,
    job: &JobControl<'_>,
) -> Result<Vec<u8>, JobError> {
    matching::refuse_group_restriction(arguments)?;
    let started = matching::Started::now(corpus);
    let ingested = ingest(report, corpus.hasher())?;
    let (entry, _) = timed(Stage::Store, || corpus.store().add_query_sample(&ingested.sample, corpus.now()))?;
    job.own_query_sample(entry.sample_id)?;
    let own = matching::Own::query(corpus, entry, started)?;
    matching::own_query(corpus, &own, &ingested.summary, arguments, &mut job.reporting())
}
