#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seedtensors_fuzz::record(bytes));
