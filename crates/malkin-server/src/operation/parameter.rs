//! Parameters of a query, as descriptions state them. Handlers read them from `query` by name.

/// First record of a listing.
pub(crate) const START: Parameter = Parameter::integer("start");
/// Most records of a listing.
pub(crate) const LIMIT: Parameter = Parameter::integer("limit");

/// What values a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer {
        /// The least that is taken.
        minimum: Option<u32>,
        /// The most that is taken.
        maximum: Option<u32>,
        /// What counts if it is left out.
        default: Option<u32>,
    },
    /// One of these numbers.
    OneOf(&'static [u32]),
    /// A score from 0 to 100, fractions included.
    Score,
}

/// A parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its values.
    pub(crate) kind: Kind,
    /// What the name does not say.
    pub(crate) note: Option<&'static str>,
    /// Whether a request without it is refused.
    pub(crate) is_required: bool,
}

impl Parameter {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, note: None, is_required: false }
    }

    /// Any text.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    /// `true` or `false`.
    pub(crate) const fn flag(name: &'static str) -> Self {
        Self::new(name, Kind::Flag)
    }

    /// A whole number.
    pub(crate) const fn integer(name: &'static str) -> Self {
        Self::new(name, Kind::Integer { minimum: None, maximum: None, default: None })
    }

    /// A whole number from 0 on.
    pub(crate) const fn count(name: &'static str) -> Self {
        Self::new(name, Kind::Integer { minimum: Some(0), maximum: None, default: None })
    }

    /// A whole number from 1 on, with a default.
    pub(crate) const fn from_1(name: &'static str, maximum: Option<u32>, default: u32) -> Self {
        Self::new(name, Kind::Integer { minimum: Some(1), maximum, default: Some(default) })
    }

    /// One of a few numbers.
    pub(crate) const fn one_of(name: &'static str, numbers: &'static [u32]) -> Self {
        Self::new(name, Kind::OneOf(numbers))
    }

    /// A score from 0 to 100.
    pub(crate) const fn score(name: &'static str) -> Self {
        Self::new(name, Kind::Score)
    }

    /// With a note.
    pub(crate) const fn note(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }

    /// Has to be there.
    pub(crate) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }
}
