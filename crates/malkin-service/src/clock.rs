//! The only clock of the house, and the three shapes in which MCRIT's clients expect to see its time.

use std::sync::atomic::{AtomicI64, Ordering};

use malkin_store::Timestamp;

/// Where the time comes from.
#[derive(Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Stands still at a moment, in milliseconds since the epoch; for tests.
    Fixed(AtomicI64),
}

impl Clock {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()),
            Self::Fixed(millis) => Timestamp::from_millis(millis.load(Ordering::Relaxed)),
        }
    }
}

fn format(at: Timestamp, format: &str) -> String {
    // Moments outside the calendar's range only come out of a damaged store; the epoch stands in for them.
    jiff::Timestamp::from_millisecond(at.millis())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime(format)
        .to_string()
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, milliseconds left out when zero: job times.
pub fn job_time(at: Timestamp) -> String {
    if at.millis().rem_euclid(1000) == 0 {
        format(at, "%Y-%m-%dT%H:%M:%SZ")
    } else {
        format(at, "%Y-%m-%dT%H:%M:%S.%3fZ")
    }
}

/// `YYYY-MM-DDTHH:MM:SS`: label and status times.
pub fn second_time(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S")
}

/// `YYYY-MM-DDTHH-MM-SS`: the time of a report's analysis.
pub fn report_time(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H-%M-%S")
}

/// `YYYY-MM-DDTHH:MM:SS.ffffff`: the time of a match.
pub fn micro_time(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S.%6f")
}

/// Reads `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS` (UTC).
pub fn parse_moment(text: &str) -> Option<Timestamp> {
    let moment = match text.len() {
        10 => jiff::civil::Date::strptime("%Y-%m-%d", text).ok()?.at(0, 0, 0, 0),
        19 => jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S", text).ok()?,
        _ => return None,
    };
    let zoned = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_shapes_clients_slice() {
        let at = Timestamp::from_millis(1_767_323_045_678);
        assert_eq!(job_time(at), "2026-01-02T03:04:05.678Z");
        assert_eq!(job_time(Timestamp::from_millis(1_767_323_045_000)), "2026-01-02T03:04:05Z");
        assert_eq!(second_time(at), "2026-01-02T03:04:05");
        assert_eq!(micro_time(at), "2026-01-02T03:04:05.678000");
    }

    #[test]
    fn moments_are_read_in_two_forms() {
        assert_eq!(parse_moment("1970-01-02"), Some(Timestamp::from_millis(86_400_000)));
        assert_eq!(parse_moment("1970-01-01T00:00:01"), Some(Timestamp::from_millis(1000)));
        for bad in ["yesterday", "", "1970-13-01", "1970-01-01T00:00", "1970-01-01 00:00:00"] {
            assert_eq!(parse_moment(bad), None, "{bad}");
        }
    }
}
