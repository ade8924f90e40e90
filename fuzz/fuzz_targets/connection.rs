//! The entry point for libFuzzer; see `src/connection.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flowmaestro_fuzz::connection(data));
