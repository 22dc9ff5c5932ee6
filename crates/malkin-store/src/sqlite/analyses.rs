//! Analyses and cached answers on SQLite, and the original service's own database, read only.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::SqliteStore;
use super::statements::sql;
use crate::analyses::{Analyses, Analysis, AnalysisEntry, AnalysisFilter, IntelAnswer, NewAnalysis};
use crate::codec::{pack, unpack};
use crate::error::StoreError;
use crate::page::Page;
use crate::time::Timestamp;

impl Analyses for SqliteStore {
    fn add_analyses(&self, analyses: &[NewAnalysis]) -> Result<u64, StoreError> {
        self.database.write(|transaction| {
            let mut insert = transaction.prepare_cached(sql!("analysis/insert"))?;
            let mut added = 0;
            for new in analyses {
                let document = pack("an analysis", new.document.as_bytes())?;
                added += insert.execute(params![
                    new.id,
                    new.created_at,
                    new.created_us,
                    new.file_name,
                    new.size_bytes,
                    new.md5,
                    new.sha1,
                    new.sha256,
                    new.hint,
                    new.model,
                    families_text(&new.families),
                    search_text(new),
                    document.codec,
                    document.size,
                    document.data,
                ])? as u64;
            }
            Ok(added)
        })
    }

    fn analyses(&self, filter: &AnalysisFilter, page: Page) -> Result<(u64, Vec<AnalysisEntry>), StoreError> {
        let (from, to) = filter.created_us;
        let family = filter.family.as_ref().map(|family| format!("\n{}\n", family.to_lowercase()));
        let text = filter.text.as_ref().map(|text| text.to_lowercase());
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (limit, start) = (number(page.limit), number(page.start));
        let (sha1, md5) = (&filter.sha1, &filter.md5);
        self.database.read(|connection| {
            let entries = |statement: &str, values: &[&dyn rusqlite::ToSql]| {
                let mut select = connection.prepare_cached(statement)?;
                let rows = select.query_map(values, entry)?;
                rows.collect::<Result<Vec<_>, _>>().map_err(StoreError::from)
            };
            let count = |statement: &str, values: &[&dyn rusqlite::ToSql]| {
                let mut select = connection.prepare_cached(statement)?;
                select.query_row(values, |row| row.get::<_, i64>(0)).map_err(StoreError::from)
            };
            let (total, entries) = if let Some(sha256) = &filter.sha256 {
                (
                    count(
                        sql!("analysis/count_of_sha256"),
                        params![sha1, md5, from, to, family, text, sha256],
                    )?,
                    entries(
                        sql!("analysis/page_of_sha256"),
                        params![sha1, md5, from, to, family, text, limit, start, sha256, filter.by_moment],
                    )?,
                )
            } else {
                (
                    count(sql!("analysis/count"), params![sha1, md5, from, to, family, text])?,
                    entries(
                        if filter.by_moment {
                            sql!("analysis/page_by_moment")
                        } else {
                            sql!("analysis/page")
                        },
                        params![sha1, md5, from, to, family, text, limit, start],
                    )?,
                )
            };
            Ok((total as u64, entries))
        })
    }

    fn analysis(&self, id: &str) -> Result<Option<Analysis>, StoreError> {
        self.database.read(|connection| document(connection, sql!("analysis/by_id"), id))
    }

    fn newest_analysis(&self, sha256: &str) -> Result<Option<Analysis>, StoreError> {
        self.database.read(|connection| document(connection, sql!("analysis/newest"), sha256))
    }

    fn delete_analysis(&self, id: &str) -> Result<bool, StoreError> {
        self.database
            .write(|transaction| Ok(transaction.prepare_cached(sql!("analysis/delete"))?.execute([id])? > 0))
    }

    fn purge_analyses(&self, sha256: &str) -> Result<u64, StoreError> {
        self.database.write(|transaction| {
            Ok(transaction.prepare_cached(sql!("analysis/purge"))?.execute([sha256])? as u64)
        })
    }

    fn intel_answer(
        &self,
        provider: &str,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<IntelAnswer>, StoreError> {
        self.database.read(|connection| {
            let mut select = connection.prepare_cached(sql!("intel/answer"))?;
            let mut rows = select.query(params![provider, hash, now.millis()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let body = unpack("answer of a provider", row.get(2)?, row.get(3)?, blob(row, 4)?)?;
            Ok(Some(IntelAnswer {
                status: row.get(0)?,
                fetched_at: Timestamp::from_millis(row.get(1)?),
                body,
            }))
        })
    }

    fn keep_intel_answer(
        &self,
        provider: &str,
        hash: &str,
        answer: &IntelAnswer,
        good_until: Timestamp,
    ) -> Result<(), StoreError> {
        let packed = pack("an answer", &answer.body)?;
        self.database.write(|transaction| {
            transaction.prepare_cached(sql!("intel/sweep"))?.execute([answer.fetched_at.millis()])?;
            transaction.prepare_cached(sql!("intel/insert"))?.execute(params![
                provider,
                hash,
                answer.status,
                answer.fetched_at.millis(),
                good_until.millis(),
                packed.codec,
                packed.size,
                packed.data
            ])?;
            Ok(())
        })
    }
}

/// Families between line breaks, which no name of a family holds.
fn families_text(families: &[String]) -> String {
    if families.is_empty() {
        return String::new();
    }
    let names: Vec<String> = families.iter().map(|name| name.to_lowercase().replace('\n', " ")).collect();
    format!("\n{}\n", names.join("\n"))
}

fn search_text(new: &NewAnalysis) -> String {
    let columns = [&new.file_name, &new.hint, &new.md5, &new.sha1, &new.sha256, &new.model];
    let texts = columns.into_iter().flatten().chain(&new.families).chain(&new.words);
    texts.map(|text| text.to_lowercase()).collect::<Vec<_>>().join("\n")
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AnalysisEntry> {
    let families: String = row.get(10)?;
    Ok(AnalysisEntry {
        id: row.get(1)?,
        created_at: row.get(2)?,
        file_name: row.get(3)?,
        size_bytes: row.get(4)?,
        md5: row.get(5)?,
        sha1: row.get(6)?,
        sha256: row.get(7)?,
        hint: row.get(8)?,
        model: row.get(9)?,
        families: families.lines().filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    })
}

fn document(connection: &Connection, statement: &str, key: &str) -> Result<Option<Analysis>, StoreError> {
    let mut select = connection.prepare_cached(statement)?;
    let mut rows = select.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let id: String = row.get(0)?;
    let bytes = unpack("analysis", row.get(1)?, row.get(2)?, blob(row, 3)?)?;
    Ok(Some(Analysis { document: String::from_utf8_lossy(&bytes).into_owned(), id }))
}

fn blob<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    row.get_ref(column)?.as_blob().map_err(Into::into)
}

/// Largest number of records taken over from a database of the original service.
const MAX_FOREIGN_ROWS: usize = 10_000_000;

/// Reads every record of a database the original service wrote, in the order of its rows, and hands them on one by one. The
/// moment of a record is left for the caller to read. Texts that are none and numbers out of range become unknown; records without id
/// or document are left out and counted.
///
/// # Errors
/// [`StoreError::Damaged`] when the file is no such database, and whatever `visit` answers.
pub fn read_original_analyses(
    path: &Path,
    mut visit: impl FnMut(NewAnalysis) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    const COLUMNS: &str =
        "id, created_at, file_name, size_bytes, md5, sha1, sha256, hint, model, result_json";
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let is_table: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'analyses'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if is_table.is_none() {
        let detail = "it has no table `analyses`".to_owned();
        return Err(StoreError::Damaged { what: "database of analyses".to_owned(), detail });
    }
    let mut select = connection.prepare(&format!("SELECT {COLUMNS} FROM analyses ORDER BY rowid"))?;
    let mut rows = select.query([])?;
    let (mut left_out, mut seen) = (0, 0);
    while let Some(row) = rows.next()? {
        seen += 1;
        let text = |column: usize| match row.get_ref(column) {
            Ok(ValueRef::Text(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Ok(ValueRef::Integer(number)) => Some(number.to_string()),
            _ => None,
        };
        let (Some(id), Some(document)) = (text(0), text(9)) else {
            left_out += 1;
            continue;
        };
        if seen > MAX_FOREIGN_ROWS {
            let detail = format!("it has more than {MAX_FOREIGN_ROWS} records");
            return Err(StoreError::Damaged { what: "database of analyses".to_owned(), detail });
        }
        visit(NewAnalysis {
            id,
            created_at: text(1),
            created_us: i64::MIN,
            file_name: text(2),
            size_bytes: row.get_ref(3)?.as_i64().ok(),
            md5: text(4),
            sha1: text(5),
            sha256: text(6),
            hint: text(7),
            model: text(8),
            document,
            ..NewAnalysis::default()
        })?;
    }
    Ok(left_out)
}
