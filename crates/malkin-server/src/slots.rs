//! The connections that are open: how many there may be, altogether and from one address, and which one gives way.
//!
//! A connection without a request costs its client nothing, so that anybody can hold any number of them. When there are as
//! many as there may be, the one that has been idle longest is closed for the new one: of the same address where that has
//! its share, otherwise of the address that has most. Connections with a request are never closed for others; when there
//! is no idle one, the new connection is refused.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Open connections.
#[derive(Debug)]
pub(crate) struct Slots {
    total: usize,
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    next: u64,
    by_address: HashMap<IpAddr, Vec<Arc<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    state: Mutex<State>,
    gives_way: Notify,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Requests that are not answered to the end; more than one only for an instant.
    running: usize,
    /// Requests so far.
    requests: u64,
    idle_since: Instant,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
    connection: Arc<Connection>,
}

/// A request on a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running(Arc<Connection>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.running = state.running.saturating_sub(1);
        state.idle_since = Instant::now();
    }
}

impl Slot {
    /// A request begins.
    pub(crate) fn begin(&self) -> Running {
        let mut state = self.connection.state.lock();
        state.running += 1;
        state.requests += 1;
        Running(Arc::clone(&self.connection))
    }

    /// Whether a request has come.
    pub(crate) fn was_used(&self) -> bool {
        self.connection.state.lock().requests > 0
    }

    /// Completes when the connection is to be closed for another one.
    pub(crate) async fn gives_way(&self) {
        self.connection.gives_way.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.open.lock().remove(self.address, self.connection.number);
    }
}

impl Slots {
    /// At most `total` connections, `per_address` of them from one address.
    pub(crate) fn new(total: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { total: total.max(1), per_address: per_address.max(1), open: Mutex::default() })
    }

    /// A place for a connection from an address; none if all that could give way have a request.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Slot> {
        let address = network(peer);
        let mut open = self.open.lock();
        let of_address = open.by_address.get(&address).map_or(0, Vec::len);
        if of_address >= self.per_address {
            open.make_room(address)?;
        } else if open.count >= self.total {
            let most = open.by_address.iter().max_by_key(|(_, connections)| connections.len());
            let most = *most?.0;
            open.make_room(most)?;
        }
        let state = State { running: 0, requests: 0, idle_since: Instant::now() };
        let connection =
            Arc::new(Connection { number: open.next, state: Mutex::new(state), gives_way: Notify::new() });
        open.next += 1;
        open.count += 1;
        open.by_address.entry(address).or_default().push(Arc::clone(&connection));
        Some(Slot { slots: Arc::clone(self), address, connection })
    }
}

impl Open {
    /// Closes the connection of an address that has been idle longest.
    fn make_room(&mut self, address: IpAddr) -> Option<()> {
        let idle = self.by_address.get(&address)?.iter().filter_map(|connection| {
            let state = *connection.state.lock();
            (state.running == 0).then_some((state.idle_since, connection))
        });
        let (_, longest) = idle.min_by_key(|(since, connection)| (*since, connection.number))?;
        longest.gives_way.notify_one();
        let number = longest.number;
        self.remove(address, number);
        Some(())
    }

    fn remove(&mut self, address: IpAddr, number: u64) {
        let Some(connections) = self.by_address.get_mut(&address) else { return };
        let Some(at) = connections.iter().position(|connection| connection.number == number) else { return };
        connections.swap_remove(at);
        self.count -= 1;
        if connections.is_empty() {
            self.by_address.remove(&address);
        }
    }
}

/// What counts as one address: IPv4 addresses in either notation, and the /64 of an IPv6 address, all of whose addresses one client has.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn left(slot: &Slot) -> bool {
        let mut waiting = std::pin::pin!(slot.gives_way());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        waiting.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn the_longest_idle_connection_of_an_address_gives_way() {
        let slots = Slots::new(100, 3);
        let open: Vec<Slot> = (0..3).map(|_| slots.take(address(1)).unwrap()).collect();
        let running = open[0].begin();
        let other = slots.take(address(2)).unwrap();
        let _fourth = slots.take(address(1)).unwrap();
        assert_eq!(open.iter().map(left).collect::<Vec<_>>(), [false, true, false]);
        drop(running);
        let _fifth = slots.take(address(1)).unwrap();
        assert!(left(&open[2]), "the first was used since");
        assert!(!left(&other) && open[0].was_used() && !open[2].was_used());
    }

    #[test]
    fn connections_with_requests_stay() {
        let slots = Slots::new(3, 2);
        let (first, second) = (slots.take(address(1)).unwrap(), slots.take(address(1)).unwrap());
        let running = [first.begin(), second.begin()];
        assert!(slots.take(address(1)).is_none());
        let third = slots.take(address(2)).unwrap();
        assert!(slots.take(address(3)).is_none(), "the address that has most has no idle one");
        drop(running);
        let _fourth = slots.take(address(3)).unwrap();
        assert!(!left(&third) && left(&first) && !left(&second));
        drop((first, second, third));
        assert_eq!(slots.open.lock().count, 1);
    }

    #[test]
    fn networks_are_counted_and_memory_is_given_back() {
        let slots = Slots::new(10, 1);
        let one = slots.take("2001:db8::1".parse().unwrap()).unwrap();
        let two = slots.take("2001:db8::2".parse().unwrap()).unwrap();
        assert!(left(&one));
        let three = slots.take("2001:db8:0:1::1".parse().unwrap()).unwrap();
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), address(1));
        drop((one, two, three));
        let open = slots.open.lock();
        assert!(open.by_address.is_empty() && open.count == 0);
    }
}
