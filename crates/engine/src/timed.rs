//! What real frames of a model cost on this machine.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::codec::FRAME;
use crate::timing::percentiles;
use crate::{Error, Output, Pipeline, Sampling, load};

/// Frames at which there is nothing more to learn: ten seconds.
pub const MOST_FRAMES: u32 = 125;

/// Frames that do not count: memory is first touched in them, and threads are started.
const WARM_UP: u32 = 4;

/// Frames that are on their way at once: one for each thread of the pipeline, so that they get in each other's way as
/// they do in a conversation that has fallen behind.
const AT_ONCE: usize = 3;

/// What frames cost, each as much as the slowest of the pipeline's threads, as the server counts it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameCost {
    /// How many were timed.
    pub frames: u32,
    /// Half of them cost no more, in milliseconds.
    pub median_ms: f32,
    /// Nineteen of twenty cost no more, in milliseconds.
    pub p95_ms: f32,
}

/// Loads a model and lets it hear silence, until [`MOST_FRAMES`] are timed or the time is over. Loading cannot be
/// interrupted; whoever has no time for it ends the process. `progress` is told how many frames are timed.
///
/// # Errors
/// As [`load`], and what [`Output::Failed`] holds.
pub fn time_frames(path: &Path, limit: Duration, mut progress: impl FnMut(u32)) -> Result<FrameCost, Error> {
    let began = Instant::now();
    let model = load(path)?;
    // The first steps say nothing, as long as the streams are late.
    let late = model.config().delays.iter().copied().max().unwrap_or(0);
    progress(0);
    let (sender, outputs) = sync_channel(AT_ONCE);
    let pipeline = Pipeline::start(model, Sampling::GREEDY, 0, move |output| sender.send(output).is_ok())?;
    let silence = [0.0; FRAME];
    for _ in 0..late + AT_ONCE {
        pipeline.hear(&silence);
    }
    let (mut costs, mut warm_up) = (Vec::new(), WARM_UP);
    while costs.len() < MOST_FRAMES as usize {
        let left = limit.saturating_sub(began.elapsed());
        match outputs.recv_timeout(left) {
            Ok(Output::Frame { cost, .. }) => {
                pipeline.hear(&silence);
                if warm_up > 0 {
                    warm_up -= 1;
                    continue;
                }
                costs.push(cost.as_secs_f32() * 1000.0);
                progress(count(&costs));
            }
            Ok(Output::Failed(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Stopped { stage: "decoder" }),
        }
        if began.elapsed() >= limit {
            break;
        }
    }
    // Or the decoder would wait for room for ever.
    drop(outputs);
    drop(pipeline);
    let frames = count(&costs);
    let [median_ms, p95_ms] = percentiles(costs, [0.5, 0.95]);
    Ok(FrameCost { frames, median_ms, p95_ms })
}

fn count(costs: &[f32]) -> u32 {
    u32::try_from(costs.len()).unwrap_or(u32::MAX)
}
