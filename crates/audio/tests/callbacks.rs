//! What a device callback does may take no memory from the system: that can wait for a lock.
#![allow(unsafe_code, reason = "counting allocations takes an allocator")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use audio::port;
use ringbuf::traits::{Consumer, Producer};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count for each thread.
struct Counting;

// SAFETY: every call goes on to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(action: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    action();
    ALLOCATIONS.get() - before
}

#[test]
fn callbacks_allocate_nothing_whether_the_ring_is_full_empty_or_flushed() {
    assert_eq!(allocations(|| drop(black_box(vec![0.0_f32; 480]))), 2, "the count counts");
    for channels in [1, 2, 6] {
        let (mut microphone, mut recorded, _) = port::input(4_800, Instant::now(), thread::current());
        let (mut loudspeaker, mut to_play, state) = port::output(4_800, Instant::now(), thread::current());
        let mut block = vec![0.25_f32; 480 * channels];
        let mut taken = vec![0.0_f32; 960];
        let count = allocations(|| {
            for round in 0..200 {
                microphone.deliver(&block, channels);
                microphone.state().set_latency(Duration::from_millis(5));
                // The ring fills up first.
                if round > 50 {
                    recorded.pop_slice(&mut taken);
                }
                // And empties here now and then.
                if round % 3 == 0 {
                    to_play.push_slice(&taken);
                }
                if round % 50 == 0 {
                    state.request_flush();
                }
                loudspeaker.fill(&mut block, channels);
            }
        });
        assert_eq!(count, 0, "{channels} channels");
    }
}
