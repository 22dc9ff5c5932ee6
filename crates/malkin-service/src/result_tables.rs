//! Results as tables, kept for the next page: reading a large result takes some hundred milliseconds, a page of it less than one.
//!
//! The least recently used tables go when all together take more than [`ROOM`]. A filtered result is a table of its own. Not here:
//! what a table is (`malkin_matching::table`).

use std::collections::HashMap;
use std::sync::Arc;

use malkin_matching::{PairOrder, ResultFilter, ResultTable};
use malkin_report::ResultId;
use malkin_store::StoreError;
use parking_lot::Mutex;

use crate::corpus::Corpus;

/// Memory of all tables together, in bytes: the largest results seen take 10 MB.
const ROOM: usize = 128 << 20;
/// Most tables, whatever their size.
const MOST: usize = 256;
/// A larger result is not made a table, in bytes of its JSON: it would take the whole room.
const LARGEST: u64 = 512 << 20;

/// A table with the orders of its pairs that were asked for.
#[derive(Debug)]
pub struct KeptTable {
    /// The table.
    pub table: ResultTable,
    orders: Mutex<HashMap<PairOrder, Arc<[u32]>>>,
}

impl KeptTable {
    /// Positions of all pairs in an order, computed once.
    pub fn sorted(&self, order: PairOrder) -> Arc<[u32]> {
        if let Some(known) = self.orders.lock().get(&order) {
            return Arc::clone(known);
        }
        let sorted: Arc<[u32]> = self.table.sorted(order).into();
        self.orders.lock().insert(order, Arc::clone(&sorted));
        sorted
    }

    fn size(&self) -> usize {
        self.table.size() + self.table.pairs.len() * size_of::<u32>() * PairOrder::ALL.len()
    }
}

/// Tables of results.
#[derive(Debug, Default)]
pub struct ResultTables {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By result and filter; the number says when it was last used.
    tables: HashMap<(ResultId, String), (u64, Arc<KeptTable>)>,
    uses: u64,
}

/// What a result is read as.
#[derive(Debug)]
pub enum ReadTable {
    /// A table.
    Table(Arc<KeptTable>),
    /// It is no comparison, or too large for a table.
    Other,
    /// There is none.
    Missing,
}

impl ResultTables {
    /// The table of a result, narrowed by a filter. Results never change, so what is kept stays true.
    pub fn read(
        &self,
        corpus: &Corpus,
        id: ResultId,
        filter: &ResultFilter,
    ) -> Result<ReadTable, StoreError> {
        let key = (id, format!("{filter:?}"));
        // Asked each time: a deleted result is gone, whatever is kept of it.
        let Some(content) = corpus.store().open_result(id)? else {
            self.kept.lock().tables.retain(|(kept, _), _| *kept != id);
            return Ok(ReadTable::Missing);
        };
        let size = content.size;
        drop(content);
        if let Some(table) = self.kept.lock().get(&key) {
            return Ok(ReadTable::Table(table));
        }
        if size > LARGEST {
            return Ok(ReadTable::Other);
        }
        let Some(bytes) = corpus.store().result(id)? else { return Ok(ReadTable::Missing) };
        let Ok(mut result) = malkin_wire::matching_result_from_json(&bytes) else {
            return Ok(ReadTable::Other);
        };
        drop(bytes);
        if *filter != ResultFilter::default() {
            filter.narrow(&mut result, None);
        }
        let table = Arc::new(KeptTable { table: ResultTable::of(result), orders: Mutex::default() });
        self.kept.lock().put(key, &table);
        Ok(ReadTable::Table(table))
    }
}

impl Kept {
    fn get(&mut self, key: &(ResultId, String)) -> Option<Arc<KeptTable>> {
        self.uses += 1;
        let (used, table) = self.tables.get_mut(key)?;
        *used = self.uses;
        Some(Arc::clone(table))
    }

    fn put(&mut self, key: (ResultId, String), table: &Arc<KeptTable>) {
        self.uses += 1;
        self.tables.insert(key, (self.uses, Arc::clone(table)));
        let mut size: usize = self.tables.values().map(|(_, table)| table.size()).sum();
        while self.tables.len() > 1 && (size > ROOM || self.tables.len() > MOST) {
            let oldest = self.tables.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            let gone = oldest.and_then(|key| self.tables.remove(&key));
            size -= gone.map_or(0, |(_, table)| table.size());
        }
    }
}
