//! stub
use crate::types::{PageNumber, PageRange, PageSize};
pub(super) struct HintRecorder;
impl HintRecorder {
    pub(super) fn new(_: PageSize) -> Self {
        Self
    }
    pub(super) fn read(&mut self, _: PageNumber) {}
    pub(super) fn hints(&self) -> Vec<PageRange> {
        Vec::new()
    }
    pub(super) fn is_complete(&self) -> bool {
        false
    }
}
pub(super) fn worth_storing(_: &[PageRange], _: &[PageRange]) -> bool {
    false
}
