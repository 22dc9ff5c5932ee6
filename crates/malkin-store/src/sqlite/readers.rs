//! The pool of connections that read: how many there may be, and who waits for one.
//!
//! Each connection keeps a page cache of several MiB, so that a crowd of requests must share a few of them. Not here: how a
//! connection is opened.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::StoreError;

/// Connections kept open between calls.
const IDLE: usize = 8;
/// Connections at the same time; further calls wait. A call is one transaction and holds one connection only, so that no call
/// waits for itself. With 8 MiB of page cache each they take 256 MiB at most.
pub(super) const MOST: usize = 32;

/// Connections that read.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    /// The one that was used last is at the end and is used next, so that the others can rest. With the time of its last use.
    idle: Vec<(Instant, Connection)>,
    /// Those that are in use.
    taken: usize,
}

/// The right to use one connection.
struct Seat<'p>(&'p Readers);

impl Readers {
    /// Runs `f` on a connection, opened by `open` if none is idle. Waits while too many are in use.
    pub(super) fn run<T>(
        &self,
        open: impl FnOnce() -> Result<Connection, StoreError>,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _seat = self.seat();
        let idle = self.lock().idle.pop();
        let mut connection = match idle {
            Some((_, idle)) => idle,
            None => open()?,
        };
        let value = f(&mut connection);
        let mut pool = self.lock();
        if pool.idle.len() < IDLE {
            pool.idle.push((Instant::now(), connection));
        }
        value
    }

    /// Closes all but one of the connections that nobody used for so long. Their caches are memory that only a crowd needs.
    pub(super) fn close_idle(&self, unused_for: Duration) {
        let mut pool = self.lock();
        let unused = pool.idle.iter().take_while(|(used, _)| used.elapsed() >= unused_for).count();
        let unused = unused.min(pool.idle.len().saturating_sub(1));
        let closed: Vec<_> = pool.idle.drain(..unused).collect();
        // Closing takes a while, and nobody has to wait for it.
        drop(pool);
        drop(closed);
    }

    fn seat(&self) -> Seat<'_> {
        let mut pool = self.lock();
        while pool.taken >= MOST {
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
        pool.taken += 1;
        Seat(self)
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_crowd_shares_the_connections_and_failures_give_theirs_back() {
        let readers = Readers::default();
        let (open, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        for _ in 0..2 * MOST {
            let failed = readers.run(|| Err(StoreError::NotWritable("no".to_owned())), |_| Ok(()));
            assert!(failed.is_err());
        }
        std::thread::scope(|scope| {
            for _ in 0..4 * MOST {
                scope.spawn(|| {
                    let value = readers.run(
                        || Ok(Connection::open_in_memory()?),
                        |connection| {
                            let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            let value = connection.query_row("SELECT 7", [], |row| row.get(0))?;
                            open.fetch_sub(1, Ordering::SeqCst);
                            Ok(value)
                        },
                    );
                    assert_eq!(value.ok(), Some(7));
                });
            }
        });
        assert!((1..=MOST).contains(&most.into_inner()));
        let idle = || readers.lock().idle.len();
        assert!(readers.lock().taken == 0 && (1..=IDLE).contains(&idle()));
        let before = idle();
        readers.close_idle(Duration::from_hours(1));
        assert_eq!(idle(), before, "all were used just now");
        readers.close_idle(Duration::ZERO);
        assert_eq!(idle(), 1);
        readers.close_idle(Duration::ZERO);
        assert_eq!(idle(), 1);
    }
}
