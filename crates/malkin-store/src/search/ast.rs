//! A search query as a tree, and how it is written down.

use std::fmt::{self, Display, Formatter};

/// A query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expression {
    /// A text that any of the noun's names contains.
    Term(String),
    /// A condition on one field.
    Condition {
        /// Name of the field as written; whether there is one is not known here.
        field: String,
        /// How to compare.
        operator: Operator,
        /// What to compare with.
        value: String,
    },
    /// The opposite.
    Not(Box<Expression>),
    /// All of them; at least two.
    And(Vec<Expression>),
    /// Any of them; at least two.
    Or(Vec<Expression>),
}

/// How a condition compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Contains,
    ContainsNot,
}

impl Operator {
    /// All of them, longer spellings before those they begin with.
    pub const ALL: [Self; 8] = [
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::NotEqual,
        Self::ContainsNot,
        Self::Less,
        Self::Greater,
        Self::Equal,
        Self::Contains,
    ];

    /// As it is written.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Contains => "?",
            Self::ContainsNot => "!?",
        }
    }

    /// The operator that holds where this one does not, between values of one type.
    pub fn opposite(self) -> Self {
        match self {
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Contains => Self::ContainsNot,
            Self::ContainsNot => Self::Contains,
        }
    }

    /// Whether it asks for an order.
    pub fn is_range(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }
}

/// Writes a query that is read back as the same tree: every text quoted, every inner chain in parentheses.
impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(text) => quote(text, f),
            Self::Condition { field, operator, value } => {
                write!(f, "{field}:{}", operator.spelling())?;
                quote(value, f)
            }
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                inner.as_operand(f)
            }
            Self::And(parts) => chain(parts, " AND ", f),
            Self::Or(parts) => chain(parts, " OR ", f),
        }
    }
}

impl Expression {
    fn as_operand(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}

fn chain(parts: &[Expression], joint: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(joint)?;
        }
        part.as_operand(f)?;
    }
    Ok(())
}

fn quote(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\t' => f.write_str("\\t")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}
