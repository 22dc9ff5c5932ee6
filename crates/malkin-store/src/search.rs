//! Searching families, samples and functions: the query language, what it can ask of which fields, the order of the
//! answers, and paging through them in both directions (`docs/reference/mcrit-api.md` section 11).
//!
//! Everything here is about values; how a search becomes SQL is in `sqlite/search`. Cursors as text are the API's matter.

mod ast;
mod error;
mod field;
mod filter;
mod fold;
mod parse;
mod record;
mod value;

use malkin_report::{FamilyEntry, FunctionEntry, FunctionId, PicHash, SampleEntry};

pub use ast::{Expression, Operator};
pub use error::SearchError;
pub use field::{Field, Kind, Noun};
pub use filter::{Filter, Test};
pub use fold::{contains, fold, fold_char};
pub use parse::{MAX_DEPTH, MAX_QUERY, MAX_TERMS, ParseError, parse};
pub use record::Record;
pub use value::{Comparison, Value, read_id};

use crate::error::StoreError;

/// Most records of one page, whatever limit was requested; cursors lead to the rest.
pub const MAX_PAGE: usize = 10_000;

/// The order of the answers: by one field, then by number, ascending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    pub(crate) field: Field,
    name: &'static str,
    pub(crate) id: Field,
    pub(crate) ascending: bool,
}

impl Order {
    /// The order by the field of this name, or by number if none is given.
    pub fn new(noun: Noun, sort_by: Option<&str>, ascending: bool) -> Result<Self, SearchError> {
        let names = noun.sort_fields();
        let wanted = sort_by.unwrap_or(names.first().copied().unwrap_or_default());
        let name = names
            .iter()
            .find(|name| **name == wanted)
            .copied()
            .ok_or_else(|| SearchError::Sort { noun: noun.name(), field: wanted.to_owned() })?;
        Ok(Self { field: Field::named(noun, name), name, id: noun.id(), ascending })
    }

    /// Refuses the one field that is known but cannot be sorted by.
    pub fn check(&self) -> Result<(), SearchError> {
        if self.field == Field::PicHash { Err(SearchError::PicHashSort) } else { Ok(()) }
    }

    /// The direction of the first field.
    pub fn is_ascending(&self) -> bool {
        self.ascending
    }

    /// Name of the field that is sorted by.
    pub fn sort_by(&self) -> &'static str {
        self.name
    }

    /// The values by which a record has its place in this order.
    pub fn border(&self, record: &impl Record) -> Vec<Value> {
        let fields = [self.field, self.id];
        let fields = fields.get(usize::from(self.field == self.id)..).unwrap_or_default();
        fields.iter().map(|field| record.value(*field)).collect()
    }

    /// Whether records lie beyond a border: same first value and further number, or further first value. Each part is a
    /// filter of its own, in the order in which they are met.
    ///
    /// # Errors
    /// If the border has too few values.
    pub(crate) fn beyond(&self, border: &Border) -> Result<Vec<Filter>, SearchError> {
        let further = |ascending: bool| {
            if ascending == border.backward { Operator::Less } else { Operator::Greater }
        };
        let read = |name: &str, value: Option<&Value>| -> Result<Value, SearchError> {
            Ok(match value.ok_or(SearchError::Cursor)? {
                Value::Text(text) if field::takes_integers(name) => {
                    value::read_integer(text).map_or_else(|| Value::Text(text.clone()), Value::Integer)
                }
                other => other.clone(),
            })
        };
        let first = read(self.name, border.values.first())?;
        if self.field == self.id {
            return Ok(vec![Filter::compares(self.id, further(self.ascending), &first)]);
        }
        let second = read("_id", border.values.get(1))?;
        let tied = Filter::All(vec![
            Filter::compares(self.field, Operator::Equal, &first),
            Filter::compares(self.id, further(true), &second),
        ]);
        Ok(vec![tied, Filter::compares(self.field, further(self.ascending), &first)])
    }
}

/// A place between two pages.
#[derive(Clone, PartialEq, Debug)]
pub struct Border {
    /// Values of a record by [`Order::border`]; more than that are not looked at.
    pub values: Vec<Value>,
    /// True for the page before that record, false for the one after it.
    pub backward: bool,
}

/// A search.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    /// Which records.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Where to begin; none for the first page.
    pub border: Option<Border>,
    /// Records of a page; not more than [`MAX_PAGE`] are given.
    pub limit: usize,
}

/// A page of answers.
#[derive(Clone, PartialEq, Debug)]
pub struct Found<T> {
    /// The records in their order, whichever way the page was reached.
    pub entries: Vec<T>,
    /// Whether more records follow in the direction of the search.
    pub more: bool,
}

/// Functions by their PicHash, from an index outside of the store. May name too many, never too few.
pub type ByPicHash<'a> = &'a dyn Fn(PicHash) -> Vec<FunctionId>;

/// Searching.
///
/// # Errors
/// [`StoreError::Search`] if the search cannot be made as it stands.
pub trait Searches {
    /// Families.
    fn search_families(&self, search: &Search) -> Result<Found<FamilyEntry>, StoreError>;

    /// Stored samples.
    fn search_samples(&self, search: &Search) -> Result<Found<SampleEntry>, StoreError>;

    /// Functions of stored samples. Without `by_pichash` conditions on PicHashes are found by looking at all functions.
    fn search_functions(
        &self,
        search: &Search,
        by_pichash: Option<ByPicHash<'_>>,
    ) -> Result<Found<FunctionEntry>, StoreError>;
}
