//! A query as tests of the fields of one noun: negations carried to the tests, values read by the rules of their fields.

use super::ast::{Expression, Operator};
use super::error::SearchError;
use super::field::{Field, Kind, Noun, takes_integers};
use super::fold::fold;
use super::parse::parse;
use super::value::{Comparison, Value, read_integer};

/// Which records are wanted.
#[derive(Clone, PartialEq, Debug)]
pub enum Filter {
    /// All of these hold; everything if empty.
    All(Vec<Filter>),
    /// Any of these holds; nothing if empty.
    Any(Vec<Filter>),
    /// A test of one field.
    Test(Field, Test),
}

/// A test of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// How its value compares.
    Compares(Comparison),
    /// Whether its text contains this one, folded, or does not.
    Contains {
        /// Folded.
        needle: String,
        /// True for "does not contain".
        not: bool,
    },
}

impl Filter {
    /// Reads a query about a noun.
    pub fn new(noun: Noun, query: &str) -> Result<Self, SearchError> {
        match parse(query)? {
            Some(expression) => Self::of(noun, &expression, false),
            None => Ok(Self::All(Vec::new())),
        }
    }

    /// The filter of an expression, or of its opposite. Depth is bounded by the parser.
    pub(super) fn of(noun: Noun, expression: &Expression, negated: bool) -> Result<Self, SearchError> {
        let of_all = |parts: &[Expression]| -> Result<Vec<Self>, SearchError> {
            parts.iter().map(|part| Self::of(noun, part, negated)).collect()
        };
        Ok(match expression {
            Expression::Not(inner) => Self::of(noun, inner, !negated)?,
            Expression::And(parts) if negated => Self::Any(of_all(parts)?),
            Expression::Or(parts) if !negated => Self::Any(of_all(parts)?),
            Expression::And(parts) | Expression::Or(parts) => Self::All(of_all(parts)?),
            Expression::Term(term) => {
                let tests = noun.searched(term).iter();
                let tests = tests.map(|field| Self::contains(*field, term, negated)).collect();
                if negated { Self::All(tests) } else { Self::Any(tests) }
            }
            Expression::Condition { field, operator, value } => {
                let operator = if negated { operator.opposite() } else { *operator };
                Self::condition(noun, field, operator, value)?
            }
        })
    }

    fn contains(field: Field, text: &str, not: bool) -> Self {
        Self::Test(field, Test::Contains { needle: fold(text), not })
    }

    fn condition(noun: Noun, name: &str, operator: Operator, value: &str) -> Result<Self, SearchError> {
        let field = Field::named(noun, name);
        // The rules for PicHashes hold whatever is searched.
        let is_pichash = name == "pichash";
        if is_pichash && operator.is_range() {
            return Err(SearchError::PicHashRange);
        }
        if matches!(operator, Operator::Contains | Operator::ContainsNot) {
            let not = operator == Operator::ContainsNot;
            return Ok(match field.kind() {
                Kind::Text | Kind::PicHash | Kind::Labels => Self::contains(field, value, not),
                _ if not => Self::All(Vec::new()),
                _ => Self::Any(Vec::new()),
            });
        }
        let number = takes_integers(name).then(|| read_integer(value)).flatten();
        if is_pichash && number.is_none() && operator == Operator::Equal {
            return Err(SearchError::PicHashNumber);
        }
        Ok(Self::compares(
            field,
            operator,
            &number.map_or_else(|| Value::Text(value.to_owned()), Value::Integer),
        ))
    }

    /// The comparison of a field with a value.
    pub(super) fn compares(field: Field, operator: Operator, value: &Value) -> Self {
        let comparison = match (field.kind(), value) {
            // Stored as the signed number of the same bits; no text is one.
            (Kind::PicHash, Value::Integer(number)) => match u64::try_from(*number) {
                Ok(number) => Comparison::Integer(operator, number as i64),
                Err(_) => Comparison::new(Kind::Nothing, operator, value),
            },
            (Kind::Labels, Value::Text(text)) => Comparison::Text(operator, text.clone()),
            (kind, _) => Comparison::new(kind, operator, value),
        };
        match comparison {
            Comparison::Never => Self::Any(Vec::new()),
            Comparison::Always => Self::All(Vec::new()),
            other => Self::Test(field, Test::Compares(other)),
        }
    }
}
