//! A bounded queue between two threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Holds a few items. Every wait on it ends when it is closed.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue for at most `capacity` items, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::with_capacity(capacity), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity: capacity.max(1) }
    }

    /// Adds an item without waiting: where the queue is full, its oldest item is dropped. Returns whether one was.
    pub(crate) fn push_or_drop_oldest(&self, item: T) -> bool {
        let mut state = self.lock();
        let full = state.items.len() >= self.capacity;
        if full {
            state.items.pop_front();
        }
        state.items.push_back(item);
        self.changed.notify_all();
        full
    }

    /// Adds an item, waiting for room. Returns whether it was added: not if the queue is closed.
    pub(crate) fn push(&self, item: T) -> bool {
        let full = |state: &mut State<T>| state.items.len() >= self.capacity && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        state.items.push_back(item);
        self.changed.notify_all();
        true
    }

    /// Takes the oldest item, waiting for one; `None` once the queue is closed.
    pub(crate) fn pop(&self) -> Option<T> {
        let empty = |state: &mut State<T>| state.items.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        self.changed.notify_all();
        state.items.pop_front()
    }

    /// Ends all waiting, now and later. What is in the queue is given up.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.items.clear();
        self.changed.notify_all();
    }

    /// Items that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_oldest_item_goes_when_there_is_no_room() {
        let queue = Queue::new(2);
        assert_eq!([1, 2, 3, 4].map(|item| queue.push_or_drop_oldest(item)), [false, false, true, true]);
        assert_eq!((queue.len(), queue.pop(), queue.pop()), (2, Some(3), Some(4)));
    }

    #[test]
    fn a_full_queue_holds_up_who_adds_until_there_is_room() {
        let queue = Queue::new(1);
        thread::scope(|scope| {
            scope.spawn(|| (0..1000).for_each(|item| assert!(queue.push(item))));
            for item in 0..1000 {
                assert_eq!(queue.pop(), Some(item));
            }
        });
    }

    #[test]
    fn closing_ends_every_wait() {
        let (full, empty) = (Queue::new(1), Queue::<u8>::new(1));
        assert!(full.push(1));
        thread::scope(|scope| {
            let adds = scope.spawn(|| full.push(2));
            let takes = scope.spawn(|| empty.pop());
            full.close();
            empty.close();
            assert!(!adds.join().unwrap());
            assert_eq!(takes.join().unwrap(), None);
        });
        assert_eq!((full.len(), full.pop()), (0, None));
    }
}
