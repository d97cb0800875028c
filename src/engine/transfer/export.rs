//! exportTo: writes the pages of one committed head to a plain SQLite file.
//!
//! The file appears under its name only when it is complete and on disk. Memory holds one page at a time.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;

use crate::codec::Head;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::at::At;
use crate::engine::read::rows::{Stored, decode_page, walk};
use crate::engine::read::slices::{BEGINNINGS_MAX, SliceSize, moved_too_often, read_slice};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{Identity, Isolation, Limits, ReadFn, View};
use crate::plan;
use crate::types::{ActorId, Meta, PageCount, PageNumber, PageRange, Txid, runs};

use super::import::refuse_sidecars;
use super::partial::{Partial, refuse_present};

/// One slice of an export.
struct Export {
    actor: Actor,
    size: SliceSize,
    limits: Limits,
    target: SharedTarget,
}

/// Taken out while an execution writes to it. A read that had to end early (its state was too old) leaves it
/// as it is. The next execution continues from there if the head is still the same.
type SharedTarget = Arc<Mutex<Option<Target>>>;

impl ReadFn for Export {
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
    /// Writes a slice at the end of the file.
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
        walk(view, &self.actor, *run, &At::head(head, &self.limits), |stored| {
            let last = match stored {
                Stored::Never(gap) => {
                    let zeros = u64::from(gap.count()) * head.page_size.bytes() as u64;
                    io::copy(&mut io::repeat(0).take(zeros), &mut target.file)
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
pub(super) struct Target {
    // Closed before the file is removed, if it is: not every system can remove open files.
    pub(super) file: BufWriter<File>,
    partial: Partial,
    /// Txid and size of the head whose pages are in the file so far: an actor that was deleted and created
    /// again may have the same txid, but no pages.
    head: Option<(Txid, PageCount)>,
    /// How many times it was started, each at another head.
    beginnings: u32,
    /// The page to write next; none when the last possible one was written.
    next: Option<PageNumber>,
}

impl Target {
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let (partial, file) = Partial::create(path)?;
        Ok(Self {
            partial,
            file: BufWriter::with_capacity(1 << 20, file),
            head: None,
            beginnings: 0,
            next: Some(PageNumber::FIRST),
        })
    }

    /// Continues at the same head, or starts over at another one.
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

    pub(super) fn failed(&self, error: &io::Error) -> StoreError {
        self.partial.failed(error)
    }

    /// Makes the file durable under its final name.
    pub(super) fn finish(self, replaces: bool) -> Result<(), StoreError> {
        let Self { partial, file, .. } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = file.map_err(|error| partial.failed(&error))?;
        if replaces { partial.finish(&file) } else { partial.finish_new(&file) }
    }
}

/// Whether the head is better exported as a point: the backend keeps no state for as long as an export takes, and
/// the actor keeps its own.
pub(crate) async fn is_better_kept(core: &Core, id: &ActorId) -> Result<bool, StoreError> {
    if core.limits.read_bytes.is_none() {
        return Ok(false);
    }
    core.read(&Arc::new(Keeps(Actor::new(id)))).await
}

struct Keeps(Actor);

impl ReadFn for Keeps {
    type Output = bool;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<bool, Failure>> {
        async move {
            let (fence, head) = self.0.fence_and_head(view, Isolation::Snapshot).await?;
            Ok(plan::check_readable(fence.as_ref()).is_ok() && head.keeps() && head.size_pages.0 > 0)
        }
        .boxed()
    }
}

/// Writes an actor's database to `path`. An existing file is replaced if requested, unless there is a journal
/// beside it, which would then be applied to the new file.
pub(crate) async fn export_to(
    core: &Arc<Core>,
    id: &ActorId,
    path: &Path,
    replaces: bool,
) -> Result<Meta, StoreError> {
    let (core, env) = (Arc::clone(core), Arc::clone(&core.env));
    let actor = Actor::new(id);
    let path = path.to_owned();
    let runtime = Handle::current();
    let work = move || {
        if !replaces {
            refuse_present(&path)?;
        }
        refuse_sidecars(&path)?;
        refuse_own_file(&core, &path)?;
        let target = Arc::new(Mutex::new(Some(Target::create(&path)?)));
        let meta = runtime.block_on(write_all(&core, &actor, &target))?;
        take(&target).finish(replaces)?;
        Ok(meta)
    };
    blocking(&*env, work).await
}

async fn write_all(core: &Core, actor: &Actor, target: &SharedTarget) -> Result<Meta, StoreError> {
    let mut size = SliceSize::new(&core.limits);
    loop {
        let mut retry = Retry::begin(core);
        let slice =
            |size| Export { actor: actor.clone(), size, limits: core.limits, target: Arc::clone(target) };
        if let ControlFlow::Break(meta) = read_slice(core, &mut retry, &mut size, slice).await? {
            return Ok(meta);
        }
    }
}

/// The store's own files are never replaced by an export to their name.
pub(super) fn refuse_own_file(core: &Core, path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = Identity::of_place(parent.unwrap_or(Path::new("."))).ok();
    if beside.is_none() || beside != core.kv.identity() || !path.exists() {
        return Ok(());
    }
    let mut begins = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(plan::SQLITE_MAGIC.len() as u64).read_to_end(&mut begins));
    if read.is_ok() && begins == plan::SQLITE_MAGIC {
        return Ok(());
    }
    let path = path.display();
    let message =
        format!("{path} is in the directory of the store and is no SQLite file; it is not replaced");
    Err(StoreError::InvalidArg(message))
}
