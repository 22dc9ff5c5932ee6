//! Progress, cancelling, ceilings: how a caller stays in charge of a long computation.

use std::ops::ControlFlow;

use malkin_report::FunctionId;

/// How far a computation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Units of work done.
    pub done: usize,
    /// Units of work in all.
    pub total: usize,
}

/// Asked every few milliseconds at most while a computation runs. Any `FnMut(Progress) -> ControlFlow<()>` is one.
pub trait Control {
    /// Takes note of the progress. `Break` ends the computation with [`MatchError::Cancelled`].
    fn checkpoint(&mut self, progress: Progress) -> ControlFlow<()>;
}

impl<F: FnMut(Progress) -> ControlFlow<()>> Control for F {
    fn checkpoint(&mut self, progress: Progress) -> ControlFlow<()> {
        self(progress)
    }
}

/// Never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverCancelled;

impl Control for NeverCancelled {
    fn checkpoint(&mut self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// The caller asked to stop.
    #[error("matching was cancelled")]
    Cancelled,
    /// The matches would take more memory than allowed.
    #[error("matching needs more than {limit} bytes of memory")]
    BudgetExceeded {
        /// The ceiling, in bytes.
        limit: usize,
    },
    /// The comparison would take more time than allowed.
    #[error("matching takes more than {seconds} s; allow more time or a partial result")]
    TimeExceeded {
        /// The ceiling, in seconds.
        seconds: u64,
    },
    /// A function that is asked for alone must have a signature.
    #[error("function {0} is too small to be matched")]
    NotHashable(FunctionId),
}

/// Turns the answer of a checkpoint into a result.
pub(crate) fn proceed(control: &mut dyn Control, done: usize, total: usize) -> Result<(), MatchError> {
    match control.checkpoint(Progress { done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(MatchError::Cancelled),
    }
}
