//! Rows of functions with their labels.

use std::collections::{HashMap, HashSet};

use malkin_report::{
    Architecture, FamilyId, FunctionEntry, FunctionId, FunctionLabel, MinHash, PicHash, SampleEntry,
    SampleId, Va,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::labels::{self, LabelWriter};
use super::names::NameWriter;
use super::samples::{self, FunctionRange, Numbers, finite};
use super::statements::sql;
use crate::catalogue::{FunctionQuery, IndexRow};
use crate::chunks::PackedDisassembly;
use crate::codec::{pack_blocks, unpack_blocks};
use crate::error::StoreError;
use crate::new_sample::{NewFunction, NewLabel};
use crate::page::Page;

/// Writes the functions of a sample. Those of query samples are numbered downwards.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    functions: &[NewFunction],
    numbers: &Numbers,
    disassembly: &PackedDisassembly,
) -> Result<(), StoreError> {
    let mut insert = transaction.prepare_cached(sql!("function/insert"))?;
    // Searches and sorting read a narrow table of their own: rows of `function` carry signatures and blocks, which neither needs.
    let mut insert_search = transaction.prepare_cached(sql!("function_search/insert"))?;
    let mut label_writer = LabelWriter::new(transaction)?;
    let mut name_writer = NameWriter::new(transaction)?;
    for (position, function) in functions.iter().enumerate() {
        let place = disassembly.place(position);
        insert.execute(params![
            number_of(numbers, position).get(),
            numbers.sample.get(),
            function.offset.to_signed(),
            function.num_blocks,
            function.num_instructions,
            finite(function.binweight),
            function.function_name,
            function.pichash.get() as i64,
            function.minhash.as_bytes(),
            pack_blocks(function.offset, &function.picblockhashes),
            place.map(|place| numbers.first_chunk + place.chunk),
            place.map(|place| place.offset),
            place.map(|place| place.length),
        ])?;
        label_writer.begin(number_of(numbers, position));
        for label in &function.labels {
            label_writer.add(&label.username, &label.function_label, &label.timestamp)?;
        }
        // Functions of queries are not searched.
        if numbers.family.is_some() {
            insert_search.execute(params![
                number_of(numbers, position).get(),
                numbers.sample.get(),
                function.offset.to_signed(),
                function.num_blocks,
                function.num_instructions,
                name_writer.number(&function.function_name)?,
            ])?;
        }
    }
    Ok(())
}

/// Number of the n-th function of a sample.
pub(super) fn number_of(numbers: &Numbers, position: usize) -> FunctionId {
    let position = position as i64;
    let range = numbers.functions;
    // MCRIT counts query objects downwards from -1 (`docs/reference/mcrit-api.md`): the first function has the highest number.
    FunctionId::new(if numbers.sample.is_query() {
        range.highest() - position
    } else {
        range.lowest + position
    })
}

/// What of its sample a function shows.
#[derive(Clone)]
struct Owner {
    sample: SampleId,
    family: FamilyId,
    architecture: Architecture,
}

impl Owner {
    fn of(sample: &SampleEntry) -> Self {
        Self { sample: sample.sample_id, family: sample.family_id, architecture: sample.architecture.clone() }
    }
}

/// Reads function rows one by one and remembers the sample of the last one.
pub(super) struct Reader<'a> {
    connection: &'a Connection,
    owner: Option<Owner>,
}

impl<'a> Reader<'a> {
    /// For rows of this connection.
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, owner: None }
    }

    /// Where its rows come from.
    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// The record of a row that begins with the columns of `function/range`.
    pub(super) fn entry(
        &mut self,
        row: &Row<'_>,
        labels: Vec<FunctionLabel>,
    ) -> Result<FunctionEntry, StoreError> {
        let id = FunctionId::new(row.get(0)?);
        let owner = self.owner(SampleId::new(row.get(1)?), id)?;
        let offset = Va::from_signed(row.get(2)?);
        Ok(FunctionEntry {
            function_id: id,
            sample_id: owner.sample,
            family_id: owner.family,
            architecture: owner.architecture,
            binweight: row.get(5)?,
            function_name: row.get(6)?,
            function_labels: labels,
            minhash: minhash(row, 8)?,
            num_blocks: row.get(3)?,
            num_instructions: row.get(4)?,
            offset,
            pichash: PicHash::new(row.get::<_, i64>(7)? as u64),
            picblockhashes: blocks(row, 9, id, offset)?,
        })
    }

    fn owner(&mut self, sample: SampleId, function: FunctionId) -> Result<Owner, StoreError> {
        if let Some(owner) = self.owner.as_ref().filter(|owner| owner.sample == sample) {
            return Ok(owner.clone());
        }
        let entry = samples::by_id(self.connection, sample)?.ok_or_else(|| StoreError::Damaged {
            what: format!("function {function}"),
            detail: format!("its sample {sample} is missing"),
        })?;
        Ok(self.owner.insert(Owner::of(&entry)).clone())
    }
}

fn minhash(row: &Row<'_>, column: usize) -> rusqlite::Result<MinHash> {
    Ok(MinHash::from_bytes(row.get_ref(column)?.as_blob()?))
}

fn blocks(
    row: &Row<'_>,
    column: usize,
    id: FunctionId,
    entry: Va,
) -> Result<Vec<malkin_report::BlockOccurrence>, StoreError> {
    let packed = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    unpack_blocks(entry, packed).ok_or_else(|| StoreError::Damaged {
        what: format!("function {id}"),
        detail: "its blocks cannot be read".to_owned(),
    })
}

/// Reads functions with labels and block hashes.
pub(super) fn read(connection: &Connection, query: &FunctionQuery) -> Result<Vec<FunctionEntry>, StoreError> {
    let mut reader = Reader::new(connection);
    let mut found = Vec::new();
    match query {
        FunctionQuery::All(page) => {
            for range in ranges(connection, *page)? {
                read_range(&mut reader, range, &mut found)?;
            }
        }
        FunctionQuery::OfSample(id) => {
            if let Some(parts) = samples::parts(connection, *id)? {
                read_range(&mut reader, parts.functions, &mut found)?;
            }
            found.sort_by_key(|function| function.offset);
        }
        FunctionQuery::ByIds(ids) => {
            let mut select = connection.prepare_cached(sql!("function/by_id"))?;
            for id in ids {
                let mut rows = select.query([id.get()])?;
                if let Some(row) = rows.next()? {
                    let labels = labels::of_function(connection, *id)?;
                    found.push(reader.entry(row, labels)?);
                } else {
                    refuse_missing(connection, *id)?;
                }
            }
        }
    }
    Ok(found)
}

fn read_range(
    reader: &mut Reader<'_>,
    range: FunctionRange,
    found: &mut Vec<FunctionEntry>,
) -> Result<(), StoreError> {
    let bounds = [range.lowest, range.highest()];
    let mut labels = labels::of_range(reader.connection, bounds)?;
    let mut select = reader.connection.prepare_cached(sql!("function/range"))?;
    let mut rows = select.query(bounds)?;
    let before = found.len();
    while let Some(row) = rows.next()? {
        let labels = labels.remove(&row.get(0)?).unwrap_or_default();
        found.push(reader.entry(row, labels)?);
    }
    require_all(range, found.len() - before)
}

/// Refuses a range of functions of which not all were found.
fn require_all(range: FunctionRange, found: usize) -> Result<(), StoreError> {
    if i64::try_from(found) == Ok(range.count) {
        return Ok(());
    }
    Err(StoreError::Damaged {
        what: format!("range of functions {} to {}", range.lowest, range.highest()),
        detail: format!("{found} of {} functions were found", range.count),
    })
}

/// Refuses a stored function that is missing although a sample has it. Numbers that no sample has are just unknown.
fn refuse_missing(connection: &Connection, id: FunctionId) -> Result<(), StoreError> {
    let mut select = connection.prepare_cached(sql!("function/owner"))?;
    let owner =
        select.query_row([id.get()], |row| Ok(FunctionRange { lowest: row.get(0)?, count: row.get(1)? }));
    match owner.optional()? {
        Some(range) if range.lowest <= id.get() && id.get() <= range.highest() => {
            Err(StoreError::Damaged { what: format!("function {id}"), detail: "it is missing".to_owned() })
        }
        _ => Ok(()),
    }
}

/// The numbers of a window over all stored functions, found over their samples instead of by walking over functions.
pub(super) fn ranges(connection: &Connection, page: Page) -> Result<Vec<FunctionRange>, StoreError> {
    let mut to_skip = page.start;
    let mut to_show = if page.limit == 0 { u64::MAX } else { page.limit };
    let mut ranges = Vec::new();
    let mut select = connection.prepare_cached(sql!("sample/function_ranges"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let range = FunctionRange { lowest: row.get(0)?, count: row.get(1)? };
        let count = u64::try_from(range.count).unwrap_or(0);
        if to_skip >= count {
            to_skip -= count;
            continue;
        }
        let shown = (count - to_skip).min(to_show);
        ranges.push(FunctionRange { lowest: range.lowest + to_skip as i64, count: shown as i64 });
        to_skip = 0;
        to_show -= shown;
        if to_show == 0 {
            break;
        }
    }
    Ok(ranges)
}

/// Adds labels to functions of a sample by their entry; of several functions with one entry the first gets them.
pub(super) fn add_labels(
    transaction: &Transaction<'_>,
    range: FunctionRange,
    labels: &[NewLabel],
    username: &str,
    given_at: &str,
) -> Result<(), StoreError> {
    if labels.is_empty() {
        return Ok(());
    }
    let mut entries = HashMap::<i64, i64>::new();
    let mut select = transaction.prepare_cached(sql!("function/offsets"))?;
    let mut rows = select.query([range.lowest, range.highest()])?;
    while let Some(row) = rows.next()? {
        entries.entry(row.get(1)?).or_insert(row.get(0)?);
    }
    let mut writer = LabelWriter::new(transaction)?;
    for label in labels {
        if let Some(function) = entries.get(&label.offset.to_signed()) {
            writer.resume(FunctionId::new(*function))?;
            writer.add(username, &label.label, given_at)?;
        }
    }
    Ok(())
}

/// Hands the rows of every stored sample, or only of some, to `visit`, sample by sample.
pub(super) fn walk(
    connection: &Connection,
    only: Option<&HashSet<SampleId>>,
    visit: &mut dyn FnMut(&SampleEntry, &[IndexRow]) -> bool,
) -> Result<(), StoreError> {
    let mut all_samples = connection.prepare_cached(sql!("sample/all"))?;
    let mut of_sample = connection.prepare_cached(sql!("function/index_rows"))?;
    let mut sample_rows = all_samples.query([])?;
    let mut rows = Vec::new();
    while let Some(sample_row) = sample_rows.next()? {
        let sample = samples::from_row(sample_row)?;
        if only.is_some_and(|only| !only.contains(&sample.sample_id)) {
            continue;
        }
        let range = samples::functions_from_row(sample_row)?;
        rows.clear();
        let mut functions = of_sample.query([range.lowest, range.highest()])?;
        while let Some(row) = functions.next()? {
            let function_id = FunctionId::new(row.get(0)?);
            let entry = Va::from_signed(row.get(1)?);
            rows.push(IndexRow {
                sample_id: sample.sample_id,
                function_id,
                pichash: PicHash::new(row.get::<_, i64>(2)? as u64),
                minhash: minhash(row, 3)?,
                picblockhashes: blocks(row, 4, function_id, entry)?,
            });
        }
        require_all(range, rows.len())?;
        if !visit(&sample, &rows) {
            break;
        }
    }
    Ok(())
}

/// Number of distinct PicHashes of stored functions.
pub(super) fn distinct_pichashes(connection: &Connection) -> Result<u64, StoreError> {
    let mut select = connection.prepare_cached(sql!("function/pichashes"))?;
    let mut hashes = select.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    hashes.sort_unstable();
    hashes.dedup();
    Ok(hashes.len() as u64)
}

/// Whether there is a function of this number.
pub(super) fn exists(connection: &Connection, id: FunctionId) -> Result<bool, StoreError> {
    let found =
        connection.prepare_cached(sql!("function/place"))?.query_row([id.get()], |_| Ok(())).optional()?;
    if found.is_none() {
        refuse_missing(connection, id)?;
    }
    Ok(found.is_some())
}
