//! Rows of samples and families.

use malkin_report::{Architecture, FamilyEntry, FamilyId, SampleEntry, SampleId, Statistics, Va};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::counters;
use super::statements::sql;
use crate::catalogue::IndexedSample;
use crate::error::StoreError;
use crate::new_sample::NewSample;
use crate::page::Page;
use crate::time::Timestamp;

/// SQL's words for a window: offset and limit, where -1 is all.
pub(super) fn window(page: Page) -> [i64; 2] {
    let clip = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    [clip(page.start), if page.limit == 0 { -1 } else { clip(page.limit) }]
}

/// Numbers of functions of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FunctionRange {
    /// The lowest number, of query samples that of the last function.
    pub(super) lowest: i64,
    /// How many there are.
    pub(super) count: i64,
}

impl FunctionRange {
    /// The highest number; below the lowest if there are no functions.
    pub(super) fn highest(self) -> i64 {
        self.lowest.saturating_add(self.count).saturating_sub(1)
    }
}

/// What of a sample is needed to find and delete its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleParts {
    pub(super) functions: FunctionRange,
    pub(super) first_chunk: i64,
    pub(super) num_chunks: i64,
    /// None for query samples.
    pub(super) family: Option<FamilyId>,
}

/// Reads a row of the view `sample_entry`.
pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<SampleEntry> {
    let unsigned = |column: usize| row.get::<_, i64>(column).map(|value| value as u64);
    let architecture = row.get_ref(8)?.as_str()?;
    Ok(SampleEntry {
        sample_id: SampleId::new(row.get(0)?),
        family_id: FamilyId::new(row.get(1)?),
        family: row.get(2)?,
        version: row.get(3)?,
        component: row.get(4)?,
        filename: row.get(5)?,
        is_library: row.get(6)?,
        sha256: row.get(7)?,
        architecture: Architecture::from_text(architecture),
        bitness: unsigned(9)?,
        base_addr: Va::from_signed(row.get(10)?),
        binary_size: unsigned(11)?,
        binweight: row.get(12)?,
        smda_version: row.get(13)?,
        timestamp: row.get(14)?,
        statistics: Statistics {
            num_functions: unsigned(15)?,
            num_recursive_functions: unsigned(16)?,
            num_leaf_functions: unsigned(17)?,
            num_thunk_functions: row.get::<_, Option<i64>>(18)?.map(|value| value as u64),
            omits_thunks: row.get(25)?,
            num_basic_blocks: unsigned(19)?,
            num_instructions: unsigned(20)?,
            num_api_calls: unsigned(21)?,
            num_function_calls: unsigned(22)?,
            num_failed_functions: unsigned(23)?,
            num_failed_instructions: unsigned(24)?,
        },
    })
}

/// The functions of a row of the view `sample_entry`.
pub(super) fn functions_from_row(row: &Row<'_>) -> rusqlite::Result<FunctionRange> {
    Ok(FunctionRange { lowest: row.get(26)?, count: row.get(27)? })
}

/// A sample by number.
pub(super) fn by_id(connection: &Connection, id: SampleId) -> Result<Option<SampleEntry>, StoreError> {
    Ok(connection.prepare_cached(sql!("sample/by_id"))?.query_row([id.get()], from_row).optional()?)
}

/// A stored sample by its SHA-256 text.
pub(super) fn by_sha256(connection: &Connection, sha256: &str) -> Result<Option<SampleEntry>, StoreError> {
    Ok(connection.prepare_cached(sql!("sample/by_sha256"))?.query_row([sha256], from_row).optional()?)
}

/// Stored samples in order of insertion.
pub(super) fn page(connection: &Connection, page: Page) -> Result<Vec<SampleEntry>, StoreError> {
    let mut select = connection.prepare_cached(sql!("sample/page"))?;
    let rows = select.query_map(window(page), from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All stored samples as the index is compared with them.
pub(super) fn indexed(connection: &Connection) -> Result<Vec<IndexedSample>, StoreError> {
    let mut select = connection.prepare_cached(sql!("sample/indexed"))?;
    let rows = select.query_map([], |row| {
        Ok(IndexedSample {
            sample_id: SampleId::new(row.get(0)?),
            family_id: FamilyId::new(row.get(1)?),
            is_library: row.get(2)?,
            token: row.get::<_, i64>(3)? as u64,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The present token of a sample.
pub(super) fn index_token(connection: &Connection, id: SampleId) -> Result<Option<u64>, StoreError> {
    let mut select = connection.prepare_cached(sql!("sample/index_token"))?;
    Ok(select.query_row([id.get()], |row| row.get::<_, i64>(0)).optional()?.map(|token| token as u64))
}

/// Samples of a family in order of insertion.
pub(super) fn of_family(connection: &Connection, family: FamilyId) -> Result<Vec<SampleEntry>, StoreError> {
    let mut select = connection.prepare_cached(sql!("sample/of_family"))?;
    let rows = select.query_map([family.get()], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The parts of a sample.
pub(super) fn parts(connection: &Connection, id: SampleId) -> Result<Option<SampleParts>, StoreError> {
    let mut select = connection.prepare_cached(sql!("sample/parts"))?;
    let parts = select.query_row([id.get()], |row| {
        Ok(SampleParts {
            functions: FunctionRange { lowest: row.get(0)?, count: row.get(1)? },
            first_chunk: row.get(2)?,
            num_chunks: row.get(3)?,
            family: row.get::<_, Option<i64>>(4)?.map(FamilyId::new),
        })
    });
    Ok(parts.optional()?)
}

/// Numbers given to the parts of a sample that is about to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) sample: SampleId,
    /// None for query samples.
    pub(super) family: Option<FamilyId>,
    pub(super) functions: FunctionRange,
    pub(super) first_chunk: i64,
    pub(super) num_chunks: i64,
}

/// Writes the row of a sample.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    sample: &NewSample,
    numbers: &Numbers,
    now: Timestamp,
) -> Result<(), StoreError> {
    let signed = |value: u64| value as i64;
    let statistics = &sample.statistics;
    transaction.prepare_cached(sql!("sample/insert"))?.execute(params![
        numbers.sample.get(),
        numbers.family.map(FamilyId::get),
        numbers.family.is_none().then_some(&sample.family),
        sample.version,
        sample.component,
        sample.filename,
        sample.is_library,
        sample.sha256,
        sample.architecture.as_str(),
        signed(sample.bitness),
        sample.base_addr.to_signed(),
        signed(sample.binary_size),
        finite(sample.binweight),
        sample.smda_version,
        sample.minhash_version,
        sample.timestamp,
        now.millis(),
        numbers.functions.lowest,
        numbers.functions.count,
        numbers.first_chunk,
        numbers.num_chunks,
        signed(statistics.num_functions),
        signed(statistics.num_recursive_functions),
        signed(statistics.num_leaf_functions),
        statistics.num_thunk_functions.map(signed),
        signed(statistics.num_basic_blocks),
        signed(statistics.num_instructions),
        signed(statistics.num_api_calls),
        signed(statistics.num_function_calls),
        signed(statistics.num_failed_functions),
        signed(statistics.num_failed_instructions),
        statistics.omits_thunks,
    ])?;
    Ok(())
}

/// SQLite reads NaN as NULL, which the column refuses; no report can state it.
pub(super) fn finite(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number }
}

/// The family of a name, created if there is none.
pub(super) fn family_named(transaction: &Transaction<'_>, name: &str) -> Result<FamilyId, StoreError> {
    let known =
        transaction.prepare_cached(sql!("family/by_name"))?.query_row([name], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(FamilyId::new(id));
    }
    let id = counters::take(transaction, counters::FAMILY, 1)?;
    transaction.prepare_cached(sql!("family/insert"))?.execute((id, name))?;
    Ok(FamilyId::new(id))
}

/// Reads a row of a family with its counters.
pub(super) fn family_from_row(row: &Row<'_>) -> rusqlite::Result<FamilyEntry> {
    let count = |column: usize| row.get::<_, i64>(column).map(|value| value as u64);
    Ok(FamilyEntry {
        family_id: FamilyId::new(row.get(0)?),
        family_name: row.get(1)?,
        num_samples: count(2)?,
        num_functions: count(3)?,
        num_library_samples: count(4)?,
    })
}

/// A family with its counters.
pub(super) fn family(connection: &Connection, id: FamilyId) -> Result<Option<FamilyEntry>, StoreError> {
    Ok(connection.prepare_cached(sql!("family/by_id"))?.query_row([id.get()], family_from_row).optional()?)
}

/// Families in ascending order.
pub(super) fn families(connection: &Connection, page: Page) -> Result<Vec<FamilyEntry>, StoreError> {
    let mut select = connection.prepare_cached(sql!("family/page"))?;
    let rows = select.query_map(window(page), family_from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
