//! What a commit of an actor with history writes besides its pages and the head.

use crate::codec::{Head, HistoryRow, PreparedPage};
use crate::engine::runtime::actor::{Actor, put_row};
use crate::kv::Mutations;
use crate::plan::{Keeping, Left};
use crate::types::{HistoryPolicy, Txid};

use super::batch::{Older, write_pages};

/// Writes what a commit leaves that makes `next` of the head at `head_txid`; `policy` is that of the store.
pub(crate) fn write_left(
    mutations: &mut Mutations,
    actor: &Actor,
    (head_txid, next): (Txid, &Head),
    left: &Left,
    policy: Option<&HistoryPolicy>,
) {
    let txid = next.txid;
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
    let empty = vec![0; next.page_size.bytes()];
    let absent = left.absent.iter().flat_map(|run| run.pages());
    let absent: Vec<PreparedPage> =
        absent.map(|page| PreparedPage::new(page, next.page_size, &empty)).collect();
    write_pages(mutations, &actor.keys, &absent, txid, Older::of(next, next));
}

/// Writes the point at the head from which history is kept. The caller writes the head.
pub(crate) fn write_beginning(mutations: &mut Mutations, actor: &Actor, head_txid: Txid, begins: &Keeping) {
    if let Some(point) = &begins.point {
        put_row(mutations, actor.keys.point(head_txid), point);
    }
}
