//! Threads that share the work of one step.
//!
//! A step is hundreds of short pieces, each of which needs the result of the one before. Handing a piece to a general
//! pool and waking its threads costs more than many of the pieces; here a thread that has nothing to do looks for the
//! next piece for a while before it goes to sleep.
#![allow(
    unsafe_code,
    reason = "work that is borrowed from a caller who waits, and slices that threads share out"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::Error;

/// How often a thread looks for work before it sleeps: some 50 microseconds, longer than the pauses within a step.
const LOOKS: u32 = 20_000;

/// What a thread does, given a number that says which part.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// Threads that wait for work.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Counts the pieces of work; changed under the lock of `piece`.
    number: AtomicUsize,
    piece: Mutex<Piece>,
    changed: Condvar,
    /// Parts of the piece that were taken so far.
    taken: AtomicUsize,
    /// Threads that work on the piece. One that has not begun when all is taken does not begin, and is not waited for:
    /// on a machine with much to do that can take longer than the piece.
    busy: AtomicUsize,
    failed: AtomicBool,
}

#[derive(Clone, Copy)]
struct Piece {
    work: Option<&'static Work<'static>>,
    parts: usize,
    over: bool,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Piece")
            .field("parts", &self.parts)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool in which `threads` work at once, the caller among them.
    ///
    /// # Errors
    /// [`Error::Thread`] where the system has no threads left.
    pub(crate) fn new(threads: usize) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            number: AtomicUsize::new(0),
            piece: Mutex::new(Piece { work: None, parts: 0, over: false }),
            changed: Condvar::new(),
            taken: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        });
        let mut pool = Self { shared, threads: Vec::new() };
        for i in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new().name(format!("model {i}")).spawn(move || shared.serve());
            pool.threads.push(thread.map_err(|source| Error::Thread { source })?);
        }
        Ok(pool)
    }

    /// Threads that work at once.
    pub(crate) fn threads(&self) -> usize {
        1 + self.threads.len()
    }

    /// Does all parts of some work, each once, in any order and on any of the threads.
    ///
    /// # Panics
    /// Where the work does.
    pub(crate) fn run(&mut self, parts: usize, work: &Work<'_>) {
        if self.threads.is_empty() || parts <= 1 {
            (0..parts).for_each(work);
            return;
        }
        let shared = &*self.shared;
        {
            // SAFETY: only the lifetime changes. A thread takes the work under the lock, where it counts itself into
            // `busy`, and does not touch it after it has counted itself out. This function, which nobody else can be in
            // at the same time, takes it back under the lock, and does not return before `busy` is zero.
            let work = unsafe { std::mem::transmute::<&Work<'_>, &'static Work<'static>>(work) };
            let mut piece = shared.lock();
            *piece = Piece { work: Some(work), parts, over: false };
            shared.taken.store(0, Ordering::Relaxed);
            shared.number.fetch_add(1, Ordering::Release);
        }
        shared.changed.notify_all();
        let own = catch_unwind(AssertUnwindSafe(|| shared.take_parts(parts, work)));
        shared.lock().work = None;
        let mut looks = 0;
        while shared.busy.load(Ordering::Acquire) > 0 {
            look_again(&mut looks);
        }
        let failed = shared.failed.swap(false, Ordering::Relaxed);
        match own {
            Err(panic) => std::panic::resume_unwind(panic),
            #[allow(clippy::panic, reason = "the same panic, on the thread that asked for the work")]
            Ok(()) if failed => panic!("a thread of the model failed"),
            Ok(()) => {}
        }
    }

    /// Fills a slice in pieces of `len`, the last of which may be shorter. `fill` is told which piece it is.
    pub(crate) fn fill<T: Send>(
        &mut self,
        slice: &mut [T],
        len: usize,
        fill: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let (all, len) = (slice.len(), len.max(1));
        let start = Shareable(slice.as_mut_ptr());
        self.run(all.div_ceil(len), &|i| {
            let at = i * len;
            let start = &start;
            // SAFETY: the piece is within the slice, which is borrowed until `run` returns, and each number comes once,
            // so that no two pieces overlap.
            let piece = unsafe { std::slice::from_raw_parts_mut(start.0.add(at), len.min(all - at)) };
            fill(i, piece);
        });
    }
}

/// The start of a slice whose parts go to different threads.
struct Shareable<T>(*mut T);

// SAFETY: what is reached through it is handed out in parts that do not overlap, and may be sent to other threads.
unsafe impl<T: Send> Sync for Shareable<T> {}

impl Shared {
    fn serve(&self) {
        let mut seen = 0;
        loop {
            let mut looks = 0;
            while self.number.load(Ordering::Acquire) == seen && looks < LOOKS {
                looks += 1;
                std::hint::spin_loop();
            }
            let waiting = |piece: &mut Piece| !piece.over && self.number.load(Ordering::Relaxed) == seen;
            let piece = self.changed.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
            seen = self.number.load(Ordering::Relaxed);
            if piece.over {
                return;
            }
            let Some(work) = piece.work else { continue };
            let parts = piece.parts;
            self.busy.fetch_add(1, Ordering::Relaxed);
            drop(piece);
            if catch_unwind(AssertUnwindSafe(|| self.take_parts(parts, work))).is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }

    fn take_parts(&self, parts: usize, work: &Work<'_>) {
        loop {
            let part = self.taken.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            work(part);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Piece> {
        self.piece.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits a little for another thread, and lets others run where that takes longer.
fn look_again(looks: &mut u32) {
    *looks += 1;
    if *looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.number.fetch_add(1, Ordering::Release);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that failed has told so already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_and_before_it_returns() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads).unwrap();
            assert_eq!(pool.threads(), threads);
            for parts in [0, 1, 2, 7, 100] {
                let counts: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                for _ in 0..50 {
                    pool.run(parts, &|part| {
                        counts[part].fetch_add(1, Ordering::Relaxed);
                    });
                }
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 50), "{threads} {parts}");
            }
        }
    }

    #[test]
    fn slices_are_filled_piece_by_piece() {
        let mut pool = Pool::new(3).unwrap();
        let mut numbers = vec![0; 1001];
        pool.fill(&mut numbers, 10, |i, piece| {
            assert_eq!(piece.len(), if i == 100 { 1 } else { 10 });
            for (j, number) in piece.iter_mut().enumerate() {
                *number = i * 10 + j;
            }
        });
        assert!(numbers.iter().enumerate().all(|(i, &number)| i == number));
        pool.fill(&mut [0; 0], 10, |_, _: &mut [i32]| unreachable!("there is nothing to fill"));
    }

    #[test]
    fn a_part_that_fails_fails_where_it_was_asked_for_and_the_pool_goes_on() {
        let mut pool = Pool::new(2).unwrap();
        for bad in 0..20 {
            let failed = catch_unwind(AssertUnwindSafe(|| {
                pool.run(20, &|part| assert_ne!(part, bad, "meant to fail"));
            }));
            assert!(failed.is_err(), "{bad}");
        }
        let done = AtomicUsize::new(0);
        pool.run(20, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 20);
    }
}
