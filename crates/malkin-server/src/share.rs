//! Something of which there is a fixed amount for all clients together and for each address: seats of streams, bytes of answers.
//!
//! Nothing is queued here. What is taken is given back when its [`Share`] is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::slots::network;

/// An amount that clients share.
#[derive(Debug)]
pub(crate) struct Shares {
    total: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// What was taken.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    address: IpAddr,
    amount: usize,
}

impl Shares {
    /// `total` for all clients, at most `each` of it for one address.
    pub(crate) fn new(total: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { total, each: each.min(total), taken: Mutex::default() })
    }

    /// Takes an amount, or nothing if there is not as much left. An amount above the share of one address counts as all of that
    /// share: it is given when the address has nothing else.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr, amount: usize) -> Option<Share> {
        let (address, amount) = (network(address), amount.min(self.each));
        let mut taken = self.taken.lock();
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all + amount > self.total || of_address + amount > self.each {
            return None;
        }
        taken.all += amount;
        if amount > 0 {
            taken.by_address.insert(address, of_address + amount);
        }
        Some(Share { shares: Arc::clone(self), address, amount })
    }

    /// How much is taken by all clients.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().all
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock();
        taken.all -= self.amount;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address = of_address.saturating_sub(self.amount);
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_share_and_all_have_the_total() {
        let shares = Shares::new(10, 6);
        let (a, b, c) = (address("10.0.0.1"), address("10.0.0.2"), address("10.0.0.3"));
        let first = shares.take(a, 4).unwrap();
        assert!(shares.take(a, 3).is_none(), "beyond the share of an address");
        let second = shares.take(b, 6).unwrap();
        assert!(shares.take(c, 1).is_none(), "beyond the total");
        assert_eq!(shares.taken(), 10);
        drop(second);
        assert!(shares.take(c, 100).is_some_and(|share| share.amount == 6), "all of a share at most");
        drop(first);
        assert_eq!(shares.taken(), 0);
        assert!(shares.taken.lock().by_address.is_empty(), "addresses are forgotten");
    }

    #[test]
    fn a_network_of_addresses_is_one_client() {
        let shares = Shares::new(10, 1);
        let _held = shares.take(address("2001:db8::1"), 1).unwrap();
        assert!(shares.take(address("2001:db8::2"), 1).is_none());
        assert!(shares.take(address("2001:db8:0:1::1"), 1).is_some());
        let _held = shares.take(address("::ffff:10.0.0.1"), 1).unwrap();
        assert!(shares.take(address("10.0.0.1"), 1).is_none());
        assert!(shares.take(address("10.0.0.2"), 1).is_some());
    }
}
