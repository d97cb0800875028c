//! Converts the engine's types to JavaScript values and back. Page bytes are not copied on the way out, and
//! copied exactly once on the way in.

use napi::bindgen_prelude::{BigInt, Uint8Array, Uint8ArraySlice, Uint32Array};
use napi_derive::napi;

use crate::engine::{Outcome, PageSet, PageWrite, Startup, StoreError};
use crate::types::{Meta, Origin, PageNumber};

/// The state of an actor at one moment.
#[napi(object, object_from_js = false)]
pub struct NativeMeta {
    /// The generation of the current owner.
    pub generation: u64,
    /// The last commit.
    pub head_txid: u64,
    /// The size of the database in pages.
    pub size_pages: u32,
    /// The size of a page in bytes.
    pub page_size: u32,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at_ms: f64,
    /// Where the data came from.
    #[napi(ts_type = "'native' | 'migrating-from-v1' | 'migrated-from-v1'")]
    pub origin: &'static str,
}

impl From<Meta> for NativeMeta {
    fn from(meta: Meta) -> Self {
        Self {
            generation: meta.generation.0,
            head_txid: meta.head_txid.0,
            size_pages: meta.size_pages.0,
            page_size: bytes(meta.page_size),
            #[expect(clippy::cast_precision_loss, reason = "exact until the year 287,396")]
            created_at_ms: meta.created_at_ms as f64,
            origin: origin(meta.origin),
        }
    }
}

pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Native => "native",
        Origin::MigratingFromV1 => "migrating-from-v1",
        Origin::MigratedFromV1 => "migrated-from-v1",
    }
}

/// Pages of one committed head, in one buffer.
#[napi(object, object_from_js = false)]
pub struct NativePageSet {
    /// The head that all pages come from.
    pub head_txid: u64,
    /// The size of a page in bytes.
    pub page_size: u32,
    /// The page numbers, ascending.
    pub pages: Uint32Array,
    /// The pages, concatenated.
    pub data: Uint8Array,
}

impl From<PageSet> for NativePageSet {
    fn from(set: PageSet) -> Self {
        let pages: Vec<u32> = set.pages.into_iter().map(PageNumber::get).collect();
        Self {
            head_txid: set.head_txid.0,
            page_size: bytes(set.page_size),
            pages: pages.into(),
            data: set.data.into(),
        }
    }
}

/// The answer to a start.
#[napi(object, object_from_js = false)]
pub struct NativeStartup {
    /// Whether this call raised the generation.
    pub won: bool,
    /// The state of the actor.
    pub meta: NativeMeta,
    /// The preloaded pages.
    pub pages: NativePageSet,
}

impl From<Startup> for NativeStartup {
    fn from(startup: Startup) -> Self {
        Self {
            won: match startup.outcome {
                Outcome::Won => true,
                Outcome::Lost => false,
            },
            meta: startup.meta.into(),
            pages: startup.pages.into(),
        }
    }
}

fn bytes(size: crate::types::PageSize) -> u32 {
    1 << size.log2()
}

/// What a commit builds on, and the size of the database afterwards.
#[napi(object, object_to_js = false)]
pub struct NativeCommitBase {
    /// The generation held.
    pub generation: BigInt,
    /// The head that the commit extends.
    pub head_txid: BigInt,
    /// The size of the database in pages.
    pub size_pages: u32,
}

/// Pages to write, copied out of JavaScript's memory into one block.
pub(super) struct PageBlock {
    numbers: Vec<u32>,
    /// The end of each page in `data`.
    ends: Vec<usize>,
    data: Vec<u8>,
}

impl PageBlock {
    /// Copies the pages. `numbers` and `pages` are parallel.
    pub(super) fn copy(numbers: &[u32], pages: Vec<Uint8ArraySlice<'_>>) -> Self {
        let mut data = Vec::with_capacity(pages.iter().map(|page| page.len()).sum());
        let ends = pages
            .into_iter()
            .map(|page| {
                data.extend_from_slice(&page);
                data.len()
            })
            .collect();
        Self { numbers: numbers.to_vec(), ends, data }
    }

    /// The pages in the form that the engine takes.
    pub(super) fn writes(&self) -> Result<Vec<PageWrite<'_>>, StoreError> {
        if self.numbers.len() != self.ends.len() {
            let (numbers, pages) = (self.numbers.len(), self.ends.len());
            return Err(StoreError::InvalidArg(format!("{numbers} page numbers for {pages} pages")));
        }
        let mut start = 0;
        self.numbers
            .iter()
            .zip(&self.ends)
            .map(|(&number, &end)| {
                let data = &self.data[start..end];
                start = end;
                Ok(PageWrite { page: PageNumber::checked(number)?, data })
            })
            .collect()
    }
}

/// Page numbers from a caller.
pub(super) fn page_numbers(numbers: &[u32]) -> Result<Vec<PageNumber>, StoreError> {
    numbers.iter().map(|&number| Ok(PageNumber::checked(number)?)).collect()
}

/// A generation or txid from a caller.
pub(super) fn unsigned(value: &BigInt, name: &str) -> Result<u64, StoreError> {
    match value.get_u64() {
        (false, value, true) => Ok(value),
        _ => Err(StoreError::OutOfRange(format!("{name} must be from 0n to 18446744073709551615n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bigint_past_64_bits_or_below_zero_is_refused_by_name() {
        assert_eq!(unsigned(&BigInt::from(u64::MAX), "generation"), Ok(u64::MAX));
        assert_eq!(unsigned(&BigInt { sign_bit: false, words: vec![0] }, "generation"), Ok(0));
        for refused in
            [BigInt { sign_bit: true, words: vec![1] }, BigInt { sign_bit: false, words: vec![0, 1] }]
        {
            let error = unsigned(&refused, "generation").unwrap_err();
            assert_eq!(error.code(), "ERR_OUT_OF_RANGE");
            assert!(error.to_string().starts_with("generation "), "{error}");
        }
    }

    #[test]
    fn a_block_gives_each_page_its_own_bytes() {
        let block = PageBlock { numbers: vec![7, 2], ends: vec![3, 5], data: vec![1, 2, 3, 4, 5] };
        let writes = block.writes().unwrap();
        let pairs: Vec<(u32, &[u8])> = writes.iter().map(|write| (write.page.get(), write.data)).collect();
        assert_eq!(pairs, [(7, &[1, 2, 3][..]), (2, &[4, 5][..])]);
    }

    #[test]
    fn a_block_refuses_page_0_and_a_number_without_a_page() {
        let zero = PageBlock { numbers: vec![0], ends: vec![1], data: vec![1] };
        assert_eq!(zero.writes().unwrap_err().code(), "ERR_OUT_OF_RANGE");
        let uneven = PageBlock { numbers: vec![1, 2], ends: vec![1], data: vec![1] };
        assert_eq!(uneven.writes().unwrap_err().code(), "ERR_INVALID_ARG");
    }

    #[test]
    fn the_largest_page_size_fits() {
        let largest = crate::types::PageSize::new(65_536).unwrap();
        assert_eq!(bytes(largest), 65_536);
    }
}
