//! Child processes that end with their whole tree, and with whoever started them.
