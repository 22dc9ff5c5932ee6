//! Who sent a request, and whose requests are counted together with it.
//!
//! Not here: how the sender is recognised (`access`).

use std::net::IpAddr;

use malkin_service::Role;

use crate::answer::Answer;
use crate::rate::Client;

/// The sender of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// Name of the token; none for the one that is configured, and on a server without tokens.
    pub(crate) name: Option<String>,
    /// What they may do.
    pub(crate) role: Role,
    /// Whether they have the configured token.
    pub(crate) has_master: bool,
}

impl Caller {
    /// The caller of a route that is open to everybody.
    pub(crate) fn anybody() -> Self {
        Self { name: None, role: Role::Reader, has_master: false }
    }

    /// Whose requests are counted together with this one's; without a valid token those of the address.
    pub(crate) fn counted_as(caller: Result<&Self, &Answer>, peer: IpAddr) -> Client {
        match caller {
            Ok(Self { has_master: true, .. }) => Client::Master,
            Ok(Self { name: Some(name), .. }) => Client::Token(name.clone()),
            Ok(_) => Client::Address(peer),
            Err(_) => Client::Stranger(peer),
        }
    }
}
