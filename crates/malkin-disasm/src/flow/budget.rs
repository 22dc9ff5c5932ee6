//! How much work one image may cause.

/// Ceilings for one image. Reaching one ends the recovery with what was found so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most instructions decoded, those of dropped attempts included.
    pub max_decoded: u64,
    /// Most functions stored.
    pub max_functions: usize,
    /// Most instructions stored, and most entries of jump tables noted; with about 60 bytes each this bounds the memory of the
    /// report.
    pub max_instructions: u64,
}

impl Default for Limits {
    /// 2,000 million decoded instructions (about a minute), 2 million functions, 60 million instructions: far above
    /// what an image of 100 MiB, the largest a loader maps, contains.
    fn default() -> Self {
        Self { max_decoded: 2_000_000_000, max_functions: 2_000_000, max_instructions: 60_000_000 }
    }
}

/// Memory that a stored instruction takes, in bytes, with its part of blocks and references.
const INSTRUCTION_MEMORY: u64 = 64;

/// Memory that a stored function takes beside its instructions, in bytes: measured on 150,000 functions of three instructions.
const FUNCTION_MEMORY: u64 = 2048;

impl Limits {
    /// The default, with at most as many functions, and as many instructions, as fit into so many bytes.
    pub fn within_memory(bytes: u64) -> Self {
        let default = Self::default();
        Self {
            max_instructions: default.max_instructions.min(bytes / INSTRUCTION_MEMORY),
            max_functions: default
                .max_functions
                .min(usize::try_from(bytes / FUNCTION_MEMORY).unwrap_or(usize::MAX)),
            ..default
        }
    }
}

/// What is left of the ceilings, and whether the caller still wants the result.
pub(crate) struct Budget<'a> {
    limits: Limits,
    keep_going: &'a dyn Fn() -> bool,
    decoded: u64,
    polled: u64,
    stored_functions: usize,
    stored_instructions: u64,
    noted_entries: u64,
    exceeded: bool,
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.limits)
            .field("exceeded", &self.exceeded)
            .finish_non_exhaustive()
    }
}

/// Units of work between two questions to the caller.
const POLL_INTERVAL: u64 = 8_192;

impl<'a> Budget<'a> {
    /// A fresh budget.
    pub(crate) fn new(limits: Limits, keep_going: &'a dyn Fn() -> bool) -> Self {
        Self {
            limits,
            keep_going,
            decoded: 0,
            polled: 0,
            stored_functions: 0,
            stored_instructions: 0,
            noted_entries: 0,
            exceeded: false,
        }
    }

    /// Counts work; asks the caller now and then. Returns whether to go on.
    pub(crate) fn spend(&mut self, units: u64) -> bool {
        self.decoded += units;
        if self.decoded - self.polled >= POLL_INTERVAL {
            self.polled = self.decoded;
            self.exceeded |= self.decoded > self.limits.max_decoded || !(self.keep_going)();
        }
        !self.exceeded
    }

    /// Ends the recovery.
    pub(crate) fn give_up(&mut self) {
        self.exceeded = true;
    }

    /// Counts a stored function.
    pub(crate) fn store(&mut self, instructions: usize) {
        self.stored_functions += 1;
        self.stored_instructions += instructions as u64;
        self.exceeded |= self.stored_functions >= self.limits.max_functions
            || self.stored_instructions >= self.limits.max_instructions;
    }

    /// Counts a noted entry of a jump table, those of dropped attempts included.
    pub(crate) fn refer(&mut self) {
        self.noted_entries += 1;
        self.exceeded |= self.noted_entries >= self.limits.max_instructions;
    }

    /// Whether a ceiling was reached or the caller gave up.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded
    }
}
