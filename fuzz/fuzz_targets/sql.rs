//! libFuzzer on `tests/fuzz/targets/sql`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| batondb_fuzz::targets::sql::run(data));
