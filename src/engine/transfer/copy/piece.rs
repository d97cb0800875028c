//! Pieces of a source, each of a bounded size.

use crate::engine::error::Failure;
use crate::engine::read::at::At;
use crate::engine::read::rows::{Stored, decode_page, walk};
use crate::engine::read::slices::SliceSize;
use crate::engine::runtime::actor::Actor;
use crate::kv::View;
use crate::types::{PageCount, PageNumber, PageRange, runs};

/// The maximum size of one piece.
pub(crate) const PIECE_BYTES_MAX: usize = 4 << 20;

/// Pages of the source, ascending, and where to continue.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) parts: Vec<Part>,
    pub(crate) next: Option<PageNumber>,
}

#[derive(Debug)]
pub(crate) enum Part {
    Page(PageNumber, Vec<u8>),
    /// Pages inside the size that were never written.
    Never(PageRange),
}

/// What comes next.
pub(crate) enum Next {
    Piece(Piece),
    End,
    /// The source has another head than at the beginning.
    Moved,
}

/// The pages from `first` on, which lies inside the size, as many as fit a piece.
pub(super) async fn read_piece(
    view: &dyn View,
    actor: &Actor,
    (size_pages, at): (PageCount, &At),
    first: PageNumber,
    size: SliceSize,
) -> Result<Piece, Failure> {
    let rest = runs::first_pages(&[PageRange { first, last: PageNumber::LAST }], size_pages, u64::MAX);
    let run = size.first_of(&rest, at.page_size)[0];
    let mut parts = Vec::new();
    walk(view, actor, run, at, |stored| {
        parts.push(match stored {
            Stored::Never(gap) => Part::Never(gap),
            Stored::Row { page, txid, key, value } => {
                let mut data = vec![0; at.page_size.bytes()];
                decode_page(actor, (page, txid), (key, value), at.page_size, &mut data)?;
                Part::Page(page, data)
            }
        });
        Ok(())
    })
    .await?;
    Ok(Piece { parts, next: run.last.next() })
}
