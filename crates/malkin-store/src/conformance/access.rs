//! Checks of tokens.

use super::{Check, at};
use crate::{Role, Store, TokenEntry};

pub(super) const CHECKS: &[Check] =
    &[("tokens are added once, listed by name, deleted, and survive a respawn", life)];

fn token(name: &str, role: Role, byte: u8) -> TokenEntry {
    TokenEntry { name: name.to_owned(), role, digest: [byte; 32], created_at: at(i64::from(byte)) }
}

fn life(store: &dyn Store) {
    let add = |token: &TokenEntry| store.add_token(token).expect("a token can be added");
    let tokens = || store.tokens().expect("tokens can be read");
    let used = || store.tokens_used().expect("the mark can be read");
    assert_eq!(tokens(), []);
    assert!(!used());
    let (web, ida) = (token("web", Role::Contributor, 1), token("Ida \u{df}", Role::Reader, 2));
    assert!(add(&web) && add(&ida));
    assert!(!add(&token("web", Role::Admin, 3)), "the name is taken");
    assert!(!add(&token("other", Role::Admin, 1)), "so is the digest");
    assert_eq!(tokens(), [ida.clone(), web.clone()], "in the order of names");
    store.respawn().expect("a store can be reset");
    assert_eq!(tokens(), [ida, web.clone()]);
    assert!(store.delete_token("Ida \u{df}").expect("a token can be deleted"));
    assert!(!store.delete_token("Ida \u{df}").expect("a token can be missing"));
    assert_eq!(tokens(), [web]);
    assert!(store.delete_token("web").expect("a token can be deleted"));
    store.respawn().expect("a store can be reset");
    assert!(tokens().is_empty() && used(), "that there were tokens outlives them");
    assert_eq!(store.forget_tokens().expect("tokens can be forgotten"), 0);
    assert!(!used());
    assert!(add(&token("web", Role::Reader, 1)) && used());
    assert_eq!(store.forget_tokens().expect("tokens can be forgotten"), 1);
    assert!(tokens().is_empty() && !used());
}
