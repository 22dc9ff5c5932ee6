//! Families, samples, functions, labels and disassembly: the contract of the catalogue and the values it exchanges.
//!
//! A sample is added in one transaction and visible whole or not at all. Counters are counted from rows, never
//! accumulated. Function metadata and disassembly are kept apart, so that matching never touches the latter.

use malkin_report::{
    BlockOccurrence, FamilyEntry, FamilyId, FunctionEntry, FunctionId, FunctionLabel, MinHash, PicHash,
    SampleEntry, SampleId,
};

use crate::chunks::PackedDisassembly;
use crate::error::StoreError;
use crate::new_sample::{NewFunction, NewLabel, NewSample};
use crate::page::{After, Page};
use crate::time::Timestamp;

/// What became of a sample that was submitted.
#[derive(Clone, PartialEq, Debug)]
pub enum Added {
    /// It is new; this is its record. Functions are numbered consecutively from `first_function`.
    New {
        /// The record.
        sample: SampleEntry,
        /// Number of the first function.
        first_function: FunctionId,
    },
    /// A sample with this SHA-256 text was there already; only labels were added.
    Known(SampleEntry),
}

/// Which functions to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FunctionQuery {
    /// A window over all functions of stored samples (query functions left out), in order of insertion.
    All(Page),
    /// Functions of one sample in order of their offset.
    OfSample(SampleId),
    /// Functions by number, in the order given; unknown numbers are left out.
    ByIds(Vec<FunctionId>),
}

/// Functions that are read piece by piece, so that no answer holds all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FunctionRun<'a> {
    /// Those with numbers from the first to the last, both included, ascending.
    Between(FunctionId, FunctionId),
    /// These, in the order given; unknown numbers are left out.
    Each(&'a [FunctionId]),
}

/// Some functions of a [`FunctionRun`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FunctionPiece {
    /// The functions, each with its disassembly as compact JSON where that was asked for and is there.
    pub functions: Vec<(FunctionEntry, Option<Vec<u8>>)>,
    /// How many numbers of the run are done with, counted from its start: numbers without a function count. At least 1 unless the
    /// run is empty.
    pub read: u64,
}

/// What the similarity index needs of one function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexRow {
    /// Its sample.
    pub sample_id: SampleId,
    /// Number of the function.
    pub function_id: FunctionId,
    /// 0 if there is none.
    pub pichash: PicHash,
    /// Empty if the function is too small.
    pub minhash: MinHash,
    /// Hashes of its blocks with at least four instructions.
    pub picblockhashes: Vec<BlockOccurrence>,
}

/// What a stored segment of the index is compared with, for one sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexedSample {
    /// Its number.
    pub sample_id: SampleId,
    /// Its family now.
    pub family_id: FamilyId,
    /// Whether it is a library now.
    pub is_library: bool,
    /// Names its present functions and hashes; another one whenever they change, never the same twice.
    pub token: u64,
}

/// Counts over the catalogue; query samples are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CorpusCounts {
    /// Families including the nameless one.
    pub families: u64,
    /// Stored samples.
    pub samples: u64,
    /// Functions of stored samples.
    pub functions: u64,
    /// Grows with every change of the corpus and survives a respawn.
    pub state: u64,
    /// When the corpus last changed.
    pub changed_at: Timestamp,
    /// Samples whose signatures come from an escaper older than MCRIT's compatibility threshold or of unknown version.
    pub samples_with_stale_minhashes: u64,
}

/// What to change about a stored sample; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SampleChange {
    /// Name of the family it belongs to from now on.
    pub family: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its component.
    pub component: Option<String>,
    /// Whether it is a library.
    pub is_library: Option<bool>,
    /// Version of the disassembler whose hashes it has from now on.
    pub smda_version: Option<String>,
}

/// What to change about a family; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FamilyChange {
    /// The new name.
    pub name: Option<String>,
    /// Flag for all of its samples.
    pub is_library: Option<bool>,
}

/// Hashes of a stored function that were computed again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewHashes {
    /// The function.
    pub function_id: FunctionId,
    /// 0 if there is none.
    pub pichash: PicHash,
    /// Empty if the function is too small.
    pub minhash: MinHash,
    /// Hashes of its blocks with at least four instructions.
    pub picblockhashes: Vec<BlockOccurrence>,
}

/// Signatures made with the escaper of an older SMDA than this one cannot be compared with today's (MCRIT 1.9.0).
pub const MINHASH_COMPATIBILITY_THRESHOLD: &str = "4.4.5";

/// Whether signatures made by this version of SMDA are too old, or the version is not known.
pub fn is_stale_minhash_version(version: &str) -> bool {
    /// Decimal components of [`MINHASH_COMPATIBILITY_THRESHOLD`].
    const THRESHOLD: [u64; 3] = [4, 4, 5];
    let mut components = [0; 3];
    let mut texts = version.trim().split('.');
    for (component, text) in components.iter_mut().zip(&mut texts) {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(digits);
        // Longer than any version; compares as new.
        *component = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
        if !rest.is_empty() {
            break;
        }
    }
    components < THRESHOLD
}

/// The catalogue.
pub trait Catalogue {
    /// Adds a sample with its functions, or finds it known by its SHA-256 text. The family is created by name. In both
    /// cases `labels` are added for `username`; a (user, label) pair is not added twice to a function.
    fn add_sample(
        &self,
        sample: &NewSample,
        labels: &[NewLabel],
        username: &str,
        now: Timestamp,
    ) -> Result<Added, StoreError>;

    /// Compresses the disassembly of functions as this store keeps it. That is much of the work of adding a sample and needs
    /// nothing that another call holds.
    fn pack_disassembly(&self, functions: &[NewFunction]) -> Result<PackedDisassembly, StoreError>;

    /// As [`Catalogue::add_sample`] without labels, with the disassembly that was packed of its functions instead of the one in
    /// them.
    fn add_packed_sample(
        &self,
        sample: &NewSample,
        disassembly: PackedDisassembly,
        now: Timestamp,
    ) -> Result<Added, StoreError>;

    /// Keeps the sample of a query under the next negative number (-1, -2, ..., functions likewise). Its family number is
    /// 0 while its family text stays. It appears in no listing and no count.
    fn add_query_sample(
        &self,
        sample: &NewSample,
        now: Timestamp,
    ) -> Result<(SampleEntry, FunctionId), StoreError>;

    /// A sample by number, stored or of a query.
    fn sample(&self, id: SampleId) -> Result<Option<SampleEntry>, StoreError>;

    /// Samples by number; unknown ones are left out.
    fn samples_by_ids(&self, ids: &[SampleId]) -> Result<Vec<SampleEntry>, StoreError>;

    /// A stored sample by the exact text of its SHA-256.
    fn sample_by_sha256(&self, sha256: &str) -> Result<Option<SampleEntry>, StoreError>;

    /// Stored samples in order of insertion.
    fn samples(&self, page: Page) -> Result<Vec<SampleEntry>, StoreError>;

    /// Samples of one family in order of insertion.
    fn samples_of_family(&self, family: FamilyId) -> Result<Vec<SampleEntry>, StoreError>;

    /// A family with its counters.
    fn family(&self, id: FamilyId) -> Result<Option<FamilyEntry>, StoreError>;

    /// Families in ascending order of their number.
    fn families(&self, page: Page) -> Result<Vec<FamilyEntry>, StoreError>;

    /// Functions with their labels and block hashes, without disassembly.
    fn functions(&self, query: &FunctionQuery) -> Result<Vec<FunctionEntry>, StoreError>;

    /// Numbers of the first function of a window and of the last function that is stored now; none if the window is empty.
    /// The limit of the window is not looked at.
    fn function_window(&self, page: Page) -> Result<Option<(FunctionId, FunctionId)>, StoreError>;

    /// Numbers of the functions of a sample in order of their offset.
    fn function_numbers(&self, sample: SampleId) -> Result<Vec<FunctionId>, StoreError>;

    /// The first functions of a run, at most `most` of them, with or without disassembly: as many as make a piece.
    fn function_piece(
        &self,
        run: FunctionRun<'_>,
        most: u64,
        with_disassembly: bool,
    ) -> Result<FunctionPiece, StoreError>;

    /// A piece of the stored samples, or of those of one family, ascending. An empty one ends the listing.
    fn sample_piece(&self, family: Option<FamilyId>, after: After) -> Result<Vec<SampleEntry>, StoreError>;

    /// A piece of the families, ascending. An empty one ends the listing.
    fn family_piece(&self, after: After) -> Result<Vec<FamilyEntry>, StoreError>;

    /// How many functions some samples have, counted without reading them; unknown numbers have none.
    fn count_functions(&self, ids: &[SampleId]) -> Result<u64, StoreError>;

    /// The disassembly of functions as compact JSON, in the order given; `None` where there is none.
    fn disassembly(&self, ids: &[FunctionId]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Walks all stored functions in ascending order of (sample, function): the index is rebuilt from this. The visitor
    /// receives all rows of one sample at a time and stops the walk by returning false.
    fn each_indexed_sample(
        &self,
        visit: &mut dyn FnMut(&SampleEntry, &[IndexRow]) -> bool,
    ) -> Result<(), StoreError>;

    /// As [`Catalogue::each_indexed_sample`], only these samples.
    fn each_indexed_sample_of(
        &self,
        ids: &std::collections::HashSet<SampleId>,
        visit: &mut dyn FnMut(&SampleEntry, &[IndexRow]) -> bool,
    ) -> Result<(), StoreError>;

    /// All stored samples in ascending order, as the index is compared with them.
    fn indexed_samples(&self) -> Result<Vec<IndexedSample>, StoreError>;

    /// The present token of a sample (see [`IndexedSample::token`]).
    fn index_token(&self, id: SampleId) -> Result<Option<u64>, StoreError>;

    /// Bytes of the database, without what is still in its log.
    fn size(&self) -> Result<u64, StoreError>;

    /// Counts.
    fn counts(&self) -> Result<CorpusCounts, StoreError>;

    /// Number of distinct PicHashes of stored functions (0 left out).
    fn distinct_pichashes(&self) -> Result<u64, StoreError>;

    /// Changes a stored sample; false if there is none. A family is created by its name, and the family that was left
    /// goes when it has no sample any more (never the nameless one). Samples of queries stay as they are.
    fn modify_sample(&self, id: SampleId, change: &SampleChange, now: Timestamp) -> Result<bool, StoreError>;

    /// Changes a family; false if there is none. The flag goes to all of its samples first. A new name moves them to the
    /// family of that name, which gets a fresh number if it has to be created, and the old one goes (the nameless one
    /// stays, empty). Its own name changes nothing.
    fn modify_family(&self, id: FamilyId, change: &FamilyChange, now: Timestamp) -> Result<bool, StoreError>;

    /// Deletes a sample, stored or of a query, with its functions, labels and disassembly, and its family if that was the
    /// last sample (never the nameless one). Its numbers are not used again. False if there is none.
    fn delete_sample(&self, id: SampleId, now: Timestamp) -> Result<bool, StoreError>;

    /// Deletes a family with its samples, or moves them to the nameless family if `keep_samples`. The nameless family
    /// itself remains. False if there is none.
    fn delete_family(&self, id: FamilyId, keep_samples: bool, now: Timestamp) -> Result<bool, StoreError>;

    /// The family of this name, created if there is none.
    fn family_named(&self, name: &str, now: Timestamp) -> Result<FamilyId, StoreError>;

    /// Adds labels as they are, with author and time, to functions by number; unknown functions and (user, label) pairs
    /// that a function has already are passed over. Returns how many were added.
    fn add_function_labels(&self, labels: &[(FunctionId, FunctionLabel)]) -> Result<u64, StoreError>;

    /// Version of the disassembler whose escaper made the signatures of a sample, empty if unknown.
    fn minhash_version(&self, id: SampleId) -> Result<Option<String>, StoreError>;

    /// Replaces hashes of functions of one sample and notes who made the signatures, in one transaction. Functions that
    /// are not of this sample are passed over. False if there is no such sample.
    fn replace_hashes(
        &self,
        id: SampleId,
        hashes: &[NewHashes],
        minhash_version: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Deletes some of the samples of queries that were kept before a moment and belong to no job; returns how many. Their
    /// numbers are not used again. One call is short; it is repeated until it returns 0.
    fn delete_query_samples(&self, added_before: Timestamp) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for stale in ["", "4.4.4", "4.4", "4", "1.13.22", "unknown", "4.4.x9", "x.9.9", "4.4.-5"] {
            assert!(is_stale_minhash_version(stale), "{stale:?}");
        }
        for current in [
            MINHASH_COMPATIBILITY_THRESHOLD,
            "4.4.10",
            "4.10",
            "5.0.1",
            "5",
            "4.4.5.1",
            "99999999999999999999",
        ] {
            assert!(!is_stale_minhash_version(current), "{current:?}");
        }
    }
}
