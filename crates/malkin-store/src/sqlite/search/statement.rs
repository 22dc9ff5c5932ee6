//! A statement while it is put together, and how tests of fields are written in it.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params_from_iter};

use crate::error::StoreError;
use crate::search::{Comparison, Field, Noun, Operator};

/// A statement that answers numbers of records.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Statement {
    /// With numbered parameters.
    pub(super) text: String,
    pub(super) bound: Vec<Bound>,
    /// Where tests of names of functions find them.
    pub(super) names: NameRows,
}

/// Where a statement has the names of functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum NameRows {
    /// Each is looked up when its function is met: the walk stops soon.
    #[default]
    OfFunctions,
    /// They are what is walked over, as `n`.
    Walked,
    /// Those that are wanted are listed first, because all functions are looked at.
    Listed,
}

impl Statement {
    /// Binds a value and returns the parameter that stands for it.
    pub(super) fn bind(&mut self, value: impl Into<Bound>) -> String {
        self.bound.push(value.into());
        format!("?{}", self.bound.len())
    }

    /// Runs it.
    pub(super) fn ids(&self, connection: &Connection) -> Result<Vec<i64>, StoreError> {
        let mut select = connection.prepare(&self.text)?;
        let rows = select.query_map(params_from_iter(&self.bound), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A test of an expression against a value. Where the expression is NULL it holds only for "not equal".
    pub(super) fn comparison(&mut self, expression: &str, comparison: &Comparison) -> String {
        let (operator, value) = match comparison {
            Comparison::Never => return "0".to_owned(),
            Comparison::Always => return "1".to_owned(),
            Comparison::Integer(operator, number) => (*operator, Bound::Integer(*number)),
            Comparison::Real(operator, number) => (*operator, Bound::Real(*number)),
            Comparison::Text(operator, text) => (*operator, Bound::Text(text.clone())),
        };
        let parameter = self.bind(value);
        format!("{expression} {} {parameter}", sign(operator))
    }

    /// A test whether an expression contains a folded text.
    pub(super) fn contains(&mut self, expression: &str, needle: &str, not: bool) -> String {
        let parameter = self.bind(needle.to_owned());
        format!("{}malkin_contains({expression}, {parameter})", if not { "NOT " } else { "" })
    }
}

/// A comparison in SQL.
pub(super) fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::NotEqual => "IS NOT",
        // Parts of texts are not compared.
        Operator::Equal | Operator::Contains | Operator::ContainsNot => "=",
    }
}

/// The value of a field in SQL. Rows: `e` family entries, `s` samples, `f` functions as they are searched.
pub(super) fn column(noun: Noun, field: Field) -> &'static str {
    match (noun, field) {
        (Noun::Family, Field::FamilyId) => "e.family_id",
        (Noun::Family, Field::FamilyName) => "e.family_name",
        (Noun::Family, Field::NumSamples) => "e.num_samples",
        (Noun::Family, Field::NumFunctions) => "e.num_functions",
        (Noun::Family, Field::NumLibrarySamples) => "e.num_library_samples",
        (Noun::Sample, Field::SampleId) => "s.id",
        (Noun::Sample, Field::FamilyId) => "s.family_id",
        (Noun::Sample, Field::FamilyName) => "(SELECT name FROM family WHERE id = s.family_id)",
        (Noun::Sample, Field::Filename) => "s.filename",
        (Noun::Sample, Field::Component) => "s.component",
        (Noun::Sample, Field::Version) => "s.version",
        (Noun::Sample, Field::Sha256) => "s.sha256",
        (Noun::Sample, Field::Architecture) => "s.architecture",
        (Noun::Sample, Field::Timestamp) => "s.timestamp",
        (Noun::Sample, Field::SmdaVersion) => "s.smda_version",
        (Noun::Sample, Field::Bitness) => "s.bitness",
        (Noun::Sample, Field::BaseAddr) => "s.base_addr",
        (Noun::Sample, Field::BinarySize) => "s.binary_size",
        (Noun::Sample, Field::Binweight) => "s.binweight",
        (Noun::Sample, Field::IsLibrary) => "s.is_library",
        (Noun::Sample, Field::StatFunctions) => "s.st_functions",
        (Noun::Sample, Field::StatRecursiveFunctions) => "s.st_recursive_functions",
        (Noun::Sample, Field::StatLeafFunctions) => "s.st_leaf_functions",
        (Noun::Sample, Field::StatThunkFunctions) => "s.st_thunk_functions",
        (Noun::Sample, Field::StatBasicBlocks) => "s.st_basic_blocks",
        (Noun::Sample, Field::StatInstructions) => "s.st_instructions",
        (Noun::Sample, Field::StatApiCalls) => "s.st_api_calls",
        (Noun::Sample, Field::StatFunctionCalls) => "s.st_function_calls",
        (Noun::Sample, Field::StatFailedFunctions) => "s.st_failed_functions",
        (Noun::Sample, Field::StatFailedInstructions) => "s.st_failed_instructions",
        (Noun::Function, Field::FunctionId) => "f.id",
        (Noun::Function, Field::SampleId) => "f.sample_id",
        (Noun::Function, Field::FamilyId) => "(SELECT family_id FROM sample WHERE id = f.sample_id)",
        (Noun::Function, Field::Architecture) => "(SELECT architecture FROM sample WHERE id = f.sample_id)",
        (Noun::Function, Field::FunctionName) => "(SELECT text FROM name WHERE id = f.name_id)",
        (Noun::Function, Field::Offset) => "f.offset",
        (Noun::Function, Field::NumBlocks) => "f.num_blocks",
        (Noun::Function, Field::NumInstructions) => "f.num_instructions",
        (Noun::Function, Field::MinHash) => "(SELECT lower(hex(minhash)) FROM function WHERE id = f.id)",
        (Noun::Function, Field::PicHash) => "(SELECT pichash FROM function WHERE id = f.id)",
        _ => "NULL",
    }
}

/// A column of the labels of a function.
pub(super) fn label_column(field: Field) -> &'static str {
    match field {
        Field::LabelUser => "a.name",
        Field::LabelTime => "l.given_at",
        _ => "l.label",
    }
}
