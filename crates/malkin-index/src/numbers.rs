//! Positions in a reader's numbering: signatures, samples and functions of all segments, counted through.

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The number, for use as a position in a table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

number! {
    /// A distinct signature of a reader, counted from 0. A signature that several segments hold has a number in each.
    SignatureNo
}
number! {
    /// A sample of a reader, counted from 0 with gaps where samples were removed.
    SampleNo
}
number! {
    /// A function of a reader, counted from 0 with gaps. The functions of one sample follow each other in ascending order
    /// of their ids.
    FunctionNo
}

/// A function with its sample.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FunctionRef {
    /// The sample.
    pub sample: SampleNo,
    /// The function.
    pub function: FunctionNo,
}
