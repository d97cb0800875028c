//! What a commit of an actor with history writes besides its pages and the head.

use crate::codec::{HistoryRow, PreparedPage};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::kv::Mutations;
use crate::plan::{Keeping, Left};
use crate::types::{HistoryPolicy, PageSize, Txid};

/// Writes what a commit at `txid` leaves; `head_txid` is the head that it extends, and `policy` that of the
/// store.
pub(crate) fn write_left(
    mutations: &mut Mutations,
    actor: &Actor,
    (head_txid, txid): (Txid, Txid),
    page_size: PageSize,
    left: &Left,
    policy: Option<&HistoryPolicy>,
) {
    if let Some(begins) = &left.begins {
        write_beginning(mutations, actor, head_txid, begins);
        put_row(mutations, actor.keys.history(), &HistoryRow { own: false, policy: policy.cloned() });
    }
    if let Some(line) = &left.line {
        put_row(mutations, actor.keys.line(txid), line);
    }
    if let Some(point) = &left.point {
        put_row(mutations, actor.keys.point(txid), point);
    }
    let empty = vec![0; page_size.bytes()];
    for page in left.absent.iter().flat_map(|run| run.pages()) {
        let key = actor.keys.page(page, txid);
        let row = PreparedPage::new(page, page_size, &empty, &mut Vec::new());
        let value = row.seal(&key);
        mutations.put_guarded(key, value);
    }
}

/// Writes the point at the head from which history is kept. The caller writes the head.
pub(crate) fn write_beginning(mutations: &mut Mutations, actor: &Actor, head_txid: Txid, begins: &Keeping) {
    if let Some(point) = &begins.point {
        put_row(mutations, actor.keys.point(head_txid), point);
    }
}
