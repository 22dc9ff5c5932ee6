//! Tokens on SQLite.

use rusqlite::params;

use super::SqliteStore;
use super::engine::sql;
use crate::access::{Access, Role, TokenEntry};
use crate::error::StoreError;
use crate::time::Timestamp;

impl Access for SqliteStore {
    fn add_token(&self, token: &TokenEntry) -> Result<bool, StoreError> {
        self.engine.write(|transaction| {
            let added = transaction.prepare_cached(sql!("token/insert"))?.execute(params![
                token.name,
                token.role.as_str(),
                token.digest,
                token.created_at.millis(),
            ])?;
            Ok(added > 0)
        })
    }

    fn tokens(&self) -> Result<Vec<TokenEntry>, StoreError> {
        self.engine.read(|connection| {
            let mut select = connection.prepare_cached(sql!("token/all"))?;
            let mut rows = select.query([])?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next()? {
                let role: String = row.get(1)?;
                let role = Role::from_text(&role).ok_or_else(|| StoreError::Damaged {
                    what: "token".to_owned(),
                    detail: format!("unknown role {role:?}"),
                })?;
                tokens.push(TokenEntry {
                    name: row.get(0)?,
                    role,
                    digest: row.get(2)?,
                    created_at: Timestamp::from_millis(row.get(3)?),
                });
            }
            Ok(tokens)
        })
    }

    fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        self.engine
            .write(|transaction| Ok(transaction.prepare_cached(sql!("token/delete"))?.execute([name])? > 0))
    }
}
