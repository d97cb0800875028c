//! How rows get into the disk, and which ones fail there.

use super::environment::WriteTxn;
use crate::kv::{KvError, Mutation};

/// A key that fails its transaction when it is applied, with writes before it done already.
pub(crate) const GUILTY_KEY: &[u8] = b"guilty";
/// A key that is refused before anything is applied.
pub(crate) const LARGE_KEY: &[u8] = b"large";

#[derive(Clone, Copy)]
pub(super) struct Tables;

impl Tables {
    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(super) fn apply(self, txn: &mut WriteTxn<'_>, mutation: &Mutation) -> Result<usize, KvError> {
        match mutation {
            Mutation::Put { key, .. } if key == GUILTY_KEY => {
                return Err(KvError::Full { detail: "as told".into() });
            }
            Mutation::Put { key, value, .. } => drop(txn.rows_mut().insert(key.clone(), value.clone())),
            Mutation::Delete { key, .. } => drop(txn.rows_mut().remove(key)),
            Mutation::ClearRange { range, .. } => txn.rows_mut().retain(|key, _| !range.contains(key)),
        }
        Ok(0)
    }
}

pub(super) fn check(mutation: &Mutation) -> Result<(), KvError> {
    match mutation {
        Mutation::Put { key, .. } if key == LARGE_KEY => Err(KvError::TooLarge { detail: "as told".into() }),
        _ => Ok(()),
    }
}
