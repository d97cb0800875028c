//! LMDB by itself: an environment, one database, and rows as Baton would store them.

use batondb::codec::{ActorKeys, PreparedPage};
use batondb::types::{PageNumber, PageSize, Txid};
use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RwTxn, WithoutTls};
use tempfile::TempDir;

use crate::stores::Backend;
use crate::support::{Content, PAGE_BYTES, actor, pages_of};

/// The sizes of a FENCE row and of a HEAD row after some commits, rounded up.
pub const FENCE_BYTES: usize = 50;
pub const HEAD_BYTES: usize = 230;

/// An environment with one database.
pub struct Bare {
    pub env: Env<WithoutTls>,
    pub rows: Database<'static, Bytes, Bytes>,
    _directory: TempDir,
}

impl Bare {
    pub fn open(backend: Backend) -> Self {
        let directory = tempfile::tempdir().expect("there is a temporary directory");
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(1 << 40).max_dbs(1);
        if backend == Backend::Relaxed {
            // SAFETY: without flushes a power loss may destroy the file, which this process just made.
            unsafe { options.flags(EnvFlags::NO_SYNC) };
        }
        // SAFETY: nobody else knows the directory.
        let env = unsafe { options.open(directory.path()) }.expect("an empty directory opens");
        let txn = env.write_txn().expect("a transaction begins");
        let created = env.create_databases_and_commit(txn, |opener, txn| {
            let rows = opener.create_database::<Bytes, Bytes>(txn, Some("rows"))?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(rows))
        });
        let rows = created.expect("a database is made").commit().expect("the closure never aborts");
        Self { env, rows, _directory: directory }
    }

    /// One transaction.
    pub fn write(&self, work: impl FnOnce(&mut RwTxn<'_>)) {
        let mut txn = self.env.write_txn().expect("a transaction begins");
        work(&mut txn);
        txn.commit().expect("it commits");
    }

    pub fn put(&self, txn: &mut RwTxn<'_>, key: &[u8], value: &[u8]) {
        self.rows.put(txn, key, value).expect("there is room");
    }
}

/// An actor's page rows.
pub struct Rows {
    pub keys: ActorKeys,
    pub values: Vec<(PageNumber, Vec<u8>)>,
}

impl Rows {
    /// Pages 1 to `count`, encoded as Baton encodes them.
    pub fn new(name: &str, content: Content, count: u32, seed: u64) -> Self {
        let size = PageSize::new(PAGE_BYTES).expect("a size that SQLite has");
        let keys = ActorKeys::new(&actor(name));
        let values = pages_of(content, count, seed)
            .into_iter()
            .map(|(page, data)| {
                let key = keys.page(page, Txid(1));
                (page, PreparedPage::new(page, size, &data).seal(&key))
            })
            .collect();
        Self { keys, values }
    }
}
