//! What a check of everything that is stored finds.

/// What a check of the whole database found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inspection {
    /// Damage after which any answer may be wrong: the store refuses everything until it is repaired.
    pub structure: Vec<String>,
    /// Damaged rows that are noticed only when they are read: that is an error, everything else is answered.
    pub records: Vec<String>,
    /// Whether everything was looked at.
    pub complete: bool,
}

impl Inspection {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.structure.is_empty() && self.records.is_empty()
    }
}
