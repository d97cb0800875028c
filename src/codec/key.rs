//! Keys: which rows there are and how they sort.
//!
//! ```text
//! 00                                            STORE
//! 01 id                                         FENCE   one a row, so that a scan of 01 lists the actors
//! 02 id 01                                      HEAD
//! 02 id 02 page:u32be !txid:u64be               PAGE    newest version of a page first
//! 02 id 03 txid:u64be part:u32be                STAGE
//! 02 id 04                                      HINTS
//! 02 id 05                                      HISTORY
//! 02 id 06 !txid:u64be                          POINT   newest first
//! 02 id 07 txid:u64be token:16                  PIN
//! 02 id 08 !txid:u64be                          LINE    newest first
//! ```
//!
//! `id` is the actor id as a string of FoundationDB's tuple layer (design/tuple.md in its repository): `02`,
//! the bytes with each `00` written as `00 FF`, then `00`. Ids sort by their bytes, and the rows of one id
//! are never mixed with those of another: after the closing `00` comes a row kind, never `FF`.

mod walk;

pub use walk::{IdCursor, Place, actor_of, strange_ranges};

use super::error::DecodeError;
use crate::kv::KeyRange;
use crate::types::{ActorId, PageNumber, PageRange, Token, Txid};

const STORE: u8 = 0;
const FENCE: u8 = 1;
const ROWS: u8 = 2;

const HEAD: u8 = 1;
const PAGE: u8 = 2;
const STAGE: u8 = 3;
const HINTS: u8 = 4;
const HISTORY: u8 = 5;
const POINT: u8 = 6;
const PIN: u8 = 7;
const LINE: u8 = 8;

const STRING: u8 = 2;
const NUL: u8 = 0;
const ESCAPED_NUL: u8 = 0xFF;

/// The key of the one STORE row.
pub fn store() -> Vec<u8> {
    vec![STORE]
}

/// Every key that a store can have.
pub fn everything() -> KeyRange {
    KeyRange::new(vec![STORE], vec![ROWS + 1])
}

/// The keys of one actor.
#[derive(Debug, Clone)]
pub struct ActorKeys {
    fence: Vec<u8>,
    root: Vec<u8>,
}

impl ActorKeys {
    /// The keys of `actor`.
    pub fn new(actor: &ActorId) -> Self {
        Self { fence: with_id(FENCE, actor.as_str()), root: with_id(ROWS, actor.as_str()) }
    }

    /// The key of the FENCE row.
    pub fn fence(&self) -> Vec<u8> {
        self.fence.clone()
    }

    /// The key of the HEAD row.
    pub fn head(&self) -> Vec<u8> {
        self.row(HEAD, &[])
    }

    /// The key of the HINTS row.
    pub fn hints(&self) -> Vec<u8> {
        self.row(HINTS, &[])
    }

    /// The key of one version of a page.
    pub fn page(&self, page: PageNumber, txid: Txid) -> Vec<u8> {
        self.row(PAGE, &[&page.get().to_be_bytes(), &(!txid.0).to_be_bytes()])
    }

    /// The versions of the pages of a run, except those of the first page above `newest`.
    pub fn pages(&self, run: PageRange, newest: Txid) -> KeyRange {
        KeyRange::new(self.page(run.first, newest), self.past_page(run.last))
    }

    /// The versions of one page that are older than `txid` and above `floor`.
    pub fn page_before(&self, page: PageNumber, txid: Txid, floor: Txid) -> KeyRange {
        match txid.0.checked_sub(1) {
            Some(older) if older >= floor.0 => self.page_between(page, floor, Txid(older)),
            _ => KeyRange::new(self.past_page(page), self.past_page(page)),
        }
    }

    /// The versions of one page above `from`, up to and including `to`.
    pub fn page_between(&self, page: PageNumber, from: Txid, to: Txid) -> KeyRange {
        let end = if from == Txid::ZERO { self.past_page(page) } else { self.page(page, from) };
        KeyRange::new(self.page(page, to), end)
    }

    /// Every version of every page from `first` on.
    pub fn pages_from(&self, first: PageNumber) -> KeyRange {
        self.pages(PageRange { first, last: PageNumber::LAST }, Txid(u64::MAX))
    }

    /// The key of the manifest of one part of a stage.
    pub fn stage_part(&self, txid: Txid, part: u32) -> Vec<u8> {
        self.row(STAGE, &[&txid.0.to_be_bytes(), &part.to_be_bytes()])
    }

    /// The manifests of one stage.
    pub fn stage(&self, txid: Txid) -> KeyRange {
        KeyRange::prefix(self.row(STAGE, &[&txid.0.to_be_bytes()]))
    }

    /// The manifests of the stages up to and including `txid`.
    pub fn stages_to(&self, txid: Txid) -> KeyRange {
        KeyRange::new(self.row(STAGE, &[]), self.stage(txid).end())
    }

    /// The key of the HISTORY row.
    pub fn history(&self) -> Vec<u8> {
        self.row(HISTORY, &[])
    }

    /// The key of a POINT row.
    pub fn point(&self, txid: Txid) -> Vec<u8> {
        self.row(POINT, &[&(!txid.0).to_be_bytes()])
    }

    /// The points above `from`, up to and including `to`, newest first.
    pub fn points(&self, from: Txid, to: Txid) -> KeyRange {
        KeyRange::new(self.point(to), self.point(from))
    }

    /// The key of a PIN row.
    pub fn pin(&self, txid: Txid, token: Token) -> Vec<u8> {
        self.row(PIN, &[&txid.0.to_be_bytes(), &token.0])
    }

    /// The pins of the points from `first` to `last`.
    pub fn pins(&self, first: Txid, last: Txid) -> KeyRange {
        let end = match last.0.checked_add(1) {
            Some(next) => self.row(PIN, &[&next.to_be_bytes()]),
            None => self.row(PIN + 1, &[]),
        };
        KeyRange::new(self.row(PIN, &[&first.0.to_be_bytes()]), end)
    }

    /// The key of the LINE row of the line that begins with this txid.
    pub fn line(&self, txid: Txid) -> Vec<u8> {
        self.row(LINE, &[&(!txid.0).to_be_bytes()])
    }

    /// The lines that begin at or below this txid, newest first.
    pub fn lines_to(&self, txid: Txid) -> KeyRange {
        KeyRange::new(self.line(txid), self.row(LINE + 1, &[]))
    }

    /// The rows of the actor's history: policy, points, pins and lines.
    pub fn history_rows(&self) -> KeyRange {
        KeyRange::new(self.row(HISTORY, &[]), self.row(LINE + 1, &[]))
    }

    /// The txid of a POINT key.
    pub fn parse_point(&self, key: &[u8]) -> Result<Txid, DecodeError> {
        self.parse(POINT, key, |rest| Some(Txid(!u64::from_be_bytes(rest.try_into().ok()?))))
    }

    /// The txid of a LINE key.
    pub fn parse_line(&self, key: &[u8]) -> Result<Txid, DecodeError> {
        self.parse(LINE, key, |rest| Some(Txid(!u64::from_be_bytes(rest.try_into().ok()?))))
    }

    /// The point and the token of a PIN key.
    pub fn parse_pin(&self, key: &[u8]) -> Result<(Txid, Token), DecodeError> {
        self.parse(PIN, key, |rest| {
            let (txid, token) = rest.split_first_chunk::<8>()?;
            Some((Txid(u64::from_be_bytes(*txid)), Token(token.try_into().ok()?)))
        })
    }

    /// The page and version of a key.
    pub fn parse_page(&self, key: &[u8]) -> Result<(PageNumber, Txid), DecodeError> {
        let (page, txid) = self.parse(PAGE, key, |rest| {
            let (page, txid) = rest.split_first_chunk::<4>()?;
            Some((u32::from_be_bytes(*page), u64::from_be_bytes(txid.try_into().ok()?)))
        })?;
        let page = PageNumber::new(page).ok_or_else(|| DecodeError::Key { key: key.to_vec() })?;
        Ok((page, Txid(!txid)))
    }

    /// The stage and part of a manifest's key.
    pub fn parse_stage(&self, key: &[u8]) -> Result<(Txid, u32), DecodeError> {
        self.parse(STAGE, key, |rest| {
            let (txid, part) = rest.split_first_chunk::<8>()?;
            Some((Txid(u64::from_be_bytes(*txid)), u32::from_be_bytes(part.try_into().ok()?)))
        })
    }

    fn parse<T>(
        &self,
        kind: u8,
        key: &[u8],
        fields: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, DecodeError> {
        key.strip_prefix(self.root.as_slice())
            .and_then(|rest| rest.strip_prefix(&[kind]))
            .and_then(fields)
            .ok_or_else(|| DecodeError::Key { key: key.to_vec() })
    }

    /// The first key after all versions of a page.
    fn past_page(&self, page: PageNumber) -> Vec<u8> {
        match page.next() {
            Some(next) => self.row(PAGE, &[&next.get().to_be_bytes()]),
            None => self.row(PAGE + 1, &[]),
        }
    }

    fn row(&self, kind: u8, fields: &[&[u8]]) -> Vec<u8> {
        let bytes: usize = fields.iter().map(|field| field.len()).sum();
        let mut key = Vec::with_capacity(self.root.len() + 1 + bytes);
        key.extend_from_slice(&self.root);
        key.push(kind);
        for field in fields {
            key.extend_from_slice(field);
        }
        key
    }
}

/// The FENCE rows of the actors whose ids begin with `prefix` and are above `after`.
pub fn fences(prefix: &str, after: Option<&str>) -> KeyRange {
    let mut start = vec![FENCE, STRING];
    escape_into(prefix, &mut start);
    let of_prefix = KeyRange::prefix(start);
    match after.map(|after| KeyRange::single(with_id(FENCE, after))) {
        Some(after) if after.end() > of_prefix.start() => KeyRange::new(after.end(), of_prefix.end()),
        _ => of_prefix,
    }
}

/// The actor of a FENCE key.
pub fn fence_actor(key: &[u8]) -> Result<ActorId, DecodeError> {
    let id = key
        .strip_prefix(&[FENCE, STRING])
        .and_then(|rest| rest.strip_suffix(&[NUL]))
        .and_then(unescape)
        .and_then(|id| ActorId::new(id).ok());
    id.ok_or_else(|| DecodeError::Key { key: key.to_vec() })
}

fn with_id(kind: u8, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.len() + 4);
    key.extend([kind, STRING]);
    escape_into(id, &mut key);
    key.push(NUL);
    key
}

fn escape_into(id: &str, key: &mut Vec<u8>) {
    for byte in id.bytes() {
        key.push(byte);
        if byte == NUL {
            key.push(ESCAPED_NUL);
        }
    }
}

fn unescape(escaped: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.iter();
    while let Some(&byte) = rest.next() {
        if byte == NUL && rest.next() != Some(&ESCAPED_NUL) {
            return None;
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn ids() -> impl Strategy<Value = ActorId> {
        prop::collection::vec(
            prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('/'), Just('\u{ff}'), any::<char>()],
            1..6,
        )
        .prop_map(|chars| ActorId::new(chars.into_iter().collect::<String>()).unwrap())
    }

    pub(super) fn page_number() -> impl Strategy<Value = PageNumber> {
        prop_oneof![1..4u32, Just(u32::MAX - 1), Just(u32::MAX), 1..u32::MAX]
            .prop_map(|n| PageNumber::new(n).unwrap())
    }

    pub(super) fn txid() -> impl Strategy<Value = Txid> {
        prop_oneof![0..4u64, Just(u64::MAX), any::<u64>()].prop_map(Txid)
    }

    proptest! {
        #[test]
        fn ids_sort_as_their_bytes_and_come_back(one in ids(), other in ids()) {
            let (one_key, other_key) = (ActorKeys::new(&one).fence(), ActorKeys::new(&other).fence());
            prop_assert_eq!(one.as_str().as_bytes().cmp(other.as_str().as_bytes()), one_key.cmp(&other_key));
            prop_assert_eq!(fence_actor(&one_key).unwrap(), one);
        }

        #[test]
        fn no_range_of_an_actor_holds_a_row_of_another(
            one in ids(), other in ids(), page in page_number(), at in txid(), part: u32,
        ) {
            prop_assume!(one != other);
            let (keys, foreign) = (ActorKeys::new(&one), ActorKeys::new(&other));
            let rows = [
                foreign.fence(), foreign.head(), foreign.page(page, at), foreign.stage_part(at, part), foreign.hints(),
            ];
            let ranges = [keys.pages_from(PageNumber::FIRST), keys.stages_to(Txid(u64::MAX)), KeyRange::single(keys.head())];
            for (row, range) in rows.iter().flat_map(|row| ranges.iter().map(move |range| (row, range))) {
                prop_assert!(!range.contains(row));
            }
        }

        #[test]
        fn pages_sort_by_number_then_newest_first(
            actor in ids(), page in page_number(), at in txid(), other_page in page_number(), other_at in txid(),
        ) {
            let keys = ActorKeys::new(&actor);
            let (one, other) = (keys.page(page, at), keys.page(other_page, other_at));
            prop_assert_eq!(one.cmp(&other), (page, !at.0).cmp(&(other_page, !other_at.0)));
            prop_assert_eq!(keys.parse_page(&one).unwrap(), (page, at));
            prop_assert_eq!(
                keys.page_before(page, at, Txid::ZERO).contains(&other),
                other_page == page && other_at < at
            );
            let run = PageRange { first: page.min(other_page), last: page.max(other_page) };
            prop_assert!(keys.pages(run, Txid(u64::MAX)).contains(&one));
            prop_assert!(keys.pages_from(run.first).contains(&other));
            prop_assert!(keys.parse_stage(&one).is_err());
        }

        #[test]
        fn manifests_sort_by_txid_then_part(actor in ids(), at in txid(), part: u32, other_at in txid()) {
            let keys = ActorKeys::new(&actor);
            let key = keys.stage_part(at, part);
            prop_assert_eq!(keys.parse_stage(&key).unwrap(), (at, part));
            prop_assert_eq!(keys.stage(other_at).contains(&key), at == other_at);
            prop_assert_eq!(keys.stages_to(other_at).contains(&key), at <= other_at);
        }

        #[test]
        fn a_listing_holds_the_ids_with_the_prefix_above_the_last(
            id in ids(), prefix in prop::collection::vec(prop_oneof![Just('\0'), Just('a'), Just('/')], 0..3), after in prop::option::of(ids()),
        ) {
            let prefix: String = prefix.into_iter().collect();
            let after = after.as_ref().map(ActorId::as_str);
            let listed = fences(&prefix, after).contains(&ActorKeys::new(&id).fence());
            let expected = id.as_str().starts_with(&prefix) && after.is_none_or(|after| id.as_str().as_bytes() > after.as_bytes());
            prop_assert_eq!(listed, expected);
        }
    }

    #[test]
    fn every_key_of_a_store_is_within_everything() {
        let keys = ActorKeys::new(&ActorId::new("\u{10ffff}").unwrap());
        for key in [
            store(),
            keys.fence(),
            keys.head(),
            keys.page(PageNumber::LAST, Txid(0)),
            keys.stage_part(Txid(u64::MAX), u32::MAX),
            keys.hints(),
        ] {
            assert!(everything().contains(&key));
        }
    }
}
