//! What records hold in their fields, and whether a filter wants them: the meaning of a search, record by record, for
//! cursors and as the measure of what the store finds by its indexes.

use malkin_report::{FamilyEntry, FunctionEntry, SampleEntry};

use super::ast::Operator;
use super::field::Field;
use super::filter::{Filter, Test};
use super::fold::contains;
use super::value::{Comparison, Value};

/// A record that can be searched.
pub trait Record {
    /// The value of a field; none if the record lacks it. Labels have their own way.
    fn value(&self, field: Field) -> Value;

    /// The texts of labels.
    fn labels(&self, _field: Field) -> Vec<&str> {
        Vec::new()
    }
}

fn signed(number: u64) -> Value {
    Value::Integer((number as i64).into())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

// A field that a noun does not have is `Null`, as in MCRIT (`docs/reference/mcrit-api.md` section 11): no comparison finds it.

impl Record for FamilyEntry {
    fn value(&self, field: Field) -> Value {
        match field {
            Field::FamilyId => Value::Integer(self.family_id.get().into()),
            Field::FamilyName => text(&self.family_name),
            Field::NumSamples => signed(self.num_samples),
            Field::NumFunctions => signed(self.num_functions),
            Field::NumLibrarySamples => signed(self.num_library_samples),
            _ => Value::Null,
        }
    }
}

impl Record for SampleEntry {
    fn value(&self, field: Field) -> Value {
        let statistics = &self.statistics;
        match field {
            Field::FamilyId => Value::Integer(self.family_id.get().into()),
            Field::FamilyName => text(&self.family),
            Field::SampleId => Value::Integer(self.sample_id.get().into()),
            Field::Filename => text(&self.filename),
            Field::Component => text(&self.component),
            Field::Version => text(&self.version),
            Field::Sha256 => text(&self.sha256),
            Field::Architecture => text(self.architecture.as_str()),
            Field::Timestamp => text(&self.timestamp),
            Field::SmdaVersion => text(&self.smda_version),
            Field::Bitness => signed(self.bitness),
            Field::BaseAddr => Value::Integer(self.base_addr.to_signed().into()),
            Field::BinarySize => signed(self.binary_size),
            Field::Binweight => Value::Real(self.binweight),
            Field::IsLibrary => Value::Flag(self.is_library),
            Field::StatFunctions => signed(statistics.num_functions),
            Field::StatRecursiveFunctions => signed(statistics.num_recursive_functions),
            Field::StatLeafFunctions => signed(statistics.num_leaf_functions),
            Field::StatThunkFunctions => statistics.num_thunk_functions.map_or(Value::Null, signed),
            Field::StatBasicBlocks => signed(statistics.num_basic_blocks),
            Field::StatInstructions => signed(statistics.num_instructions),
            Field::StatApiCalls => signed(statistics.num_api_calls),
            Field::StatFunctionCalls => signed(statistics.num_function_calls),
            Field::StatFailedFunctions => signed(statistics.num_failed_functions),
            Field::StatFailedInstructions => signed(statistics.num_failed_instructions),
            _ => Value::Null,
        }
    }
}

impl Record for FunctionEntry {
    fn value(&self, field: Field) -> Value {
        match field {
            Field::FunctionId => Value::Integer(self.function_id.get().into()),
            Field::SampleId => Value::Integer(self.sample_id.get().into()),
            Field::FamilyId => Value::Integer(self.family_id.get().into()),
            Field::FunctionName => text(&self.function_name),
            Field::Architecture => text(self.architecture.as_str()),
            Field::Offset => Value::Integer(self.offset.to_signed().into()),
            Field::NumBlocks => Value::Integer(self.num_blocks.into()),
            Field::NumInstructions => Value::Integer(self.num_instructions.into()),
            Field::MinHash => Value::Text(self.minhash.to_hex()),
            Field::PicHash => signed(self.pichash.get()),
            _ => Value::Null,
        }
    }

    fn labels(&self, field: Field) -> Vec<&str> {
        let labels = self.function_labels.iter();
        labels
            .filter_map(|label| match field {
                Field::LabelText => Some(label.function_label.as_str()),
                Field::LabelUser => Some(label.username.as_str()),
                Field::LabelTime => Some(label.timestamp.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Filter {
    /// Whether a record is wanted.
    pub fn wants(&self, record: &impl Record) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.wants(record)),
            Self::Any(parts) => parts.iter().any(|part| part.wants(record)),
            Self::Test(field @ (Field::LabelText | Field::LabelUser | Field::LabelTime), test) => {
                any_label(&record.labels(*field), test)
            }
            Self::Test(Field::PicHash, Test::Contains { needle, not }) => {
                match record.value(Field::PicHash) {
                    Value::Integer(bits) => contains(&format!("{:#x}", bits as u64), needle) != *not,
                    _ => *not,
                }
            }
            Self::Test(field, test) => wants(test, &record.value(*field)),
        }
    }
}

/// A list of labels: equal, greater and so on if any of them is; unequal if none is equal; not containing if there are
/// some and none contains, which is how the reference answers.
fn any_label(labels: &[&str], test: &Test) -> bool {
    let any = |wanted: &dyn Fn(&str) -> bool| labels.iter().any(|label| wanted(label));
    match test {
        Test::Contains { needle, not: false } => any(&|label| contains(label, needle)),
        Test::Contains { needle, not: true } => !labels.is_empty() && !any(&|label| contains(label, needle)),
        Test::Compares(Comparison::Text(Operator::NotEqual, value)) => !any(&|label| label == value),
        Test::Compares(Comparison::Text(operator, value)) => {
            any(&|label| holds(*operator, label.cmp(value.as_str())))
        }
        Test::Compares(_) => false,
    }
}

fn wants(test: &Test, value: &Value) -> bool {
    match (test, value) {
        (Test::Contains { needle, not }, Value::Text(text)) => contains(text, needle) != *not,
        (Test::Contains { not, .. }, _) => *not,
        (Test::Compares(Comparison::Always), _) => true,
        (Test::Compares(Comparison::Never), _) => false,
        (Test::Compares(Comparison::Text(operator, wanted)), Value::Text(text)) => {
            holds(*operator, text.as_str().cmp(wanted))
        }
        (Test::Compares(Comparison::Integer(operator, wanted)), value) => {
            number(value).map_or(*operator == Operator::NotEqual, |value| match value {
                Number::Integer(value) => holds(*operator, value.cmp(&i128::from(*wanted))),
                Number::Real(value) => holds_real(*operator, value, *wanted as f64),
            })
        }
        (Test::Compares(Comparison::Real(operator, wanted)), value) => {
            number(value).map_or(*operator == Operator::NotEqual, |value| match value {
                Number::Integer(value) => holds_real(*operator, value as f64, *wanted),
                Number::Real(value) => holds_real(*operator, value, *wanted),
            })
        }
        (Test::Compares(Comparison::Text(operator, _)), _) => *operator == Operator::NotEqual,
    }
}

enum Number {
    Integer(i128),
    Real(f64),
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Flag(flag) => Some(Number::Integer((*flag).into())),
        Value::Integer(number) => Some(Number::Integer(*number)),
        Value::Real(number) => Some(Number::Real(*number)),
        Value::Null | Value::Text(_) | Value::Compound => None,
    }
}

fn holds_real(operator: Operator, value: f64, wanted: f64) -> bool {
    value.partial_cmp(&wanted).is_some_and(|ordering| holds(operator, ordering))
}

fn holds(operator: Operator, ordering: std::cmp::Ordering) -> bool {
    match operator {
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Contains | Operator::ContainsNot => false,
    }
}
