//! What a run of pages contains, as it is shown.

use crate::engine::error::StoreError;
use crate::types::{PageNumber, PageRange, Txid};

/// What a run of pages contains at a head, in ascending order.
pub(crate) enum Stored<'r> {
    /// Pages inside the size that were never written: they read as zeros.
    Never(PageRange),
    /// The newest version of a page at or below the head.
    Row { page: PageNumber, txid: Txid, key: &'r [u8], value: &'r [u8] },
}

/// Shows the pages before `page` that have no version, if there are any.
pub(super) fn show_gap(
    expected: PageNumber,
    page: PageNumber,
    show: &mut impl FnMut(Stored<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match PageNumber::new(page.get() - 1) {
        Some(last) if last >= expected => show(Stored::Never(PageRange { first: expected, last })),
        _ => Ok(()),
    }
}
