//! Requests whose length is told twice. hyper drops `Content-Length` where there is a `Transfer-Encoding`, before anybody can
//! see it; a proxy in front may believe the one where the node believes the other. So the fields are counted as they come in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What such a line begins with, behind the end of the line before.
const FIELD: &[u8] = b"\ncontent-length:";

/// Lines of a connection that are fields `Content-Length`, and have not been seen in a request yet. Lines of a body that look
/// like one are counted as well: JSON has none.
#[derive(Debug, Clone, Default)]
pub(super) struct LengthFields(Arc<AtomicUsize>);

impl LengthFields {
    /// What counts them in the bytes of the connection.
    pub(super) fn counter(&self) -> LengthCounter {
        LengthCounter { fields: self.clone(), matched: 0 }
    }

    /// A request has come that shows one of them.
    pub(super) fn shown(&self) {
        let less = |fields: usize| fields.checked_sub(1);
        // None to take off is what the update fails with.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether there is one that no request shows.
    pub(super) fn hidden(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// Looks for fields in bytes that come piece by piece.
#[derive(Debug)]
pub(super) struct LengthCounter {
    fields: LengthFields,
    /// How much of [`FIELD`] the last bytes are.
    matched: usize,
}

impl LengthCounter {
    /// Counts the fields in the next bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().map(u8::to_ascii_lowercase) {
            let fits = FIELD.get(self.matched) == Some(&byte);
            self.matched = if fits { self.matched + 1 } else { usize::from(byte == b'\n') };
            if self.matched == FIELD.len() {
                self.matched = 0;
                self.fields.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_wherever_the_bytes_are_cut() {
        let head = b"POST / HTTP/1.1\r\nx-content-length: 1\r\nContent-LENGTH: 5\r\ncontent-length : 1\r\n\n\ncontent-length:7";
        for cut in 0..head.len() {
            let fields = LengthFields::default();
            let mut counter = fields.counter();
            counter.read(&head[..cut]);
            counter.read(&head[cut..]);
            assert_eq!(fields.0.load(Ordering::Relaxed), 2, "{cut}");
            fields.shown();
            assert!(fields.hidden());
            fields.shown();
            fields.shown();
            assert!(!fields.hidden());
        }
    }
}
