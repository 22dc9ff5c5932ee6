//! Connections: how long a request's head may take to arrive and how large it may be, and how they end. How many there
//! may be is in `slots`.
//!
//! A loop of our own, because the servers of web frameworks bound none of these.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use crate::body::{Body, BoxError, boxed};
use crate::patience::{PATIENCE, Patient};
use crate::slots::{Running, Slot, Slots};

/// Largest head, in bytes: a cross comparison of 1,000 samples names them in its path. Larger ones are answered 431.
const HEAD_BYTES: usize = 128 << 10;
/// Connections at the same time.
const CONNECTIONS: usize = 4096;
/// Connections from one address at the same time unless configured otherwise. A proxy has one address.
pub const DEFAULT_CONNECTIONS_PER_ADDRESS: usize = 1024;
/// How long running requests may take to end when the server stops. The unit in `packaging/` gives the whole stop 90 s.
const LAST_REQUESTS: Duration = Duration::from_secs(20);
/// Pause after a connection could not be accepted, which mostly means that there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);
/// Refused connections are logged once in this time.
const REFUSALS_LOGGED: Duration = Duration::from_secs(10);
/// What a connection is answered that finds no place.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 10\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Bounds of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at the same time.
    total: usize,
    /// Those of one address.
    per_address: usize,
    /// Time from opening a connection to the end of the first head.
    first_head: Duration,
    /// Time from the end of an answer to the end of the next head: for idleness and head together.
    next_head: Duration,
}

impl Bounds {
    /// With so many connections from one address.
    pub(crate) fn new(per_address: usize) -> Self {
        Self {
            total: CONNECTIONS,
            per_address,
            first_head: Duration::from_secs(10),
            next_head: Duration::from_secs(30),
        }
    }
}

/// Answers requests with `respond`, which gets the address they come from, until `shutdown` completes; then lets running ones end.
pub(crate) async fn run<F, R>(
    bounds: Bounds,
    listener: TcpListener,
    respond: F,
    shutdown: impl Future<Output = ()>,
) where
    F: Fn(Request<Body>, SocketAddr) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let (slots, graceful) = (Slots::new(bounds.total, bounds.per_address), GracefulShutdown::new());
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(bounds.next_head).max_buf_size(HEAD_BYTES);
    let mut shutdown = pin!(shutdown);
    let mut last_refusal: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(slot) = slots.take(peer.ip()).map(Arc::new) else {
            if last_refusal.is_none_or(|last| last.elapsed() >= REFUSALS_LOGGED) {
                tracing::warn!(%peer, "connections are refused: too many are open");
                last_refusal = Some(Instant::now());
            }
            // What does not fit at once is not sent.
            let _ = stream.try_write(FULL);
            continue;
        };
        // Answers are written in few pieces; waiting for more of them only delays small ones.
        let _ = stream.set_nodelay(true);
        let (respond, used) = (respond.clone(), Arc::clone(&slot));
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let running = used.begin();
            let answer = respond(request.map(boxed), peer);
            async move { Ok::<_, Infallible>(answer.await.map(|body| Answering { body, running })) }
        });
        let stream = TokioIo::new(Patient::new(stream, PATIENCE));
        let connection = graceful.watch(protocol.serve_connection(stream, service));
        tokio::spawn(serve_one(connection, slot, peer, bounds.first_head));
    }
    drop(listener);
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = LAST_REQUESTS.as_secs(), "requests that still ran are broken off");
    }
}

/// Serves one connection to its end, which may be that it gives way or never brought a request.
async fn serve_one<E: std::fmt::Display>(
    connection: impl Future<Output = Result<(), E>>,
    slot: Arc<Slot>,
    peer: SocketAddr,
    first_head: Duration,
) {
    let mut connection = pin!(connection);
    let ended = async {
        tokio::select! {
            ended = &mut connection => return Some(ended),
            () = tokio::time::sleep(first_head) => {}
        }
        if slot.was_used() { Some(connection.await) } else { None }
    };
    tokio::select! {
        ended = ended => match ended {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%peer, %error, "a connection broke off"),
            None => tracing::debug!(%peer, "a connection brought no request"),
        },
        () = slot.gives_way() => tracing::debug!(%peer, "an idle connection gave way to a new one"),
    }
}

/// A body that keeps its connection from giving way until it is sent.
struct Answering {
    body: Body,
    running: Running,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let _ = &self.running;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;
    use crate::body::full;

    /// A server that answers every request with its path, and what stops it.
    async fn start(bounds: Bounds) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let echo = |request: Request<Body>, _| async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Response::new(full(request.uri().path().to_owned()))
        };
        let server = tokio::spawn(run(bounds, listener, echo, async move {
            let _ = stopped.await;
        }));
        (address, stop, server)
    }

    const HASTE: Bounds = Bounds {
        total: 100,
        per_address: 100,
        first_head: Duration::from_millis(500),
        next_head: Duration::from_millis(500),
    };

    async fn answer(address: SocketAddr, sent: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut text = Vec::new();
        // A connection that is ended with data unread may be reset; what arrived counts.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test]
    async fn heads_have_a_time_and_a_size() {
        let (address, _stop, _server) = start(HASTE).await;
        let whole = answer(address, b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("/a"), "{whole}");
        let slow = answer(address, b"GET /a HTTP/1.1\r\nhost: ").await;
        assert!(!slow.contains("200"), "the connection ended without an answer: {slow}");
        let large = [b"GET /".to_vec(), vec![b'a'; 2 * HEAD_BYTES], b" HTTP/1.1\r\n\r\n".to_vec()].concat();
        let large = answer(address, &large).await;
        assert!(large.starts_with("HTTP/1.1 414") || large.starts_with("HTTP/1.1 431"), "{large:.60}");
    }

    /// Connections that send this and then nothing; they last until they are dropped or closed.
    async fn hold(address: SocketAddr, count: usize, sent: &[u8]) -> Vec<TcpStream> {
        let mut held = Vec::new();
        for _ in 0..count {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            held.push(stream);
        }
        held
    }

    /// Whether the other side has closed the connection.
    async fn is_closed(stream: &mut TcpStream) -> bool {
        let read = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut [0; 100])).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }

    const REQUEST: &[u8] = b"GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn idle_connections_give_way_to_new_ones() {
        let bounds = Bounds { per_address: 20, ..Bounds::new(0) };
        for sent in [&b""[..], b"GET /a HTTP/1.1\r\nhost"] {
            let (address, _stop, _server) = start(bounds).await;
            let mut held = hold(address, 200, sent).await;
            assert!(answer(address, REQUEST).await.ends_with("/b"));
            assert!(is_closed(&mut held[0]).await && !is_closed(&mut held[199]).await);
        }
    }

    #[tokio::test]
    async fn connections_beyond_those_with_requests_are_refused() {
        let (address, _stop, _server) = start(Bounds { per_address: 5, ..Bounds::new(0) }).await;
        let running: Vec<_> = (0..5).map(|_| tokio::spawn(answer(address, REQUEST))).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut refused = TcpStream::connect(address).await.unwrap();
        let mut text = String::new();
        refused.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("retry-after"), "{text}");
        for answer in running {
            assert!(answer.await.unwrap().ends_with("/b"));
        }
        assert!(answer(address, REQUEST).await.ends_with("/b"));
    }

    #[tokio::test]
    async fn connections_without_a_request_have_a_time_of_their_own() {
        let bounds = Bounds { next_head: Duration::from_mins(1), ..HASTE };
        let (address, _stop, _server) = start(bounds).await;
        let mut unused = TcpStream::connect(address).await.unwrap();
        let mut used = hold(address, 1, b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.remove(0);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(is_closed(&mut unused).await);
        let mut text = [0; 1000];
        let read = used.read(&mut text).await.unwrap();
        assert!(text[..read].ends_with(b"/a") && !is_closed(&mut used).await);
    }

    #[tokio::test]
    async fn running_requests_end_and_idle_connections_are_closed() {
        let (address, stop, server) = start(Bounds::new(10)).await;
        let idle = TcpStream::connect(address).await.unwrap();
        let running =
            tokio::spawn(answer(address, b"GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!(running.await.unwrap().ends_with("/b"));
        drop(idle);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
