//! How often one client may ask: a bucket of requests for each token or address, which fills again at a steady rate.
//!
//! Who proves to be somebody never shares a bucket with those who do not: a flood of wrong tokens, from the same machine or
//! through the same proxy, costs the holders of tokens nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::slots::network;

/// Addresses remembered at the same time. Addresses beyond them share one bucket until some of these are full again.
const ADDRESSES: usize = 10_000;
/// A bucket holds what comes in in this many seconds.
const BURST_SECONDS: f64 = 2.0;
/// Full buckets are looked for this often at most.
const SWEEP: Duration = Duration::from_millis(100);

/// Whose requests are counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Client {
    /// The holder of the configured token.
    Master,
    /// The holder of a named token; the names are those of known tokens.
    Token(String),
    /// Everybody at an address, on a server without tokens.
    Address(IpAddr),
    /// Everybody at an address who has no valid token.
    Stranger(IpAddr),
}

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Requests a second; none is no limit.
    rate: Option<f64>,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// Of holders of tokens; as many as there are tokens, those since revoked included.
    known: HashMap<Client, Bucket>,
    /// Of addresses.
    addresses: HashMap<Client, Bucket>,
    /// Of all other addresses.
    others: Option<Bucket>,
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    counted: Instant,
}

impl Bucket {
    fn level(self, rate: f64, full: f64, now: Instant) -> f64 {
        (self.left + now.saturating_duration_since(self.counted).as_secs_f64() * rate).min(full)
    }
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
        let mut buckets = self.buckets.lock();
        let new = Bucket { left: full, counted: now };
        let bucket = match client {
            Client::Master | Client::Token(_) => {
                sweep(&mut buckets.known, rate, full, now);
                buckets.known.entry(client).or_insert(new)
            }
            Client::Address(address) => {
                buckets.of_address(Client::Address(network(address)), rate, full, now)
            }
            Client::Stranger(address) => {
                buckets.of_address(Client::Stranger(network(address)), rate, full, now)
            }
        };
        let left = bucket.level(rate, full, now);
        *bucket = Bucket { left: if left >= 1.0 { left - 1.0 } else { left }, counted: now };
        if left >= 1.0 { Ok(()) } else { Err(((1.0 - left) / rate).ceil().max(1.0) as u64) }
    }
}

/// Forgets full buckets of tokens once there are so many that some must be revoked.
fn sweep(known: &mut HashMap<Client, Bucket>, rate: f64, full: f64, now: Instant) {
    if known.len() >= ADDRESSES {
        known.retain(|_, bucket| bucket.level(rate, full, now) < full);
    }
}

impl Buckets {
    fn of_address(&mut self, client: Client, rate: f64, full: f64, now: Instant) -> &mut Bucket {
        let new = Bucket { left: full, counted: now };
        if self.addresses.len() >= ADDRESSES && !self.addresses.contains_key(&client) {
            if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP) {
                self.swept = Some(now);
                self.addresses.retain(|_, bucket| bucket.level(rate, full, now) < full);
            }
            if self.addresses.len() >= ADDRESSES {
                return self.others.get_or_insert(new);
            }
        }
        self.addresses.entry(client).or_insert(new)
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
    fn strangers_take_nothing_from_holders_of_tokens() {
        let (limiter, start) = (Limiter::new(Some(1)), Instant::now());
        let here = IpAddr::from([10, 0, 0, 1]);
        while limiter.count(Client::Stranger(here), start).is_ok() {}
        for client in [Client::Master, Client::Token("a".to_owned()), Client::Address(here)] {
            assert_eq!(limiter.count(client, start), Ok(()));
        }
        let (one, two) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        while limiter.count(Client::Stranger(one), start).is_ok() {}
        assert!(limiter.count(Client::Stranger(two), start).is_err(), "one network is one client");
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_forgotten_early() {
        let (limiter, start) = (Limiter::new(Some(1)), Instant::now());
        let address = |client: u32| Client::Address(IpAddr::from(client.to_be_bytes()));
        while limiter.count(address(0), start).is_ok() {}
        let mut refused = 0;
        for client in 1..3 * ADDRESSES as u32 {
            refused += u32::from(limiter.count(address(client), start).is_err());
        }
        assert!(limiter.count(address(0), start).is_err(), "the first client is still known");
        assert!(refused >= 2 * ADDRESSES as u32 - 2, "further addresses share a bucket: {refused}");
        assert!(limiter.buckets.lock().addresses.len() <= ADDRESSES);
        let later = start + Duration::from_secs(10);
        assert_eq!(limiter.count(address(u32::MAX), later), Ok(()));
        assert!(limiter.buckets.lock().addresses.len() < 10, "full buckets are forgotten");
    }
}
