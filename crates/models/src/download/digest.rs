//! The hash of a file, made behind those who write it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{DownloadError, blocking::blocking, part::Part};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// Bytes that are hashed before others are looked after.
const STRETCH: u64 = 64 << 20;

/// The SHA-256 of a file in hexadecimal digits, when all of it has been written.
pub(super) async fn digest(part: Arc<Part>) -> Result<String, DownloadError> {
    let mut front = part.front();
    let (mut hash, mut buffer, mut at) = (Sha256::new(), vec![0; BUFFER], 0);
    loop {
        let until = (*front.borrow_and_update()).min(at + STRETCH);
        if at < until {
            let part = Arc::clone(&part);
            (hash, buffer) = blocking(move || {
                while at < until {
                    let len = usize::try_from(until - at).unwrap_or(BUFFER).min(BUFFER);
                    let Some(bytes) = buffer.get_mut(..len) else { break };
                    part.read(at, bytes)?;
                    hash.update(&*bytes);
                    at += len as u64;
                }
                Ok((hash, buffer))
            })
            .await?;
            at = until;
        } else if at == part.size() {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        } else if front.changed().await.is_err() {
            // The sender lives in the part, which is ours.
            std::future::pending::<()>().await;
        }
    }
}
