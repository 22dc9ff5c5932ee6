//! How bodies are taken in: one by one within a limit, all together within a budget, and no slower than a floor.
//!
//! A body lies in memory until its request is answered. The budget bounds what all requests hold together: room is taken as
//! bytes arrive, never by what a client states, so that announcing much costs others nothing. A request that finds no room
//! waits for a while and is then refused with the time after which to retry.
//!
//! Bodies that hold room while they wait for more could wait for each other. Half of the budget is therefore a lane: the first
//! request in line that finds the shared half full has room for all of its body, so it ends and gives back what it held.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Answer;
use crate::body::Body;

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

/// Half a minute without a byte is a broken client; 16 KiB/s is slower than any link that is worth waiting for. Who waits for
/// room holds a connection and maybe room, also when its client is gone: that shows only once more of the body is read.
const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(30),
    room: Duration::from_secs(5),
    start: Duration::from_mins(1),
    rate: 16 << 10,
};

/// Takes bodies in.
#[derive(Debug)]
pub(crate) struct Intake {
    limit: usize,
    /// Shared by all bodies, in steps; as much as the largest one takes.
    shared: Arc<Semaphore>,
    /// Room for one of the largest bodies.
    lane: Arc<Semaphore>,
    patience: Patience,
}

/// Room that a body takes, which is given back when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Room {
    shared: Option<OwnedSemaphorePermit>,
    /// Enough for whatever is still to come.
    lane: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Steps that are still wanted for `size` bytes.
    fn wanted(&self, size: usize) -> usize {
        if self.lane.is_some() {
            return 0;
        }
        let held = self.shared.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        size.div_ceil(STEP).saturating_sub(held)
    }

    fn share(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.shared {
            Some(shared) => shared.merge(more),
            None => self.shared = Some(more),
        }
    }
}

/// A body and the room it takes.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The body.
    pub(crate) bytes: Bytes,
    /// Its room.
    pub(crate) room: Room,
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
        let steps = limit.div_ceil(STEP).clamp(1, Semaphore::MAX_PERMITS);
        let (shared, lane) = (Arc::new(Semaphore::new(steps)), Arc::new(Semaphore::new(1)));
        Self { limit, shared, lane, patience }
    }

    /// Reads a body to its end; `waits` if its client sends it only once it is asked to.
    pub(crate) async fn take(&self, mut body: Body, waits: bool) -> Result<Taken, Answer> {
        if body.size_hint().lower() > self.limit as u64 {
            refuse(body, waits);
            return Err(Answer::too_large(self.limit));
        }
        match self.read(&mut body).await {
            Ok(taken) => Ok(taken),
            Err(refusal) => {
                // Whatever was held is free by now.
                if refusal.still_sending {
                    refuse(body, false);
                }
                Err(refusal.answer)
            }
        }
    }

    async fn read(&self, body: &mut Body) -> Result<Taken, Refusal> {
        let started = Instant::now();
        let mut bytes = BytesMut::new();
        let mut room = Room::default();
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
            let wanted = room.wanted(size);
            if wanted > 0 {
                self.make_room(&mut room, wanted).await.map_err(Refusal::sending)?;
            }
            bytes.extend_from_slice(data);
        }
    }

    async fn make_room(&self, room: &mut Room, steps: usize) -> Result<(), Answer> {
        let steps = u32::try_from(steps).map_err(|_| Answer::too_large(self.limit))?;
        let made = timeout(self.patience.room, async {
            // The lane is for those that find the shared half full.
            tokio::select! {
                biased;
                more = Arc::clone(&self.shared).acquire_many_owned(steps) => room.share(more.ok()?),
                lane = Arc::clone(&self.lane).acquire_owned() => room.lane = Some(lane.ok()?),
            }
            Some(())
        });
        made.await.ok().flatten().ok_or_else(no_room)
    }
}

/// Does without a body that is not wanted. The answer goes out at once; meanwhile the body is read on, unless its client
/// `waits` to be asked for it.
pub(crate) fn refuse(body: Body, waits: bool) {
    if !waits && !body.is_end_stream() {
        tokio::spawn(discard(body));
    }
}

async fn discard(mut body: Body) {
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
    use crate::body::{boxed, full};

    const LIMIT: usize = 4 * STEP;
    const HASTE: Patience = Patience {
        silence: Duration::from_millis(50),
        room: Duration::from_millis(50),
        start: Duration::from_secs(30),
        rate: 16 << 10,
    };

    fn sent(size: usize) -> Body {
        full(vec![7; size])
    }

    fn unfinished() -> (Sender<Bytes, io::Error>, Body) {
        let (sender, channel) = Channel::new(8);
        (sender, boxed(channel))
    }

    /// Shared steps and lanes that nobody has.
    fn free(intake: &Intake) -> (usize, usize) {
        (intake.shared.available_permits(), intake.lane.available_permits())
    }

    #[tokio::test]
    async fn bodies_that_want_more_than_there_is_do_not_wait_for_each_other() {
        let intake = Arc::new(Intake::with_patience(LIMIT, Patience { room: HASTE.start, ..HASTE }));
        let bodies: Vec<_> = (0..12)
            .map(|_| {
                let (mut sender, body) = unfinished();
                tokio::spawn(async move {
                    for _ in 0..LIMIT / STEP {
                        sender.send_data(Bytes::from(vec![7; STEP])).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                });
                let intake = Arc::clone(&intake);
                tokio::spawn(async move { intake.take(body, false).await.map(|taken| taken.bytes.len()) })
            })
            .collect();
        let started = Instant::now();
        for body in bodies {
            assert_eq!(body.await.unwrap().unwrap(), LIMIT);
        }
        assert!(started.elapsed() < HASTE.start, "nobody ran out of patience");
        assert_eq!(free(&intake), (LIMIT / STEP, 1));
    }

    #[tokio::test]
    async fn bodies_share_one_budget_until_they_are_dropped() {
        let intake = Intake::with_patience(LIMIT, HASTE);
        let first = intake.take(sent(LIMIT), false).await.unwrap();
        let second = intake.take(sent(LIMIT), false).await.unwrap();
        assert_eq!((first.bytes.len(), second.bytes.len()), (LIMIT, LIMIT));
        let refusal = intake.take(sent(1), false).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refusal.headers.iter().any(|(name, _)| *name == "retry-after"));
        assert!(
            intake.take(full(Bytes::new()), false).await.unwrap().bytes.is_empty(),
            "nothing needs no room"
        );
        drop(first);
        assert_eq!(intake.take(sent(LIMIT), false).await.unwrap().bytes.len(), LIMIT);
        drop(second);
        assert_eq!(free(&intake), (LIMIT / STEP, 1));
    }

    #[tokio::test]
    async fn refused_bodies_leave_no_room_taken() {
        let intake = Intake::with_patience(LIMIT, HASTE);
        let whole = free(&intake);
        assert_eq!(
            intake.take(sent(LIMIT + 1), false).await.unwrap_err().status,
            StatusCode::PAYLOAD_TOO_LARGE
        );

        // More than the limit without saying so.
        let (mut sender, body) = unfinished();
        for _ in 0..5 {
            sender.send_data(Bytes::from(vec![7; STEP])).await.unwrap();
        }
        drop(sender);
        assert_eq!(intake.take(body, false).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);

        // A client that goes away.
        let (mut sender, body) = unfinished();
        sender.send_data(Bytes::from_static(b"part")).await.unwrap();
        sender.abort(io::Error::other("gone"));
        assert_eq!(intake.take(body, false).await.unwrap_err().status, StatusCode::BAD_REQUEST);
        assert_eq!(free(&intake), whole);
    }

    #[tokio::test]
    async fn silent_and_slow_clients_are_given_up() {
        for patience in [HASTE, Patience { silence: HASTE.start, start: Duration::ZERO, ..HASTE }] {
            let intake = Intake::with_patience(LIMIT, patience);
            let whole = free(&intake);
            let (mut sender, body) = unfinished();
            let sending = tokio::spawn(async move {
                sender.send_data(Bytes::from_static(b"part")).await.unwrap();
                std::future::pending::<()>().await;
            });
            assert_eq!(intake.take(body, false).await.unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
            assert_eq!(free(&intake), whole);
            sending.abort();
        }
    }
}
