//! Reads, writes, cuts and syncs that SQLite would never ask for, on the VFS and on a plain array of bytes.
//!
//! What a file does more than an array: it commits at a sync that was told before, forgets at a sync after an undo,
//! refuses any other that would change something; it takes whole pages and shows parts of one; it ends its commit
//! where the header in page 1 says. The store fails in between; then the file must be what it was, or, where the
//! store lost its answer, what it was to become.
//!
//! One thing is left out that a plain file can: to grow again behind a cut before the next sync. SQLite cuts behind
//! the sync that commits, and the header has then told the same.

use std::sync::Arc;

use batondb::database::PageCache;
use batondb::database::testing::OpenFile;
use batondb::database::testing::codes::{
    SQLITE_FCNTL_OVERWRITE as OVERWRITE, SQLITE_IOERR_FSYNC as SYNC, SQLITE_IOERR_READ as READ,
    SQLITE_IOERR_SHORT_READ as SHORT_READ, SQLITE_IOERR_TRUNCATE as TRUNCATE, SQLITE_IOERR_WRITE as WRITE,
    SQLITE_MISUSE as MISUSE, SQLITE_NOTFOUND as NOT_FOUND,
};
use batondb::engine::{Preload, StoreError};

use super::host::{Host, actor, preload, runtime, wait};
use super::input::Input;

const STEPS_MAX: usize = 120;
/// No file grows beyond this, so that an input takes milliseconds.
const FILE_BYTES_MAX: usize = 12 << 20;

pub fn run(data: &[u8]) {
    let _inside = runtime().enter();
    let mut input = Input::new(data);
    let mut pair = Pair::new(&mut input);
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
    }
    pair.end();
}

/// What the file should be.
#[derive(Debug, Clone, Default, PartialEq)]
struct Plain {
    bytes: Vec<u8>,
    page_bytes: Option<usize>,
}

struct Pair {
    host: Host,
    cache: Arc<PageCache>,
    file: OpenFile,
    committed: Plain,
    working: Plain,
    /// Whether page 1 was written since the last sync.
    header_written: bool,
    cut: bool,
    broken: bool,
    /// What the file may have become by a commit whose answer was lost.
    doubtful: Option<Plain>,
    page_bytes: usize,
}

impl Pair {
    fn new(input: &mut Input<'_>) -> Self {
        let cache_bytes = input.of(&[1 << 20, 0, 64 << 20]);
        let page_bytes = input.of(&[4096, 512, 65536, 1024, 8192, 16384]);
        let host = Host::new(cache_bytes);
        let cache = Arc::new(PageCache::new(cache_bytes));
        let file = open(&host, &cache, &preload(input), input.one_in(2)).unwrap();
        let (committed, working) = Default::default();
        Self {
            host,
            cache,
            file,
            committed,
            working,
            header_written: false,
            cut: false,
            broken: false,
            doubtful: None,
            page_bytes,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        // What a former commit has left to do is done, so that the same input always meets the same faults.
        wait(self.host.engine.idle());
        self.file.begin_statement();
        self.file.take_failure();
        match input.below(16) {
            0..4 => self.write_pages(input),
            4 => self.write_wrongly(input),
            5..8 => self.read(input),
            8 => self.truncate(input),
            9..12 => self.commit(input),
            12 => self.sync_untold(),
            13 => self.undo(),
            14 => self.reopen(input),
            _ => self.other(input),
        }
        let size = self.working.bytes.len();
        assert_eq!(self.file.size(), Ok(i64::try_from(size).unwrap()), "the size of the file");
    }

    /// Pages of one pattern, one after the other.
    fn write_pages(&mut self, input: &mut Input<'_>) {
        let bytes = self.working.page_bytes.unwrap_or(self.page_bytes);
        let pages = self.working.bytes.len() / bytes;
        let count = if input.one_in(8) { input.below(70) as usize } else { input.below(3) as usize } + 1;
        let first = input.below(u32::try_from(pages + 4).unwrap()) as usize;
        let pattern = input.bytes(3).to_vec();
        if (first + count) * bytes > FILE_BYTES_MAX || (self.cut && first + count > pages) {
            return;
        }
        let header = input.one_in(4).then(|| input.below(u32::try_from(pages + 6).unwrap()));
        for number in first..first + count {
            let unit = pattern.iter().copied().chain([u8::try_from(number % 251).unwrap()]);
            let mut page: Vec<u8> = unit.cycle().take(bytes).collect();
            if let (0, Some(pages)) = (number, header) {
                tell_pages(&mut page, pages);
            }
            let code = self.file.write(i64::try_from(number * bytes).unwrap(), &page);
            if self.broken {
                assert_eq!(code, 0, "what is written to be undone is forgotten");
                continue;
            }
            self.working.write(number * bytes, &page);
            self.header_written |= number == 0;
            if code != 0 {
                assert_eq!(code, WRITE);
                self.must_be_a_failure();
                self.broken = true;
            }
        }
    }

    /// A write that is no whole page.
    fn write_wrongly(&mut self, input: &mut Input<'_>) {
        let bytes = self.working.page_bytes.unwrap_or(self.page_bytes);
        let length = input.of(&[0, 1, 100, bytes - 1, bytes + 1, bytes / 2, 2 * bytes, 131_072]);
        let offset = input.of(&[0, 1, -1, i64::MAX, i64::MIN, 511, 4096, i64::MAX - 65_535]);
        let is_page = length == self.working.page_bytes.unwrap_or(length)
            && length.is_power_of_two()
            && (512..=65_536).contains(&length);
        if is_page && offset >= 0 && offset % i64::try_from(length).unwrap() == 0 {
            return;
        }
        let code = self.file.write(offset, &vec![9; length]);
        let expected = if self.broken { [0, 0] } else { [WRITE, MISUSE] };
        assert!(expected.contains(&code) || (offset < 0 && code == MISUSE), "{length} at {offset}: {code}");
    }

    fn read(&mut self, input: &mut Input<'_>) {
        let bytes = self.working.page_bytes.unwrap_or(self.page_bytes);
        let pages = u32::try_from(self.working.bytes.len() / bytes).unwrap();
        let start = input.below(pages + 2) as usize * bytes;
        let (offset, amount) = match input.below(5) {
            0..2 => (start, bytes),
            2 => (0, 100),
            3 => (24, 16),
            _ => (start + input.below(0x1_0000) as usize % bytes, input.below(0x1_0000) as usize),
        };
        let (code, read) = self.file.read(i64::try_from(offset).unwrap(), amount);
        if self.broken {
            assert_eq!(code, READ);
            return;
        }
        if code == READ {
            self.must_be_a_failure();
            return;
        }
        let expected = self.working.read(offset, amount);
        assert!((code, &read) == (expected.0, &expected.1), "{amount} bytes at {offset}: {code}");
    }

    fn truncate(&mut self, input: &mut Input<'_>) {
        let size = match input.below(6) {
            0 => input.of(&[-1, i64::MIN, i64::MAX]),
            _ => i64::from(input.below(u32::try_from(self.working.bytes.len() + 5_000).unwrap())),
        };
        let code = self.file.truncate(size);
        let Ok(size) = usize::try_from(size) else {
            assert_eq!(code, MISUSE);
            return;
        };
        let Some(bytes) = self.working.page_bytes else {
            assert_eq!(code, 0);
            return;
        };
        if u32::try_from(size.div_ceil(bytes)).is_err() {
            assert_eq!(code, TRUNCATE);
            return;
        }
        assert_eq!(code, 0);
        let size = size.div_ceil(bytes) * bytes;
        self.cut |= size < self.working.bytes.len();
        self.working.bytes.truncate(size);
        // A header that was written and cut off again tells nothing.
        self.header_written &= size > 0;
    }

    fn is_changed(&self) -> bool {
        self.working.bytes.len() != self.committed.bytes.len() || self.written()
    }

    /// Whether a page was written; the file counts one that is written with what it held, too.
    fn written(&self) -> bool {
        self.header_written || self.working.bytes != self.committed.bytes
    }

    fn commit(&mut self, input: &mut Input<'_>) {
        if input.one_in(3) {
            self.host.faults.plan(input);
        }
        if input.one_in(8) {
            assert_eq!(self.file.control(OVERWRITE), 0);
        } else {
            self.file.before_commit();
        }
        let code = self.file.sync();
        self.host.faults.clear();
        if self.broken {
            assert_eq!(code, SYNC);
            return;
        }
        let mut next = self.working.clone();
        if self.header_written {
            next.cut_as_told();
        }
        if code == 0 {
            self.committed = next.clone();
            self.working = next;
            self.header_written = false;
            self.cut = false;
            return;
        }
        assert_eq!(code, SYNC);
        if let Some(StoreError::CommitUnknown { .. }) = self.must_be_a_failure() {
            self.doubtful = Some(next.clone());
        }
        // The pages are gone from memory, and the size is what they have made it.
        self.working = next;
        self.broken = true;
        self.undo();
    }

    /// A sync that is neither a commit nor the end of an undo.
    fn sync_untold(&mut self) {
        let code = self.file.sync();
        if self.broken || self.is_changed() {
            assert!(code == SYNC || (code == 0 && !self.broken && !self.is_changed()), "{code}");
        } else {
            // Pages that were written with what they held make a change for the file, too.
            assert!([0, SYNC].contains(&code), "{code}");
        }
    }

    fn undo(&mut self) {
        self.file.begin_statement();
        assert_eq!(self.file.undo(), 0);
        assert_eq!(self.file.sync(), 0, "an undo needs nobody");
        self.broken = false;
        self.settle();
    }

    /// What was not committed is gone. A lost answer is asked for again, from a store that works.
    fn settle(&mut self) {
        let landed = self.file.resolve_doubt().unwrap();
        match self.doubtful.take() {
            Some(next) if landed => self.committed = next,
            Some(_) => {}
            None => assert!(!landed, "a commit that failed for sure has taken place"),
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.committed.forget_size_of_nothing();
        self.working = self.committed.clone();
        self.header_written = false;
        self.cut = false;
    }

    /// The store is the reason, which the file tells.
    fn must_be_a_failure(&mut self) -> Option<StoreError> {
        let failure = self.file.take_failure();
        self.host.faults.clear();
        let allowed = matches!(
            failure,
            Some(StoreError::Unavailable(_) | StoreError::CommitUnknown { .. } | StoreError::TooLarge(_))
        );
        assert!(allowed, "{failure:?}");
        failure
    }

    /// A takeover, with a transaction open or not. The former owner can do nothing any more.
    fn reopen(&mut self, input: &mut Input<'_>) {
        if self.doubtful.is_some() {
            self.undo();
        }
        let next = open(&self.host, &self.cache, &preload(input), input.one_in(2)).unwrap();
        let mut former = std::mem::replace(&mut self.file, next);
        if !self.broken {
            let bytes = self.working.page_bytes.unwrap_or(self.page_bytes);
            let written = former.write(0, &vec![0xEE; bytes]);
            former.before_commit();
            assert!([0, WRITE].contains(&written), "{written}");
            assert_eq!(former.sync(), SYNC, "a former owner has committed");
            assert!(matches!(former.take_failure(), Some(StoreError::FenceMismatch { .. })));
            assert_eq!(former.read(0, 16).0, READ, "a former owner still reads");
        }
        self.broken = false;
        self.forget();
        if input.one_in(2) {
            self.page_bytes = input.of(&[512, 2048, 32_768]);
        }
    }

    fn other(&mut self, input: &mut Input<'_>) {
        match input.below(4) {
            0 => assert_eq!(self.file.locks(i32::from(input.byte())), [] as [i32; 0]),
            1 => {
                let operation = i32::from(input.byte()) + 1_000;
                assert_eq!(self.file.control(operation), NOT_FOUND);
            }
            2 => {
                let (code, _) = self.file.read(input.of(&[-1, i64::MIN]), 100);
                assert!([MISUSE, READ].contains(&code), "{code}");
            }
            // The next reads and writes fail.
            _ => self.host.faults.plan(input),
        }
    }

    /// Everything that was committed is there for the next owner.
    fn end(&mut self) {
        self.host.faults.clear();
        self.undo();
        self.file = open(&self.host, &self.cache, &Preload::default(), true).unwrap();
        let bytes = self.committed.page_bytes.unwrap_or(self.page_bytes);
        assert_eq!(self.file.size(), Ok(i64::try_from(self.committed.bytes.len()).unwrap()));
        for start in (0..self.committed.bytes.len()).step_by(bytes) {
            let read = self.file.read(i64::try_from(start).unwrap(), bytes);
            assert!(read == self.committed.read(start, bytes), "page {} is another", start / bytes + 1);
        }
    }
}

fn open(
    host: &Host,
    cache: &Arc<PageCache>,
    preload: &Preload,
    read_ahead: bool,
) -> Result<OpenFile, String> {
    host.faults.clear();
    wait(OpenFile::open(&host.engine, cache, &actor(), preload, read_ahead))
        .map_err(|error| error.to_string())
}

/// Makes a page the header of a database of so many pages.
fn tell_pages(page: &mut [u8], pages: u32) {
    page[28..32].copy_from_slice(&pages.to_be_bytes());
    page.copy_within(24..28, 92);
    page[18..20].copy_from_slice(&[2, 2]);
}

impl Plain {
    fn write(&mut self, offset: usize, data: &[u8]) {
        self.page_bytes.get_or_insert(data.len());
        if self.bytes.len() < offset + data.len() {
            self.bytes.resize(offset + data.len(), 0);
        }
        self.bytes[offset..offset + data.len()].copy_from_slice(data);
    }

    fn read(&self, offset: usize, amount: usize) -> (i32, Vec<u8>) {
        let found = self.bytes.get(offset..).unwrap_or_default();
        let found = &found[..found.len().min(amount)];
        let mut out = found.to_vec();
        out.resize(amount, 0);
        for at in [18, 19] {
            // A database that asks for a write-ahead log is shown as one that does not.
            if let Some(byte) = at_offset(&mut out, offset, at).filter(|byte| **byte == 2) {
                *byte = 1;
            }
        }
        (if found.len() < amount { SHORT_READ } else { 0 }, out)
    }

    /// Ends where the header says.
    fn cut_as_told(&mut self) {
        let (Some(first), Some(bytes)) = (self.bytes.get(..512), self.page_bytes) else { return };
        let pages = u32::from_be_bytes(first[28..32].try_into().unwrap()) as usize;
        if pages > 0 && first[24..28] == first[92..96] {
            self.bytes.truncate(pages.saturating_mul(bytes));
        }
    }

    /// A database without pages has pages of no size.
    fn forget_size_of_nothing(&mut self) {
        if self.bytes.is_empty() {
            self.page_bytes = None;
        }
    }
}

/// The byte of a file at `at`, where `part` is what was read at `offset`.
fn at_offset(part: &mut [u8], offset: usize, at: usize) -> Option<&mut u8> {
    at.checked_sub(offset).and_then(|index| part.get_mut(index))
}
