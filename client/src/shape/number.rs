//! Whole numbers as clients give them: `5` and `5.0` are the same to JSON and to JavaScript.

use oplog::cbor::MAX_SAFE_INTEGER;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// The most items of a page, and how many it has unless fewer are asked for.
pub const MAX_PAGE_ITEMS: usize = 10_000;

/// A whole number, in a body or in a query, that every JSON parser reads the same: up to 2^53 - 1 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Whole(pub i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl de::Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number below 2^53")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Whole, E> {
        if number.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs() {
            return Err(E::invalid_value(de::Unexpected::Signed(number), &self));
        }
        Ok(Whole(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
        if number.fract() != 0.0 || number.is_nan() {
            return Err(E::invalid_value(de::Unexpected::Float(number), &self));
        }
        #[expect(clippy::cast_possible_truncation, reason = "what saturates is refused")]
        self.visit_i64(number as i64)
    }

    /// Numbers of a query are texts.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Whole, E> {
        if let Ok(number) = text.parse() {
            return self.visit_i64(number);
        }
        match text.parse() {
            Ok(number) => self.visit_f64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

/// How many of something: a whole number from 0 up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Whole")]
pub struct Count(pub u64);

impl TryFrom<Whole> for Count {
    type Error = String;

    fn try_from(Whole(number): Whole) -> Result<Self, String> {
        u64::try_from(number).map(Self).map_err(|_| format!("{number} is below 0"))
    }
}

/// How many items a page has: 1 to [`MAX_PAGE_ITEMS`], which is also what it has unless it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Whole")]
pub struct Limit(pub usize);

impl Default for Limit {
    fn default() -> Self {
        Self(MAX_PAGE_ITEMS)
    }
}

impl TryFrom<Whole> for Limit {
    type Error = String;

    fn try_from(Whole(number): Whole) -> Result<Self, String> {
        let limit = usize::try_from(number).ok().filter(|limit| (1..=MAX_PAGE_ITEMS).contains(limit));
        limit.map(Self).ok_or_else(|| format!("limit: {number} is not 1 to {MAX_PAGE_ITEMS}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        for (text, number) in
            [("5", 5), ("5.0", 5), ("-1", -1), ("1e3", 1000), ("9007199254740991", MAX_SAFE_INTEGER)]
        {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(number), "{text}");
            assert_eq!(serde_json::from_str::<Whole>(&format!("{text:?}")).unwrap(), Whole(number), "{text}");
        }
        for bad in [
            "5.5",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "1e30",
            "true",
            "\"many\"",
            "\"NaN\"",
            "null",
        ] {
            assert!(serde_json::from_str::<Whole>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_limit_beyond_a_page_is_refused_rather_than_lowered() {
        for bad in ["0", "10001", "-1"] {
            assert!(serde_json::from_str::<Limit>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Limit>("10000").unwrap(), Limit::default());
    }
}
