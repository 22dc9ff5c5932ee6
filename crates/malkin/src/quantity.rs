//! Durations and sizes as people write them in options: `30d`, `10GiB`.

use std::time::Duration;

/// Seconds of each unit of time.
const TIMES: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
/// Bytes of each unit of size.
const SIZES: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// A number of seconds, minutes, hours, days or weeks.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    quantity(text, &TIMES).map(Duration::from_secs)
}

/// A number of KiB, MiB, GiB or TiB.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    quantity(text, &SIZES)
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let expected = || format!("expected a whole number with one of the units {}", names.join(", "));
    let number: u64 = number.parse().map_err(|_| expected())?;
    let (_, factor) =
        units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or_else(expected)?;
    number
        .checked_mul(*factor)
        .filter(|value| i64::try_from(*value).is_ok())
        .ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units() {
        assert_eq!(duration("30d"), Ok(Duration::from_hours(720)));
        assert_eq!(duration("90 s"), Ok(Duration::from_secs(90)));
        assert_eq!(size("10GiB"), Ok(10 << 30));
        assert_eq!(size("5mib"), Ok(5 << 20));
        for bad in ["", "30", "d", "-1d", "1.5h", "1y", "99999999999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(size("9000000TiB").is_err());
    }
}
