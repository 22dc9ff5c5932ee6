//! Listings piece by piece: each call reads some hundred records by their key and lets the database go, so that neither memory nor a
//! snapshot is held while a client reads.

use malkin_report::{FamilyEntry, FamilyId, FunctionId, SampleEntry, SampleId};
use rusqlite::{Connection, Rows, params};

use super::functions::Reader;
use super::samples::{self, FunctionRange};
use super::statements::sql;
use super::{chunks, functions, labels};
use crate::catalogue::{FunctionPiece, FunctionRun};
use crate::error::StoreError;
use crate::page::{After, PIECE_BYTES, PIECE_RECORDS, Page};

/// First function of a window, and the last function of all.
pub(super) fn window(
    connection: &Connection,
    page: Page,
) -> Result<Option<(FunctionId, FunctionId)>, StoreError> {
    let first = functions::ranges(connection, Page { start: page.start, limit: 1 })?;
    let last: Option<i64> =
        connection.prepare_cached(sql!("function/last"))?.query_row([], |row| row.get(0))?;
    Ok(first.first().zip(last).map(|(first, last)| (FunctionId::new(first.lowest), FunctionId::new(last))))
}

/// Numbers of the functions of a sample in order of their offset, those of one offset in order of number.
pub(super) fn numbers_of(connection: &Connection, sample: SampleId) -> Result<Vec<FunctionId>, StoreError> {
    let Some(parts) = samples::parts(connection, sample)? else { return Ok(Vec::new()) };
    let FunctionRange { lowest, .. } = parts.functions;
    let mut select = connection.prepare_cached(sql!("function/offsets"))?;
    let rows = select.query_map([lowest, parts.functions.highest()], |row| {
        // Offsets are kept as the signed twin of the address.
        Ok((row.get::<_, i64>(1)? as u64, row.get::<_, i64>(0)?))
    })?;
    let mut numbers = rows.collect::<Result<Vec<(u64, i64)>, _>>()?;
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(|(_, number)| FunctionId::new(number)).collect())
}

/// A piece of functions.
pub(super) fn functions(
    connection: &Connection,
    run: FunctionRun<'_>,
    most: u64,
    with_disassembly: bool,
) -> Result<FunctionPiece, StoreError> {
    let mut reading =
        Reading { reader: Reader::new(connection), with_disassembly, found: Vec::new(), bytes: 0 };
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(PIECE_RECORDS);
    let mut select = connection.prepare_cached(sql!("function/piece"))?;
    let read = match run {
        FunctionRun::Between(first, last) => {
            let (first, last) = (first.get(), last.get());
            reading.add(select.query(params![first, last, most as i64])?)?;
            match reading.found.last() {
                Some(function) if reading.is_full(most) => function.function_id.get().abs_diff(first) + 1,
                _ if first > last => 0,
                _ => last.abs_diff(first).saturating_add(1),
            }
        }
        FunctionRun::Each(ids) => {
            let mut read = 0;
            for id in ids {
                if reading.is_full(most) || read >= PIECE_RECORDS as u64 {
                    break;
                }
                reading.add(select.query(params![id.get(), id.get(), 1])?)?;
                read += 1;
            }
            read
        }
    };
    let functions = reading.found;
    let mut disassembly = Vec::new();
    if with_disassembly {
        let ids: Vec<FunctionId> = functions.iter().map(|function| function.function_id).collect();
        disassembly = chunks::read(connection, &ids)?;
    }
    let disassembly = disassembly.into_iter().chain(std::iter::repeat(None));
    Ok(FunctionPiece { functions: functions.into_iter().zip(disassembly).collect(), read })
}

/// Functions read so far.
struct Reading<'c> {
    reader: Reader<'c>,
    with_disassembly: bool,
    found: Vec<malkin_report::FunctionEntry>,
    bytes: usize,
}

impl Reading<'_> {
    fn is_full(&self, most: usize) -> bool {
        self.found.len() >= most || self.bytes >= PIECE_BYTES
    }

    /// Adds rows until they are a piece.
    fn add(&mut self, mut rows: Rows<'_>) -> Result<(), StoreError> {
        while self.bytes < PIECE_BYTES
            && let Some(row) = rows.next()?
        {
            let labels = labels::of_function(self.reader.connection(), FunctionId::new(row.get(0)?))?;
            self.bytes +=
                labels.iter().map(|label| label.function_label.len() + label.username.len()).sum::<usize>();
            self.bytes += row.get_ref(9)?.as_blob().map_err(rusqlite::Error::from)?.len();
            if self.with_disassembly {
                self.bytes += usize::try_from(row.get::<_, Option<i64>>(10)?.unwrap_or(0)).unwrap_or(0);
            }
            let function = self.reader.entry(row, labels)?;
            self.bytes += function.function_name.len();
            self.found.push(function);
        }
        Ok(())
    }
}

/// The number a piece begins at, rows to fetch, rows to leave out. Numbers of queries are negative and no part of a listing.
fn begin(after: After) -> (i64, i64, i64) {
    let first = after.number.map_or(0, |number| number.saturating_add(1)).max(0);
    (first, PIECE_RECORDS as i64, i64::try_from(after.skip).unwrap_or(i64::MAX))
}

/// A piece of samples.
pub(super) fn samples(
    connection: &Connection,
    family: Option<FamilyId>,
    after: After,
) -> Result<Vec<SampleEntry>, StoreError> {
    let (first, limit, skip) = begin(after);
    let mut select = connection.prepare_cached(match family {
        None => sql!("sample/piece"),
        Some(_) => sql!("sample/piece_of_family"),
    })?;
    let mut rows = match family {
        None => select.query(params![first, limit, skip])?,
        Some(family) => select.query(params![family.get(), first, limit, skip])?,
    };
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < PIECE_BYTES
        && let Some(row) = rows.next()?
    {
        let sample = samples::from_row(row)?;
        bytes += [&sample.family, &sample.version, &sample.component, &sample.filename, &sample.sha256]
            .map(String::len)
            .iter()
            .sum::<usize>();
        found.push(sample);
    }
    Ok(found)
}

/// A piece of families.
pub(super) fn families(connection: &Connection, after: After) -> Result<Vec<FamilyEntry>, StoreError> {
    let (first, limit, skip) = begin(after);
    let mut select = connection.prepare_cached(sql!("family/piece"))?;
    let mut rows = select.query(params![first, limit, skip])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < PIECE_BYTES
        && let Some(row) = rows.next()?
    {
        let family = samples::family_from_row(row)?;
        bytes += family.family_name.len();
        found.push(family);
    }
    Ok(found)
}
