//! Every decoder of the stored format on arbitrary bytes: none panics, what decodes encodes to the same bytes
//! again, and no changed bit passes.
//!
//! A fuzzer does not find bytes with the right checksum, so most inputs are bodies that are sealed here, after
//! `docs/format.md` and without the code under test.

use std::collections::BTreeMap;
use std::fmt::Debug;

use batondb::codec::{
    ActorKeys, Fence, Head, Hints, HistoryRow, Lineage, PAGE_ROW_OVERHEAD_BYTES, Pin, Point, PreparedPage,
    Row, StagePart, StoreRow, decode, decode_page, encode, fence_actor, fences,
};
use batondb::plan::{V1_BYTES_MAX, V1Layout};
use batondb::types::{ActorId, PageNumber, PageSize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::input::Input;

/// Flips and cuts tried on one value.
const DAMAGES_MAX: usize = 400;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.below(15);
    let key_bytes = input.below(24) as usize;
    let key = input.bytes(key_bytes);
    match kind {
        0 => row::<Fence>(key, 1, input.rest()),
        1 => row::<Head>(key, 1, input.rest()),
        2 => row::<Hints>(key, 1, input.rest()),
        3 => row::<StagePart>(key, 1, input.rest()),
        4 => row::<StoreRow>(key, 1, input.rest()),
        5 => stored_page(key, &mut input),
        6 => written_page(key, &mut input),
        7 => keys_of_rows(&mut input),
        8 => keys_of_fences(input.rest()),
        9 => row::<Head>(key, 2, input.rest()),
        10 => row::<HistoryRow>(key, 1, input.rest()),
        11 => row::<Point>(key, 1, input.rest()),
        12 => row::<Pin>(key, 1, input.rest()),
        13 => row::<Lineage>(key, 1, input.rest()),
        _ if key_bytes.is_multiple_of(2) => listing(&mut input),
        _ => v1_entries(&mut input),
    }
}

/// Entries of v1 data in any order: none panics, none is written beyond the limit, and what counts as complete has each
/// of its bytes once.
fn v1_entries(input: &mut Input<'_>) {
    let mut layout = V1Layout::default();
    let (mut size, mut chunks) = (None, BTreeMap::new());
    while !input.is_empty() {
        let tag: u8 = input.of(&[0, 0, 0, 0, 1, 2, 4]);
        let chunk: u32 = input.of(&[0, 1, 2, 3, 32_767, 32_768, u32::MAX]);
        if input.one_in(4) {
            let bytes = u64::from(input.below(5 * 4096));
            let value: Vec<u8> = [1, 0].into_iter().chain(bytes.to_be_bytes().into_iter().rev()).collect();
            // An import ends with the first entry that is refused.
            if layout.take(&[8, 1, 0, tag], &value).is_err() {
                return;
            }
            size = size.or((tag == 0).then_some(bytes));
            continue;
        }
        let length = input.of(&[0, 1, 4095, 4096, 4097]);
        let key = [&[8, 1, 1, tag][..], &chunk.to_be_bytes()].concat();
        match layout.take(&key, &vec![7; length]) {
            Ok(place) => {
                let place = place.unwrap();
                assert_eq!(place.offset, u64::from(chunk) * 4096);
                assert!(place.offset + length as u64 <= V1_BYTES_MAX && length <= 4096);
                if tag == 0 {
                    assert!(chunks.insert(chunk, length as u64).is_none(), "chunk {chunk} came twice");
                }
            }
            Err(_) => return,
        }
    }
    let Ok(sizes) = layout.complete() else { return };
    assert_eq!(Some(sizes.main_bytes), size);
    let named: Vec<u32> = chunks.keys().copied().collect();
    assert_eq!(named, (0..u32::try_from(sizes.main_bytes.div_ceil(4096)).unwrap()).collect::<Vec<_>>());
    let end = chunks.iter().map(|(chunk, length)| u64::from(*chunk) * 4096 + length).max();
    assert!(end.is_none_or(|end| end <= sizes.main_bytes), "bytes behind the end");
}

/// A value as `docs/format.md` has it.
fn seal(key: &[u8], version: u8, body: &[u8]) -> Vec<u8> {
    let checksum = xxh3_64_with_seed(key, xxh3_64(body));
    [&[version][..], &checksum.to_be_bytes(), body].concat()
}

fn row<R: Row + PartialEq + Debug>(key: &[u8], version: u8, bytes: &[u8]) {
    if let Ok(row) = decode::<R>(key, bytes) {
        assert_eq!(encode(key, &row), bytes, "{row:?} was decoded from other bytes");
    }
    let sealed = seal(key, version, bytes);
    let Ok(row) = decode::<R>(key, &sealed) else { return };
    assert_eq!(encode(key, &row), sealed, "{row:?} was decoded from other bytes");
    let other_key = [key, b"x"].concat();
    assert!(decode::<R>(&other_key, &sealed).is_err(), "{row:?} decodes under another key");
    each_damage(&sealed, |damaged| {
        if let Ok(other) = decode::<R>(key, damaged) {
            panic!("{row:?} was damaged, and read as {other:?}");
        }
    });
}

/// Shows changed copies of `value`: single bits, and cuts. Of a long one, some.
fn each_damage(value: &[u8], mut check: impl FnMut(&[u8])) {
    let step = (value.len() * 8).div_ceil(DAMAGES_MAX).max(1);
    let mut damaged = value.to_vec();
    for bit in (0..value.len() * 8).step_by(step) {
        damaged[bit / 8] ^= 1 << (bit % 8);
        check(&damaged);
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    for length in (0..value.len()).step_by(step) {
        check(&value[..length]);
    }
}

/// A stored page of any bytes. It need not encode to the same bytes again, since LZ4 has many ways to say the
/// same; it must encode to one that decodes to the same page.
fn stored_page(key: &[u8], input: &mut Input<'_>) {
    let size = PageSize::from_log2(u8::try_from(9 + input.below(8)).unwrap()).unwrap();
    let mut page = vec![0; size.bytes()];
    let encoding = input.of(&[1, 1, 1, 0, 2]);
    let log2 = if input.one_in(8) { input.byte() } else { size.log2() };
    let body = [&[encoding, log2][..], input.rest()].concat();
    // Arbitrary as they are, mostly without the right checksum.
    let _ = decode_page(key, &body, size, &mut page);
    let value = seal(key, 1, &body);
    if decode_page(key, &value, size, &mut page).is_err() {
        return;
    }
    page_comes_back(key, size, &page);
    each_damage(&value, |damaged| {
        let mut other = vec![0; size.bytes()];
        assert!(decode_page(key, damaged, size, &mut other).is_err(), "damage to a page passes");
    });
}

/// A page of any content: zeros, repetition and noise, in stretches.
fn written_page(key: &[u8], input: &mut Input<'_>) {
    let size = PageSize::from_log2(u8::try_from(9 + input.below(8)).unwrap()).unwrap();
    let mut page = Vec::with_capacity(size.bytes());
    while page.len() < size.bytes() {
        let stretch = if input.is_empty() { size.bytes() } else { input.below(0x1_0000) as usize % 700 + 1 };
        let stretch = stretch.min(size.bytes() - page.len());
        match input.below(3) {
            0 => page.resize(page.len() + stretch, 0),
            1 => {
                let unit = input.bytes(7);
                page.extend(unit.iter().chain([&1]).cycle().take(stretch));
            }
            _ => {
                let mut state = input.u32() | 1;
                page.extend((0..stretch).map(|_| {
                    state = state.wrapping_mul(0x2C92_77B5).wrapping_add(0xAC56_4B05);
                    state.to_be_bytes()[0]
                }));
            }
        }
    }
    page_comes_back(key, size, &page);
}

fn page_comes_back(key: &[u8], size: PageSize, page: &[u8]) {
    let prepared = PreparedPage::new(PageNumber::FIRST, size, page);
    let value = prepared.seal(key);
    assert!(value.len() <= size.bytes() + PAGE_ROW_OVERHEAD_BYTES, "a page grows by {} bytes", value.len());
    let mut out = vec![7; size.bytes()];
    decode_page(key, &value, size, &mut out).unwrap();
    assert!(out == page, "a page does not come back");
}

fn actor(input: &mut Input<'_>) -> Option<ActorId> {
    let bytes = input.below(20) as usize;
    let id = String::from_utf8_lossy(input.bytes(bytes)).into_owned();
    ActorId::new(id).ok()
}

/// The keys of pages and manifests: any bytes, and any bytes behind the beginning that an actor's rows have.
fn keys_of_rows(input: &mut Input<'_>) {
    let Some(actor) = actor(input) else { return };
    let keys = ActorKeys::new(&actor);
    let head = keys.head();
    let (_, root) = head.split_last().unwrap();
    let rest = input.rest();
    for key in [rest.to_vec(), [root, rest].concat()] {
        if let Ok((page, txid)) = keys.parse_page(&key) {
            assert_eq!(keys.page(page, txid), key);
            assert!(keys.pages_from(page).contains(&key));
            assert!(keys.parse_stage(&key).is_err(), "a page and a manifest at once");
        }
        if let Ok((txid, part)) = keys.parse_stage(&key) {
            assert_eq!(keys.stage_part(txid, part), key);
            assert!(keys.stages_to(txid).contains(&key));
        }
        assert!(fence_actor(&key).is_err() || !key.starts_with(root));
    }
}

fn keys_of_fences(bytes: &[u8]) {
    for key in [bytes.to_vec(), [&[1, 2][..], bytes, &[0]].concat()] {
        if let Ok(actor) = fence_actor(&key) {
            assert_eq!(ActorKeys::new(&actor).fence(), key, "{actor:?}");
        }
    }
}

/// Which ids a listing holds.
fn listing(input: &mut Input<'_>) {
    let (Some(one), Some(after)) = (actor(input), actor(input)) else { return };
    let prefix = String::from_utf8_lossy(input.rest()).into_owned();
    for after in [None, Some(after.as_str())] {
        let expected = one.as_str().starts_with(&prefix) && after.is_none_or(|after| one.as_str() > after);
        assert_eq!(fences(&prefix, after).contains(&ActorKeys::new(&one).fence()), expected);
    }
}
