//! A moment as the store keeps it. Reading the clock is the caller's business.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl Timestamp {
    /// `YYYY-MM-DDTHH:MM:SS` in UTC, the form of label times and of `/status`. Years beyond 0..=9999 are held at the border.
    pub fn to_utc_text(self) -> String {
        /// 0000-01-01T00:00:00 and 9999-12-31T23:59:59, in seconds since the epoch.
        const RANGE: (i64, i64) = (-62_167_219_200, 253_402_300_799);
        let seconds = self.0.div_euclid(1000).clamp(RANGE.0, RANGE.1);
        let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar. The year is taken to begin in
/// March, so that the leap day comes last; an era has 400 years.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_ERA: i64 = 146_097;
    let shifted = days + 719_468;
    let era = shifted.div_euclid(DAYS_OF_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_OF_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_as_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
            (951_782_400_000, "2000-02-29T00:00:00"),
            (1_767_323_045_678, "2026-01-02T03:04:05"),
            (4_102_444_799_999, "2099-12-31T23:59:59"),
            (i64::MAX, "9999-12-31T23:59:59"),
            (i64::MIN, "0000-01-01T00:00:00"),
        ];
        for (millis, text) in cases {
            assert_eq!(Timestamp::from_millis(millis).to_utc_text(), text);
        }
    }
}
