//! Reads that take longer than a backend keeps one state. They run in slices, each a separate read, and go on
//! as long as the fence and the head prove that nothing has changed in between.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::engine::api::PageSet;
use crate::engine::error::{Failure, StoreError, surface};
use crate::engine::runtime::core::Core;
use crate::engine::runtime::retry::Retry;
use crate::kv::{KvError, Limits, ReadFn, read};
use crate::types::{ActorId, PageCount, PageRange, PageSize, runs};

/// How often a read of several slices may start, because the head has moved in between.
pub(crate) const BEGINNINGS_MAX: u32 = 8;

/// What one read should fetch at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SliceSize {
    bytes: Option<usize>,
}

impl SliceSize {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { bytes: limits.read_bytes }
    }

    /// At most this many bytes, even if the backend would accept more: for work that reports its progress.
    pub(crate) fn at_most(limits: &Limits, bytes_max: usize) -> Self {
        Self { bytes: Some(limits.read_bytes.map_or(bytes_max, |bytes| bytes.min(bytes_max))) }
    }

    /// The size of a slice in bytes, if it is limited.
    pub(crate) fn bytes(self) -> usize {
        self.bytes.unwrap_or(usize::MAX)
    }

    /// The first of these pages, as many as fit a slice: at least one, so that it makes progress.
    pub(crate) fn first_of(self, pages: &[PageRange], page_size: PageSize) -> Vec<PageRange> {
        let pages_max = self.bytes.map_or(u64::MAX, |bytes| (bytes / page_size.bytes()).max(1) as u64);
        runs::first_pages(pages, PageCount(u32::MAX), pages_max)
    }

    fn halve(&mut self) {
        self.bytes = self.bytes.map(|bytes| bytes / 2);
    }
}

/// Reads one slice. If the state became too old before the slice was complete, the next slice is smaller.
pub(crate) async fn read_slice<B>(
    core: &Core,
    retry: &mut Retry,
    size: &mut SliceSize,
    body: impl Fn(SliceSize) -> B,
) -> Result<B::Output, StoreError>
where
    B: ReadFn<Error = Failure>,
{
    loop {
        match read(&*core.kv, &Arc::new(body(*size))).await {
            Ok(output) => return Ok(output),
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Kv(error)) => {
                if error == KvError::TooOld {
                    size.halve();
                }
                retry.again(core, error).await.map_err(surface)?;
            }
        }
    }
}

/// Pages of one head, and those of the same head that are still to be read.
pub(crate) struct Partial {
    pub(crate) pages: PageSet,
    pub(crate) left: Vec<PageRange>,
}

/// Reads slice after slice, until everything is there, or until a slice says why it cannot continue.
pub(crate) async fn read_rest<B, Why>(
    core: &Core,
    Partial { mut pages, mut left }: Partial,
    body: impl Fn(Vec<PageRange>) -> B,
) -> Result<ControlFlow<Why, PageSet>, StoreError>
where
    B: ReadFn<Output = ControlFlow<Why, PageSet>, Error = Failure>,
{
    let mut size = SliceSize::new(&core.limits);
    let page_size = pages.page_size;
    let pages_left = usize::try_from(runs::count(&left)).unwrap_or(usize::MAX);
    pages.data.reserve_exact(pages_left.saturating_mul(page_size.bytes()));
    while !left.is_empty() {
        let mut retry = Retry::begin(core);
        let slice = |size: SliceSize| body(size.first_of(&left, page_size));
        match read_slice(core, &mut retry, &mut size, slice).await? {
            ControlFlow::Continue(more) => {
                left = runs::subtract(&left, &PageRange::gather(more.pages.iter().copied()));
                pages.pages.extend(more.pages);
                pages.data.extend(more.data);
            }
            ControlFlow::Break(why) => return Ok(ControlFlow::Break(why)),
        }
    }
    Ok(ControlFlow::Continue(pages))
}

/// A read that found another head each time it wanted to continue.
pub(crate) fn moved_too_often(actor: &ActorId) -> StoreError {
    StoreError::Unavailable(format!(
        "actor {actor:?}: gave up reading more than fits one read: the head moved meanwhile, {BEGINNINGS_MAX} times"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PageNumber;

    fn range(first: u32, last: u32) -> PageRange {
        PageRange { first: PageNumber::new(first).unwrap(), last: PageNumber::new(last).unwrap() }
    }

    #[test]
    fn a_slice_has_a_page_at_least_and_all_where_nothing_is_too_old() {
        let runs = [range(2, 5), range(9, 9)];
        let mut size = SliceSize { bytes: Some(3 * 4096) };
        assert_eq!(size.first_of(&runs, PageSize::DEFAULT), [range(2, 4)]);
        for _ in 0..40 {
            size.halve();
            assert_eq!(size.first_of(&runs, PageSize::DEFAULT), [range(2, 2)]);
        }
        let mut all = SliceSize::new(&Limits::default());
        all.halve();
        assert_eq!(all.first_of(&runs, PageSize::DEFAULT), runs);
    }
}
