//! Scoring: PicHash groups and nearest functions for each own function, in units that may run on several threads.

use std::ops::Range;

use malkin_index::{Close, FunctionRef, IndexReader, SampleNo, Scratch};
use malkin_report::MatchFlags;

use crate::hits::{BYTES_PER_MATCH, Hit, Hits, PartialHits};
use crate::nearest::{NearSignature, NearestBySample};
use crate::parameters::MatchParameters;
use crate::picgroup::{PicGroups, PicMatches};
use crate::progress::{Control, MatchError, proceed};
use crate::query_side::{OwnFunction, OwnSample};

/// Signatures that pass over the tiles of an exact search together: enough to make use of a tile in the cache, few enough to
/// bound what they find at once.
const EXACT_BATCH: usize = 64;
/// A question ready to be worked on: own functions grouped by signature, so that each distinct signature is looked up once.
#[derive(Debug)]
pub struct QueryPlan<'a> {
    reader: IndexReader,
    own: OwnSample<'a>,
    own_no: Option<SampleNo>,
    parameters: MatchParameters,
    picgroups: PicGroups,
    /// Own functions (by position) sorted by signature.
    order: Vec<u32>,
    /// One range of `order` for each distinct signature.
    units: Vec<Range<usize>>,
}

/// Working memory of one thread.
#[derive(Debug, Default)]
pub struct Workspace {
    scratch: Scratch,
    nearest: NearestBySample,
    near: Vec<NearSignature>,
    picmatches: PicMatches,
    picsamples: Vec<SampleNo>,
    /// By sample number: whether the current part has a match with it.
    touched: Vec<bool>,
}

impl Workspace {
    /// Empty; grows with use.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<'a> QueryPlan<'a> {
    /// Prepares a question to a reader.
    pub fn new(reader: IndexReader, own: OwnSample<'a>, parameters: MatchParameters) -> Self {
        Self::restricted(reader, own, parameters, None)
    }

    /// As [`QueryPlan::new`]; `without_pichash` are indexed functions that form a group with own functions without a PicHash.
    pub(crate) fn restricted(
        reader: IndexReader,
        own: OwnSample<'a>,
        parameters: MatchParameters,
        without_pichash: Option<Vec<FunctionRef>>,
    ) -> Self {
        let functions = own.functions;
        let mut order: Vec<u32> = (0..functions.len() as u32).collect();
        let signature = |at: &u32| functions[*at as usize].minhash.as_bytes();
        // Equal signatures become neighbours: each distinct one is looked up and scored once, however many functions carry it.
        order.sort_by_key(signature);
        let mut units = Vec::new();
        for unit in order.chunk_by(|a, b| signature(a) == signature(b)) {
            let from = units.last().map_or(0, |before: &Range<usize>| before.end);
            units.push(from..from + unit.len());
        }
        let own_no = reader.sample_no(own.id);
        let picgroups = PicGroups::new(functions, without_pichash);
        Self { reader, own, own_no, parameters, picgroups, order, units }
    }

    /// Number of units to give to a thread at once: `piece`, or in exact mode, where units pass over the index together, as many as
    /// do so, but no more than a `share`.
    pub fn worthwhile_piece(&self, piece: usize, share: usize) -> usize {
        if self.parameters.exact { share.clamp(1, EXACT_BATCH) } else { piece }
    }

    /// Number of units of work: distinct signatures of the own functions.
    pub fn num_units(&self) -> usize {
        self.units.len()
    }

    /// Works on some units. Results do not depend on how units are distributed.
    pub fn run(
        &self,
        units: Range<usize>,
        workspace: &mut Workspace,
        control: &mut dyn Control,
    ) -> Result<PartialHits, MatchError> {
        let units = units.start.min(self.units.len())..units.end.min(self.units.len());
        let mut part = PartialHits::default();
        if self.parameters.exact && self.parameters.band_matches_required > 0 {
            self.run_exact(units, workspace, control, &mut part)?;
        } else {
            for unit in units {
                proceed(control, unit, self.units.len())?;
                workspace.near.clear();
                self.candidates(unit, workspace);
                self.finish_unit(unit, workspace, &mut part)?;
            }
        }
        part.note_touched(&mut workspace.touched, self.reader.num_sample_slots());
        Ok(part)
    }

    /// Bytes the matches of all parts may take.
    pub fn max_memory(&self) -> usize {
        self.parameters.max_memory
    }

    /// Puts the parts of all units together.
    pub fn finish(self, parts: Vec<PartialHits>) -> Hits<'a> {
        Hits::new(self.reader, self.own, self.parameters, parts)
    }

    fn signature(&self, unit: usize) -> &'a [u8] {
        let first = self.order[self.units[unit].start];
        self.own.functions[first as usize].minhash.as_bytes()
    }

    /// Scores the signatures that share enough band keys with that of a unit.
    fn candidates(&self, unit: usize, workspace: &mut Workspace) {
        // `docs/reference/similarity.md` section 8: a pair that shares too few band keys is never scored, whatever its score would be.
        let signature = self.signature(unit);
        let min_equal = self.parameters.min_equal(self.reader.num_positions());
        let required = self.parameters.band_matches_required;
        for candidate in self.reader.candidates(signature, required, &mut workspace.scratch) {
            let equal = self.reader.equal_positions(signature, *candidate);
            if equal >= min_equal {
                let near = NearSignature { signature: *candidate, equal: equal as u16, banded: true };
                workspace.near.push(near);
            }
        }
    }

    fn run_exact(
        &self,
        units: Range<usize>,
        workspace: &mut Workspace,
        control: &mut dyn Control,
        part: &mut PartialHits,
    ) -> Result<(), MatchError> {
        let min_equal = self.parameters.min_equal(self.reader.num_positions());
        let tiles = self.reader.num_tiles();
        // Every unit passes over every tile, and is finished once.
        let total = self.units.len() * (tiles + 1);
        let comparable = |unit: &usize| self.signature(*unit).len() == self.reader.signature_len();
        for from in units.clone().step_by(EXACT_BATCH) {
            let batch = from..(from + EXACT_BATCH).min(units.end);
            let asked: Vec<usize> = batch.clone().filter(comparable).collect();
            let queries: Vec<u8> = asked.iter().flat_map(|unit| self.signature(*unit)).copied().collect();
            let mut found: Vec<Close> = Vec::new();
            for tile in 0..tiles {
                proceed(control, from * (tiles + 1) + tile * batch.len(), total)?;
                self.reader.exact_tile(tile, &queries, min_equal, &mut found);
                self.check_memory(part.hits.len() * BYTES_PER_MATCH + found.len() * size_of::<Close>())?;
            }
            found.sort_unstable();
            let compared = from * (tiles + 1) + tiles * batch.len();
            for unit in batch {
                proceed(control, compared + (unit - from), total)?;
                let mine = asked.binary_search(&unit).map_or(&[][..], |query| of_query(&found, query));
                self.take_exact(unit, mine, workspace);
                self.finish_unit(unit, workspace, part)?;
            }
        }
        Ok(())
    }

    /// Takes what an exact search found for a unit, and notes which of it bands lead to.
    fn take_exact(&self, unit: usize, found: &[Close], workspace: &mut Workspace) {
        let required = self.parameters.band_matches_required;
        let candidates = self.reader.candidates(self.signature(unit), required, &mut workspace.scratch);
        workspace.near.clear();
        workspace.near.extend(found.iter().map(|close| NearSignature {
            signature: close.signature,
            equal: close.equal as u16,
            banded: candidates.binary_search(&close.signature).is_ok(),
        }));
    }

    /// From the near signatures of a unit to the matches of its functions.
    fn finish_unit(
        &self,
        unit: usize,
        workspace: &mut Workspace,
        part: &mut PartialHits,
    ) -> Result<(), MatchError> {
        workspace.nearest.collect(&self.reader, self.own_no, &workspace.near);
        for at in &self.order[self.units[unit].clone()] {
            let from = part.hits.len();
            self.match_function(*at as usize, workspace, part);
            part.rows.push((*at, from..part.hits.len()));
            self.check_memory(part.hits.len() * BYTES_PER_MATCH)?;
        }
        Ok(())
    }

    fn match_function(&self, at: usize, workspace: &mut Workspace, part: &mut PartialHits) {
        let Workspace { nearest, picmatches, picsamples, .. } = workspace;
        let implied = self.parameters.pichash_implies_minhash;
        let function: &OwnFunction = &self.own.functions[at];
        let (pichash_size, own_no) = (self.parameters.pichash_size, self.own_no);
        self.picgroups.matches(self.own.functions, at, own_no, pichash_size, &self.reader, picmatches);

        let picflags =
            if implied { MatchFlags::MINHASH.with(MatchFlags::PICHASH) } else { MatchFlags::PICHASH };
        let first = part.hits.len();
        part.hits.extend(picmatches.foreign.iter().map(|found| Hit::new(*found, 0, picflags)));
        part.self_pichash.extend(&picmatches.own);
        if implied {
            part.self_minhash.extend(&picmatches.own);
        }

        picsamples.clear();
        picsamples.extend(picmatches.foreign.iter().map(|found| found.sample));
        picsamples.dedup();
        for near in nearest.foreign() {
            if picsamples.binary_search(&near.function.sample).is_err() {
                part.hits.push(Hit::by_signature(*near));
            } else if !implied {
                match picmatches.foreign.binary_search(&near.function) {
                    Ok(same) => {
                        part.hits[first + same] = Hit::new(
                            near.function,
                            near.equal,
                            MatchFlags::MINHASH.with(MatchFlags::PICHASH),
                        );
                    }
                    Err(_) => part.hits.push(Hit::by_signature(*near)),
                }
            }
        }
        if !implied || picmatches.own.is_empty() {
            part.self_minhash.extend(nearest.own(function.id).iter().flat_map(|other| [function.id, *other]));
        }
    }

    fn check_memory(&self, bytes: usize) -> Result<(), MatchError> {
        let limit = self.parameters.max_memory;
        if bytes > limit { Err(MatchError::BudgetExceeded { limit }) } else { Ok(()) }
    }
}

/// What was found for one query, out of a list in ascending order.
fn of_query(found: &[Close], query: usize) -> &[Close] {
    let from = found.partition_point(|close| (close.query as usize) < query);
    let to = found.partition_point(|close| close.query as usize <= query);
    &found[from..to]
}
