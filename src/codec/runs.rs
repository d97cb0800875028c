//! Runs of pages as stored in rows: first and last page of each run, 4 bytes each, in order.

use super::error::DecodeError;
use super::reader::Reader;
use crate::types::PageRange;

pub(super) fn write(runs: &[PageRange], body: &mut Vec<u8>) {
    for run in runs {
        body.extend(run.first.get().to_be_bytes());
        body.extend(run.last.get().to_be_bytes());
    }
}

/// Reads runs up to the end of the body.
pub(super) fn read(body: &mut Reader<'_>) -> Result<Vec<PageRange>, DecodeError> {
    let mut runs: Vec<PageRange> = Vec::new();
    while !body.is_empty() {
        let run = PageRange { first: body.page_number()?, last: body.page_number()? };
        let ascends = runs.last().is_none_or(|before| before.last < run.first);
        if run.last < run.first || !ascends {
            return Err(body.field(format!("run {} to {} out of order", run.first, run.last)));
        }
        runs.push(run);
    }
    Ok(runs)
}
