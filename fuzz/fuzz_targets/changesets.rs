//! libFuzzer on `tests/fuzz/targets/changesets`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| batondb_fuzz::targets::changesets::run(data));
