//! Bytes between a thread that reads or writes, and a task that sends or receives. Whoever is faster waits for the other.

use bytes::{Buf as _, Bytes, BytesMut};
use std::io::{self, BufRead, Read, Write};
use tokio::sync::mpsc::{Receiver, Sender};

/// Pieces that wait in a pipe.
pub const PIPE_QUEUE: usize = 8;

/// Bytes of a piece that is written.
const PIECE_BYTES: usize = 64 << 10;

/// The end that a thread writes to.
#[derive(Debug)]
pub struct PipeWriter {
    to: Sender<Bytes>,
    piece: BytesMut,
}

impl PipeWriter {
    /// The writing end of a channel.
    pub fn new(to: Sender<Bytes>) -> Self {
        Self { to, piece: BytesMut::with_capacity(PIECE_BYTES) }
    }

    fn send(&mut self) -> io::Result<()> {
        let piece = self.piece.split().freeze();
        self.piece.reserve(PIECE_BYTES);
        self.to.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}

/// The end that a thread reads from.
#[derive(Debug)]
pub struct PipeReader {
    from: Receiver<Bytes>,
    piece: Bytes,
}

impl PipeReader {
    /// The reading end of a channel.
    pub fn new(from: Receiver<Bytes>) -> Self {
        Self { from, piece: Bytes::new() }
    }
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, bytes: usize) {
        self.piece.advance(bytes);
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let taken = piece.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&piece[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}
