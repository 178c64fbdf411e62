//! Bytes that many can hold at once.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

/// A range of a memory map, or of memory of its own. A clone is cheap and keeps the whole alive.
#[derive(Clone)]
pub struct Bytes {
    memory: Memory,
    /// Within the memory; checked where it is made.
    range: Range<usize>,
}

#[derive(Clone)]
enum Memory {
    Map(Arc<Mmap>),
    Owned(Arc<Vec<u8>>),
}

impl Bytes {
    pub(crate) fn of_map(map: Mmap) -> Self {
        Self { range: 0..map.len(), memory: Memory::Map(Arc::new(map)) }
    }

    /// Part of these bytes; `None` where the range is not within them.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        if range.start > range.end || range.end > self.range.len() {
            return None;
        }
        let range = self.range.start + range.start..self.range.start + range.end;
        Some(Self { memory: self.memory.clone(), range })
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.memory {
            Memory::Map(map) => map,
            Memory::Owned(bytes) => bytes,
        };
        all.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), memory: Memory::Owned(Arc::new(bytes)) }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = match self.memory {
            Memory::Map(_) => "mapped",
            Memory::Owned(_) => "owned",
        };
        write!(f, "Bytes({memory}, {})", self.range.len())
    }
}
