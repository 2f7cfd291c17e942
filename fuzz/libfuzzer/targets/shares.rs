#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consilium_fuzz::read("shares", bytes));
