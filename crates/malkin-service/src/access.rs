//! Named tokens: made here, told once, kept as digests, and recognised on every request.
//!
//! The tokens of the store are held in memory. Only one process at a time has a data directory open, so a token that is revoked through
//! it is gone at once.

use malkin_store::{Role, Store, StoreError, TokenEntry};
use parking_lot::RwLock;
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
const MAX_NAME: usize = 100;

/// Tokens in memory.
#[derive(Debug, Default)]
pub(crate) struct Tokens(RwLock<Vec<TokenEntry>>);

impl Tokens {
    pub(crate) fn load(&self, store: &dyn Store) -> Result<(), StoreError> {
        *self.0.write() = store.tokens()?;
        Ok(())
    }
}

impl Engine {
    /// Makes a token and answers its text, which is not kept and cannot be told again.
    ///
    /// # Errors
    /// [`ServiceError::Unanswerable`] for a name that is taken, empty, longer than 100 bytes or has control characters, and when there
    /// are 1,000 tokens.
    pub fn add_token(&self, name: &str, role: Role) -> Result<String, ServiceError> {
        let refuse = |why: String| Err(ServiceError::Unanswerable(why));
        if name.trim().is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return refuse(format!(
                "the name of a token has 1 to {MAX_NAME} bytes and no control characters"
            ));
        }
        if self.known_tokens().0.read().len() >= MAX_TOKENS {
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
        self.known_tokens().0.read().clone()
    }

    /// Whether there is any.
    pub fn has_tokens(&self) -> bool {
        !self.known_tokens().0.read().is_empty()
    }

    /// Takes a token back; false if there was none of this name.
    pub fn revoke_token(&self, name: &str) -> Result<bool, StoreError> {
        let gone = self.store().delete_token(name)?;
        self.known_tokens().load(self.store())?;
        Ok(gone)
    }

    /// Name and role of the holder of a token. All are compared, each in constant time.
    pub fn holder(&self, token: &[u8]) -> Option<(String, Role)> {
        let digest: [u8; 32] = sha2::Sha256::digest(token).into();
        let tokens = self.known_tokens().0.read();
        let mut found = None;
        for known in tokens.iter() {
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
        assert!(!engine.has_tokens());
        let reader = engine.add_token("ida", Role::Reader).unwrap();
        let admin = engine.add_token("boss", Role::Admin).unwrap();
        assert!(reader.len() == PREFIX.len() + 64 && reader != admin);
        assert_eq!(engine.holder(reader.as_bytes()), Some(("ida".to_owned(), Role::Reader)));
        for wrong in ["", "malkin_", &reader[..reader.len() - 1], &reader.to_uppercase()] {
            assert_eq!(engine.holder(wrong.as_bytes()), None, "{wrong}");
        }
        for name in ["ida", "", " ", "a\nb", &"x".repeat(101)] {
            assert!(
                matches!(engine.add_token(name, Role::Admin), Err(ServiceError::Unanswerable(_))),
                "{name:?}"
            );
        }
        assert!(engine.revoke_token("ida").unwrap() && !engine.revoke_token("ida").unwrap());
        assert_eq!(engine.holder(reader.as_bytes()), None);
        // Another start knows what is left, and the store does not know the token itself.
        drop(engine);
        let engine = Engine::open(store, Clock::System).unwrap();
        assert_eq!(engine.holder(admin.as_bytes()), Some(("boss".to_owned(), Role::Admin)));
        assert_ne!(&engine.tokens()[0].digest[..], admin.as_bytes());
    }
}
