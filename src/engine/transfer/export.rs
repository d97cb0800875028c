//! exportTo: writes the pages of one committed head to a plain SQLite file.
//!
//! The file appears under its name only when it is complete and on disk. If the backend keeps a state as long as it is
//! read, memory holds one page at a time; on the others, pieces are read as for a copy.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;

use crate::codec::Head;
use crate::engine::error::{Failure, StoreError};
use crate::engine::read::at::At;
use crate::engine::read::rows::{Stored, decode_page, walk};
use crate::engine::read::slices::{BEGINNINGS_MAX, moved_too_often};
use crate::engine::runtime::actor::Actor;
use crate::engine::runtime::blocking::blocking;
use crate::engine::runtime::core::Core;
use crate::kv::{Identity, Isolation, Limits, ReadFn, View};
use crate::plan;
use crate::types::{ActorId, Meta, PageNumber, PageRange, runs};

use super::copy::piece::{Next, Part, Piece};
use super::copy::reading::Reading;
use super::import::refuse_sidecars;
use super::partial::{Partial, refuse_present};

/// An export in one read.
struct Export {
    actor: Actor,
    limits: Limits,
    target: SharedTarget,
}

/// Taken out while an execution writes to it. The next one begins again.
type SharedTarget = Arc<Mutex<Option<Target>>>;

impl ReadFn for Export {
    type Output = Meta;
    type Error = Failure;

    fn run<'a>(&'a self, view: &'a dyn View) -> BoxFuture<'a, Result<Meta, Failure>> {
        async move {
            let (fence, head) = self.actor.fence_and_head(view, Isolation::Snapshot).await?;
            let fence =
                plan::check_readable(fence.as_ref()).map_err(|refusal| self.actor.refused(refusal))?;
            let mut target = take(&self.target);
            let written = self.write(view, &head, &mut target).await;
            *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
            written?;
            Ok(plan::meta(fence, &head))
        }
        .boxed()
    }
}

fn take(target: &SharedTarget) -> Target {
    let taken = target.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.expect("one execution at a time writes the file, and puts it back")
}

impl Export {
    async fn write(&self, view: &dyn View, head: &Head, target: &mut Target) -> Result<(), Failure> {
        target.begin_again()?;
        let all = [PageRange { first: PageNumber::FIRST, last: PageNumber::LAST }];
        let all = runs::first_pages(&all, head.size_pages, u64::MAX);
        let Some(run) = all.first() else { return Ok(()) };
        let mut page_bytes = vec![0; head.page_size.bytes()];
        walk(view, &self.actor, *run, &At::head(head, &self.limits), |stored| {
            match stored {
                Stored::Never(gap) => target.write_zeros(gap, head.page_size.bytes())?,
                Stored::Row { page, txid, key, value } => {
                    decode_page(&self.actor, (page, txid), (key, value), head.page_size, &mut page_bytes)?;
                    target.write(&page_bytes)?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// The file being written.
pub(super) struct Target {
    // Closed before the file is removed, if it is: not every system can remove open files.
    file: BufWriter<File>,
    partial: Partial,
}

impl Target {
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let (partial, file) = Partial::create(path)?;
        Ok(Self { partial, file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// What was written so far does not count.
    fn begin_again(&mut self) -> Result<(), StoreError> {
        let emptied = self.file.rewind().and_then(|()| self.file.get_mut().set_len(0));
        emptied.map_err(|error| self.partial.failed(&error))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|error| self.partial.failed(&error))
    }

    /// Pages that were never written.
    fn write_zeros(&mut self, gap: PageRange, page_bytes: usize) -> Result<(), StoreError> {
        let zeros = u64::from(gap.count()) * page_bytes as u64;
        let written = io::copy(&mut io::repeat(0).take(zeros), &mut self.file);
        written.map(|_| ()).map_err(|error| self.partial.failed(&error))
    }

    fn write_piece(&mut self, piece: Piece, page_bytes: usize) -> Result<(), StoreError> {
        piece.parts.into_iter().try_for_each(|part| match part {
            Part::Page(_, data) => self.write(&data),
            Part::Never(gap) => self.write_zeros(gap, page_bytes),
        })
    }

    /// Makes the file durable under its final name.
    pub(super) fn finish(self, replaces: bool) -> Result<(), StoreError> {
        let Self { partial, file } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = file.map_err(|error| partial.failed(&error))?;
        if replaces { partial.finish(&file) } else { partial.finish_new(&file) }
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
        let mut target = Target::create(&path)?;
        let meta = if core.limits.read_bytes.is_none() {
            let shared = Arc::new(Mutex::new(Some(target)));
            let whole = Export { actor, limits: core.limits, target: Arc::clone(&shared) };
            let meta = runtime.block_on(core.read(&Arc::new(whole)))?;
            target = take(&shared);
            meta
        } else {
            runtime.block_on(write_pieces(&core, &actor, &mut target))?
        };
        target.finish(replaces)?;
        Ok(meta)
    };
    blocking(&*env, work).await
}

/// Piece by piece, from one head, or from a point that is pinned meanwhile.
async fn write_pieces(core: &Arc<Core>, actor: &Actor, target: &mut Target) -> Result<Meta, StoreError> {
    let (mut reading, mut meta) = Reading::begin(core, actor).await?;
    let mut beginnings = 1;
    loop {
        match reading.next().await? {
            Next::Piece(piece) => target.write_piece(piece, meta.page_size.bytes())?,
            Next::End => return Ok(meta),
            Next::Moved if beginnings >= BEGINNINGS_MAX => return Err(moved_too_often(&actor.id)),
            Next::Moved => {
                beginnings += 1;
                target.begin_again()?;
                (reading, meta) = Reading::begin_firmly(core, actor).await?;
            }
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
