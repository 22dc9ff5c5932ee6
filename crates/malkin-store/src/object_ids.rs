//! Assigns the 24-digit ids of jobs, results and uploads in the layout clients know: four bytes seconds since the epoch,
//! five random bytes a process, a counter of three bytes. Ids of one process ascend in the order they were assigned.

use std::sync::{Mutex, PoisonError};

use malkin_report::ObjectId;

use crate::error::StoreError;
use crate::time::Timestamp;

/// The source of ids of one process.
#[derive(Debug)]
pub(crate) struct ObjectIds {
    process: [u8; 5],
    /// Seconds and count of the last id.
    last: Mutex<(u32, u32)>,
}

impl ObjectIds {
    /// Draws the random part.
    pub(crate) fn new() -> Result<Self, StoreError> {
        let mut process = [0; 5];
        getrandom::fill(&mut process).map_err(|error| StoreError::Io {
            path: "the system's source of randomness".into(),
            source: std::io::Error::other(error.to_string()),
        })?;
        Ok(Self { process, last: Mutex::new((0, 0)) })
    }

    /// The next id. A clock that goes back does not take the ids with it.
    pub(crate) fn next(&self, now: Timestamp) -> ObjectId {
        const COUNTS: u32 = 1 << 24;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds =
            u32::try_from(now.millis().div_euclid(1000).clamp(0, i64::from(u32::MAX))).unwrap_or(u32::MAX);
        let count = last.1 + 1;
        // A counter that wraps within one second continues in the next one.
        *last = if count == COUNTS {
            (last.0.saturating_add(1).max(seconds), 0)
        } else {
            (last.0.max(seconds), count)
        };
        let ([s0, s1, s2, s3], [_, c0, c1, c2]) = (last.0.to_be_bytes(), last.1.to_be_bytes());
        let [p0, p1, p2, p3, p4] = self.process;
        ObjectId::from_bytes([s0, s1, s2, s3, p0, p1, p2, p3, p4, c0, c1, c2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_when_the_clock_goes_back_or_the_counter_turns() {
        let ids = ObjectIds::new().unwrap();
        let mut previous = ids.next(Timestamp::from_millis(5_000_000));
        assert_eq!(previous.as_bytes()[..4], 5000_u32.to_be_bytes());
        ids.last.lock().unwrap().1 = (1 << 24) - 3;
        for millis in [5_000_000, 4_000_000, 5_000_000, 5_000_999, 6_000_000, -7, i64::MAX] {
            let id = ids.next(Timestamp::from_millis(millis));
            assert!(id > previous, "{id} after {previous}");
            previous = id;
        }
    }
}
