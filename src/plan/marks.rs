//! The marks by which a caller whose answer was lost recognises its own commit.

use crate::codec::Head;
use crate::planted::{self, Bug};
use crate::types::{Token, Txid};

/// The txid of the commit with this token, if the head remembers it.
pub(super) fn own_mark(head: &Head, token: Token) -> Option<Txid> {
    let own = head.recent.iter().find(|mark| mark.token == token);
    own.filter(|_| !planted::has(Bug::TokenNotResolved)).map(|mark| mark.txid)
}
