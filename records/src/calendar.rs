//! Months and days as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use consilium_exchange::records::Period;

const DAY_MS: u64 = 86_400_000;

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A month: `2026-11`.
///
/// # Errors
/// What was expected.
pub fn month(text: &str) -> Result<Period, String> {
    let expected = || format!("{text} is no month; write it as 2026-11");
    let (year, month) = text.split_once('-').ok_or_else(expected)?;
    if year.len() != 4 || month.len() != 2 {
        return Err(expected());
    }
    let year = year.parse().map_err(|_| expected())?;
    let month = month.parse().map_err(|_| expected())?;
    Period::new(year, month).map_err(|error| error.to_string())
}

/// The beginning of a day in UTC, `2027-01-31`, in milliseconds since 1970.
///
/// # Errors
/// What was expected.
pub fn day(text: &str) -> Result<u64, String> {
    let expected = || format!("{text} is no day from 1970 on; write it as 2027-01-31");
    let (first, day) = text.rsplit_once('-').ok_or_else(expected)?;
    let [high, low, month] = month(first).map_err(|_| expected())?.encode();
    let year = u64::from(u16::from_be_bytes([high, low]));
    let day: u64 = day.parse().map_err(|_| expected())?;
    let month = u64::from(month);
    if year < 1970 || !(1..=days_in(year, month)).contains(&day) {
        return Err(expected());
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    Ok((years + months + day - 1) * DAY_MS)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A month as a number, for a pass.
pub(crate) fn to_number(period: &Period) -> u32 {
    let [high, low, month] = period.encode();
    u32::from(u16::from_be_bytes([high, low])) * 12 + u32::from(month) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970_and_what_is_none_is_refused() {
        assert_eq!(day("1970-01-01"), Ok(0));
        assert_eq!(day("2000-03-01"), Ok(951_868_800_000));
        assert_eq!(day("2026-11-28"), Ok(1_795_824_000_000));
        for text in ["2026-02-29", "2026-13-01", "1969-12-31", "2026-11", "2026-11-00", "x-y-z"] {
            assert!(day(text).is_err(), "{text}");
        }
        assert!(day("2024-02-29").is_ok());
    }

    #[test]
    fn months_are_written_with_four_and_two_digits() {
        assert_eq!(month("2026-11").unwrap(), Period::new(2026, 11).unwrap());
        assert_eq!(to_number(&month("2026-01").unwrap()), 2026 * 12);
        for text in ["2026", "2026-1", "26-11", "2026-00", "2026-13", "november"] {
            assert!(month(text).is_err(), "{text}");
        }
    }
}
