//! The entry point for libFuzzer; see `src/tokens.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flowmaestro_fuzz::tokens(data));
