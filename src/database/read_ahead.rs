//! stub
use crate::types::{PageCount, PageNumber, PageSize};
pub(super) struct ReadAhead;
impl ReadAhead {
    pub(super) fn new(_: PageSize, _: usize) -> Self {
        Self
    }
    pub(super) fn on_read(&mut self, _: PageNumber) {}
    pub(super) fn on_page(&mut self, _: PageNumber, _: &[u8]) {}
    pub(super) fn on_miss(&mut self, _: PageNumber, _: PageCount) -> Vec<PageNumber> {
        Vec::new()
    }
}
