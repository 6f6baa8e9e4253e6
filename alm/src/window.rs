//! Maintenance windows: days of the week and a span of hours, in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY_SECONDS: u64 = 86_400;

/// When maintenance may begin: `02:00-04:00`, or `Sat,Sun 22:00-04:00`. UTC. An end before the beginning is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Window {
    /// Whether it begins on that day, from Monday.
    days: [bool; 7],
    /// Minutes after midnight.
    begins: u16,
    /// Minutes after midnight.
    ends: u16,
}

/// A text that is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a window such as 02:00-04:00 or Sat,Sun 22:00-04:00 (UTC)")]
pub struct WindowError(String);

impl Window {
    /// Seconds from a time, in seconds since 1970, until it closes; nothing while it is closed.
    #[must_use]
    pub fn seconds_left(&self, at: u64) -> Option<u64> {
        let ends = u64::from(self.ends) * 60;
        let today = at % DAY_SECONDS;
        let left = if today < ends { ends - today } else { ends + DAY_SECONDS - today };
        self.is_open(at).then_some(left)
    }

    /// Whether it is open at a time, in seconds since 1970.
    #[must_use]
    pub fn is_open(&self, at: u64) -> bool {
        let minute = (at % DAY_SECONDS) / 60;
        // 1 January 1970 was a Thursday.
        let today = usize::try_from((at / DAY_SECONDS + 3) % 7).unwrap_or_default();
        let yesterday = (today + 6) % 7;
        let (begins, ends) = (u64::from(self.begins), u64::from(self.ends));
        if begins < ends {
            return self.days[today] && (begins..ends).contains(&minute);
        }
        (self.days[today] && minute >= begins) || (self.days[yesterday] && minute < ends)
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hour, minute): (u16, u16) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let bad = || WindowError(text.chars().take(80).collect());
        let (days, hours) = text.split_once(' ').map_or((None, text), |(days, hours)| (Some(days), hours));
        let mut open = [days.is_none(); 7];
        for day in days.into_iter().flat_map(|days| days.split(',')) {
            let day = DAYS.iter().position(|name| *name == day).ok_or_else(bad)?;
            open[day] = true;
        }
        let (begins, ends) = hours.split_once('-').ok_or_else(bad)?;
        let (begins, ends) = (minutes(begins).ok_or_else(bad)?, minutes(ends).ok_or_else(bad)?);
        // Nobody means a window without a length, or one of a whole day, by two equal times.
        if begins == ends {
            return Err(bad());
        }
        Ok(Self { days: open, begins, ends })
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != [true; 7] {
            let named: Vec<&str> =
                DAYS.iter().zip(self.days).filter(|(_, open)| *open).map(|(name, _)| *name).collect();
            write!(f, "{} ", named.join(","))?;
        }
        let (begins, ends) = (self.begins, self.ends);
        write!(f, "{:02}:{:02}-{:02}:{:02}", begins / 60, begins % 60, ends / 60, ends % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Wednesday, 25 November 2026, 00:00 UTC.
    const WEDNESDAY: u64 = 1_795_564_800;

    fn at(day: u64, hour: u64, minute: u64) -> u64 {
        WEDNESDAY + day * DAY_SECONDS + hour * 3600 + minute * 60
    }

    #[test]
    fn windows_open_and_close() {
        let every: Window = "02:00-04:30".parse().unwrap();
        assert!(!every.is_open(at(0, 1, 59)) && every.is_open(at(0, 2, 0)) && every.is_open(at(5, 4, 29)));
        assert!(!every.is_open(at(0, 4, 30)));
        let weekend: Window = "Sat,Sun 22:00-04:00".parse().unwrap();
        assert!(!weekend.is_open(at(2, 23, 0)), "Friday");
        assert!(!weekend.is_open(at(3, 3, 0)), "Saturday, before it has begun");
        assert!(weekend.is_open(at(3, 22, 0)) && weekend.is_open(at(4, 3, 59)));
        assert!(weekend.is_open(at(5, 3, 0)), "Monday, what began on Sunday");
        assert!(!weekend.is_open(at(5, 22, 0)));
        assert_eq!(weekend.seconds_left(at(3, 22, 0)), Some(6 * 3600));
        assert_eq!(weekend.seconds_left(at(4, 3, 59)), Some(60));
        assert_eq!(weekend.seconds_left(at(2, 23, 0)), None);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "2:00-4:00", "02:00", "02:00-02:00", "24:00-01:00", "Sa 02:00-04:00", "Sat, Sun 1:00-2:00"]
        {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(days in proptest::array::uniform7(any::<bool>()), begins in 0u16..1440, ends in 0u16..1440) {
            prop_assume!(begins != ends && days != [false; 7]);
            let window = Window { days, begins, ends };
            prop_assert_eq!(window.to_string().parse::<Window>().unwrap(), window);
        }
    }
}
