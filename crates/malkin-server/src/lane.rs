//! Where handlers run: at once on the thread that reads requests, or on a blocking thread when one of the seats of their lane is
//! free. Requests without a seat wait without a thread.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Slow handlers at the same time.
const SLOW_HANDLERS: usize = 64;
/// Quick handlers at the same time. The allocator reserves about 10 MiB of address space for each thread that reads the store
/// (measured: 107 such threads took 1 GiB, of which 0.2 GiB were used), and a server that was given 2 GiB has room for these.
const QUICK_HANDLERS: usize = 24;
/// Threads that may block: those of handlers, and some for pieces of answers.
pub const BLOCKING_THREADS: usize = SLOW_HANDLERS + QUICK_HANDLERS + 24;

/// How long a handler holds its thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// It does next to nothing and waits for nobody, so it needs no seat.
    Light,
    /// It reads or writes the store.
    Quick,
    /// It may take many seconds: it examines a file or waits for providers.
    Slow,
}

/// The seats of all lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            quick: Arc::new(Semaphore::new(QUICK_HANDLERS)),
            slow: Arc::new(Semaphore::new(SLOW_HANDLERS)),
        }
    }
}

impl Lanes {
    /// The seats of a lane; `None` if it needs none.
    pub(crate) fn seats(&self, lane: Lane) -> Option<Arc<Semaphore>> {
        match lane {
            Lane::Light => None,
            Lane::Quick => Some(Arc::clone(&self.quick)),
            Lane::Slow => Some(Arc::clone(&self.slow)),
        }
    }
}
