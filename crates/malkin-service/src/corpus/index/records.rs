//! Records of samples, remembered: a function that everything has is found in thousands of samples, and reading each of their
//! records from the database takes longer than finding them.
//!
//! A record is forgotten when its sample changes. One that was read before a change and arrives after it is not remembered.

use std::collections::HashMap;
use std::sync::Arc;

use malkin_report::{SampleEntry, SampleId};
use malkin_store::{Store, StoreError};
use parking_lot::RwLock;

/// Records remembered at most, some hundred bytes each; when there are more, all are forgotten.
const MAX_RECORDS: usize = 200_000;

#[derive(Debug, Default)]
pub(super) struct Records(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    records: HashMap<SampleId, Arc<SampleEntry>>,
    /// Counts changes.
    state: u64,
}

impl Records {
    /// The records of these samples, as far as there are any.
    pub(super) fn get(
        &self,
        store: &dyn Store,
        ids: &[SampleId],
    ) -> Result<HashMap<SampleId, Arc<SampleEntry>>, StoreError> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        let state = {
            let known = self.0.read();
            for id in ids {
                match known.records.get(id) {
                    Some(record) => {
                        found.insert(*id, Arc::clone(record));
                    }
                    None => missing.push(*id),
                }
            }
            known.state
        };
        if missing.is_empty() {
            return Ok(found);
        }
        let read: Vec<Arc<SampleEntry>> = store.samples_by_ids(&missing)?.into_iter().map(Arc::new).collect();
        let mut known = self.0.write();
        if known.records.len() + read.len() > MAX_RECORDS {
            known.records.clear();
        }
        for record in read {
            if known.state == state {
                known.records.insert(record.sample_id, Arc::clone(&record));
            }
            found.insert(record.sample_id, record);
        }
        Ok(found)
    }

    /// These samples change.
    pub(super) fn forget(&self, ids: &[SampleId]) {
        let mut known = self.0.write();
        known.state += 1;
        for id in ids {
            known.records.remove(id);
        }
    }

    /// Everything changes.
    pub(super) fn forget_all(&self) {
        let mut known = self.0.write();
        known.state += 1;
        known.records.clear();
    }
}
