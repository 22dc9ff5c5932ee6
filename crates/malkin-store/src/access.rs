//! Who may use a server: named tokens with roles.
//!
//! A store keeps digests, never tokens. What a role may do is the server's business.

use crate::error::StoreError;
use crate::time::Timestamp;

/// What the holder of a token may do; each role may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Look at everything and ask questions.
    Reader,
    /// Add and change samples, families and analyses.
    Contributor,
    /// Delete, reset, maintain, and manage tokens.
    Admin,
}

impl Role {
    /// Every role, ascending.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Contributor, Self::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Contributor => "contributor",
            Self::Admin => "admin",
        }
    }

    /// The role of a name.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A token as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenEntry {
    /// Its name, which no other token has.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// Tokens. They survive a respawn.
pub trait Access {
    /// Adds a token; false if its name or digest is taken.
    fn add_token(&self, token: &TokenEntry) -> Result<bool, StoreError>;

    /// All tokens by name.
    fn tokens(&self) -> Result<Vec<TokenEntry>, StoreError>;

    /// Deletes a token; false if there was none of this name.
    fn delete_token(&self, name: &str) -> Result<bool, StoreError>;

    /// Whether a token was ever added, be there one now or not.
    fn tokens_used(&self) -> Result<bool, StoreError>;

    /// Deletes all tokens and forgets that there were any; the number of those deleted.
    fn forget_tokens(&self) -> Result<usize, StoreError>;
}
