#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weights::fuzzing::gguf(data));
