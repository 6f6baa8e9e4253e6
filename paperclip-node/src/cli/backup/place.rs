//! Where a backup is: a file, standard input or output, or an object in S3.

use chrono::DateTime;
use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr};

/// Stands for standard input and output.
const STANDARD: &str = "-";

const S3: &str = "s3://";

/// What backups are called that are named by their time.
const BEGINNING: &str = "paperclip-";
const ENDING: &str = ".car";

/// Where a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Standard input or output.
    Standard,
    /// A file.
    File(PathBuf),
    /// An object.
    S3 {
        /// Its bucket.
        bucket: String,
        /// Its key. One that is empty or ends in a slash stands for backups that are named by their time.
        key: String,
    },
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix(S3) {
            _ if text == STANDARD => Self::Standard,
            Some(rest) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() }
            }
            None => Self::File(text.into()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str(STANDARD),
            Self::File(path) => path.display().fmt(f),
            Self::S3 { bucket, key } => write!(f, "{S3}{bucket}/{key}"),
        }
    }
}

/// Whether a key stands for backups that are named by their time.
pub(super) fn is_folder(key: &str) -> bool {
    key.is_empty() || key.ends_with('/')
}

/// The name of a backup of something, made now: the second since 1970, as `20261125T035000Z`.
pub(super) fn name(what: &str, now: u64) -> String {
    let at = i64::try_from(now).ok().and_then(|now| DateTime::from_timestamp(now, 0)).unwrap_or_default();
    format!("{BEGINNING}{what}-{}{ENDING}", at.format("%Y%m%dT%H%M%SZ"))
}

/// Those of the keys below `folder` that are no longer kept: older backups of the same thing, beyond the newest `keep`.
pub(super) fn outdated<'a>(
    keys: impl Iterator<Item = &'a str>,
    folder: &str,
    what: &str,
    keep: usize,
) -> Vec<&'a str> {
    let is_one = |key: &&str| {
        let time = key.strip_prefix(folder).and_then(|name| name.strip_prefix(BEGINNING));
        let time = time.and_then(|name| name.strip_prefix(what)?.strip_prefix('-')?.strip_suffix(ENDING));
        time.is_some_and(|time| time.len() == 16 && !time.contains('/'))
    };
    let mut made: Vec<&str> = keys.filter(is_one).collect();
    made.sort_unstable();
    made.truncate(made.len().saturating_sub(keep));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_shown_as_they_were_given() {
        let s3 = |bucket: &str, key: &str| Place::S3 { bucket: bucket.into(), key: key.into() };
        for (text, place) in [
            ("-", Place::Standard),
            ("./-", Place::File("./-".into())),
            ("s3:/x", Place::File("s3:/x".into())),
            ("s3://b/k/x.car", s3("b", "k/x.car")),
            ("s3://b/", s3("b", "")),
        ] {
            let Ok(parsed) = text.parse::<Place>();
            assert_eq!((parsed.to_string().as_str(), parsed), (text, place));
        }
    }

    #[test]
    fn of_backups_of_one_thing_the_newest_are_kept_and_nothing_else_is_touched() {
        assert_eq!(name("all", 1_700_000_000), "paperclip-all-20231114T221320Z.car");
        let made: Vec<String> =
            (0..4).map(|n| format!("a/{}", name("all", 1_700_000_000 + n * 86_400))).collect();
        let others = [
            "a/notes.txt",
            "a/paperclip-all-x.car",
            "a/b/paperclip-all-20231114T221320Z.car",
            "paperclip-all-20231114T221320Z.car",
            "a/paperclip-zdpu1-20231114T221320Z.car",
        ];
        let keys = || made.iter().rev().map(String::as_str).chain(others);
        assert_eq!(outdated(keys(), "a/", "all", 2), [&made[0], &made[1]]);
        assert!(outdated(keys(), "a/", "all", 4).is_empty());
        assert_eq!(outdated(keys(), "", "all", 0), ["paperclip-all-20231114T221320Z.car"]);
    }
}
