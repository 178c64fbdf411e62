//! What can run Moshi on a machine, and why not.
