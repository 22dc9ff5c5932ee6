//! How often one client may ask: a bucket of requests for each token or address, which fills again at a steady rate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use parking_lot::Mutex;

/// Clients remembered at the same time. Those whose bucket is full again are forgotten first, and when that is not enough, all.
const CLIENTS: usize = 10_000;
/// A bucket holds what comes in in this many seconds.
const BURST_SECONDS: f64 = 2.0;

/// Whose requests are counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Client {
    /// The holder of a named token.
    Token(String),
    /// Everybody at an address.
    Address(IpAddr),
}

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Requests a second; none is no limit.
    rate: Option<f64>,
    buckets: Mutex<HashMap<Client, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    counted: Instant,
}

impl Limiter {
    /// `rate` requests a second for each client, or no limit.
    pub(crate) fn new(rate: Option<u32>) -> Self {
        Self { rate: rate.map(f64::from), buckets: Mutex::default() }
    }

    /// Counts a request; the error is the number of seconds after which the client may come again.
    pub(crate) fn count(&self, client: Client, now: Instant) -> Result<(), u64> {
        let Some(rate) = self.rate else { return Ok(()) };
        let full = (rate * BURST_SECONDS).max(1.0);
        let level = |bucket: &Bucket| {
            (bucket.left + now.saturating_duration_since(bucket.counted).as_secs_f64() * rate).min(full)
        };
        let mut buckets = self.buckets.lock();
        if buckets.len() >= CLIENTS && !buckets.contains_key(&client) {
            buckets.retain(|_, bucket| level(bucket) < full);
            if buckets.len() >= CLIENTS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(client).or_insert(Bucket { left: full, counted: now });
        let left = level(bucket);
        *bucket = Bucket { left: if left >= 1.0 { left - 1.0 } else { left }, counted: now };
        if left >= 1.0 { Ok(()) } else { Err(((1.0 - left) / rate).ceil().max(1.0) as u64) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(last: u8) -> Client {
        Client::Address(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn buckets_empty_fill_and_are_their_clients_own() {
        let (limiter, start) = (Limiter::new(Some(5)), Instant::now());
        for _ in 0..10 {
            assert_eq!(limiter.count(address(1), start), Ok(()));
        }
        assert_eq!(limiter.count(address(1), start), Err(1));
        assert_eq!(limiter.count(address(2), start), Ok(()));
        assert_eq!(limiter.count(Client::Token("a".to_owned()), start), Ok(()));
        let later = start + Duration::from_millis(450);
        assert_eq!((limiter.count(address(1), later), limiter.count(address(1), later)), (Ok(()), Ok(())));
        assert!(limiter.count(address(1), later).is_err(), "two have come in since");
        assert_eq!(Limiter::new(None).count(address(1), start), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, start) = (Limiter::new(Some(1)), Instant::now());
        for client in 0..3 * CLIENTS as u32 {
            let address = IpAddr::from(client.to_be_bytes());
            let _ = limiter.count(Client::Address(address), start + Duration::from_millis(u64::from(client)));
        }
        assert!(limiter.buckets.lock().len() <= CLIENTS);
    }
}
