//! What the report asks of an instruction set: the text of instructions and the weights of mnemonics.

use crate::flow::work::Row;

/// The text of decoded instructions, as the reference prints it. The text is made only for what the report lists.
pub(crate) trait Listing {
    /// Kind of a stored instruction.
    type Kind: Copy;

    /// Number of values that [`Listing::write`] returns for mnemonics.
    fn mnemonics() -> usize;

    /// Weights of mnemonics.
    fn weights(&self) -> Weights;

    /// Appends mnemonic, prefix words included, and operands of a stored instruction. `None`: there is no instruction.
    fn write(
        &mut self,
        row: Row<Self::Kind>,
        mnemonic: &mut String,
        operands: &mut String,
    ) -> Option<Spelling>;
}

/// What the text of a mnemonic depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spelling {
    /// On this value alone, which is below [`Listing::mnemonics`]; so the text need not be looked up again.
    Fixed(usize),
    /// On prefixes or operands too.
    Varying,
}

/// Weights of mnemonics for tf-idf.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    /// Mnemonics with their weights.
    pub(crate) listed: Vec<(&'static str, f64)>,
    /// The weight of every other mnemonic.
    pub(crate) unlisted: f64,
}
