//! Labels of functions: who called a function what, and when. The same name of the same author is given once.

use std::collections::{HashMap, HashSet};

use malkin_report::{FunctionId, FunctionLabel};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction};

use super::statements::sql;
use crate::error::StoreError;

/// Adds labels, function by function. Remembers the labels of the current function, so that many labels of one function cost
/// no more than as many of several.
pub(super) struct LabelWriter<'t> {
    transaction: &'t Transaction<'t>,
    insert: CachedStatement<'t>,
    authors: HashMap<String, i64>,
    function: Option<FunctionId>,
    /// Author and text of the labels of that function.
    given: HashSet<(i64, String)>,
    /// Number of its next label.
    next: i64,
}

impl<'t> LabelWriter<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Result<Self, StoreError> {
        let insert = transaction.prepare_cached(sql!("label/insert"))?;
        Ok(Self {
            transaction,
            insert,
            authors: HashMap::new(),
            function: None,
            given: HashSet::new(),
            next: 0,
        })
    }

    /// Goes to a function that has no labels yet.
    pub(super) fn begin(&mut self, function: FunctionId) {
        self.function = Some(function);
        self.given.clear();
        self.next = 0;
    }

    /// Goes to a function that may have labels.
    pub(super) fn resume(&mut self, function: FunctionId) -> Result<(), StoreError> {
        if self.function == Some(function) {
            return Ok(());
        }
        self.begin(function);
        let mut select = self.transaction.prepare_cached(sql!("label/given"))?;
        let mut rows = select.query([function.get()])?;
        while let Some(row) = rows.next()? {
            self.next = self.next.max(row.get::<_, i64>(0)?.saturating_add(1));
            self.given.insert((row.get(1)?, row.get(2)?));
        }
        Ok(())
    }

    /// Adds a label to the function gone to last; false if it was given before.
    pub(super) fn add(&mut self, username: &str, label: &str, given_at: &str) -> Result<bool, StoreError> {
        let Some(function) = self.function else { return Ok(false) };
        let author = self.author(username)?;
        if !self.given.insert((author, label.to_owned())) {
            return Ok(false);
        }
        self.insert.execute((function.get(), self.next, author, label, given_at))?;
        self.next += 1;
        Ok(true)
    }

    fn author(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.authors.get(name) {
            return Ok(*id);
        }
        let mut select = self.transaction.prepare_cached(sql!("label/author"))?;
        let known = select.query_row([name], |row| row.get(0)).optional()?;
        let id = if let Some(id) = known {
            id
        } else {
            self.transaction.prepare_cached(sql!("label/insert_author"))?.execute([name])?;
            self.transaction.last_insert_rowid()
        };
        self.authors.insert(name.to_owned(), id);
        Ok(id)
    }
}

fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<FunctionLabel> {
    Ok(FunctionLabel {
        function_label: row.get(first)?,
        username: row.get(first + 1)?,
        timestamp: row.get(first + 2)?,
    })
}

/// Labels of a function in the order they were given.
pub(super) fn of_function(connection: &Connection, id: FunctionId) -> Result<Vec<FunctionLabel>, StoreError> {
    let mut select = connection.prepare_cached(sql!("label/of_function"))?;
    let rows = select.query_map([id.get()], |row| from_row(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Labels of a range of functions, by function.
pub(super) fn of_range(
    connection: &Connection,
    bounds: [i64; 2],
) -> Result<HashMap<i64, Vec<FunctionLabel>>, StoreError> {
    let mut labels = HashMap::<i64, Vec<FunctionLabel>>::new();
    let mut select = connection.prepare_cached(sql!("label/of_range"))?;
    let mut rows = select.query(bounds)?;
    while let Some(row) = rows.next()? {
        labels.entry(row.get(0)?).or_default().push(from_row(row, 1)?);
    }
    Ok(labels)
}
