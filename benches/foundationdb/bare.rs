//! The bare client, and rows like Baton's to read and write with it.

use batondb::codec::{ActorKeys, PreparedPage};
use batondb::kv::KeyRange;
use batondb::types::{PageNumber, PageRange, PageSize, Txid};
use foundationdb::options::{StreamingMode, TransactionOption};
use foundationdb::tuple::Subspace;
use foundationdb::{Database, RangeOption, Transaction};
use futures::future::{try_join, try_join_all};

use crate::support::{Content, actor, page, pages_of};

/// As long as Baton's rows are.
const FENCE_BYTES: usize = 50;
const HEAD_BYTES: usize = 230;
/// Pages of a range read that one reply carries.
const PAGES_PER_READ: u32 = 16;

/// A cluster, and the prefix of the peer's rows.
pub struct Bare {
    database: Database,
    prefix: Vec<u8>,
}

/// An actor's keys, and its pages as stored.
pub struct Rows {
    keys: ActorKeys,
    pages: Vec<PreparedPage>,
    txid: Txid,
}

impl Bare {
    pub fn open(prefix: &str) -> Self {
        let database = Database::new(None).expect("the cluster opens");
        Self { database, prefix: Subspace::all().subspace(&prefix).bytes().to_vec() }
    }

    pub async fn clear(&self) {
        let transaction = self.begin();
        let (start, end) = Subspace::from_bytes(self.prefix.clone()).range();
        transaction.clear_range(&start, &end);
        transaction.commit().await.expect("the cluster commits");
    }

    /// Writes an actor with pages 1 to `count`.
    pub async fn fill(&self, name: &str, content: Content, count: u32) -> Rows {
        let size = PageSize::DEFAULT;
        let mut pages: Vec<_> = pages_of(content, count, 1)
            .iter()
            .map(|(page, data)| PreparedPage::new(*page, size, data))
            .collect();
        let keys = ActorKeys::new(&actor(name));
        for part in pages.chunks(128) {
            let transaction = self.begin();
            for page in part {
                let key = keys.page(page.page(), Txid(1));
                transaction.set(&self.key(&key), &page.seal(&key));
            }
            transaction.set(&self.key(&keys.fence()), &[7; FENCE_BYTES]);
            transaction.set(&self.key(&keys.head()), &[7; HEAD_BYTES]);
            transaction.commit().await.expect("the cluster commits");
        }
        pages.truncate(4);
        Rows { keys, pages, txid: Txid(1) }
    }

    /// What loadStartup asks of the cluster.
    pub async fn start(&self, rows: &Rows, preload: u32) {
        let transaction = self.begin();
        let pieces = (1..=preload).step_by(PAGES_PER_READ as usize).map(|first| {
            let last = (first + PAGES_PER_READ - 1).min(preload);
            self.read_pages(&transaction, &rows.keys, page(first), page(last))
        });
        let guards = self.read_guards(&transaction, &rows.keys);
        try_join(guards, try_join_all(pieces)).await.expect("the cluster reads");
        transaction.set(&self.key(&rows.keys.fence()), &[7; FENCE_BYTES]);
        transaction.commit().await.expect("the cluster commits");
    }

    /// What a commit of four pages asks of the cluster.
    pub async fn commit(&self, rows: &mut Rows) {
        let transaction = self.begin();
        self.read_guards(&transaction, &rows.keys).await.expect("the cluster reads");
        let txid = rows.txid.next();
        transaction.set(&self.key(&rows.keys.head()), &[7; HEAD_BYTES]);
        let unguarded = || transaction.set_option(TransactionOption::NextWriteNoWriteConflictRange);
        for page in &rows.pages {
            let key = rows.keys.page(page.page(), txid);
            unguarded().expect("the option is known");
            transaction.set(&self.key(&key), &page.seal(&key));
            let older: KeyRange = rows.keys.page_before(page.page(), txid, Txid::ZERO);
            unguarded().expect("the option is known");
            transaction.clear_range(&self.key(older.start()), &self.key(older.end()));
        }
        transaction.commit().await.expect("the cluster commits");
        rows.txid = txid;
    }

    fn begin(&self) -> Transaction {
        let transaction = self.database.create_trx().expect("a transaction begins");
        transaction.set_option(TransactionOption::ReadYourWritesDisable).expect("the option is known");
        transaction
    }

    async fn read_guards(
        &self,
        transaction: &Transaction,
        keys: &ActorKeys,
    ) -> Result<(), foundationdb::FdbError> {
        let fence = transaction.get(&self.key(&keys.fence()), false);
        let head = transaction.get(&self.key(&keys.head()), false);
        try_join(fence, head).await.map(drop)
    }

    async fn read_pages(
        &self,
        transaction: &Transaction,
        keys: &ActorKeys,
        first: PageNumber,
        last: PageNumber,
    ) -> Result<(), foundationdb::FdbError> {
        let range = keys.pages(PageRange { first, last }, Txid(u64::MAX));
        let (start, end) = (self.key(range.start()), self.key(range.end()));
        let single = first == last;
        let range = RangeOption {
            limit: single.then_some(1),
            mode: if single { StreamingMode::Exact } else { StreamingMode::WantAll },
            ..RangeOption::from((start, end))
        };
        transaction.get_range(&range, 1, true).await.map(drop)
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }
}
