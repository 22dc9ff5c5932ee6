//! What can be searched and sorted: the fields of families, samples and functions as MCRIT's documents name them.

/// What is searched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noun {
    /// Families with their counters.
    Family,
    /// Stored samples.
    Sample,
    /// Functions of stored samples.
    Function,
}

/// What a field holds, and so with what it can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// An integer.
    Integer,
    /// A floating point number.
    Real,
    /// True or false.
    Flag,
    /// A PicHash: an integer that is also searched as hexadecimal text.
    PicHash,
    /// Texts of the labels of a function, any number of them.
    Labels,
    /// Nothing that a query can compare with: no such field, or an object.
    Nothing,
}

macro_rules! fields {
    ($($field:ident, $kind:ident, $families:expr, $samples:expr, $functions:expr;)*) => {
        /// A field.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[expect(missing_docs, reason = "the names are those of the records")]
        pub enum Field {
            $($field,)*
            /// A field that the noun does not have.
            Unknown,
        }

        /// Each field with its kind and its name in the documents of families, samples and functions; empty where it has
        /// none.
        const FIELDS: &[(Field, Kind, [&str; 3])] =
            &[$((Field::$field, Kind::$kind, [$families, $samples, $functions]),)*];
    };
}

fields! {
    FamilyId, Integer, "family_id", "family_id", "family_id";
    FamilyName, Text, "family_name", "family", "";
    NumSamples, Integer, "num_samples", "", "";
    NumFunctions, Integer, "num_functions", "", "";
    NumLibrarySamples, Integer, "num_library_samples", "", "";
    SampleId, Integer, "", "sample_id", "sample_id";
    Filename, Text, "", "filename", "";
    Component, Text, "", "component", "";
    Version, Text, "", "version", "";
    Sha256, Text, "", "sha256", "";
    Architecture, Text, "", "architecture", "architecture";
    Timestamp, Text, "", "timestamp", "";
    SmdaVersion, Text, "", "smda_version", "";
    Bitness, Integer, "", "bitness", "";
    BaseAddr, Integer, "", "base_addr", "";
    BinarySize, Integer, "", "binary_size", "";
    Binweight, Real, "", "binweight", "";
    IsLibrary, Flag, "", "is_library", "";
    StatFunctions, Integer, "", "statistics.num_functions", "";
    StatRecursiveFunctions, Integer, "", "statistics.num_recursive_functions", "";
    StatLeafFunctions, Integer, "", "statistics.num_leaf_functions", "";
    StatThunkFunctions, Integer, "", "statistics.num_thunk_functions", "";
    StatBasicBlocks, Integer, "", "statistics.num_basic_blocks", "";
    StatInstructions, Integer, "", "statistics.num_instructions", "";
    StatApiCalls, Integer, "", "statistics.num_api_calls", "";
    StatFunctionCalls, Integer, "", "statistics.num_function_calls", "";
    StatFailedFunctions, Integer, "", "statistics.num_failed_functions", "";
    StatFailedInstructions, Integer, "", "statistics.num_failed_instructions", "";
    FunctionId, Integer, "", "", "function_id";
    FunctionName, Text, "", "", "function_name";
    Offset, Integer, "", "", "offset";
    NumBlocks, Integer, "", "", "num_blocks";
    NumInstructions, Integer, "", "", "num_instructions";
    MinHash, Text, "", "", "minhash";
    PicHash, PicHash, "", "", "pichash";
    LabelText, Labels, "", "", "function_labels.function_label";
    LabelUser, Labels, "", "", "function_labels.username";
    LabelTime, Labels, "", "", "function_labels.timestamp";
}

impl Field {
    /// The field of this name.
    pub fn named(noun: Noun, name: &str) -> Self {
        let known = FIELDS.iter().find(|(_, _, names)| !name.is_empty() && names[noun as usize] == name);
        known.map_or(Self::Unknown, |(field, _, _)| *field)
    }

    /// What it holds.
    pub fn kind(self) -> Kind {
        FIELDS.iter().find(|(field, _, _)| *field == self).map_or(Kind::Nothing, |(_, kind, _)| *kind)
    }
}

/// Whether values for a field of this name are read as integers where they can be.
pub(super) fn takes_integers(name: &str) -> bool {
    name == "pichash" || name == "offset" || name.ends_with("_id") || name.contains("num_")
}

impl Noun {
    /// The field that numbers the records; every order ends with it, ascending.
    pub fn id(self) -> Field {
        match self {
            Self::Family => Field::FamilyId,
            Self::Sample => Field::SampleId,
            Self::Function => Field::FunctionId,
        }
    }

    /// The fields in which a bare term is looked for.
    pub(super) fn searched(self, term: &str) -> &'static [Field] {
        const SAMPLE: &[Field] =
            &[Field::Filename, Field::FamilyName, Field::Component, Field::Version, Field::Sha256];
        /// Shorter terms are in nearly every SHA-256.
        const SHORTEST_FOR_SHA256: usize = 3;
        match self {
            Self::Family => &[Field::FamilyName],
            Self::Function => &[Field::FunctionName],
            Self::Sample if term.chars().count() < SHORTEST_FOR_SHA256 => SAMPLE.get(..4).unwrap_or_default(),
            Self::Sample => SAMPLE,
        }
    }

    /// Names of fields by which records can be sorted. The first is the default.
    pub fn sort_fields(self) -> &'static [&'static str] {
        match self {
            Self::Family => {
                &["family_id", "family_name", "num_samples", "num_library_samples", "num_functions"]
            }
            Self::Sample => &[
                "sample_id",
                "filename",
                "function_id",
                "family_id",
                "family",
                "architecture",
                "base_addr",
                "binary_size",
                "binweight",
                "bitness",
                "component",
                "is_library",
                "sha256",
                "timestamp",
                "version",
                "statistics.num_functions",
            ],
            Self::Function => &[
                "function_id",
                "sample_id",
                "family_id",
                "function_name",
                "offset",
                "num_instructions",
                "num_blocks",
                "pichash",
            ],
        }
    }

    /// In messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Family => "family",
            Self::Sample => "sample",
            Self::Function => "function",
        }
    }
}
