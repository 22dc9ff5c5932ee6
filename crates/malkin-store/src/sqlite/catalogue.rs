//! The catalogue on SQLite: which rows a call reads and writes in its transaction.

use malkin_report::{FamilyEntry, FamilyId, FunctionEntry, FunctionId, FunctionLabel, SampleEntry, SampleId};
use rusqlite::Transaction;

use super::chunks;
use super::labels::LabelWriter;
use super::samples::{FunctionRange, Numbers};
use super::statements::sql;
use super::{SqliteStore, counters, functions, modify, pieces, samples};
use crate::catalogue::{
    Added, Catalogue, CorpusCounts, FamilyChange, FunctionPiece, FunctionQuery, FunctionRun, IndexRow,
    IndexedSample, NewHashes, SampleChange, is_stale_minhash_version,
};
use crate::chunks::PackedDisassembly;
use crate::error::StoreError;
use crate::new_sample::{NewFunction, NewLabel, NewSample};
use crate::page::{After, Page};
use crate::time::Timestamp;

impl Catalogue for SqliteStore {
    fn add_sample(
        &self,
        sample: &NewSample,
        labels: &[NewLabel],
        username: &str,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        // Compressing is most of the work and needs no lock; for a known sample it is spared.
        let known = self.database.read(|connection| samples::by_sha256(connection, &sample.sha256))?;
        let disassembly = match known {
            Some(entry) if labels.is_empty() => return Ok(Added::Known(entry)),
            Some(_) => None,
            None => Some(PackedDisassembly::of(&sample.functions)?),
        };
        self.write_new(sample, disassembly, labels, username, now)
    }

    fn pack_disassembly(&self, functions: &[NewFunction]) -> Result<PackedDisassembly, StoreError> {
        PackedDisassembly::of(functions)
    }

    fn add_packed_sample(
        &self,
        sample: &NewSample,
        disassembly: PackedDisassembly,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        if disassembly.num_functions() != sample.functions.len() {
            let detail = "its disassembly was packed of other functions".to_owned();
            return Err(StoreError::Damaged { what: format!("sample {}", sample.sha256), detail });
        }
        self.write_new(sample, Some(disassembly), &[], "", now)
    }

    fn add_query_sample(
        &self,
        sample: &NewSample,
        now: Timestamp,
    ) -> Result<(SampleEntry, FunctionId), StoreError> {
        let disassembly = PackedDisassembly::of(&sample.functions)?;
        self.database.write(|transaction| {
            let count = sample.functions.len() as i64;
            let first_function = counters::take(transaction, counters::QUERY_FUNCTION, -count)?;
            let numbers = Numbers {
                sample: SampleId::new(counters::take(transaction, counters::QUERY_SAMPLE, -1)?),
                family: None,
                functions: FunctionRange { lowest: first_function - count + 1, count },
                first_chunk: counters::take(transaction, counters::CHUNK, disassembly.num_chunks())?,
                num_chunks: disassembly.num_chunks(),
            };
            write_sample(transaction, sample, &numbers, &disassembly, now)?;
            Ok((written(transaction, numbers.sample)?, FunctionId::new(first_function)))
        })
    }

    fn sample(&self, id: SampleId) -> Result<Option<SampleEntry>, StoreError> {
        self.database.read(|connection| samples::by_id(connection, id))
    }

    fn samples_by_ids(&self, ids: &[SampleId]) -> Result<Vec<SampleEntry>, StoreError> {
        self.database.read(|connection| {
            ids.iter().filter_map(|id| samples::by_id(connection, *id).transpose()).collect()
        })
    }

    fn sample_by_sha256(&self, sha256: &str) -> Result<Option<SampleEntry>, StoreError> {
        self.database.read(|connection| samples::by_sha256(connection, sha256))
    }

    fn samples(&self, page: Page) -> Result<Vec<SampleEntry>, StoreError> {
        self.database.read(|connection| samples::page(connection, page))
    }

    fn samples_of_family(&self, family: FamilyId) -> Result<Vec<SampleEntry>, StoreError> {
        self.database.read(|connection| samples::of_family(connection, family))
    }

    fn family(&self, id: FamilyId) -> Result<Option<FamilyEntry>, StoreError> {
        self.database.read(|connection| samples::family(connection, id))
    }

    fn families(&self, page: Page) -> Result<Vec<FamilyEntry>, StoreError> {
        self.database.read(|connection| samples::families(connection, page))
    }

    fn function_window(&self, page: Page) -> Result<Option<(FunctionId, FunctionId)>, StoreError> {
        self.database.read(|connection| pieces::window(connection, page))
    }

    fn function_numbers(&self, sample: SampleId) -> Result<Vec<FunctionId>, StoreError> {
        self.database.read(|connection| pieces::numbers_of(connection, sample))
    }

    fn function_piece(
        &self,
        run: FunctionRun<'_>,
        most: u64,
        with_disassembly: bool,
    ) -> Result<FunctionPiece, StoreError> {
        self.database.read(|connection| pieces::functions(connection, run, most, with_disassembly))
    }

    fn sample_piece(&self, family: Option<FamilyId>, after: After) -> Result<Vec<SampleEntry>, StoreError> {
        self.database.read(|connection| pieces::samples(connection, family, after))
    }

    fn family_piece(&self, after: After) -> Result<Vec<FamilyEntry>, StoreError> {
        self.database.read(|connection| pieces::families(connection, after))
    }

    fn count_functions(&self, ids: &[SampleId]) -> Result<u64, StoreError> {
        self.database.read(|connection| {
            let mut count = 0;
            for id in ids {
                let parts = samples::parts(connection, *id)?;
                count += parts.map_or(0, |parts| u64::try_from(parts.functions.count).unwrap_or(0));
            }
            Ok(count)
        })
    }

    fn functions(&self, query: &FunctionQuery) -> Result<Vec<FunctionEntry>, StoreError> {
        self.database.read(|connection| functions::read(connection, query))
    }

    fn disassembly(&self, ids: &[FunctionId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.database.read(|connection| chunks::read(connection, ids))
    }

    fn each_indexed_sample(
        &self,
        visit: &mut dyn FnMut(&SampleEntry, &[IndexRow]) -> bool,
    ) -> Result<(), StoreError> {
        self.database.read(|connection| functions::walk(connection, None, visit))
    }

    fn each_indexed_sample_of(
        &self,
        ids: &std::collections::HashSet<SampleId>,
        visit: &mut dyn FnMut(&SampleEntry, &[IndexRow]) -> bool,
    ) -> Result<(), StoreError> {
        self.database.read(|connection| functions::walk(connection, Some(ids), visit))
    }

    fn indexed_samples(&self) -> Result<Vec<IndexedSample>, StoreError> {
        self.database.read(samples::indexed)
    }

    fn index_token(&self, id: SampleId) -> Result<Option<u64>, StoreError> {
        self.database.read(|connection| samples::index_token(connection, id))
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.database.read(|connection| {
            let figure = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let size = figure("page_count")?.saturating_mul(figure("page_size")?);
            Ok(u64::try_from(size).unwrap_or(0))
        })
    }

    fn counts(&self) -> Result<CorpusCounts, StoreError> {
        self.database.read(|connection| {
            let (samples, functions): (i64, i64) = connection
                .prepare_cached(sql!("sample/counts"))?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let families: i64 =
                connection.prepare_cached(sql!("family/count"))?.query_row([], |row| row.get(0))?;
            let mut stale = 0;
            let mut versions = connection.prepare_cached(sql!("sample/minhash_versions"))?;
            let mut rows = versions.query([])?;
            while let Some(row) = rows.next()? {
                let version = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                if is_stale_minhash_version(version) {
                    stale += row.get::<_, i64>(1)?;
                }
            }
            Ok(CorpusCounts {
                families: families as u64,
                samples: samples as u64,
                functions: functions as u64,
                state: counters::read(connection, counters::STATE)? as u64,
                changed_at: Timestamp::from_millis(counters::read(connection, counters::CHANGED_AT)?),
                samples_with_stale_minhashes: stale as u64,
            })
        })
    }

    fn distinct_pichashes(&self) -> Result<u64, StoreError> {
        self.database.read(functions::distinct_pichashes)
    }

    fn modify_sample(&self, id: SampleId, change: &SampleChange, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(|transaction| modify::sample(transaction, id, change, now))
    }

    fn modify_family(&self, id: FamilyId, change: &FamilyChange, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(|transaction| modify::family(transaction, id, change, now))
    }

    fn delete_sample(&self, id: SampleId, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(|transaction| modify::delete_sample(transaction, id, now))
    }

    fn delete_family(&self, id: FamilyId, keep_samples: bool, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(|transaction| modify::delete_family(transaction, id, keep_samples, now))
    }

    fn family_named(&self, name: &str, now: Timestamp) -> Result<FamilyId, StoreError> {
        self.database.write(|transaction| {
            let before = counters::read(transaction, counters::FAMILY)?;
            let family = samples::family_named(transaction, name)?;
            if counters::read(transaction, counters::FAMILY)? != before {
                counters::changed(transaction, Some(now))?;
            }
            Ok(family)
        })
    }

    fn add_function_labels(&self, labels: &[(FunctionId, FunctionLabel)]) -> Result<u64, StoreError> {
        self.database.write(|transaction| {
            let mut added = 0;
            let mut writer = LabelWriter::new(transaction)?;
            for (id, label) in labels {
                if functions::exists(transaction, *id)? {
                    writer.resume(*id)?;
                    let is_new = writer.add(&label.username, &label.function_label, &label.timestamp)?;
                    added += u64::from(is_new);
                }
            }
            Ok(added)
        })
    }

    fn minhash_version(&self, id: SampleId) -> Result<Option<String>, StoreError> {
        self.database.read(|connection| modify::minhash_version(connection, id))
    }

    fn replace_hashes(
        &self,
        id: SampleId,
        hashes: &[NewHashes],
        minhash_version: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.database
            .write(|transaction| modify::replace_hashes(transaction, id, hashes, minhash_version, now))
    }

    fn delete_query_samples(&self, added_before: Timestamp) -> Result<u64, StoreError> {
        self.database.write(|transaction| modify::delete_query_samples(transaction, added_before))
    }
}

fn stored_range(transaction: &Transaction<'_>, count: usize) -> Result<FunctionRange, StoreError> {
    let count = count as i64;
    Ok(FunctionRange { lowest: counters::take(transaction, counters::FUNCTION, count)?, count })
}

impl SqliteStore {
    /// Writes a sample and its labels, or only these if it is known. `disassembly` is made here if it is missing.
    fn write_new(
        &self,
        sample: &NewSample,
        disassembly: Option<PackedDisassembly>,
        labels: &[NewLabel],
        username: &str,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        let given_at = now.to_utc_text();
        self.database.write(|transaction| {
            if let Some(entry) = samples::by_sha256(transaction, &sample.sha256)? {
                if let Some(parts) = samples::parts(transaction, entry.sample_id)? {
                    functions::add_labels(transaction, parts.functions, labels, username, &given_at)?;
                }
                return Ok(Added::Known(entry));
            }
            let disassembly = disassembly.map_or_else(|| PackedDisassembly::of(&sample.functions), Ok)?;
            let family = samples::family_named(transaction, &sample.family)?;
            let numbers = Numbers {
                sample: SampleId::new(counters::take(transaction, counters::SAMPLE, 1)?),
                family: Some(family),
                functions: stored_range(transaction, sample.functions.len())?,
                first_chunk: counters::take(transaction, counters::CHUNK, disassembly.num_chunks())?,
                num_chunks: disassembly.num_chunks(),
            };
            write_sample(transaction, sample, &numbers, &disassembly, now)?;
            functions::add_labels(transaction, numbers.functions, labels, username, &given_at)?;
            counters::changed(transaction, Some(now))?;
            let entry = written(transaction, numbers.sample)?;
            Ok(Added::New { sample: entry, first_function: FunctionId::new(numbers.functions.lowest) })
        })
    }
}

fn write_sample(
    transaction: &Transaction<'_>,
    sample: &NewSample,
    numbers: &Numbers,
    disassembly: &PackedDisassembly,
    now: Timestamp,
) -> Result<(), StoreError> {
    samples::insert(transaction, sample, numbers, now)?;
    functions::insert(transaction, &sample.functions, numbers, disassembly)?;
    chunks::write(transaction, disassembly, numbers.first_chunk)
}

fn written(transaction: &Transaction<'_>, id: SampleId) -> Result<SampleEntry, StoreError> {
    samples::by_id(transaction, id)?.ok_or_else(|| StoreError::Damaged {
        what: format!("sample {id}"),
        detail: "it cannot be read back".to_owned(),
    })
}
