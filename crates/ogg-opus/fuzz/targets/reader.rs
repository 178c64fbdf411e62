#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ogg_opus::fuzzing::reader(data));
