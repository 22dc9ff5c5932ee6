//! Bodies that are written while they are sent: large answers never lie in memory as a whole.
//!
//! The writer is a plain function on a blocking thread. A client that does not read for too long, or goes away, ends it; an
//! answer that cannot be written to its end is broken off, so that nobody takes a part for the whole.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use tokio::runtime::Handle;

/// Bytes handed over at once.
const CHUNK: usize = 64 << 10;
/// Chunks that wait for the client at most.
const CHUNKS: usize = 4;
/// A client that takes nothing for this long is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes a body.
pub(crate) type Producer = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// The body that a producer writes.
pub(crate) fn body(producer: Producer) -> Body {
    let (sender, channel) = Channel::<Bytes, io::Error>::new(CHUNKS);
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut writer = ChunkWriter { sender, handle, buffer: Vec::with_capacity(CHUNK) };
        let written = catch_unwind(AssertUnwindSafe(|| producer(&mut writer)))
            .unwrap_or_else(|_| Err(io::Error::other("the writer crashed")))
            .and_then(|()| writer.flush());
        if let Err(error) = written {
            tracing::warn!(%error, "an answer was broken off");
            writer.sender.abort(error);
        }
    });
    Body::new(channel)
}

struct ChunkWriter {
    sender: Sender<Bytes, io::Error>,
    handle: Handle,
    buffer: Vec<u8>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let sent =
            self.handle.block_on(tokio::time::timeout(PATIENCE, self.sender.send_data(Bytes::from(chunk))));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing any more")),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_written_arrives_in_chunks() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let sent = text.clone();
        let received = body(Box::new(move |out| out.write_all(&sent))).collect().await.unwrap().to_bytes();
        assert!(received == text);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_that_fails_is_broken_off() {
        let failing: [Producer; 2] = [
            Box::new(|out| {
                out.write_all(b"part")?;
                Err(io::Error::other("no more"))
            }),
            Box::new(|_| panic!("crash")),
        ];
        for producer in failing {
            assert!(body(producer).collect().await.is_err());
        }
    }
}
