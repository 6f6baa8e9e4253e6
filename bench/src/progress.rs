//! Progress and errors, on standard error.

/// Says a line.
pub(crate) fn say(text: &str) {
    #[expect(clippy::print_stderr, reason = "a person waits for minutes and wants to know for what")]
    {
        eprintln!("{text}");
    }
}
