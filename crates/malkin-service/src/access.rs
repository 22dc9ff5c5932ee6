//! Named tokens: made here, told once, kept as digests, and recognised on every request.
//!
//! The tokens of the store are held in memory. Only one process at a time has a data directory open, so a token that is revoked through
//! it is gone at once.

use malkin_store::{Role, Store, StoreError, TokenEntry};
use parking_lot::{Mutex, RwLock};
use sha2::Digest;
use subtle::ConstantTimeEq;

use crate::engine::{Engine, ServiceError};

/// Random bytes of a token.
const SECRET_BYTES: usize = 32;
/// Begins every token, so that one that leaked is recognised.
const PREFIX: &str = "malkin_";
/// Most tokens; every request is compared with all of them.
const MAX_TOKENS: usize = 1000;
/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// Tokens in memory.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
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

impl Tokens {
    pub(crate) fn load(&self, store: &dyn Store) -> Result<(), StoreError> {
        let known = Known { tokens: store.tokens()?, used: store.tokens_used()? };
        *self.known.write() = known;
        Ok(())
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

impl Engine {
    /// Makes a token and answers its text, which is not kept and cannot be told again.
    ///
    /// # Errors
    /// [`ServiceError::Unanswerable`] for a name that is taken or is not 1 to 64 letters, digits, `.`, `_`, `@`, `-` of ASCII, and when
    /// there are 1,000 tokens.
    pub fn add_token(&self, name: &str, role: Role) -> Result<String, ServiceError> {
        let refuse = |why: String| Err(ServiceError::Unanswerable(why));
        if !is_name(name) {
            return refuse(format!(
                "the name of a token has 1 to {MAX_NAME} characters: letters a to z, digits, and . _ @ -"
            ));
        }
        let _changing = self.known_tokens().changing.lock();
        if self.known_tokens().known.read().tokens.len() >= MAX_TOKENS {
            return refuse(format!("there are {MAX_TOKENS} tokens, revoke one first"));
        }
        let mut secret = [0; SECRET_BYTES];
        if let Err(error) = getrandom::fill(&mut secret) {
            return refuse(format!("the system gives no random numbers: {error}"));
        }
        let text = format!("{PREFIX}{}", crate::disassembly::hex(&secret));
        let digest = sha2::Sha256::digest(text.as_bytes()).into();
        let token = TokenEntry { name: name.to_owned(), role, digest, created_at: self.now() };
        if !self.store().add_token(&token)? {
            return refuse(format!("there is a token named {name:?} already"));
        }
        self.known_tokens().load(self.store())?;
        Ok(text)
    }

    /// All tokens by name.
    pub fn tokens(&self) -> Vec<TokenEntry> {
        self.known_tokens().known.read().tokens.clone()
    }

    /// Whether tokens are asked for: there are some, or there were. Revoking the last one does not let everybody in.
    pub fn wants_tokens(&self) -> bool {
        self.known_tokens().known.read().used
    }

    /// Takes a token back, of whatever name; the last one of an admin stays if `keep_an_admin`, because without it nobody could make
    /// another.
    pub fn revoke_token(&self, name: &str, keep_an_admin: bool) -> Result<Revoked, StoreError> {
        let _changing = self.known_tokens().changing.lock();
        let admins: Vec<String> = self.admins();
        if keep_an_admin && admins == [name] {
            return Ok(Revoked::KeptLastAdmin);
        }
        let gone = self.store().delete_token(name)?;
        self.known_tokens().load(self.store())?;
        if gone && self.admins().is_empty() {
            tracing::warn!(
                "no token of an admin is left; make one with `malkin token add NAME --role admin --data DIR`, or open the server to everybody with `malkin token disable --data DIR`"
            );
        }
        Ok(if gone { Revoked::Done } else { Revoked::Unknown })
    }

    /// Deletes all tokens and no longer asks for any; the number of those deleted.
    pub fn forget_tokens(&self) -> Result<usize, StoreError> {
        let _changing = self.known_tokens().changing.lock();
        let count = self.store().forget_tokens()?;
        self.known_tokens().load(self.store())?;
        Ok(count)
    }

    fn admins(&self) -> Vec<String> {
        let known = self.known_tokens().known.read();
        let admins = known.tokens.iter().filter(|token| token.role == Role::Admin);
        admins.map(|token| token.name.clone()).collect()
    }

    /// Name and role of the holder of a token. All are compared, each in constant time.
    pub fn holder(&self, token: &[u8]) -> Option<(String, Role)> {
        let digest: [u8; 32] = sha2::Sha256::digest(token).into();
        let tokens = self.known_tokens().known.read();
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
    use crate::clock::Clock;

    #[test]
    fn tokens_are_recognised_until_they_are_revoked() {
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SqliteStore::open_in_memory().unwrap());
        let engine = Engine::open(store.clone(), Clock::System).unwrap();
        assert!(!engine.wants_tokens());
        let reader = engine.add_token("ida", Role::Reader).unwrap();
        let admin = engine.add_token("boss", Role::Admin).unwrap();
        assert!(reader.len() == PREFIX.len() + 64 && reader != admin);
        assert_eq!(engine.holder(reader.as_bytes()), Some(("ida".to_owned(), Role::Reader)));
        for wrong in ["", "malkin_", &reader[..reader.len() - 1], &reader.to_uppercase()] {
            assert_eq!(engine.holder(wrong.as_bytes()), None, "{wrong}");
        }
        for name in
            ["ida", "", " ", "a b", "a\nb", "a/b", "..", "r\u{e9}", "a\u{202e}b", "\u{430}", &"x".repeat(65)]
        {
            assert!(
                matches!(engine.add_token(name, Role::Admin), Err(ServiceError::Unanswerable(_))),
                "{name:?}"
            );
        }
        assert_eq!(engine.revoke_token("ida", true).unwrap(), Revoked::Done);
        assert_eq!(engine.revoke_token("ida", true).unwrap(), Revoked::Unknown);
        assert_eq!(engine.holder(reader.as_bytes()), None);
        // Another start knows what is left, and the store does not know the token itself.
        drop(engine);
        let engine = Engine::open(store, Clock::System).unwrap();
        assert_eq!(engine.holder(admin.as_bytes()), Some(("boss".to_owned(), Role::Admin)));
        assert_ne!(&engine.tokens()[0].digest[..], admin.as_bytes());
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
        let engine = Engine::open(store.clone(), Clock::System).unwrap();
        assert_eq!(engine.revoke_token(&old.name, true).unwrap(), Revoked::KeptLastAdmin);
        engine.add_token("x".repeat(64).as_str(), Role::Reader).unwrap();
        assert_eq!(engine.revoke_token(&old.name, true).unwrap(), Revoked::KeptLastAdmin);
        engine.add_token("b.o-s_s@2", Role::Admin).unwrap();
        assert_eq!(engine.revoke_token(&old.name, true).unwrap(), Revoked::Done);
        for token in engine.tokens() {
            assert_eq!(engine.revoke_token(&token.name, false).unwrap(), Revoked::Done);
        }
        assert!(engine.tokens().is_empty() && engine.wants_tokens());
        drop(engine);
        let engine = Engine::open(store, Clock::System).unwrap();
        assert!(engine.wants_tokens(), "another start knows that there were tokens");
        assert_eq!(engine.forget_tokens().unwrap(), 0);
        assert!(!engine.wants_tokens());
    }
}
