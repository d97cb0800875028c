//! libFuzzer on `tests/fuzz/targets/plans`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| batondb_fuzz::targets::plans::run(data));
