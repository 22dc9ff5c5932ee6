//! Lists of addresses and objects of them.

use serde::de::value::Error;

use super::cursor::Cursor;
use crate::context::Context;
use crate::refs::ascending;
use malkin_report::address::Va;

/// Reads a list of addresses, in its order, into a vector of the exact size.
#[inline]
pub(super) fn addresses(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Vec<Va>> {
    let mut list = context.addresses.borrow_mut();
    list.clear();
    cursor.array(|cursor| {
        list.push(Va::new(cursor.integer()?));
        Some(())
    })?;
    Some(list.as_slice().to_vec())
}

/// Reads `{address: [addresses]}`, keys ascending afterwards, lists as stated.
pub(super) fn references(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Vec<(Va, Vec<Va>)>> {
    let mut pairs = context.references.borrow_mut();
    pairs.clear();
    cursor.object(|cursor| {
        let key = cursor.address_key()?;
        pairs.push((Va::new(key), addresses(context, cursor)?));
        Some(())
    })?;
    // Drained rather than taken: the vector comes out in its exact size and the buffer stays.
    ascending::<_, _, Error>(pairs.drain(..).collect()).ok()
}

/// Reads a list of lists of addresses.
pub(super) fn components(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Vec<Vec<Va>>> {
    let mut lists = context.components.borrow_mut();
    lists.clear();
    cursor.array(|cursor| {
        lists.push(addresses(context, cursor)?);
        Some(())
    })?;
    Some(lists.drain(..).collect())
}

/// Reads `{address: text}`, ascending.
pub(super) fn names(cursor: &mut Cursor<'_>) -> Option<Vec<(Va, String)>> {
    let mut pairs = Vec::new();
    cursor.object(|cursor| {
        let key = cursor.address_key()?;
        pairs.push((Va::new(key), cursor.text()?.into_owned()));
        Some(())
    })?;
    ascending::<_, _, Error>(pairs).ok()
}
