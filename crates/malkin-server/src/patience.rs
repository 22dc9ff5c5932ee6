//! A connection whose client has to read: a write that is not taken for too long fails, and so does reading below a floor of speed.
//!
//! This sits at the socket, where all answers pass, those that lie in memory as well as those that are made while they are sent. A
//! limit on the body alone would not see an answer that lies in the buffers of the connection.
//!
//! Only time in which the client takes nothing counts. A connection has a credit of it, which bytes that are taken fill up again.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use malkin_service::{Budget, note_ended};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long is waited for a client that does not read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Longest time in which nothing is taken.
    pub(crate) silence: Duration,
    /// Time in which nothing is taken, of a connection so far, and at most later on.
    pub(crate) credit: Duration,
    /// Bytes that give back one second of it.
    pub(crate) rate: u64,
}

/// Half a minute without a byte is a client that does not read. One that reads 32 KiB/s on average is never given up; a slower one is
/// once it has cost a minute more than that.
pub(crate) const PATIENCE: Patience =
    Patience { silence: Duration::from_secs(30), credit: Duration::from_mins(1), rate: 32 << 10 };

/// A stream that fails to write when its client does not read.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    patience: Patience,
    credit: Duration,
    /// Since when nothing was taken, and when that ends the connection.
    blocked: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Patient<S> {
    /// With a full credit.
    pub(crate) fn new(stream: S, patience: Patience) -> Self {
        Self { stream, patience, credit: patience.credit, blocked: None }
    }

    /// What a write comes to: its own outcome, or an error when it has waited too long.
    fn settle(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = written {
            if let Some((since, _)) = self.blocked.take() {
                self.credit = self.credit.saturating_sub(since.elapsed());
            }
            if let Ok(bytes) = &outcome {
                let earned = Duration::from_secs_f64(*bytes as f64 / self.patience.rate.max(1) as f64);
                self.credit = self.credit.saturating_add(earned).min(self.patience.credit);
            }
            return Poll::Ready(outcome);
        }
        let allowed = self.patience.silence.min(self.credit);
        let (_, end) = self.blocked.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(tokio::time::sleep_until(now + allowed)))
        });
        ready!(end.as_mut().poll(context));
        note_ended(Budget::ReadTime);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.settle(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.settle(context, written)
    }

    // Without this, the bytes of large answers would be copied once more.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const HASTE: Patience =
        Patience { silence: Duration::from_secs(3), credit: Duration::from_secs(10), rate: 100 };

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_given_up() {
        let (ours, _theirs) = duplex(64);
        let mut stream = Patient::new(ours, HASTE);
        let started = Instant::now();
        assert_eq!(stream.write_all(&[7; 1000]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_is_given_up_later_and_a_steady_one_never() {
        for (bytes, ends) in [(64, true), (250, false)] {
            let (ours, mut theirs) = duplex(64);
            let reader = tokio::spawn(async move {
                let mut buffer = vec![0; bytes];
                while theirs.read_exact(&mut buffer).await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            });
            let mut stream = Patient::new(ours, HASTE);
            let started = Instant::now();
            let outcome = stream.write_all(&[7; 6000]).await;
            assert_eq!(outcome.is_err(), ends, "{bytes} bytes at a time");
            if ends {
                assert!((10..60).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
            }
            reader.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_anything_to_send_is_free() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Patient::new(ours, HASTE);
        for _ in 0..5 {
            stream.write_all(&[7; 10]).await.unwrap();
            theirs.read_exact(&mut [0; 10]).await.unwrap();
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
    }
}
