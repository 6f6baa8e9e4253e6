//! Sizes: a file that one reads in a sitting, a function that fits a screen.

use paperclip_layout::{files, functions, read};

/// The most lines of a file of Rust.
const MOST_FILE_LINES: usize = 500;
/// The most lines of a function, from its signature to the closing brace.
const MOST_FUNCTION_LINES: usize = 70;

#[test]
fn no_file_is_over_500_lines() {
    let lines = |file: &std::path::PathBuf| read(file).lines().count();
    let long: Vec<String> = files("rs")
        .iter()
        .filter(|file| lines(file) > MOST_FILE_LINES)
        .map(|file| format!("{}: {} lines", file.display(), lines(file)))
        .collect();
    assert!(long.is_empty(), "split them by what they are about: {long:#?}");
}

#[test]
fn no_function_is_over_70_lines() {
    let mut long = Vec::new();
    for file in files("rs") {
        for function in functions(&file) {
            if function.lines > MOST_FUNCTION_LINES {
                let at = format!("{}:{}", file.display(), function.line);
                long.push(format!("{at}: {} takes {} lines", function.name, function.lines));
            }
        }
    }
    assert!(long.is_empty(), "name their parts: {long:#?}");
}
