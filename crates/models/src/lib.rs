//! Models on this computer.
