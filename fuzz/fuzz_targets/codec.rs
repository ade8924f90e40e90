//! The entry point for libFuzzer; see `src/codec.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flowmaestro_fuzz::codec(data));
