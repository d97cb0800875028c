//! exportTo: the pages of one committed head as a plain SQLite file.
//!
//! The file appears under its name only when it is whole and on disk: it is written under another name
//! beside it, synced, and renamed. Memory holds one page at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;

use crate::codec::Head;
use crate::kv::{Isolation, ReadBody, View};
use crate::plan;
use crate::types::{ActorId, Meta, PageCount, PageNumber, PageRange, Txid, runs};

use super::attempts::Attempts;
use super::core::Core;
use super::error::{Failure, StoreError};
use super::files::{blocking, failed};
use super::import::refuse_sidecars;
use super::rows::{Actor, Stored, decode_page, walk};
use super::slices::{BEGINNINGS_MAX, SliceSize, moved_too_often, read_slice};

/// One slice of an export.
struct Export {
    actor: Actor,
    size: SliceSize,
    target: SharedTarget,
}

/// Taken out while an execution writes to it. A read that had to end early (its state was too old) leaves it
/// where it is, and the next execution goes on from there if the head is still the same.
type SharedTarget = Arc<Mutex<Option<Target>>>;

impl ReadBody for Export {
    type Output = ControlFlow<Meta>;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Self::Output, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            let fence =
                plan::check_readable(fence.as_ref()).map_err(|refusal| self.actor.refused(refusal))?;
            let mut target = take(&self.target);
            let written = self.write(view, &head, &mut target).await;
            let done = target.next.is_none_or(|next| !head.size_pages.contains(next));
            *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
            written?;
            Ok(if done { ControlFlow::Break(plan::meta(fence, &head)) } else { ControlFlow::Continue(()) })
        }
        .boxed()
    }
}

fn take(target: &SharedTarget) -> Target {
    let taken = target.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.expect("one execution at a time writes the file, and puts it back")
}

impl Export {
    /// Writes a slice from where the file ends.
    async fn write(&self, view: &dyn View, head: &Head, target: &mut Target) -> Result<(), Failure> {
        target.begin(head).map_err(|error| target.failed(&error))?;
        if target.beginnings > BEGINNINGS_MAX {
            return Err(moved_too_often(&self.actor.id).into());
        }
        let left = target.next.map(|first| PageRange { first, last: PageNumber::LAST });
        let left = runs::first_pages(left.as_slice(), head.size_pages, u64::MAX);
        let slice = self.size.first_of(&left, head.page_size);
        let Some(run) = slice.first() else { return Ok(()) };
        let mut page_bytes = vec![0; head.page_size.bytes()];
        walk(view, &self.actor, *run, head.txid, |stored| {
            let last = match stored {
                Stored::Never(gap) => {
                    let zeros = u64::from(gap.count()) * head.page_size.bytes() as u64;
                    io::copy(&mut io::Read::take(io::repeat(0), zeros), &mut target.file)
                        .map_err(|error| target.failed(&error))?;
                    gap.last
                }
                Stored::Row { page, txid, key, value } => {
                    decode_page(&self.actor, (page, txid), (key, value), head.page_size, &mut page_bytes)?;
                    target.file.write_all(&page_bytes).map_err(|error| target.failed(&error))?;
                    page
                }
            };
            target.next = last.next();
            Ok(())
        })
        .await
    }
}

/// The file being written.
struct Target {
    path: PathBuf,
    file: BufWriter<File>,
    /// Txid and size of the head whose pages are in the file so far: an actor that was deleted and made again has the
    /// txid that it had, and no pages.
    head: Option<(Txid, PageCount)>,
    /// At how many heads it was begun.
    beginnings: u32,
    /// The page to write next; none when the last possible one was written.
    next: Option<PageNumber>,
}

impl Target {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| cannot_write(&path, &error))?;
        Ok(Self {
            path,
            file: BufWriter::with_capacity(1 << 20, file),
            head: None,
            beginnings: 0,
            next: Some(PageNumber::FIRST),
        })
    }

    /// Goes on at the same head, or starts over at another one.
    fn begin(&mut self, head: &Head) -> io::Result<()> {
        let head = Some((head.txid, head.size_pages));
        if self.head == head {
            return Ok(());
        }
        self.file.rewind()?;
        self.file.get_mut().set_len(0)?;
        self.head = head;
        self.beginnings += 1;
        self.next = Some(PageNumber::FIRST);
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        cannot_write(&self.path, error)
    }

    /// Makes the file durable under its final name.
    fn finish(self, path: &Path) -> Result<(), StoreError> {
        let Self { path: partial, file, .. } = self;
        let finished = file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&partial, path))
            .and_then(|()| sync_directory(path));
        finished.map_err(|error| cannot_write(path, &error))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> StoreError {
    failed(format!("cannot write {}: {error}", path.display()), error)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    // Windows makes a rename durable with the file's metadata; it has no handle on a directory to sync.
    Ok(())
}

/// Writes an actor's database to `path`. A file that is there is replaced, unless a journal beside it would
/// then be applied to the new one.
pub(crate) async fn export_to(core: &Arc<Core>, id: &ActorId, path: &Path) -> Result<Meta, StoreError> {
    let (core, env) = (Arc::clone(core), Arc::clone(&core.env));
    let actor = Actor::new(id);
    let path = path.to_owned();
    let runtime = Handle::current();
    let work = move || {
        refuse_sidecars(&path)?;
        let partial = partial_path(&path, core.env.token().0)?;
        let target = Arc::new(Mutex::new(Some(Target::create(partial.clone())?)));
        let written = runtime.block_on(write_all(&core, &actor, &target)).and_then(|meta| {
            take(&target).finish(&path)?;
            Ok(meta)
        });
        if written.is_err() {
            // Nothing more can be done if this fails too; the name says what the file is.
            let _ = fs::remove_file(&partial);
        }
        written
    };
    blocking(&*env, work).await
}

async fn write_all(core: &Core, actor: &Actor, target: &SharedTarget) -> Result<Meta, StoreError> {
    let mut size = SliceSize::new(&core.limits);
    loop {
        let mut attempts = Attempts::begin(core);
        let slice = |size| Export { actor: actor.clone(), size, target: Arc::clone(target) };
        if let ControlFlow::Break(meta) = read_slice(core, &mut attempts, &mut size, slice).await? {
            return Ok(meta);
        }
    }
}

/// A name beside `path` that nobody else uses.
fn partial_path(path: &Path, token: [u8; 16]) -> Result<PathBuf, StoreError> {
    let Some(name) = path.file_name() else {
        return Err(StoreError::InvalidArg(format!("{} does not name a file", path.display())));
    };
    let mut partial = name.to_owned();
    partial.push(format!(".{:08x}.partial", u128::from_be_bytes(token) >> 96));
    Ok(path.with_file_name(partial))
}
