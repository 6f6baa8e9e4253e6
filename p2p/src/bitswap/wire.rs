//! Messages on streams: one per outbound stream, any number on inbound ones.

use std::{io, sync::Arc, time::Duration};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::StreamProtocol;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    limits::{INBOUND_MEMORY, MAX_MESSAGE, READ_AT_MOST, READ_STALL, WRITE_AT_MOST, WRITE_STALL},
    message::{Message, MessageError},
};

/// The protocol's name. JavaScript asks a peer for blocks only if its identify lists exactly this.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/bitswap/1.2.0");

/// Bytes that are read, written and accounted for at a time.
const CHUNK: usize = 64 * 1024;

/// The longest length prefix: a varint of 64 bits.
const MAX_VARINT: usize = 10;

/// Why an inbound stream was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error("the length prefix is no number")]
    BadLength,
    #[error("nothing arrived for {READ_STALL:?}, or too little for {READ_AT_MOST:?}")]
    TimedOut,
    #[error("unfinished messages take too much memory")]
    OverMemory,
    #[error("the stream broke")]
    Broken(#[from] io::Error),
}

/// Why a message could not be sent on an open stream.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the peer does not read")]
    TimedOut,
    #[error("the stream broke")]
    Broken(#[from] io::Error),
}

/// The memory that unfinished messages of all peers share.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(INBOUND_MEMORY / CHUNK)))
    }
}

/// A message and the memory it is charged with until it has been handled.
#[derive(Debug)]
pub(super) struct Charged {
    pub(super) message: Message,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reads the next message, or nothing at the end of the stream.
pub(super) async fn read<S>(stream: &mut S, budget: &Budget) -> Result<Option<Charged>, ReadError>
where
    S: AsyncRead + Unpin,
{
    timeout(READ_AT_MOST, async {
        let Some(length) = read_length(stream).await? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut memory: Option<OwnedSemaphorePermit> = None;
        // Memory is taken as bytes arrive: a length alone costs us nothing.
        while bytes.len() < length {
            let more = Arc::clone(&budget.0).try_acquire_owned().map_err(|_| ReadError::OverMemory)?;
            match &mut memory {
                Some(memory) => memory.merge(more),
                None => memory = Some(more),
            }
            let from = bytes.len();
            bytes.resize(length.min(from + CHUNK), 0);
            read_exact(stream, &mut bytes[from..]).await?;
        }
        Ok(Some(Charged { message: Message::decode(&bytes)?, _memory: memory }))
    })
    .await
    .unwrap_or(Err(ReadError::TimedOut))
}

async fn read_length<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<usize>, ReadError> {
    let mut prefix = Vec::with_capacity(MAX_VARINT);
    loop {
        let mut byte = [0];
        let read = stalling(READ_STALL, stream.read(&mut byte)).await.ok_or(ReadError::TimedOut)??;
        if read == 0 {
            return if prefix.is_empty() { Ok(None) } else { Err(ReadError::BadLength) };
        }
        prefix.push(byte[0]);
        if byte[0] < 0x80 {
            break;
        }
        if prefix.len() == MAX_VARINT {
            return Err(ReadError::BadLength);
        }
    }
    let length = prost::encoding::decode_varint(&mut &prefix[..]).map_err(|_| ReadError::BadLength)?;
    match usize::try_from(length) {
        Ok(length) if length <= MAX_MESSAGE => Ok(Some(length)),
        _ => Err(MessageError::TooLong(length).into()),
    }
}

async fn read_exact<S: AsyncRead + Unpin>(stream: &mut S, mut into: &mut [u8]) -> Result<(), ReadError> {
    while !into.is_empty() {
        let read = stalling(READ_STALL, stream.read(into)).await.ok_or(ReadError::TimedOut)??;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        into = &mut into[read..];
    }
    Ok(())
}

/// Writes a message, closes our half of the stream and leaves the rest to the peer.
pub(super) async fn write<S>(stream: &mut S, message: &Message) -> Result<(), WriteError>
where
    S: AsyncWrite + Unpin,
{
    timeout(WRITE_AT_MOST, async {
        for chunk in message.encode().chunks(CHUNK) {
            stalling(WRITE_STALL, stream.write_all(chunk)).await.ok_or(WriteError::TimedOut)??;
        }
        stalling(WRITE_STALL, stream.close()).await.ok_or(WriteError::TimedOut)??;
        Ok(())
    })
    .await
    .unwrap_or(Err(WriteError::TimedOut))
}

async fn stalling<F: Future>(limit: Duration, io: F) -> Option<F::Output> {
    timeout(limit, io).await.ok()
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;
    use crate::bitswap::message::Presence;

    async fn read_bytes(bytes: &[u8]) -> Result<Option<Charged>, ReadError> {
        read(&mut Cursor::new(bytes), &Budget::default()).await
    }

    #[tokio::test]
    async fn messages_follow_one_another_until_the_end() {
        let presences = vec![(cid::Cid::default(), Presence::Have)];
        let message = Message { presences, full: true, ..Message::default() };
        let twice = [message.encode(), message.encode()].concat();
        let (mut stream, budget) = (Cursor::new(twice), Budget::default());
        for _ in 0..2 {
            assert_eq!(read(&mut stream, &budget).await.unwrap().unwrap().message, message);
        }
        assert!(read(&mut stream, &budget).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_huge_length_is_refused_at_once() {
        let claimed = [0xff, 0xff, 0xff, 0xff, 0x0f];
        let error = read_bytes(&claimed).await.unwrap_err();
        assert!(matches!(error, ReadError::Message(MessageError::TooLong(_))), "{error:?}");
        let error = read_bytes(&[0xff; 11]).await.unwrap_err();
        assert!(matches!(error, ReadError::BadLength), "{error:?}");
    }

    #[tokio::test]
    async fn a_cut_message_is_broken() {
        let error = read_bytes(&[10, 1, 2]).await.unwrap_err();
        assert!(matches!(error, ReadError::Broken(_)), "{error:?}");
    }

    #[tokio::test]
    async fn memory_is_given_back() {
        let budget = Budget::default();
        let before = budget.0.available_permits();
        let long = Message { blocks: Vec::new(), full: true, ..Message::default() }.encode();
        let charged = read(&mut Cursor::new(long), &budget).await.unwrap();
        assert!(budget.0.available_permits() < before);
        drop(charged);
        assert_eq!(budget.0.available_permits(), before);
    }

    #[tokio::test]
    async fn memory_in_use_refuses_more() {
        let budget = Budget(Arc::new(Semaphore::new(0)));
        let error = read(&mut Cursor::new(vec![1, 0]), &budget).await.unwrap_err();
        assert!(matches!(error, ReadError::OverMemory), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_given_up() {
        let (silent, _other) = tokio::io::duplex(64);
        let mut silent = tokio_util::compat::TokioAsyncReadCompatExt::compat(silent);
        let error = read(&mut silent, &Budget::default()).await.unwrap_err();
        assert!(matches!(error, ReadError::TimedOut), "{error:?}");
        let error = write(&mut silent, &Message { full: true, ..Message::default() }).await;
        assert!(error.is_ok(), "a small message fits the pipe");
    }
}
