//! Formats of single values: fields of documents, durations, sizes.

use serde_json::Value as Json;

/// The items of an array.
pub(crate) fn rows(documents: &Json) -> &[Json] {
    documents.as_array().map_or(&[], Vec::as_slice)
}

/// A field of an answer as text for a cell; `-` for what is not there.
pub(crate) fn cell(document: &Json, field: &str) -> String {
    match document.get(field) {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Seconds in the unit that people would use.
pub(crate) fn duration(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.0} s"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        Some(seconds) if seconds < 172_800.0 => format!("{:.0} h", seconds / 3600.0),
        Some(seconds) => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// Bytes in the unit that people would use.
pub(crate) fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| indicatif::BinaryBytes(bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(None), "-");
        assert_eq!(duration(Some(3.4)), "3 s");
        assert_eq!(duration(Some(600.0)), "10 min");
        assert_eq!(duration(Some(7200.0)), "2 h");
        assert_eq!(duration(Some(200_000.0)), "2 days");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(None), "-");
        assert_eq!(size(Some(512)), "512 B");
        assert_eq!(size(Some(13_114)), "12.81 KiB");
    }
}
