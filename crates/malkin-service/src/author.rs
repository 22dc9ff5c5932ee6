//! The client that this thread works for: the holder of a named token, or an address. Jobs are queued in this name and take turns
//! with those of other clients. Set for the length of a request, so that no use case has to pass it on.

use std::cell::RefCell;
use std::net::IpAddr;

thread_local! {
    static CURRENT: RefCell<Requester> = const { RefCell::new(Requester { author: String::new(), client: String::new() }) };
}

/// Bits of an IPv6 address that name a network; one host may use any address in its network.
const NETWORK_BITS: u32 = 64;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Requester {
    /// Name of the token; empty without one.
    pub(crate) author: String,
    /// Whose jobs take turns: `token NAME`, else `address ADDRESS`; empty on the command line.
    pub(crate) client: String,
}

/// Does something in the name of `author`; an empty name stands for none. Without a name the client is known by its address.
pub fn working_for<T>(author: &str, address: Option<IpAddr>, work: impl FnOnce() -> T) -> T {
    /// Puts the former name back, also when the work panics.
    struct Former(Requester);
    impl Drop for Former {
        fn drop(&mut self) {
            CURRENT.with_borrow_mut(|current| *current = std::mem::take(&mut self.0));
        }
    }
    let client = match address {
        _ if !author.is_empty() => format!("token {author}"),
        Some(address) => format!("address {}", network(address)),
        None => String::new(),
    };
    let _former = Former(CURRENT.replace(Requester { author: author.to_owned(), client }));
    work()
}

/// An IPv4 address as it is, also when it comes as IPv6, and the network of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6((address.to_bits() & (u128::MAX << (u128::BITS - NETWORK_BITS))).into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The present requester.
pub(crate) fn current() -> Requester {
    CURRENT.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_last_as_long_as_the_work() {
        let author = || current().author;
        assert_eq!(author(), "");
        working_for("a", None, || {
            assert_eq!(author(), "a");
            working_for("b", None, || assert_eq!(author(), "b"));
            let panicked = std::panic::catch_unwind(|| working_for("c", None, || panic!("work")));
            assert!(panicked.is_err());
            assert_eq!(author(), "a");
        });
        assert_eq!(author(), "");
    }

    #[test]
    fn clients_are_known_by_token_or_address() {
        let client = |author: &str, address: Option<&str>| {
            let address = address.map(|address| address.parse().unwrap());
            working_for(author, address, || current().client)
        };
        assert_eq!(client("ida", Some("10.0.0.1")), "token ida");
        assert_eq!(client("", Some("10.0.0.1")), "address 10.0.0.1");
        assert_eq!(client("", Some("::ffff:10.0.0.1")), "address 10.0.0.1");
        assert_eq!(client("", Some("2001:db8:1:2:3:4:5:6")), "address 2001:db8:1:2::");
        assert_eq!(client("", None), "");
    }
}
