//! libFuzzer on `tests/fuzz/targets/vfs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| batondb_fuzz::targets::vfs::run(data));
