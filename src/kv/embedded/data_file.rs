//! Reads `data.mdb` without LMDB: to whom it belongs, and whether it is complete.
//!
//! LMDB maps the file and trusts it. With a file that was cut short (a copy that ran out of disk), the
//! process would die at the first missing page, and a foreign file would get our lock files beside it. So the
//! file is checked first: both meta pages, the page with the names of the tables and, if the file ends early,
//! the list of free pages, since LMDB does not write free pages at the end.
//!
//! Other processes may commit meanwhile and replace a page that was read. If something does not fit, it is
//! read again. The layout is that of LMDB 0.9 on 64-bit machines (`MDB_meta`, `MDB_page`, `MDB_node` in its
//! `mdb.c`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::time::Duration;

use super::creation::Unfinished;
use super::positioned::{read_at, write_at};
use super::{clock, creation};

pub(super) const FILE_NAME: &str = "data.mdb";
const HEADER_BYTES: usize = 16;
const META_BYTES: usize = HEADER_BYTES + 136;
const DATA_VERSION: u32 = 1;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const BIG: u16 = 1;
const NODE_BYTES: usize = 8;
/// The smallest page size that LMDB uses on the machines that this is built for.
const PAGE_BYTES_LEAST: u64 = 4_096;
const NO_PAGE: u64 = u64::MAX;
/// More levels than a file of any size has.
const DEPTH_MAX: usize = 32;
/// How often a file is read again because it changes meanwhile.
const ATTEMPTS_MAX: usize = 100;
const PAUSE: Duration = Duration::from_micros(200);

/// What a meta page says, behind the page's header (`MDB_meta`).
pub(super) type MetaBytes = [u8; META_BYTES - HEADER_BYTES];

/// The meta page that commit `txn` has written; `None` if a later commit has written it again. Only within
/// the write turn.
pub(super) fn meta_of(file: &File, page_bytes: usize, txn: u64) -> io::Result<Option<MetaBytes>> {
    let bytes = read_at(file, (txn % 2) * page_bytes as u64, META_BYTES)?;
    let is_meant = Meta::parse(&bytes).is_some_and(|meta| meta.txn == txn);
    Ok(bytes.get(HEADER_BYTES..).filter(|_| is_meant).and_then(|meta| meta.try_into().ok()))
}

/// The number of the newest commit according to the meta pages; `None` if one of them is not whole.
pub(super) fn newest_txn(file: &File) -> io::Result<Option<u64>> {
    Ok(Metas::read(file)?.ok().map(|metas| metas.newest.txn))
}

/// Makes the state of `meta` the newest one: writes it over both meta pages, and flushes.
pub(super) fn restore(file: &File, page_bytes: usize, meta: &MetaBytes) -> io::Result<()> {
    for page in [0, page_bytes] {
        write_at(file, (page + HEADER_BYTES) as u64, meta)?;
    }
    file.sync_data()
}

/// The value of a key in the main database, in the state of `meta`.
pub(super) fn value_at(file: &File, meta: &MetaBytes, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut page = vec![0; HEADER_BYTES];
    page.extend_from_slice(meta);
    let Some(meta) = Meta::parse(&page) else { return Ok(None) };
    let pages = Pages { file, page_bytes: meta.page_bytes };
    let root = pages.read(meta.main_root)?;
    Ok(root.and_then(|root| root.nodes().find(|node| node.key == key).map(|node| node.data.to_vec())))
}

/// What a data file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DataFile {
    /// LMDB's, with the format that a store has recorded there.
    Store { format: Vec<u8> },
    /// Empty, or LMDB's without any content.
    Empty,
    /// Incomplete, because power was lost while it was created.
    Torn,
    /// A foreign file.
    Foreign,
    /// Shorter than its content.
    CutShort { bytes: u64, needed_bytes: u64 },
    /// Damaged otherwise.
    Damaged(String),
}

/// What an empty data file is, if the lock file beside it begins with `lock_head` and shows that there were
/// commits.
pub(super) fn emptied(lock_head: &[u8]) -> Option<DataFile> {
    const LAST_TXN_AT: usize = 8;
    let is_lmdb = lock_head.len() >= LAST_TXN_AT + 8 && lock_head[..4] == creation::own_magic();
    let has_commits = is_lmdb && number_u64(lock_head, LAST_TXN_AT) > 0;
    has_commits.then_some(DataFile::CutShort { bytes: 0, needed_bytes: 2 * PAGE_BYTES_LEAST })
}

/// Examines a file. `format_key` is the key under which a store records its format.
pub(super) fn look(file: &File, format_key: &[u8]) -> io::Result<DataFile> {
    let mut looked = None;
    for _ in 0..ATTEMPTS_MAX {
        let before = Metas::read(file)?;
        let found = match &before {
            Err(found) => found.clone(),
            Ok(metas) => look_inside(file, metas.newest, format_key)?,
        };
        // Pages of a state may be overwritten as soon as there are two newer states.
        let is_steady = match (&before, Metas::read(file)?) {
            (Ok(before), Ok(after)) => after.newest.txn <= before.newest.txn + 1,
            (Err(before), Err(after)) => *before == after,
            _ => false,
        };
        looked = Some(found);
        if is_steady {
            break;
        }
        clock::pause(PAUSE);
    }
    Ok(looked.expect("it was looked at least once"))
}

/// One of the two meta pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta {
    page_bytes: usize,
    free_root: u64,
    main_root: u64,
    last_page: u64,
    txn: u64,
}

struct Metas {
    newest: Meta,
}

impl Metas {
    /// The inner error says what the file is instead.
    fn read(file: &File) -> io::Result<Result<Self, DataFile>> {
        match creation::unfinished(file)? {
            Some(Unfinished::Empty) => return Ok(Err(DataFile::Empty)),
            Some(Unfinished::Torn) => return Ok(Err(torn_or_cut(file)?)),
            None => {}
        }
        let Some(first) = Meta::parse(&read_at(file, 0, META_BYTES)?) else {
            return Ok(Err(DataFile::Foreign));
        };
        let at = first.page_bytes as u64;
        let bytes = read_at(file, at, META_BYTES)?;
        if bytes.len() < META_BYTES {
            let bytes = file.metadata()?.len();
            return Ok(Err(DataFile::CutShort { bytes, needed_bytes: 2 * at }));
        }
        let Some(second) = Meta::parse(&bytes) else {
            return Ok(Err(DataFile::Damaged("its second meta page is none".to_owned())));
        };
        Ok(Ok(Self { newest: if second.txn > first.txn { second } else { first } }))
    }
}

/// Classifies the remains of the two meta pages: either of a file that was being created, to which nothing
/// was ever committed, or of one that was cut short.
fn torn_or_cut(file: &File) -> io::Result<DataFile> {
    let bytes = file.metadata()?.len();
    let whole = read_at(file, 0, usize::try_from(bytes).unwrap_or(usize::MAX))?;
    let sector = creation::written_sector(&whole);
    let meta = sector.and_then(Meta::parse);
    if let Some(meta) = meta.filter(|meta| meta.txn > 0 || meta.main_root != NO_PAGE) {
        let needed_bytes = (meta.last_page + 1).saturating_mul(meta.page_bytes as u64);
        return Ok(DataFile::CutShort { bytes, needed_bytes });
    }
    // A disk writes whole sectors, or nothing.
    if bytes.is_multiple_of(creation::SECTOR_BYTES as u64) {
        return Ok(DataFile::Torn);
    }
    let page_bytes = meta.map_or(PAGE_BYTES_LEAST, |meta| meta.page_bytes as u64);
    Ok(DataFile::CutShort { bytes, needed_bytes: 2 * page_bytes })
}

impl Meta {
    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < META_BYTES || bytes[HEADER_BYTES..HEADER_BYTES + 4] != creation::own_magic() {
            return None;
        }
        let long = |at: usize| number_u64(bytes, HEADER_BYTES + at);
        let page_bytes = number_u32(bytes, HEADER_BYTES + 24) as usize;
        let is_sound = number_u32(bytes, HEADER_BYTES + 4) == DATA_VERSION
            && page_bytes.is_power_of_two()
            && (512..=64 * 1024).contains(&page_bytes);
        is_sound.then(|| Self {
            page_bytes,
            free_root: long(64),
            main_root: long(112),
            last_page: long(120),
            txn: long(128),
        })
    }
}

fn look_inside(file: &File, meta: Meta, format_key: &[u8]) -> io::Result<DataFile> {
    let bytes = file.metadata()?.len();
    let needed_bytes = (meta.last_page + 1).saturating_mul(meta.page_bytes as u64);
    let file = Pages { file, page_bytes: meta.page_bytes };
    let is_new = meta.txn == 0 && meta.main_root == NO_PAGE;
    if bytes < needed_bytes && is_new && bytes.is_multiple_of(creation::SECTOR_BYTES as u64) {
        return Ok(DataFile::Torn);
    }
    if bytes < needed_bytes && !file.ends_with_free_pages(&meta, bytes)? {
        return Ok(DataFile::CutShort { bytes, needed_bytes });
    }
    if meta.main_root == NO_PAGE {
        return Ok(DataFile::Empty);
    }
    let Some(page) = file.read(meta.main_root)? else {
        return Ok(DataFile::Damaged("the page with the names of its tables is not there".to_owned()));
    };
    if page.flags() & LEAF == 0 {
        // A store has only a few names, which fit one page.
        return Ok(DataFile::Foreign);
    }
    let format = page.nodes().find(|node| node.key == format_key);
    Ok(format.map_or(DataFile::Foreign, |node| DataFile::Store { format: node.data.to_vec() }))
}

/// A file, page by page.
struct Pages<'f> {
    file: &'f File,
    page_bytes: usize,
}

impl Pages<'_> {
    /// `None` if the page does not exist, or has another number.
    fn read(&self, number: u64) -> io::Result<Option<Page>> {
        let at = number.saturating_mul(self.page_bytes as u64);
        let bytes = read_at(self.file, at, self.page_bytes)?;
        let page = Page(bytes);
        Ok((page.0.len() == self.page_bytes && number_u64(&page.0, 0) == number).then_some(page))
    }

    /// Whether LMDB's list has all pages behind the end of the file as free.
    fn ends_with_free_pages(&self, meta: &Meta, bytes: u64) -> io::Result<bool> {
        let first_missing = bytes / self.page_bytes as u64;
        let mut missing: BTreeSet<u64> = (first_missing..=meta.last_page).take(1 << 20).collect();
        let is_all = missing.len() as u64 == meta.last_page + 1 - first_missing;
        if meta.free_root == NO_PAGE || !is_all {
            return Ok(false);
        }
        let mut left = vec![(meta.free_root, 0)];
        while let Some((number, depth)) = left.pop() {
            let Some(page) = self.read(number)?.filter(|_| depth < DEPTH_MAX) else { return Ok(false) };
            for node in page.nodes() {
                if page.flags() & BRANCH != 0 {
                    left.push((node.child, depth + 1));
                } else if !self.strike_out(&node, &mut missing)? {
                    return Ok(false);
                }
            }
        }
        Ok(missing.is_empty())
    }

    /// Removes the free pages of one record from `missing`; `false` if the record is incomplete.
    fn strike_out(&self, node: &Node<'_>, missing: &mut BTreeSet<u64>) -> io::Result<bool> {
        let big;
        let list = if node.flags & BIG == 0 {
            node.data
        } else {
            let Some(page) = node.data.get(..8).map(|bytes| number_u64(bytes, 0)) else { return Ok(false) };
            let at = page.saturating_mul(self.page_bytes as u64) + HEADER_BYTES as u64;
            big = read_at(self.file, at, node.data_bytes)?;
            if big.len() < node.data_bytes {
                return Ok(false);
            }
            &big[..]
        };
        // The first number says how many follow; a list may occupy more room than it needs.
        for chunk in list.chunks_exact(8).skip(1) {
            missing.remove(&number_u64(chunk, 0));
        }
        Ok(true)
    }
}

struct Page(Vec<u8>);

/// An entry of a page.
struct Node<'p> {
    flags: u16,
    key: &'p [u8],
    data: &'p [u8],
    /// The length of the data, wherever it is stored.
    data_bytes: usize,
    /// The child page, for an entry of a branch page.
    child: u64,
}

impl Page {
    fn flags(&self) -> u16 {
        number_u16(&self.0, 10)
    }

    /// The readable entries. If the page has been replaced meanwhile, its bytes may be anything.
    fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let lower = usize::from(number_u16(&self.0, 12)).min(self.0.len());
        let places = self.0.get(HEADER_BYTES..lower).unwrap_or_default().chunks_exact(2);
        places.filter_map(|place| self.node(usize::from(number_u16(place, 0))))
    }

    fn node(&self, at: usize) -> Option<Node<'_>> {
        let head = self.0.get(at..at + NODE_BYTES)?;
        let low = number_u32(head, 0);
        let flags = number_u16(head, 4);
        let key_bytes = usize::from(number_u16(head, 6));
        let key = self.0.get(at + NODE_BYTES..at + NODE_BYTES + key_bytes)?;
        let data_at = at + NODE_BYTES + key_bytes;
        let is_branch = self.flags() & BRANCH != 0;
        let data_bytes = if is_branch { 0 } else { low as usize };
        let here = if flags & BIG != 0 { 8 } else { data_bytes };
        let data = if is_branch { &[] } else { self.0.get(data_at..data_at + here)? };
        // A branch page stores the number of the child page in place of the length, with 16 more bits in the
        // flags.
        let child = u64::from(low) | u64::from(flags) << 32;
        Some(Node { flags, key, data, data_bytes, child })
    }
}

#[expect(clippy::host_endian_bytes, reason = "LMDB writes as the machine does")]
fn number_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().expect("two bytes are two"))
}

#[expect(clippy::host_endian_bytes, reason = "LMDB writes as the machine does")]
fn number_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes are four"))
}

#[expect(clippy::host_endian_bytes, reason = "LMDB writes as the machine does")]
fn number_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight"))
}
