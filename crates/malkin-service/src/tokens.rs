//! Named tokens: made here, shown once, stored as digests, and recognised on every request.
//!
//! The tokens of the store are held in memory. Only one process at a time has a data directory open, so a token that is revoked through
//! it is gone at once.

use std::sync::Arc;

use malkin_store::{Role, Store, StoreError, TokenEntry};
use parking_lot::{Mutex, RwLock};
use sha2::Digest;
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::error::ServiceError;

/// Random bytes of a token.
const SECRET_BYTES: usize = 32;
/// Begins every token, so that one that leaked is recognised.
const PREFIX: &str = "malkin_";
/// Most tokens; every request is compared with all of them.
const MAX_TOKENS: usize = 1000;
/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// The tokens of a store, held in memory.
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    known: RwLock<Known>,
    /// Held while tokens change, so that what is decided about them still holds when it is written.
    changing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    tokens: Vec<TokenEntry>,
    /// There are tokens, or there were some.
    used: bool,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("known", &self.known.read().tokens.len()).finish_non_exhaustive()
    }
}

/// What became of a token that was to be revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revoked {
    /// It is gone.
    Done,
    /// There is none of this name.
    Unknown,
    /// It is the last one of an admin, and was to be kept in this case.
    KeptLastAdmin,
}

/// Whether a new token may have this name. Letters of one script only: names that look alike are not alike to a machine.
fn is_name(name: &str) -> bool {
    let bytes = || name.bytes();
    (1..=MAX_NAME).contains(&name.len())
        && bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte))
        && bytes().any(|byte| byte.is_ascii_alphanumeric())
}

impl Tokens {
    /// Reads the tokens of a store.
    pub(crate) fn open(store: Arc<dyn Store>, clock: Arc<Clock>) -> Result<Self, StoreError> {
        let tokens = Self { store, clock, known: RwLock::default(), changing: Mutex::default() };
        tokens.reload()?;
        Ok(tokens)
    }

    fn reload(&self) -> Result<(), StoreError> {
        let known = Known { tokens: self.store.tokens()?, used: self.store.tokens_used()? };
        *self.known.write() = known;
        Ok(())
    }

    /// Makes a token and returns its text, which is not stored and cannot be shown again.
    ///
    /// # Errors
    /// [`ServiceError::Unanswerable`] for a name that is taken or is not 1 to 64 letters, digits, `.`, `_`, `@`, `-` of ASCII, and when
    /// there are 1,000 tokens.
    pub fn add(&self, name: &str, role: Role) -> Result<String, ServiceError> {
        let refuse = |why: String| Err(ServiceError::Unanswerable(why));
        if !is_name(name) {
            return refuse(format!(
                "the name of a token has 1 to {MAX_NAME} characters: letters a to z, digits, and . _ @ -"
            ));
        }
        let _changing = self.changing.lock();
        if self.known.read().tokens.len() >= MAX_TOKENS {
            return refuse(format!("there are {MAX_TOKENS} tokens, revoke one first"));
        }
        let mut secret = [0; SECRET_BYTES];
        if let Err(error) = getrandom::fill(&mut secret) {
            return refuse(format!("no random numbers from the system: {error}"));
        }
        let text = format!("{PREFIX}{}", crate::disassembly::hex(&secret));
        let digest = sha2::Sha256::digest(text.as_bytes()).into();
        let token = TokenEntry { name: name.to_owned(), role, digest, created_at: self.clock.now() };
        if !self.store.add_token(&token)? {
            return refuse(format!("there is a token named {name:?} already"));
        }
        self.reload()?;
        Ok(text)
    }

    /// All tokens by name.
    pub fn all(&self) -> Vec<TokenEntry> {
        self.known.read().tokens.clone()
    }

    /// Whether requests need a token: there are some, or there were. Revoking the last one opens nothing.
    pub fn are_required(&self) -> bool {
        self.known.read().used
    }

    /// Takes a token back, of whatever name; the last one of an admin stays if `keep_an_admin`, because without it nobody could make
    /// another.
    pub fn revoke(&self, name: &str, keep_an_admin: bool) -> Result<Revoked, StoreError> {
        let _changing = self.changing.lock();
        let admins: Vec<String> = self.admins();
        if keep_an_admin && admins == [name] {
            return Ok(Revoked::KeptLastAdmin);
        }
        let gone = self.store.delete_token(name)?;
        self.reload()?;
        if gone && self.admins().is_empty() {
            tracing::warn!(
                "no token of an admin is left; make one with `malkin token add NAME --role admin --data DIR`, or open the server to everybody with `malkin token disable --data DIR`"
            );
        }
        Ok(if gone { Revoked::Done } else { Revoked::Unknown })
    }

    /// Deletes all tokens and no longer asks for any; the number of those deleted.
    pub fn forget_all(&self) -> Result<usize, StoreError> {
        let _changing = self.changing.lock();
        let count = self.store.forget_tokens()?;
        self.reload()?;
        Ok(count)
    }

    fn admins(&self) -> Vec<String> {
        let known = self.known.read();
        let admins = known.tokens.iter().filter(|token| token.role == Role::Admin);
        admins.map(|token| token.name.clone()).collect()
    }

    /// Name and role of the holder of a token. All are compared, each in constant time.
    pub fn holder(&self, token: &[u8]) -> Option<(String, Role)> {
        let digest: [u8; 32] = sha2::Sha256::digest(token).into();
        let tokens = self.known.read();
        let mut found = None;
        for known in &tokens.tokens {
            if bool::from(known.digest.ct_eq(&digest)) {
                found = Some(known);
            }
        }
        found.map(|known| (known.name.clone(), known.role))
    }
}

#[cfg(test)]
mod tests {
    use malkin_store::SqliteStore;

    use super::*;

    fn open(store: &Arc<dyn Store>) -> Tokens {
        Tokens::open(Arc::clone(store), Arc::new(Clock::System)).unwrap()
    }

    #[test]
    fn tokens_are_recognised_until_they_are_revoked() {
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SqliteStore::open_in_memory().unwrap());
        let tokens = open(&store);
        assert!(!tokens.are_required());
        let reader = tokens.add("ida", Role::Reader).unwrap();
        let admin = tokens.add("boss", Role::Admin).unwrap();
        assert!(reader.len() == PREFIX.len() + 64 && reader != admin);
        assert_eq!(tokens.holder(reader.as_bytes()), Some(("ida".to_owned(), Role::Reader)));
        for wrong in ["", "malkin_", &reader[..reader.len() - 1], &reader.to_uppercase()] {
            assert_eq!(tokens.holder(wrong.as_bytes()), None, "{wrong}");
        }
        for name in
            ["ida", "", " ", "a b", "a\nb", "a/b", "..", "r\u{e9}", "a\u{202e}b", "\u{430}", &"x".repeat(65)]
        {
            assert!(matches!(tokens.add(name, Role::Admin), Err(ServiceError::Unanswerable(_))), "{name:?}");
        }
        assert_eq!(tokens.revoke("ida", true).unwrap(), Revoked::Done);
        assert_eq!(tokens.revoke("ida", true).unwrap(), Revoked::Unknown);
        assert_eq!(tokens.holder(reader.as_bytes()), None);
        // Another start knows what is left, and the store does not know the token itself.
        drop(tokens);
        let tokens = open(&store);
        assert_eq!(tokens.holder(admin.as_bytes()), Some(("boss".to_owned(), Role::Admin)));
        assert_ne!(&tokens.all()[0].digest[..], admin.as_bytes());
    }

    #[test]
    fn revoking_the_last_token_opens_nothing() {
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SqliteStore::open_in_memory().unwrap());
        // A token of a name that is no longer allowed.
        let old = TokenEntry {
            name: "a/b\u{202e}".to_owned(),
            role: Role::Admin,
            digest: [7; 32],
            created_at: Clock::System.now(),
        };
        assert!(store.add_token(&old).unwrap());
        let tokens = open(&store);
        assert_eq!(tokens.revoke(&old.name, true).unwrap(), Revoked::KeptLastAdmin);
        tokens.add("x".repeat(64).as_str(), Role::Reader).unwrap();
        assert_eq!(tokens.revoke(&old.name, true).unwrap(), Revoked::KeptLastAdmin);
        tokens.add("b.o-s_s@2", Role::Admin).unwrap();
        assert_eq!(tokens.revoke(&old.name, true).unwrap(), Revoked::Done);
        for token in tokens.all() {
            assert_eq!(tokens.revoke(&token.name, false).unwrap(), Revoked::Done);
        }
        assert!(tokens.all().is_empty() && tokens.are_required());
        drop(tokens);
        let tokens = open(&store);
        assert!(tokens.are_required(), "another start knows that there were tokens");
        assert_eq!(tokens.forget_all().unwrap(), 0);
        assert!(!tokens.are_required());
    }
}
