//! Connections: how many there may be, how long a request's head may take to arrive and how large it may be, and how they end.
//!
//! A loop of our own rather than axum's `serve`, which bounds none of these.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::patience::{PATIENCE, Patient};

/// A head that has not arrived after this time ends its connection; so does one that was kept open without a request.
const HEAD_TIME: Duration = Duration::from_mins(1);
/// Largest head, in bytes: a cross comparison of 1,000 samples names them in its path. Larger ones are answered 431.
const HEAD_BYTES: usize = 128 << 10;
/// Connections at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 4096;
/// How long running requests may take to end when the server stops.
const LAST_REQUESTS: Duration = Duration::from_mins(1);
/// Pause after a connection could not be accepted, which mostly means that there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests with `respond`, which is told the address they come from, until `shutdown` completes; then lets running ones end.
pub(crate) async fn run<F, R>(listener: TcpListener, respond: F, shutdown: impl Future<Output = ()>)
where
    F: Fn(Request<Body>, SocketAddr) -> R + Clone + Send + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    run_with(HEAD_TIME, listener, respond, shutdown).await;
}

async fn run_with<F, R>(
    head_time: Duration,
    listener: TcpListener,
    respond: F,
    shutdown: impl Future<Output = ()>,
) where
    F: Fn(Request<Body>, SocketAddr) -> R + Clone + Send + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let (connections, graceful) = (Arc::new(Semaphore::new(CONNECTIONS)), GracefulShutdown::new());
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(HEAD_BYTES);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let room = Arc::clone(&connections).acquire_owned().await;
            (room, listener.accept().await)
        };
        let (room, accepted) = tokio::select! {
            accepted = accepted => accepted,
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
        // Answers are written in few pieces; waiting for more of them only delays small ones.
        let _ = stream.set_nodelay(true);
        let respond = respond.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let answer = respond(request.map(Body::new), peer);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let stream = TokioIo::new(Patient::new(stream, PATIENCE));
        let connection = graceful.watch(protocol.serve_connection(stream, service));
        tokio::spawn(async move {
            let _room = room;
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection broke off");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that were still running after a minute are broken off");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    /// A server that answers every request with its path, and what stops it.
    async fn start(head_time: Duration) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let echo = |request: Request<Body>, _| async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Response::new(Body::from(request.uri().path().to_owned()))
        };
        let server = tokio::spawn(run_with(head_time, listener, echo, async move {
            let _ = stopped.await;
        }));
        (address, stop, server)
    }

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
        let (address, _stop, _server) = start(Duration::from_millis(500)).await;
        let whole = answer(address, b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("/a"), "{whole}");
        let slow = answer(address, b"GET /a HTTP/1.1\r\nhost: ").await;
        assert!(!slow.contains("200"), "the connection ended without an answer: {slow}");
        let large = [b"GET /".to_vec(), vec![b'a'; 2 * HEAD_BYTES], b" HTTP/1.1\r\n\r\n".to_vec()].concat();
        let large = answer(address, &large).await;
        assert!(large.starts_with("HTTP/1.1 414") || large.starts_with("HTTP/1.1 431"), "{large:.60}");
    }

    #[tokio::test]
    async fn running_requests_end_and_idle_connections_are_closed() {
        let (address, stop, server) = start(HEAD_TIME).await;
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
