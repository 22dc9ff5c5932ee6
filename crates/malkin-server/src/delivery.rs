//! How answers reach clients within fixed amounts of memory and threads, whatever is asked for and however slowly it is read.
//!
//! - An answer in pieces whose first piece is all of it is sent as it is. A longer one takes a seat for streams.
//! - An answer that lies in memory as a whole takes its bytes from a budget until the last of them is on its way; small ones do not
//!   count. Work that states the size of its answer beforehand waits for room before it begins.
//! - Both have a share for each address. What finds no room is refused with 429 and may come again.
//!
//! Not here: clients that do not read are given up by their connection (`patience`).

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use malkin_service::{Budget, note_ended};
use tokio::sync::{Notify, Semaphore};

use crate::answer::{Answer, Later, Payload, Pieces};
use crate::body::{Body, full};
use crate::share::{Share, Shares};
use crate::stream;

/// Amounts that all answers share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of whole answers, of all clients and of one address.
    pub(crate) bytes: (usize, usize),
    /// Whole answers up to this size do not count: 4,096 connections hold 64 MiB of them.
    pub(crate) small: usize,
    /// Streams at once, of all clients and of one address.
    pub(crate) streams: (usize, usize),
    /// Requests that wait for the first piece of their answer, or for room for it.
    pub(crate) waiting: (usize, usize),
    /// Listeners to events.
    pub(crate) listeners: (usize, usize),
    /// How long is waited for room before work begins.
    pub(crate) patience: Duration,
}

/// A proxy is one address for all its clients, so an address has half of everything.
pub(crate) const LIMITS: Limits = Limits {
    bytes: (256 << 20, 128 << 20),
    small: 16 << 10,
    streams: (64, 32),
    waiting: (1024, 512),
    listeners: (256, 128),
    patience: Duration::from_secs(5),
};

/// Seconds after which a client that was refused may come again.
const COME_AGAIN: u64 = 5;

/// Delivers answers.
#[derive(Debug)]
pub(crate) struct Delivery {
    limits: Limits,
    bytes: Arc<Shares>,
    streams: Arc<Shares>,
    waiting: Arc<Shares>,
    /// Seats for listeners to events.
    pub(crate) listeners: Arc<Shares>,
    /// Pieces that are made at once: as many as there are cores, so that a crowd of listings leaves threads and processor to others.
    makers: Arc<Semaphore>,
    /// Rings when bytes are given back.
    freed: Arc<Notify>,
}

/// Bytes of an answer with the room they take, which is given back when the connection has handed on the last of them.
struct Held {
    bytes: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Room that rings when it is given back.
struct Room {
    share: Option<Share>,
    freed: Arc<Notify>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.share = None;
        self.freed.notify_waiters();
    }
}

impl Delivery {
    pub(crate) fn new(limits: Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            limits,
            bytes: Shares::new(limits.bytes.0, limits.bytes.1),
            streams: Shares::new(limits.streams.0, limits.streams.1),
            waiting: Shares::new(limits.waiting.0, limits.waiting.1),
            listeners: Shares::new(limits.listeners.0, limits.listeners.1),
            makers: Arc::new(Semaphore::new(cores.max(2))),
            freed: Arc::default(),
        }
    }

    /// Bytes of whole answers, streams, requests that wait, listeners: how many there are now.
    pub(crate) fn figures(&self) -> [(&'static str, usize); 4] {
        [
            ("bytes", self.bytes.taken()),
            ("streams", self.streams.taken()),
            ("waiting", self.waiting.taken()),
            ("listeners", self.listeners.taken()),
        ]
    }

    /// The body of an answer, and the answer without it: another one if this one cannot be delivered.
    pub(crate) async fn deliver(&self, mut answer: Answer, peer: IpAddr) -> (Answer, Body) {
        let payload = std::mem::take(&mut answer.body);
        let delivered = match payload {
            Payload::Bytes(bytes) => self.whole(bytes, peer),
            Payload::Pieces(pieces) => self.pieces(pieces, peer).await,
            Payload::Events(body) => Ok(body()),
            Payload::Later(later) => return Box::pin(self.later(later, peer)).await,
        };
        match delivered {
            Ok(body) => (answer, body),
            Err(refusal) => plain(refusal),
        }
    }

    fn whole(&self, bytes: Vec<u8>, peer: IpAddr) -> Result<Body, Answer> {
        if bytes.len() <= self.limits.small {
            return Ok(full(bytes));
        }
        let share = self.bytes.take(peer, bytes.len()).ok_or_else(|| refused(Budget::AnswerBytes))?;
        Ok(self.held(bytes, share))
    }

    fn held(&self, bytes: Vec<u8>, share: Share) -> Body {
        let room = Room { share: Some(share), freed: Arc::clone(&self.freed) };
        full(Bytes::from_owner(Held { bytes, _room: room }))
    }

    async fn pieces(&self, pieces: Box<dyn Pieces>, peer: IpAddr) -> Result<Body, Answer> {
        let size = pieces.size();
        let waiting = self.waiting.take(peer, 1).ok_or_else(|| refused(Budget::Streams))?;
        let first = stream::make(pieces, Arc::clone(&self.makers)).await?;
        drop(waiting);
        let Some(rest) = &first.rest else { return self.whole(first.piece, peer) };
        let seat = self.streams.take(peer, 1).ok_or_else(|| refused(Budget::Streams))?;
        let room = self.bytes.take(peer, rest.held()).ok_or_else(|| refused(Budget::AnswerBytes))?;
        Ok(stream::body(first, size, Arc::clone(&self.makers), vec![seat, room]))
    }

    async fn later(&self, later: Later, peer: IpAddr) -> (Answer, Body) {
        let Some(share) = self.room_for(later.size, peer).await else {
            return plain(refused(Budget::AnswerBytes));
        };
        let made = tokio::task::spawn_blocking(move || {
            catch_unwind(AssertUnwindSafe(later.make)).unwrap_or_else(|_| Err(Answer::crashed()))
        });
        let (Ok(mut answer) | Err(mut answer)) = made.await.unwrap_or_else(|_| Err(Answer::crashed()));
        match std::mem::take(&mut answer.body) {
            Payload::Bytes(bytes) if bytes.len() > self.limits.small => {
                let body = self.held(bytes, share);
                (answer, body)
            }
            other => {
                drop(share);
                answer.body = other;
                self.deliver(answer, peer).await
            }
        }
    }

    /// Room for so many bytes, waited for within bounds.
    async fn room_for(&self, size: usize, peer: IpAddr) -> Option<Share> {
        let _waiting = self.waiting.take(peer, 1)?;
        tokio::time::timeout(self.limits.patience, async {
            loop {
                let freed = self.freed.notified();
                if let Some(share) = self.bytes.take(peer, size) {
                    return share;
                }
                freed.await;
            }
        })
        .await
        .ok()
    }
}

/// A refusal with its body.
fn plain(mut refusal: Answer) -> (Answer, Body) {
    let body = match std::mem::take(&mut refusal.body) {
        Payload::Bytes(bytes) => full(bytes),
        _ => full(Bytes::new()),
    };
    (refusal, body)
}

/// A client that wants more at once than there is.
pub(crate) fn refused(budget: Budget) -> Answer {
    note_ended(budget);
    let description = Some("Too many large answers are being sent. Please try again later.");
    Answer::framework(StatusCode::TOO_MANY_REQUESTS, "429 Too Many Requests", description)
        .with_header("retry-after", COME_AGAIN.to_string())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;

    const TIGHT: Limits = Limits {
        bytes: (400_000, 300_000),
        small: 1000,
        streams: (3, 2),
        waiting: (4, 4),
        listeners: (1, 1),
        patience: Duration::from_millis(50),
    };

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn endless() -> Answer {
        Answer::pieces_from(
            b"",
            |out| {
                out.resize(out.len() + 100_000, b'x');
                Ok(true)
            },
            b"",
        )
    }

    fn retry(answer: &Answer) -> bool {
        answer.status == StatusCode::TOO_MANY_REQUESTS
            && answer.headers.iter().any(|(name, _)| *name == "retry-after")
    }

    #[tokio::test]
    async fn streams_have_seats_in_total_and_for_each_address_and_give_them_back() {
        let delivery = Delivery::new(TIGHT);
        let mut bodies = Vec::new();
        for (client, is_seated) in [(1, true), (1, true), (1, false), (2, true), (2, false), (3, false)] {
            let (answer, body) = delivery.deliver(endless(), peer(client)).await;
            assert_eq!(!retry(&answer), is_seated, "client {client}: {answer:?}");
            bodies.extend(is_seated.then_some(body));
        }
        // Small answers need no seat.
        let (answer, _) = delivery.deliver(Answer::data(&serde_json::json!(1)), peer(1)).await;
        assert_eq!(answer.status, StatusCode::OK);
        bodies.clear();
        assert_eq!(delivery.figures().map(|(_, taken)| taken), [0; 4]);
        assert_eq!(delivery.deliver(endless(), peer(3)).await.0.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn whole_answers_take_their_bytes_until_the_last_of_them_is_dropped() {
        let delivery = Delivery::new(TIGHT);
        let large = || Answer::raw_data(&vec![b'1'; 200_000]);
        let (_, body) = delivery.deliver(large(), peer(1)).await;
        assert!(retry(&delivery.deliver(large(), peer(1)).await.0), "the share of an address");
        let bytes = body.collect().await.unwrap().to_bytes();
        let part = bytes.slice(7..8);
        drop(bytes);
        assert!(delivery.figures()[0].1 > 200_000, "the connection still holds a part of it");
        drop(part);
        assert_eq!(delivery.figures()[0].1, 0);
    }

    #[tokio::test]
    async fn work_waits_for_room_and_never_begins_without() {
        let delivery = Arc::new(Delivery::new(Limits { patience: Duration::from_secs(30), ..TIGHT }));
        let later = || Answer::later(150_000, || Ok(Answer::raw_data(&vec![b'1'; 100_000])));
        let held = [1, 1].map(|client| delivery.deliver(later(), peer(client)));
        let [first, second] = held;
        let (first, second) = (first.await.1, second.await.1);
        let waiting = {
            let delivery = Arc::clone(&delivery);
            tokio::spawn(async move { delivery.deliver(later(), peer(1)).await.0.status })
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.unwrap(), StatusCode::OK);
        drop(second);

        let impatient = Delivery::new(TIGHT);
        let (_, _held) = impatient.deliver(later(), peer(1)).await;
        let (_, _held) = impatient.deliver(later(), peer(1)).await;
        let never = Answer::later(150_000, || panic!("there is no room for this"));
        assert!(retry(&impatient.deliver(never, peer(1)).await.0));
    }

    #[tokio::test]
    async fn work_that_crashes_is_answered_and_gives_its_room_back() {
        let delivery = Delivery::new(TIGHT);
        let (answer, _) = delivery.deliver(Answer::later(1000, || panic!("crash")), peer(1)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        let crash = Answer::pieces_from(b"", |_| panic!("crash"), b"");
        assert_eq!(delivery.deliver(crash, peer(1)).await.0.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(delivery.figures().map(|(_, taken)| taken), [0; 4]);
    }

    proptest! {
        #[test]
        fn an_answer_in_pieces_is_the_same_as_a_whole_one(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 1..8),
        ) {
            let whole = pieces.concat();
            let mut left = pieces.into_iter();
            let answer = Answer::pieces_from(b"<", move |out| {
                out.extend(left.next().unwrap_or_default());
                Ok(left.len() > 0)
            }, b">");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let sent = runtime.block_on(async {
                let (_, body) = Delivery::new(TIGHT).deliver(answer, peer(1)).await;
                body.collect().await.unwrap().to_bytes()
            });
            let expected = Answer::raw_data(&[b"<".as_slice(), &whole, b">"].concat());
            let Payload::Bytes(expected) = expected.body else { panic!("a whole answer") };
            prop_assert!(sent == expected);
        }
    }
}
