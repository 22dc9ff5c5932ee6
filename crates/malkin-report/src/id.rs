//! Identifiers as types: what a number names is part of its type. No arithmetic, no implicit conversion.

use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a raw number.
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }

            /// The raw number.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// Number of a family, counted from 0. Family 0 is the nameless one and always exists.
    FamilyId
}
number_id! {
    /// Number of a sample. Stored samples count up from 0, query samples count down from -1.
    SampleId
}
number_id! {
    /// Number of a function. Functions of stored samples count up from 0, those of query samples down from -1.
    FunctionId
}

impl FamilyId {
    /// The family without a name.
    pub const NAMELESS: Self = Self(0);
}

impl SampleId {
    /// True for the temporary samples of queries.
    pub const fn is_query(self) -> bool {
        self.0 < 0
    }
}

impl FunctionId {
    /// True for functions of query samples.
    pub const fn is_query(self) -> bool {
        self.0 < 0
    }
}

/// Twelve random or counted bytes, written as 24 lower-case hex digits: the shape clients expect of job, result and upload ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 12]);

impl ObjectId {
    /// Wraps the raw bytes.
    pub const fn from_bytes(raw: [u8; 12]) -> Self {
        Self(raw)
    }

    /// The raw bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// Reads exactly 24 hex digits of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 24 {
            return None;
        }
        let mut raw = [0; 12];
        for (byte, pair) in raw.iter_mut().zip(text.chunks_exact(2)) {
            *byte = (crate::hash::hex_digit(pair[0])? << 4) | crate::hash::hex_digit(pair[1])?;
        }
        Some(Self(raw))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub ObjectId);

        impl $name {
            /// Reads exactly 24 hex digits of either case.
            pub fn parse(text: &str) -> Option<Self> {
                ObjectId::parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

object_id! {
    /// Names a job of the queue.
    JobId
}
object_id! {
    /// Names the stored result of a job.
    ResultId
}
object_id! {
    /// Names a stored upload (the body of a request a job works on).
    UploadId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_ids_read_and_print_24_hex_digits() {
        let id = JobId::parse("00ff10aBcdef0123456789AB").unwrap();
        assert_eq!(id.to_string(), "00ff10abcdef0123456789ab");
        assert_eq!(JobId::parse("00ff10aBcdef0123456789A"), None);
        assert_eq!(JobId::parse("00ff10aBcdef0123456789Ag"), None);
    }
}
