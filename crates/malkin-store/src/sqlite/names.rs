//! Names of functions: which distinct ones contain a text, by three characters at a time where there are three.

use std::fmt::Write as _;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction};

use super::statements::sql;
use crate::error::StoreError;
use crate::search::fold;

/// Names that are remembered one by one; a text that more contain is looked for while walking over functions, where it
/// is met soon enough.
const MOST_NAMES: usize = 20_000;

/// Functions that are sorted as a set; where there are more, walking in the wanted order meets them soon enough.
const MOST_FUNCTIONS: i64 = 200_000;

/// Trigrams of a needle that are looked up; more make nothing narrower.
const MOST_TRIGRAMS: usize = 24;

/// Trigrams that are looked up together for a text of one or two characters.
const MOST_TERMS: usize = 256;

/// The distinct names that contain a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Names {
    /// These, as a JSON list of numbers, and whether the functions that carry them are few enough to begin with.
    These(String, bool),
    /// Too many to name; with the query of the index, if there is one.
    Many(Option<String>),
}

/// The names that contain a folded text.
pub(super) fn containing(connection: &Connection, needle: &str) -> Result<Names, StoreError> {
    let limit = MOST_NAMES as i64 + 1;
    let query = match trigrams(needle) {
        Some(query) => Some(query),
        None => beginning_with(connection, needle)?,
    };
    let found = match &query {
        Some(query) if query.is_empty() => Vec::new(),
        Some(query) => {
            let mut select = connection.prepare_cached(sql!("name/find_by_trigrams"))?;
            select.query_map((query, needle, limit), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?
        }
        None => {
            let mut select = connection.prepare_cached(sql!("name/find_by_walk"))?;
            select.query_map((needle, limit), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?
        }
    };
    if found.len() > MOST_NAMES {
        return Ok(Names::Many(query));
    }
    let list = json(&found);
    let mut count = connection.prepare_cached(sql!("function_search/count_of_names"))?;
    let functions: i64 = count.query_row((&list, MOST_FUNCTIONS + 1), |row| row.get(0))?;
    Ok(Names::These(list, functions <= MOST_FUNCTIONS))
}

/// A list of numbers as `json_each` takes it.
pub(super) fn json(numbers: &[i64]) -> String {
    let mut list = String::from("[");
    for (at, number) in numbers.iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = write!(list, "{}{number}", if at > 0 { "," } else { "" });
    }
    list.push(']');
    list
}

/// The query of the index for names that may contain a folded text; none if it is too short for one.
fn trigrams(needle: &str) -> Option<String> {
    let needle = replaced(needle);
    let starts: Vec<usize> = needle.char_indices().map(|(at, _)| at).chain([needle.len()]).collect();
    let windows: Vec<&str> = starts.windows(4).filter_map(|w| needle.get(w[0]..w[3])).collect();
    if windows.is_empty() {
        return None;
    }
    let step = windows.len().div_ceil(MOST_TRIGRAMS);
    let mut query = String::new();
    for window in windows.iter().step_by(step) {
        add_term(&mut query, "AND", window);
    }
    Some(query)
}

fn add_term(query: &mut String, joint: &str, term: &str) {
    if !query.is_empty() {
        let _ = write!(query, " {joint} ");
    }
    let _ = write!(query, "\"{}\"", term.replace('"', "\"\""));
}

/// The query for names with any trigram that begins with a folded text of one or two characters; none if there are so many
/// that the text is in many names, which then are soon met one by one.
fn beginning_with(connection: &Connection, needle: &str) -> Result<Option<String>, StoreError> {
    let first = replaced(needle);
    let last = format!("{first}{}", char::MAX);
    let mut select = connection.prepare_cached(sql!("name/terms"))?;
    let terms = select.query_map((&first, last, MOST_TERMS as i64 + 1), |row| row.get(0))?;
    let terms = terms.collect::<Result<Vec<String>, _>>()?;
    if terms.len() > MOST_TERMS {
        return Ok(None);
    }
    let mut query = String::new();
    for term in &terms {
        add_term(&mut query, "OR", term);
    }
    Ok(Some(query))
}

/// SQLite's texts end at a zero byte; another character stands for it in the index.
fn replaced(folded: &str) -> String {
    folded.replace('\0', "\u{fffd}")
}

/// A name as it is indexed: folded, and so long that each of its characters begins a trigram.
pub(super) fn indexed(name: &str) -> String {
    let mut text = replaced(&fold(name));
    text.push_str("\u{1}\u{1}");
    text
}

/// Calls `visit` with each distinct trigram of a name as it is indexed.
pub(super) fn each_trigram(indexed: &str, mut visit: impl FnMut(&str)) {
    let starts: Vec<usize> = indexed.char_indices().map(|(at, _)| at).chain([indexed.len()]).collect();
    let mut trigrams: Vec<&str> = starts.windows(4).filter_map(|w| indexed.get(w[0]..w[3])).collect();
    trigrams.sort_unstable();
    trigrams.dedup();
    for trigram in trigrams {
        visit(trigram);
    }
}

/// Gives numbers to names, and brings new ones into the index.
pub(super) struct NameWriter<'t> {
    transaction: &'t Transaction<'t>,
    by_text: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    insert_trigrams: CachedStatement<'t>,
}

impl<'t> NameWriter<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Result<Self, StoreError> {
        Ok(Self {
            transaction,
            by_text: transaction.prepare_cached(sql!("name/by_text"))?,
            insert: transaction.prepare_cached(sql!("name/insert"))?,
            insert_trigrams: transaction.prepare_cached(sql!("name/insert_trigrams"))?,
        })
    }

    /// The number of a name, given to it if it is new.
    pub(super) fn number(&mut self, name: &str) -> Result<i64, StoreError> {
        if name.is_empty() {
            return Ok(0);
        }
        if let Some(id) = self.by_text.query_row([name], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        // Not `RETURNING`: that is a trigger to SQLite, so it would mark a savepoint for the statement, at which the index of
        // trigrams writes out what it has gathered, name by name instead of sample by sample.
        self.insert.execute([name])?;
        let id = self.transaction.last_insert_rowid();
        self.insert_trigrams.execute((id, indexed(name)))?;
        Ok(id)
    }
}

/// Forgets the functions of a range of numbers, and the names that no other function has.
pub(super) fn forget(transaction: &Transaction<'_>, range: [i64; 2]) -> Result<(), StoreError> {
    let mut select = transaction.prepare_cached(sql!("function_search/names_of_range"))?;
    let names = select.query_map(range, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    transaction.prepare_cached(sql!("function_search/delete_range"))?.execute(range)?;
    let mut delete = transaction.prepare_cached(sql!("name/delete_if_unused"))?;
    let mut delete_trigrams = transaction.prepare_cached(sql!("name/delete_trigrams"))?;
    for name in names {
        if delete.execute([name])? > 0 {
            delete_trigrams.execute([name])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_begins_a_trigram() {
        assert_eq!(indexed("A\0\u{c4}"), "a\u{fffd}\u{e4}\u{1}\u{1}");
    }

    #[test]
    fn needles_become_windows_of_three() {
        assert_eq!(trigrams("ab"), None);
        assert_eq!(trigrams("äöü"), Some("\"äöü\"".to_owned()));
        assert_eq!(trigrams("a\"bc"), Some("\"a\"\"b\" AND \"\"\"bc\"".to_owned()));
        assert_eq!(trigrams("a\0b"), Some("\"a\u{fffd}b\"".to_owned()));
        let long = trigrams(&"abcdefghij".repeat(100)).unwrap();
        assert!(long.matches(" AND ").count() < MOST_TRIGRAMS);
        assert_eq!(json(&[]), "[]");
        assert_eq!(json(&[1, -2]), "[1,-2]");
    }
}
