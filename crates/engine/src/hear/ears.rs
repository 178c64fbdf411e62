//! One recogniser, lent to one listener after the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::Hearing;

use super::recogniser::Recogniser;

/// A recogniser that several may ask for. A copy lends the same one.
#[derive(Debug, Clone)]
pub struct Ears(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    /// Steps by which it tells words late.
    delay: u32,
    recogniser: Mutex<Option<Box<Recogniser>>>,
    /// Whether it is taken. A recogniser that is not there although it is free is lost.
    place: Arc<Semaphore>,
}

/// The place of whoever has the recogniser. Dropping it without [giving it back](Self::give_back) loses the recogniser.
#[derive(Debug)]
pub struct Loan {
    ears: Ears,
    _permit: OwnedSemaphorePermit,
}

impl Ears {
    /// Lends this recogniser.
    #[must_use]
    pub fn new(recogniser: Recogniser) -> Self {
        Self(Arc::new(Inner {
            name: recogniser.name().into(),
            delay: recogniser.timing().delay,
            recogniser: Mutex::new(Some(Box::new(recogniser))),
            place: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Takes the recogniser, if nobody has it.
    #[must_use]
    pub fn take(&self) -> Option<(Recogniser, Loan)> {
        let permit = Arc::clone(&self.0.place).try_acquire_owned().ok()?;
        let recogniser = self.recogniser().take()?;
        Some((*recogniser, Loan { ears: self.clone(), _permit: permit }))
    }

    /// Who hears.
    #[must_use]
    pub fn about(&self) -> Hearing {
        Hearing { model: Some(self.0.name.clone()), delay_ms: 80 * self.0.delay, timing: None }
    }

    /// Steps of 80 ms by which words are told late.
    #[must_use]
    pub fn delay(&self) -> u32 {
        self.0.delay
    }

    /// Whether somebody has the recogniser.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.0.place.available_permits() == 0
    }

    /// Whether there is a recogniser, taken or not.
    #[must_use]
    pub fn works(&self) -> bool {
        // In this order: whoever gives it back does so before the place is free.
        self.is_taken() || self.recogniser().is_some()
    }

    /// Waits until nobody has the recogniser.
    pub async fn free(&self) {
        // It is never closed.
        let _ = self.0.place.acquire().await;
    }

    fn recogniser(&self) -> MutexGuard<'_, Option<Box<Recogniser>>> {
        self.0.recogniser.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loan {
    /// Puts the recogniser back for the next one. `None` where it is lost.
    pub fn give_back(self, recogniser: Option<Recogniser>) {
        *self.ears.recogniser() = recogniser.map(Box::new);
    }
}
