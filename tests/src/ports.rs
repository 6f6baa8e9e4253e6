//! Free TCP ports on loopback, no two tests the same.
//!
//! Asking the kernel for port 0 and closing it again hands out ports that any outgoing connection may take in the
//! meantime. These come from below the kernel's own range, one after another through a file shared by all test processes.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use crate::error::io;
use crate::lockfile::LockFile;
use crate::{HarnessError, Result};

/// First port handed out; above what services commonly use.
const FIRST: u16 = 14_000;
/// One past the last; below Linux' ephemeral range (32,768).
const END: u16 = 32_000;

/// A port of 127.0.0.1 that nothing listens on and no other test was given lately.
pub(crate) fn free_port() -> Result<u16> {
    let path = std::env::temp_dir().join("paperclip-tests.ports");
    let mut lock = LockFile::acquire(&path)?;
    let file = lock.file();
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io("reading the ports file"))?;
    let mut next = text.trim().parse::<u16>().unwrap_or(FIRST);
    for _ in FIRST..END {
        let port = next;
        next = if next + 1 >= END { FIRST } else { next + 1 };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            file.seek(SeekFrom::Start(0)).map_err(io("rewinding the ports file"))?;
            file.set_len(0).map_err(io("clearing the ports file"))?;
            file.write_all(next.to_string().as_bytes()).map_err(io("writing the ports file"))?;
            return Ok(port);
        }
    }
    Err(HarnessError::NotYet(format!("no free port between {FIRST} and {END}")))
}
