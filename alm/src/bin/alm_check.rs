//! `alm-check FILE…`: judges recordings of the interface `alm`. Exit code 0 when all conform, 1 when one does not, 2 when one
//! cannot be read.

use std::io::Write;
use std::process::ExitCode;

use alm_interface::conformance::{Recording, check};

/// The largest recording that is read, in bytes.
const MAX_RECORDING_BYTES: u64 = 64 << 20;

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        say(
            &mut std::io::stderr(),
            "Judge recordings of the Juju interface alm.\n\nUsage: alm-check FILE...\n\n\
             A FILE is JSON as docs/alm/README.md says it, section \"Conformance\".",
        );
        return ExitCode::from(2);
    }
    let mut code = 0;
    for file in files {
        match judge(&file) {
            Ok(findings) if findings.is_empty() => say(&mut std::io::stdout(), &format!("{file}: conforms")),
            Ok(findings) => {
                code = code.max(1);
                findings
                    .iter()
                    .for_each(|finding| say(&mut std::io::stdout(), &format!("{file}: {finding}")));
            }
            Err(error) => {
                code = 2;
                say(&mut std::io::stderr(), &format!("{file}: {error}"));
            }
        }
    }
    ExitCode::from(code)
}

fn judge(file: &str) -> std::io::Result<Vec<String>> {
    let length = std::fs::metadata(file)?.len();
    if length > MAX_RECORDING_BYTES {
        let error = format!("{length} bytes, at most {MAX_RECORDING_BYTES} are read");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, error));
    }
    let recording: Recording = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    Ok(check(&recording).iter().map(ToString::to_string).collect())
}

/// A reader that is gone is no concern of ours.
fn say(to: &mut impl Write, text: &str) {
    let _ = writeln!(to, "{text}");
}
