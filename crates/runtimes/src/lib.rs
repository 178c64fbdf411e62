//! Moshi as a local process.
