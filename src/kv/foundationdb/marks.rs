//! Marks: conflict ranges by which a transaction tells its own former write of a row from everybody else's.
//!
//! Transactions that are committed in one batch have one version, one after the other. So the state at the version of an own
//! commit is not what that commit has left: somebody behind it in the batch may have written what it has only read. A
//! transaction that goes on from its predecessor's commit therefore begins on the version before it, with everything in that
//! batch still to be checked; and so that it does not conflict with its predecessor itself, each writer of a row declares,
//! beside the row, a range that is its alone. No row lies there.

use crate::kv::KeyRange;

/// Whose write it was: a number that no other transaction has.
pub(super) type Mark = [u8; 16];

/// What a writer of a row declares beside it.
pub(super) fn of(key: &[u8], mark: Mark) -> KeyRange {
    KeyRange::single([key, &[0], &mark].concat())
}

/// What a reader declares who knows the row as this writer has left it: the marks of all others.
pub(super) fn of_others(key: &[u8], mark: Mark) -> [KeyRange; 2] {
    let own = of(key, mark);
    [
        KeyRange::new([key, &[0]].concat(), own.start().to_vec()),
        KeyRange::new(own.end().to_vec(), [key, &[1]].concat()),
    ]
}

/// What somebody declares who removes all rows of a range: the marks of a last row that ends where the range does, too.
pub(super) fn of_range(range: &KeyRange) -> KeyRange {
    let mut end = range.end().to_vec();
    if let Some(last) = end.last_mut().filter(|last| **last == 0) {
        *last = 1;
    }
    KeyRange::new(range.start().to_vec(), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_all_but_oneself() {
        let own = [7; 16];
        let is_other = |key: &[u8], mark: Mark| {
            let written = of(key, mark);
            of_others(b"row", own).iter().any(|range| range.intersects(&written))
        };
        assert!(!is_other(b"row", own));
        let mut next = own;
        next[15] = 8;
        for other in [[0; 16], [255; 16], next] {
            assert!(is_other(b"row", other), "{other:?}");
            assert!(!is_other(b"roe", other) && !is_other(b"row1", other));
        }
    }

    #[test]
    fn a_range_has_the_marks_of_its_rows() {
        for range in [KeyRange::single(*b"row"), KeyRange::prefix(*b"ro"), KeyRange::new(*b"a", *b"z")] {
            assert!(of_range(&range).intersects(&of(b"row", [0; 16])));
            assert!(of_range(&range).intersects(&of(b"row", [255; 16])));
        }
        assert!(!of_range(&KeyRange::single(*b"rov")).intersects(&of(b"row", [0; 16])));
    }
}
