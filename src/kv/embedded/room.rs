//! The room that is left: what a nearly full store still accepts.
//!
//! Deleting needs room first. LMDB writes the pages of its trees anew, and the replaced pages become free
//! only for the transaction after the next. So the last pages before the limit are held back. Growth is
//! refused before them. Writes that replace rows may use half of them. Writes that only delete, or let an
//! owner go on, may use all of them.
//!
//! Room is left at the end of the file and in the list of free pages, as far as no reader can still see their
//! former content. The list is counted only if the end alone is not enough, and only as far as needed.

use super::environment::Store;
use super::errors::kv_error;
use super::lmdb::{FreeList, Info, forget};
use super::values::{self, STORED_BYTES_MAX};
use crate::kv::{KvError, Mutation, Mutations, RoomUse};

/// The fraction of the limit that is held back, within these numbers of pages.
const KEPT_SHARE: usize = 8;
const KEPT_PAGES: std::ops::RangeInclusive<usize> = 48..=1_024;
/// What a transaction takes besides its rows: the paths to them, the roots of the tables, and the free list
/// itself.
const TREE_PAGES: usize = 16;
/// Memory of freed pages is released if there were at least this many.
const FORGOTTEN_PAGES_MIN: usize = 32;
/// The minimum number of rows that share a page of the tree, if many are written.
const ROWS_A_PAGE: usize = 4;

/// The room for one LMDB transaction, and how much of it its decisions take, as far as that can be estimated
/// beforehand.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// Pages at the end of the file, up to its limit.
    at_end: usize,
    kept: usize,
    page_bytes: usize,
    limit_bytes: u64,
    taken: usize,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no room.
    Full,
    /// The pages freed last would be enough, and can be used after a checkpoint and one more commit.
    TooSoon,
}

/// Free pages, as far as they were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Free {
    /// Those that the next write transaction can use.
    pub(super) now: usize,
    /// Those that were freed since the last checkpoint or by the newest commit, which can be used after a
    /// checkpoint and a commit if no reader needs them.
    pub(super) soon: usize,
}

impl Room {
    /// The room that a transaction begins with.
    pub(super) fn new(info: Info, page_bytes: usize, limit_bytes: u64) -> Self {
        let limit = usize::try_from(limit_bytes / page_bytes as u64).unwrap_or(usize::MAX);
        Self {
            // LMDB never uses the last page of its map.
            at_end: limit.saturating_sub(info.last_page + 2),
            kept: (limit / KEPT_SHARE).clamp(*KEPT_PAGES.start(), *KEPT_PAGES.end()),
            page_bytes,
            limit_bytes,
            taken: TREE_PAGES,
        }
    }

    /// Takes room for a decision, or says why there is none. `count` counts free pages until it has found
    /// enough.
    pub(super) fn take(
        &mut self,
        mutations: &Mutations,
        count: impl FnOnce(usize) -> Result<Free, KvError>,
    ) -> Result<Result<(), Refused>, KvError> {
        let kept = match mutations.room_use() {
            RoomUse::Grows => self.kept,
            RoomUse::Replaces => self.kept / 2,
            RoomUse::Frees => return Ok(Ok(())),
        };
        let taken = self.taken + pages_of(mutations, self.page_bytes);
        let wanted = (taken + kept).saturating_sub(self.at_end);
        if wanted > 0 {
            let free = count(wanted)?;
            if free.now < wanted {
                let soon = free.now + free.soon >= wanted;
                return Ok(Err(if soon { Refused::TooSoon } else { Refused::Full }));
            }
        }
        self.taken = taken;
        Ok(Ok(()))
    }

    /// The error for the caller of a refused decision.
    pub(super) fn error(&self, room_use: RoomUse) -> KvError {
        let cure = match room_use {
            RoomUse::Replaces => "delete actors",
            RoomUse::Grows | RoomUse::Frees => "delete rows or actors",
        };
        let limit = self.limit_bytes;
        KvError::Full {
            detail: format!(
                "the file has reached maxSizeBytes = {limit}, but for what is kept back for deletions; {cure}, or raise it"
            ),
        }
    }
}

/// What keeps free pages from being used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keeping {
    /// The oldest state that somebody reads.
    pub(super) read: Option<usize>,
    /// The oldest state that this process pins. A checkpoint releases it.
    pub(super) pin: Option<usize>,
}

/// Counts free pages until there are `wanted` for a write transaction after commit `newest`.
pub(super) fn count(
    list: FreeList<'_>,
    newest: usize,
    keeping: Keeping,
    wanted: usize,
) -> Result<Free, KvError> {
    let oldest_read = keeping.read.map_or(newest, |read| read.min(newest));
    let oldest = keeping.pin.map_or(oldest_read, |pin| pin.min(oldest_read));
    let mut free = Free::default();
    for freed in list {
        let freed = freed.map_err(kv_error)?;
        if freed.txn < oldest {
            free.now += freed.len();
        } else if freed.txn < oldest_read || oldest_read == newest {
            free.soon += freed.len();
        }
        if free.now >= wanted {
            break;
        }
    }
    Ok(free)
}

/// The pages that the rows of a decision take.
fn pages_of(mutations: &Mutations, page_bytes: usize) -> usize {
    let (mut own, mut shared_bytes, mut rows) = (0, 0, 0_usize);
    for mutation in mutations.iter() {
        if let Mutation::Put { key, value, .. } = mutation {
            rows += 1;
            let mut entry = |bytes: usize| {
                let entry_bytes = key.len() + bytes;
                if values::has_own_page(entry_bytes, page_bytes) {
                    own += 1;
                    shared_bytes += key.len() + values::ENTRY_BYTES;
                } else {
                    shared_bytes += entry_bytes + values::ENTRY_BYTES;
                }
            };
            entry(value.len().min(STORED_BYTES_MAX));
            value.chunks(STORED_BYTES_MAX).skip(1).for_each(|part| entry(part.len()));
        }
    }
    // A growing page of the tree is split in the middle.
    own + shared_bytes.div_ceil(page_bytes / 2) + rows / ROWS_A_PAGE
}

impl Store {
    /// The room for the write transaction that has begun.
    pub(super) fn room(&self) -> Room {
        Room::new(self.env.info(), self.env.page_bytes(), self.size_limit)
    }

    /// Takes room for a decision. The inner error refuses it; the outer one means that it would fit after
    /// [`make_room`](Self::make_room).
    pub(super) fn take_room(
        &self,
        room: &mut Room,
        mutations: &Mutations,
    ) -> Result<Result<(), KvError>, KvError> {
        match room.take(mutations, |wanted| self.count_free(wanted))? {
            Ok(()) => Ok(Ok(())),
            Err(Refused::Full) => Ok(Err(room.error(mutations.room_use()))),
            Err(Refused::TooSoon) => Err(room.error(mutations.room_use())),
        }
    }

    fn count_free(&self, wanted: usize) -> Result<Free, KvError> {
        let read = self.read_txn()?;
        let keeping = Keeping { read: self.oldest_state_read(), pin: self.env.oldest_pin() };
        count(FreeList::of(&read).map_err(kv_error)?, read.id(), keeping, wanted)
    }

    /// Whether there may be more room than a transaction has just found: the map may grow, or recently freed
    /// pages become usable.
    pub(super) fn make_room(&self) -> bool {
        self.clear_stale_readers();
        self.may_grow() || self.count_free(usize::MAX).is_ok_and(|free| free.soon > 0) && self.age().is_ok()
    }

    /// Makes a nearly empty commit between two checkpoints. Pages that were freed before can be used after it:
    /// the first checkpoint gives the commit room, and the second one covers it.
    fn age(&self) -> Result<(), KvError> {
        self.checkpoint()?;
        let mut txn = self.write_txn(&|_| true)?;
        txn.rewrite_format().map_err(kv_error)?;
        self.commit(txn).map_err(KvError::from)?;
        self.checkpoint()
    }

    /// Called after a commit that has freed this many pages, and perhaps others, and has written so much.
    pub(super) fn note_freed(&self, pages: usize, written_bytes: usize) {
        if let Some(journal) = &self.journal
            && is_worth_forgetting(pages, written_bytes / self.env.page_bytes())
        {
            journal.note_freed(self.env.info().last_txn);
        }
    }

    /// Releases the memory of what these commits have freed. The pages are on the disk, and no commit uses
    /// them yet.
    pub(super) fn forget_freed(&self, commits: &[usize]) {
        let Ok(read) = self.read_txn() else { return };
        for commit in commits {
            if let Ok(Some(freed)) = FreeList::freed_by(&read, *commit) {
                forget(&self.env, &freed);
            }
        }
    }
}

/// Whether the memory of pages that a commit has freed is to be released. What is rewritten again and again lies
/// beside what that frees, goes with it, and would have to be read from the disk by the next commit.
fn is_worth_forgetting(freed: usize, written: usize) -> bool {
    freed >= FORGOTTEN_PAGES_MIN && freed > 2 * written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_released_after_deletions_and_not_after_what_rewrites() {
        assert!(is_worth_forgetting(FORGOTTEN_PAGES_MIN, 0) && is_worth_forgetting(219, 5));
        assert!(!is_worth_forgetting(FORGOTTEN_PAGES_MIN - 1, 0), "too few");
        assert!(!is_worth_forgetting(500, 500) && !is_worth_forgetting(500, 250));
    }

    const LIMIT_PAGES: usize = 1_000;

    /// A store of at most 1,000 pages, of which 125 are held back.
    fn room(used: usize) -> Room {
        let info = Info { map_bytes: 0, last_page: used - 1, last_txn: 9 };
        Room::new(info, 4_096, (LIMIT_PAGES * 4_096) as u64)
    }

    fn rows(count: usize, bytes: usize, room_use: RoomUse) -> Mutations {
        let mut mutations = Mutations::new();
        (0..count).for_each(|row| mutations.put(vec![0, u8::try_from(row).unwrap()], vec![0; bytes]));
        mutations.use_room(room_use);
        mutations
    }

    fn take(room: &mut Room, mutations: &Mutations, free: Free) -> Result<(), Refused> {
        room.take(mutations, |_| Ok(free)).unwrap()
    }

    fn none_is_counted(_: usize) -> Result<Free, KvError> {
        panic!("there is room at the end")
    }

    #[test]
    fn what_grows_ends_before_what_replaces_and_that_before_what_frees() {
        let [grows, replaces, frees] =
            [RoomUse::Grows, RoomUse::Replaces, RoomUse::Frees].map(|room_use| rows(4, 4_000, room_use));
        for (used, expected) in [
            (850, [Ok(()); 3]),
            (860, [Err(Refused::Full), Ok(()), Ok(())]),
            (920, [Err(Refused::Full), Err(Refused::Full), Ok(())]),
        ] {
            let taken = [&grows, &replaces, &frees]
                .map(|mutations| take(&mut room(used), mutations, Free::default()));
            assert_eq!(taken, expected, "{used} pages used");
        }
        assert_eq!(room(2).take(&grows, none_is_counted), Ok(Ok(())));
    }

    #[test]
    fn pages_that_are_free_count_once_they_can_be_used() {
        let grows = rows(4, 4_000, RoomUse::Grows);
        let free = |now, soon| Free { now, soon };
        assert_eq!(take(&mut room(999), &grows, free(150, 0)), Ok(()));
        assert_eq!(take(&mut room(999), &grows, free(100, 0)), Err(Refused::Full));
        assert_eq!(take(&mut room(999), &grows, free(100, 50)), Err(Refused::TooSoon));
    }

    #[test]
    fn a_batch_takes_room_only_once() {
        let (mut room, grows) = (room(800), rows(10, 4_000, RoomUse::Grows));
        let taken = (0..100).take_while(|_| take(&mut room, &grows, Free::default()).is_ok()).count();
        assert!((3..6).contains(&taken), "{taken} decisions of ten pages into 59");
        assert_eq!(take(&mut room, &rows(10, 4_000, RoomUse::Frees), Free::default()), Ok(()));
        assert_eq!(take(&mut room, &Mutations::new(), Free::default()), Ok(()), "what writes nothing");
    }

    #[test]
    fn rows_take_pages_of_their_own_or_share_some() {
        let pages = |count, bytes| pages_of(&rows(count, bytes, RoomUse::Grows), 4_096);
        assert_eq!(pages(0, 0), 0);
        assert_eq!(pages(100, 4_000), 100 + 1 + 25);
        // In half pages, including their keys.
        assert!((98..105).contains(&(pages(200, 1_000) - 50)), "{}", pages(200, 1_000));
        // 24 full parts and one of 4,000 bytes.
        assert_eq!(pages(1, 100_000), 25 + 1);
    }
}
