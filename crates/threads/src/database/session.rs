//! A session that notes what runs on it, and notices two who are in it at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use super::call::{Answer, Behavior, Changes, Description, Kind, ScriptKind, Sql};
use super::commits::{GroupCommit, Layer};
use super::error::DatabaseError;
use super::interrupt::Interrupt;
use crate::engine::StoreError;
use crate::sync::point;
use crate::types::{PageCount, PageNumber, PageRange, PageSize};

/// What a database holds after a call: two of them are more than all may hold together.
const CACHE_BYTES: usize = 200 << 20;

/// What happened on a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Ran(String),
    Interrupted(String),
    Began,
    Ended { commit: bool },
    Closed,
}

/// How many sessions of a store are at work, and were at most.
#[derive(Default)]
pub(crate) struct Load(AtomicUsize, AtomicUsize);

impl Load {
    fn begin(&self) {
        self.1.fetch_max(self.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    fn end(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn most(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Notes {
    is_inside: bool,
    events: Vec<Event>,
    cache_bytes: usize,
    /// The durable pages that are known.
    pages: u32,
}

/// What happened on a session, for the test.
#[derive(Clone)]
pub(crate) struct Journal {
    notes: Arc<std::sync::Mutex<Notes>>,
    pub(crate) load: Arc<Load>,
}

impl Journal {
    pub(crate) fn new(load: &Arc<Load>) -> Self {
        Self { notes: Arc::default(), load: Arc::clone(load) }
    }

    fn with<T>(&self, body: impl FnOnce(&mut Notes) -> T) -> T {
        body(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.with(|notes| notes.events.clone())
    }

    pub(crate) fn cache_bytes(&self) -> usize {
        self.with(|notes| notes.cache_bytes)
    }

    fn pages(&self) -> u32 {
        self.with(|notes| notes.pages)
    }
}

pub(crate) struct Session {
    journal: Journal,
    interrupt: Arc<Interrupt>,
    depth: usize,
    /// Whether a statement has begun a transaction.
    is_loose: bool,
    commits: Arc<GroupCommit>,
}

impl Session {
    pub(crate) fn open(journal: &Journal, interrupt: Arc<Interrupt>, commits: Arc<GroupCommit>) -> Self {
        Self { journal: journal.clone(), interrupt, depth: 0, is_loose: false, commits }
    }

    /// Spends some time inside. What is noted is the end of it.
    fn stay(&self, event: Event) -> Result<(), DatabaseError> {
        self.journal.with(|notes| {
            assert!(!notes.is_inside, "two calls are in one session");
            notes.is_inside = true;
        });
        self.journal.load.begin();
        let mut stopped = false;
        for _ in 0..2 {
            point();
            stopped |= self.interrupt.is_set();
        }
        self.journal.load.end();
        self.journal.with(|notes| {
            notes.is_inside = false;
            notes.cache_bytes = CACHE_BYTES;
            let Event::Ran(name) = event else {
                notes.events.push(event);
                return Ok(());
            };
            if stopped {
                notes.events.push(Event::Interrupted(name));
                return Err(DatabaseError::Aborted("the call was interrupted".to_owned()));
            }
            notes.events.push(Event::Ran(name));
            Ok(())
        })
    }

    pub(crate) fn run(
        &mut self,
        _: Kind,
        sql: String,
        _: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        assert_eq!(depth, self.depth, "a call runs at another depth than it belongs to");
        let (begins, ends, writes) = (sql == "BEGIN", sql == "COMMIT", sql.starts_with("write"));
        self.stay(Event::Ran(sql))?;
        if writes {
            self.seal();
        }
        self.is_loose = (self.is_loose || begins) && !ends;
        Ok(Vec::new())
    }

    /// Seals a transaction that grows the database by a page.
    fn seal(&self) {
        let page_size = PageSize::new(512).expect("a page size");
        let base = self.commits.size().map_or_else(|| PageCount(self.journal.pages()), |(size, _)| size);
        let page = PageNumber::new(base.0 + 1).expect("a page");
        let pages = [(page, vec![7; 512].into_boxed_slice())];
        let layer = Layer::new(base, (PageCount(page.get()), page_size), pages);
        assert!(self.commits.try_seal(layer).is_ok(), "there is room for a few");
    }

    pub(crate) fn commits(&self) -> Arc<GroupCommit> {
        Arc::clone(&self.commits)
    }

    /// What has landed is known to the page cache from here on.
    pub(crate) fn catch_up(&self) {
        if let (Some(landed), _) = self.commits.news() {
            self.journal.with(|notes| notes.pages = landed.layer.size().0);
        }
    }

    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(crate) fn undo_lost(&mut self) -> Option<StoreError> {
        None
    }

    pub(crate) fn batch(&mut self, sqls: Vec<Sql>, depth: usize) -> Result<Vec<Vec<u8>>, DatabaseError> {
        sqls.into_iter().try_for_each(|(sql, _)| self.run(Kind::Run, sql, None, depth).map(drop))?;
        Ok(Vec::new())
    }

    pub(crate) fn script(
        &mut self,
        _: ScriptKind,
        sql: &str,
        _: Option<&[u8]>,
        depth: usize,
    ) -> Result<Vec<u8>, DatabaseError> {
        self.run(Kind::Run, sql.to_owned(), None, depth).map(|_| Vec::new())
    }

    pub(crate) fn each(&mut self, sql: String, depth: usize) -> Result<Vec<Vec<u8>>, DatabaseError> {
        self.run(Kind::Run, sql, None, depth)
    }

    pub(crate) fn each_on(&mut self, id: u32, _: bool) -> Result<Vec<Vec<u8>>, DatabaseError> {
        self.stay(Event::Ran(format!("each {id}"))).map(|()| Vec::new())
    }

    pub(crate) fn serialize(&mut self) -> Result<Vec<u8>, DatabaseError> {
        self.stay(Event::Ran("serialize".to_owned())).map(|()| Vec::new())
    }

    pub(crate) fn extend(&mut self, _: crate::database::sqlite::Extension) -> Result<(), DatabaseError> {
        self.stay(Event::Ran("extend".to_owned()))
    }

    pub(crate) fn define(&mut self, _: crate::database::sqlite::Function) -> Result<(), DatabaseError> {
        self.stay(Event::Ran("define".to_owned()))
    }

    pub(crate) fn collate(&mut self, _: crate::database::sqlite::Collation) -> Result<(), DatabaseError> {
        self.stay(Event::Ran("collate".to_owned()))
    }

    pub(crate) fn drop_collation(&mut self, name: &str) -> Result<(), DatabaseError> {
        self.stay(Event::Ran(format!("drop collation {name}")))
    }

    pub(crate) fn changes(&mut self, call: Changes, _: usize) -> Result<Answer, DatabaseError> {
        self.stay(Event::Ran(format!("{call:?}"))).map(|()| Answer::Done)
    }

    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(crate) fn check_alive(&self) -> Result<(), DatabaseError> {
        Ok(())
    }

    pub(crate) fn dead(&self) -> Option<StoreError> {
        None
    }

    pub(crate) fn point(&mut self) -> Result<Vec<u8>, DatabaseError> {
        self.stay(Event::Ran("point".to_owned())).map(|()| Vec::new())
    }

    pub(crate) fn describe(&mut self, sql: String) -> Result<Description, DatabaseError> {
        self.stay(Event::Ran(sql))?;
        Ok(Description { columns: Vec::new(), parameters: Vec::new(), is_readonly: true })
    }

    pub(crate) fn begin(&mut self, depth: usize, _: Behavior) -> Result<(), DatabaseError> {
        assert_eq!(depth, self.depth);
        self.depth += 1;
        self.stay(Event::Began)
    }

    pub(crate) fn end(&mut self, depth: usize, commit: bool) -> Result<(), DatabaseError> {
        self.depth = depth;
        self.stay(Event::Ended { commit })
    }

    pub(crate) fn fetch(&mut self, cursor: u32) -> Result<Vec<u8>, DatabaseError> {
        self.stay(Event::Ran(format!("fetch {cursor}"))).map(|()| Vec::new())
    }

    pub(crate) fn close_cursor(&mut self, cursor: u32) -> Result<(), DatabaseError> {
        self.stay(Event::Ran(format!("close {cursor}")))
    }

    pub(crate) fn is_autocommit(&self) -> bool {
        self.depth == 0 && !self.is_loose
    }

    pub(crate) fn roll_back(&mut self) -> Result<(), DatabaseError> {
        (self.depth, self.is_loose) = (0, false);
        self.stay(Event::Ended { commit: false })
    }

    pub(crate) fn has_written(&self) -> bool {
        self.is_loose
    }

    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(crate) fn rest(&self) {}

    pub(crate) fn cache_bytes(&self) -> usize {
        self.journal.cache_bytes()
    }

    pub(crate) fn shrink(&mut self) -> usize {
        point();
        self.journal.with(|notes| notes.cache_bytes = 0);
        0
    }

    #[expect(clippy::unused_self, reason = "so it is called")]
    pub(crate) fn take_hints(&self, _: bool, _: &[PageRange]) -> Option<Vec<PageRange>> {
        None
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.journal.with(|notes| notes.events.push(Event::Closed));
    }
}
