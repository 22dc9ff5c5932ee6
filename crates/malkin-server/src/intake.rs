//! How bodies are taken in: one by one within a limit, all together within a budget, and no slower than a floor.
//!
//! A body lies in memory until its request is answered. The budget bounds what all requests hold together: room is taken as
//! bytes arrive, never by what a client states, so that announcing much costs others nothing. A request that finds no room
//! waits for a while and is then told to come again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Answer;

/// Bodies held at the same time, in multiples of the largest one.
const LARGEST_BODIES: usize = 2;
/// Room is taken in steps of this many bytes.
const STEP: usize = 64 << 10;
/// Seconds after which a request that found no room may come again.
const COME_AGAIN: &str = "10";

/// A body that is not wanted is read on and thrown away within these bounds, so that a client that is still sending sees
/// the answer rather than a broken connection.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the next bytes.
    silence: Duration,
    /// For room.
    room: Duration,
    /// For the whole body, before its size counts.
    start: Duration,
    /// Bytes a second that a body has to bring on average after that.
    rate: u64,
}

/// Half a minute without a byte is a broken client; 16 KiB/s is slower than any link that is worth waiting for.
const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(30),
    room: Duration::from_secs(30),
    start: Duration::from_mins(1),
    rate: 16 << 10,
};

/// Takes bodies in.
#[derive(Debug)]
pub(crate) struct Intake {
    limit: usize,
    room: Arc<Semaphore>,
    patience: Patience,
}

/// A body and the room it takes, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The body.
    pub(crate) bytes: Bytes,
    /// Its room.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Why a body was not taken in.
struct Refusal {
    answer: Answer,
    /// The client may well be sending more.
    still_sending: bool,
}

impl Refusal {
    fn sending(answer: Answer) -> Self {
        Self { answer, still_sending: true }
    }

    fn ended(answer: Answer) -> Self {
        Self { answer, still_sending: false }
    }
}

impl Intake {
    /// For bodies of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self::with_patience(limit, PATIENCE)
    }

    fn with_patience(limit: usize, patience: Patience) -> Self {
        let steps = limit.saturating_mul(LARGEST_BODIES).div_ceil(STEP).clamp(1, Semaphore::MAX_PERMITS);
        Self { limit, room: Arc::new(Semaphore::new(steps)), patience }
    }

    /// Reads a body to its end.
    pub(crate) async fn take(&self, mut body: Body) -> Result<Taken, Answer> {
        let refusal = if body.size_hint().lower() > self.limit as u64 {
            Refusal::sending(Answer::too_large(self.limit))
        } else {
            match self.read(&mut body).await {
                Ok(taken) => return Ok(taken),
                Err(refusal) => refusal,
            }
        };
        // Whatever was held is free by now.
        if refusal.still_sending {
            discard(body).await;
        }
        Err(refusal.answer)
    }

    async fn read(&self, body: &mut Body) -> Result<Taken, Refusal> {
        let started = Instant::now();
        let mut bytes = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        loop {
            let brought = Duration::from_secs(bytes.len() as u64 / self.patience.rate.max(1));
            let due = started + self.patience.start + brought;
            let next = timeout_at(due.min(Instant::now() + self.patience.silence), body.frame());
            let Some(frame) = next.await.map_err(|_| Refusal::ended(too_slow()))? else {
                return Ok(Taken { bytes: bytes.freeze(), room });
            };
            let frame = frame.map_err(|_| Refusal::ended(unreadable()))?;
            let Some(data) = frame.data_ref() else { continue };
            let size = bytes.len().saturating_add(data.len());
            if size > self.limit {
                return Err(Refusal::sending(Answer::too_large(self.limit)));
            }
            let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let wanted = size.div_ceil(STEP).saturating_sub(held);
            if wanted > 0 {
                let more = self.room_for(wanted).await.map_err(Refusal::sending)?;
                match &mut room {
                    Some(room) => room.merge(more),
                    None => room = Some(more),
                }
            }
            bytes.extend_from_slice(data);
        }
    }

    async fn room_for(&self, steps: usize) -> Result<OwnedSemaphorePermit, Answer> {
        let steps = u32::try_from(steps).map_err(|_| Answer::too_large(self.limit))?;
        let room = Arc::clone(&self.room).acquire_many_owned(steps);
        match timeout(self.patience.room, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(no_room()),
        }
    }
}

/// Reads on what is not wanted.
pub(crate) async fn discard(mut body: Body) {
    let rest = async {
        let mut left = DISCARD_BYTES;
        while left > 0
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // What the client still sends is of no interest, and neither is how it ends.
    let _ = timeout(DISCARD_TIME, rest).await;
}

fn unreadable() -> Answer {
    Answer::framework(StatusCode::BAD_REQUEST, "400 Bad Request", Some("The body could not be read."))
}

fn too_slow() -> Answer {
    let description = Some("The body arrives too slowly.");
    Answer::framework(StatusCode::REQUEST_TIMEOUT, "408 Request Timeout", description)
}

fn no_room() -> Answer {
    let description = Some("Too many large bodies are being taken in. Please try again later.");
    Answer::framework(StatusCode::TOO_MANY_REQUESTS, "429 Too Many Requests", description)
        .with_header("retry-after", COME_AGAIN.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_body_util::channel::{Channel, Sender};

    use super::*;

    const LIMIT: usize = 4 * STEP;
    const HASTE: Patience = Patience {
        silence: Duration::from_millis(50),
        room: Duration::from_millis(50),
        start: Duration::from_secs(30),
        rate: 16 << 10,
    };

    fn sent(size: usize) -> Body {
        Body::from(vec![7; size])
    }

    fn unfinished() -> (Sender<Bytes, io::Error>, Body) {
        let (sender, channel) = Channel::new(8);
        (sender, Body::new(channel))
    }

    #[tokio::test]
    async fn bodies_share_one_budget_until_they_are_dropped() {
        let intake = Intake::with_patience(LIMIT, HASTE);
        let first = intake.take(sent(LIMIT)).await.unwrap();
        let second = intake.take(sent(LIMIT)).await.unwrap();
        assert_eq!((first.bytes.len(), second.bytes.len()), (LIMIT, LIMIT));
        let refusal = intake.take(sent(1)).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refusal.headers.iter().any(|(name, _)| *name == "retry-after"));
        assert!(intake.take(Body::empty()).await.unwrap().bytes.is_empty(), "nothing needs no room");
        drop(first);
        assert_eq!(intake.take(sent(LIMIT)).await.unwrap().bytes.len(), LIMIT);
        assert_eq!(intake.room.available_permits(), LIMIT / STEP);
    }

    #[tokio::test]
    async fn refused_bodies_leave_no_room_taken() {
        let intake = Intake::with_patience(LIMIT, HASTE);
        let whole = intake.room.available_permits();
        assert_eq!(intake.take(sent(LIMIT + 1)).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);

        // More than the limit without saying so.
        let (mut sender, body) = unfinished();
        for _ in 0..5 {
            sender.send_data(Bytes::from(vec![7; STEP])).await.unwrap();
        }
        drop(sender);
        assert_eq!(intake.take(body).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);

        // A client that goes away.
        let (mut sender, body) = unfinished();
        sender.send_data(Bytes::from_static(b"part")).await.unwrap();
        sender.abort(io::Error::other("gone"));
        assert_eq!(intake.take(body).await.unwrap_err().status, StatusCode::BAD_REQUEST);
        assert_eq!(intake.room.available_permits(), whole);
    }

    #[tokio::test]
    async fn silent_and_slow_clients_are_given_up() {
        for patience in [HASTE, Patience { silence: HASTE.start, start: Duration::ZERO, ..HASTE }] {
            let intake = Intake::with_patience(LIMIT, patience);
            let whole = intake.room.available_permits();
            let (mut sender, body) = unfinished();
            let sending = tokio::spawn(async move {
                sender.send_data(Bytes::from_static(b"part")).await.unwrap();
                std::future::pending::<()>().await;
            });
            assert_eq!(intake.take(body).await.unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
            assert_eq!(intake.room.available_permits(), whole);
            sending.abort();
        }
    }
}
