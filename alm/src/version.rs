//! Versions of the interface, and which of them two sides speak.

use std::collections::BTreeSet;

use crate::at_most::AtMost;

/// The version of applications released before there was a manager: they are watched and asked for nothing.
pub const WATCHED: u16 = 1;
/// The version with requests, policy and verdicts.
pub const MANAGED: u16 = 2;
/// The versions this crate speaks.
pub const SPOKEN: [u16; 2] = [WATCHED, MANAGED];
/// The most versions that a side may name.
pub const MAX_VERSIONS: usize = 16;

/// The key `versions` of a bag.
pub type Versions = AtMost<u16, MAX_VERSIONS>;

/// The versions that a bag stands for: those it lists, or the one of its `schema`.
#[must_use]
pub fn named(schema: &str, versions: &Versions) -> BTreeSet<u16> {
    if versions.is_empty() {
        schema.parse().into_iter().collect()
    } else {
        versions.iter().copied().collect()
    }
}

/// The version that two sides speak: the highest that both name.
#[must_use]
pub fn agreed(ours: &BTreeSet<u16>, theirs: &BTreeSet<u16>) -> Option<u16> {
    ours.intersection(theirs).max().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(versions: &[u16]) -> BTreeSet<u16> {
        versions.iter().copied().collect()
    }

    #[test]
    fn the_highest_common_version_is_spoken() {
        assert_eq!(named("1", &Versions::default()), set(&[1]), "as released: no list");
        assert_eq!(named("1", &AtMost::first([1, 2])), set(&[1, 2]));
        assert_eq!(named("x", &Versions::default()), set(&[]));
        assert_eq!(agreed(&set(&SPOKEN), &set(&[1])), Some(1));
        assert_eq!(agreed(&set(&SPOKEN), &set(&[1, 2, 3])), Some(2));
        assert_eq!(agreed(&set(&SPOKEN), &set(&[3])), None);
    }
}
