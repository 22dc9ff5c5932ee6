//! Tokens on SQLite.

use rusqlite::{OptionalExtension, params};

use super::SqliteStore;
use super::statements::sql;
use crate::access::{Access, Role, TokenEntry};
use crate::error::StoreError;
use crate::time::Timestamp;

impl Access for SqliteStore {
    fn add_token(&self, token: &TokenEntry) -> Result<bool, StoreError> {
        self.database.write(|transaction| {
            let added = transaction.prepare_cached(sql!("token/insert"))?.execute(params![
                token.name,
                token.role.as_str(),
                token.digest,
                token.created_at.millis(),
            ])?;
            transaction.prepare_cached(sql!("token/mark_used"))?.execute([])?;
            Ok(added > 0)
        })
    }

    fn tokens(&self) -> Result<Vec<TokenEntry>, StoreError> {
        self.database.read(|connection| {
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
        self.database.write(|transaction| {
            let deleted = transaction.prepare_cached(sql!("token/delete"))?.execute([name])? > 0;
            if deleted {
                // Also where the token is older than the mark.
                transaction.prepare_cached(sql!("token/mark_used"))?.execute([])?;
            }
            Ok(deleted)
        })
    }

    fn tokens_used(&self) -> Result<bool, StoreError> {
        self.database.read(|connection| {
            let mut select = connection.prepare_cached(sql!("counter/read"))?;
            let mark = select.query_row(["tokens_used"], |row| row.get::<_, i64>(0)).optional()?;
            let has_any = connection.prepare_cached(sql!("token/all"))?.exists([])?;
            Ok(has_any || mark.is_some())
        })
    }

    fn forget_tokens(&self) -> Result<usize, StoreError> {
        self.database.write(|transaction| {
            transaction.prepare_cached(sql!("token/mark_unused"))?.execute([])?;
            Ok(transaction.prepare_cached(sql!("token/delete_all"))?.execute([])?)
        })
    }
}
