//! Commits to an actor what SQLite has changed in a file: the pages that differ from the last commit.

use std::fs;
use std::path::Path;

use batondb::engine::{Commit, Engine, PageWrite, StoreError};
use batondb::types::{ActorId, Generation, Meta, PageCount, Txid};

use super::page;

const PAGE_BYTES: usize = 4096;

/// A file as it was last committed.
pub struct Mirror {
    generation: Generation,
    head_txid: Txid,
    committed: Vec<u8>,
}

impl Mirror {
    /// Nothing is committed yet.
    pub fn new(generation: Generation) -> Self {
        Self { generation, head_txid: Txid(0), committed: Vec::new() }
    }

    /// The file is what is committed.
    pub fn at(meta: &Meta, file: &Path) -> Self {
        let committed = fs::read(file).unwrap();
        Self { generation: meta.generation, head_txid: meta.head_txid, committed }
    }

    /// Commits the file's changed pages.
    pub async fn commit(
        &mut self,
        engine: &Engine,
        actor: &ActorId,
        file: &Path,
    ) -> Result<Txid, StoreError> {
        let bytes = fs::read(file).unwrap();
        let mut before = self.committed.chunks(PAGE_BYTES);
        let pages = (1..)
            .zip(bytes.chunks(PAGE_BYTES))
            .filter(|(_, data)| before.next() != Some(data))
            .map(|(number, data)| PageWrite { page: page(number), data })
            .collect();
        let size_pages = PageCount(u32::try_from(bytes.len() / PAGE_BYTES).unwrap());
        let commit = Commit { generation: self.generation, head_txid: self.head_txid, size_pages, pages };
        self.head_txid = engine.commit(actor, commit).await?;
        self.committed = bytes;
        Ok(self.head_txid)
    }
}
