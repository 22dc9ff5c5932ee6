//! What a client wants to change about a sample or a family: the object it sent, as the job documents show it.

use malkin_store::{FamilyChange, SampleChange};
use serde_json::{Map, Value};

use crate::jobs::kind::Parameters;

/// Name of the family.
const FAMILY_NAME: &str = "family_name";
/// Whether the code is a library.
const IS_LIBRARY: &str = "is_library";

/// An object of changes. Keys of no meaning are kept for the record and change nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes(Map<String, Value>);

impl Changes {
    /// Wraps an object whose values are valid: texts, and a boolean for `is_library`.
    pub fn new(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// Reads the object at a position.
    pub(super) fn read(parameters: &Parameters, position: &str) -> Option<Self> {
        Some(Self(parameters.get(position)?.as_object()?.clone()))
    }

    /// The object.
    pub(super) fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    fn is_library(&self) -> Option<bool> {
        self.0.get(IS_LIBRARY)?.as_bool()
    }

    /// What it means for a sample.
    pub fn of_sample(&self) -> SampleChange {
        SampleChange {
            family: self.text(FAMILY_NAME),
            version: self.text("version"),
            component: self.text("component"),
            is_library: self.is_library(),
            ..SampleChange::default()
        }
    }

    /// What it means for a family.
    pub fn of_family(&self) -> FamilyChange {
        FamilyChange { name: self.text(FAMILY_NAME), is_library: self.is_library() }
    }
}
