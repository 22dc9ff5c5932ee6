//! Answers that are made piece by piece while they are sent: a listing of any length takes the memory of one piece.
//!
//! A piece is made on a blocking thread once the client has taken the one before; between pieces an answer holds no thread, no
//! transaction and no more than its place in the listing. An answer that cannot be made to its end is broken off, so that nobody
//! takes a part for the whole. Who does not read is given up by the connection (`patience`).

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Semaphore;

use crate::answer::{Answer, Pieces};
use crate::body::{Body, boxed};
use crate::share::Share;

/// Bytes that are worth sending, and pieces that are put together at most to get there.
const ENOUGH: usize = 64 << 10;
const AT_ONCE: usize = 16;

/// A piece that was made, and what makes those that follow it.
pub(crate) struct Made {
    /// The bytes.
    pub(crate) piece: Vec<u8>,
    /// None once the answer is complete.
    pub(crate) rest: Option<Box<dyn Pieces>>,
}

/// Makes a piece on a blocking thread, when one of the seats of those is free.
pub(crate) async fn make(mut pieces: Box<dyn Pieces>, makers: Arc<Semaphore>) -> Result<Made, Answer> {
    let seat = makers.acquire_owned().await;
    let made = tokio::task::spawn_blocking(move || {
        let _seat = seat;
        let mut piece = Vec::new();
        let more = catch_unwind(AssertUnwindSafe(|| fill(&mut *pieces, &mut piece)))
            .unwrap_or_else(|_| Err(Answer::crashed()))?;
        Ok(Made { piece, rest: more.then_some(pieces) })
    });
    made.await.unwrap_or_else(|_| Err(Answer::crashed()))
}

/// Puts small pieces together. Not too many: those that come to nothing take their time as well.
fn fill(pieces: &mut dyn Pieces, out: &mut Vec<u8>) -> Result<bool, Answer> {
    let mut more = true;
    for _ in 0..AT_ONCE {
        more = pieces.next(out)?;
        if !more || out.len() >= ENOUGH {
            break;
        }
    }
    Ok(more)
}

/// The body of an answer of which the first piece was made.
pub(crate) fn body(first: Made, size: Option<u64>, makers: Arc<Semaphore>, shares: Vec<Share>) -> Body {
    boxed(Stream { state: State::Made(first), left: size, makers, _shares: shares })
}

type Making = Pin<Box<dyn Future<Output = Result<Made, Answer>> + Send>>;

enum State {
    Made(Made),
    /// The piece before was handed over.
    Waiting(Box<dyn Pieces>),
    Making(Making),
    Ended,
}

struct Stream {
    state: State,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    makers: Arc<Semaphore>,
    _shares: Vec<Share>,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Made(Made { piece, rest }) => {
                    self.state = rest.map_or(State::Ended, State::Waiting);
                    if piece.is_empty() {
                        continue;
                    }
                    self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))));
                }
                State::Waiting(pieces) => {
                    self.state = State::Making(Box::pin(make(pieces, Arc::clone(&self.makers))));
                }
                State::Making(mut making) => {
                    let made = match making.as_mut().poll(context) {
                        Poll::Ready(made) => made,
                        Poll::Pending => {
                            self.state = State::Making(making);
                            return Poll::Pending;
                        }
                    };
                    match made {
                        Ok(made) => self.state = State::Made(made),
                        Err(answer) => {
                            tracing::warn!(status = answer.status.as_u16(), "an answer was broken off");
                            return Poll::Ready(Some(Err(io::Error::other(
                                "the answer cannot be completed",
                            ))));
                        }
                    }
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::answer::FromFn;

    fn numbers(pieces: u32) -> Box<dyn Pieces> {
        let mut at = 0;
        Box::new(FromFn(move |out: &mut Vec<u8>| {
            at += 1;
            out.extend((0..100_000_u32).flat_map(|number| (number * at).to_le_bytes()));
            Ok(at < pieces)
        }))
    }

    async fn collect(pieces: Box<dyn Pieces>) -> Result<Bytes, io::Error> {
        let makers = Arc::new(Semaphore::new(1));
        let first = make(pieces, Arc::clone(&makers)).await.map_err(|_| io::Error::other("refused"))?;
        let body = body(first, None, Arc::clone(&makers), Vec::new());
        let collected = body.collect().await.map(http_body_util::Collected::to_bytes);
        assert_eq!(makers.available_permits(), 1, "the seat for making pieces is back");
        collected.map_err(io::Error::other)
    }

    #[tokio::test]
    async fn pieces_arrive_in_order_and_complete() {
        for pieces in [1, 2, 5] {
            let mut whole = Vec::new();
            let mut same = numbers(pieces);
            while same.next(&mut whole).is_ok_and(|more| more) {}
            assert!(collect(numbers(pieces)).await.unwrap() == whole, "{pieces} pieces");
        }
    }

    #[tokio::test]
    async fn a_body_that_fails_is_broken_off() {
        for crashes in [false, true] {
            let mut at = 0;
            let pieces = FromFn(move |out: &mut Vec<u8>| {
                at += 1;
                assert!(at < 3 || !crashes, "crash");
                out.resize(ENOUGH, 7);
                if at < 3 { Ok(true) } else { Err(Answer::crashed()) }
            });
            assert!(collect(Box::new(pieces)).await.is_err());
        }
    }

    #[tokio::test]
    async fn small_pieces_are_put_together_within_bounds() {
        let makers = Arc::new(Semaphore::new(1));
        let small = FromFn(|out: &mut Vec<u8>| {
            out.push(7);
            Ok(true)
        });
        let made = make(Box::new(small), Arc::clone(&makers)).await.unwrap();
        assert_eq!(made.piece.len(), AT_ONCE);
        assert!(made.rest.is_some());
    }
}
