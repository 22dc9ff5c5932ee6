//! Searches on SQLite: statements are put together from fixed pieces, one for each field, order and test; what comes
//! from a query is bound, never part of the text.
//!
//! A page is found in up to two steps, each a plain range of one order: records that tie with the border in the first
//! field, then those further on. A search of functions begins at a set of them where a condition names one (a name, a
//! sample, a PicHash) and sorts that; otherwise it walks in the wanted order and stops when the page is full.

mod source;
mod statement;

use malkin_report::{FamilyEntry, FamilyId, FunctionEntry, FunctionId, SampleEntry, SampleId};
use rusqlite::Connection;

use self::source::Source;
use super::SqliteStore;
use super::{functions, samples};
use crate::catalogue::FunctionQuery;
use crate::error::StoreError;
use crate::search::{ByPicHash, Filter, Found, MAX_PAGE, Noun, Search, Searches};

impl Searches for SqliteStore {
    fn search_families(&self, search: &Search) -> Result<Found<FamilyEntry>, StoreError> {
        self.database.read(|connection| {
            let page = page(connection, Noun::Family, search, None)?;
            let ids = page.entries.iter();
            let entries = ids.filter_map(|id| samples::family(connection, FamilyId::new(*id)).transpose());
            Ok(Found { entries: entries.collect::<Result<_, _>>()?, more: page.more })
        })
    }

    fn search_samples(&self, search: &Search) -> Result<Found<SampleEntry>, StoreError> {
        self.database.read(|connection| {
            let page = page(connection, Noun::Sample, search, None)?;
            let ids = page.entries.iter();
            let entries = ids.filter_map(|id| samples::by_id(connection, SampleId::new(*id)).transpose());
            Ok(Found { entries: entries.collect::<Result<_, _>>()?, more: page.more })
        })
    }

    fn search_functions(
        &self,
        search: &Search,
        by_pichash: Option<ByPicHash<'_>>,
    ) -> Result<Found<FunctionEntry>, StoreError> {
        self.database.read(|connection| {
            let page = page(connection, Noun::Function, search, by_pichash)?;
            let ids = page.entries.into_iter().map(FunctionId::new).collect();
            let entries = functions::read(connection, &FunctionQuery::ByIds(ids))?;
            Ok(Found { entries, more: page.more })
        })
    }
}

/// The numbers of the records of a page.
fn page(
    connection: &Connection,
    noun: Noun,
    search: &Search,
    by_pichash: Option<ByPicHash<'_>>,
) -> Result<Found<i64>, StoreError> {
    let limit = search.limit.min(MAX_PAGE);
    let backward = search.border.as_ref().is_some_and(|border| border.backward);
    let steps = match &search.border {
        Some(border) => search.order.beyond(border)?,
        None => vec![Filter::All(Vec::new())],
    };
    let source = Source::new(connection, noun, &search.filter, by_pichash)?;
    let mut entries: Vec<i64> = Vec::new();
    for step in steps.iter().filter(|step| !step.is_nothing()) {
        let room = (limit + 1).saturating_sub(entries.len());
        if room > 0 {
            let statement = source.statement(&search.order, backward, step, room);
            entries.extend(statement.ids(connection)?);
        }
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    if backward {
        entries.reverse();
    }
    Ok(Found { entries, more })
}

impl Filter {
    /// Whether no record can be wanted.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Any(parts) => parts.iter().all(Self::is_nothing),
            Self::All(parts) => parts.iter().any(Self::is_nothing),
            Self::Test(..) => false,
        }
    }
}

#[cfg(test)]
mod tests;
