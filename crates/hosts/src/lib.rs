//! Where Moshi is, and the way to it.
