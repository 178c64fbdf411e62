//! The way of a sound, from what was measured.

use std::time::Duration;

use conversation::Figures;

use wire::FrameTiming;

use super::{Latency, Stage, StageTime};
use crate::view::HostFrames;

const SAMPLES_PER_MS: f64 = audio::RATE as f64 / 1_000.0;

/// Nothing is measured.
pub(super) fn none() -> Latency {
    Latency {
        stages: stages([None; 5]),
        total_ms: None,
        target_buffer_ms: None,
        jitter_ms: None,
        underruns: 0,
        concealed_ms: 0.0,
        dropped_ms: 0.0,
        host_frames: None,
    }
}

pub(super) fn measured(figures: &Figures) -> Latency {
    let Some(sound) = &figures.sound else { return none() };
    let playout = &sound.playout;
    // Before the first sound the buffer holds nothing that could be timed.
    let flows = playout.received > 0;
    let microphone =
        sound.capture_delay.zip(figures.link.send_delay).map(|(capture, send)| ms(capture + send));
    let network = figures.link.round_trip.map(ms);
    // What a host says of itself is better than what is left when everything else is taken away.
    let host = match figures.link.host_timing {
        Some(timing) if timing.frame_ms_p50.is_finite() => Some(tenth(f64::from(timing.frame_ms_p50))),
        _ => figures.link.host_delay.map(ms),
    };
    let buffer = flows.then(|| tenth(playout.delay_ms));
    let speaker = sound.speaker_delay.map(ms);
    let total = [microphone, network, buffer, speaker]
        .into_iter()
        .sum::<Option<f64>>()
        .map(|sum| tenth(sum + host.unwrap_or_default()));
    Latency {
        stages: stages([microphone, network, host, buffer, speaker]),
        total_ms: total,
        target_buffer_ms: flows.then(|| tenth(playout.target_ms)),
        jitter_ms: flows.then(|| tenth(playout.jitter_ms)),
        underruns: playout.underruns,
        concealed_ms: tenth(playout.concealed as f64 / SAMPLES_PER_MS),
        dropped_ms: tenth((playout.dropped + playout.removed) as f64 / SAMPLES_PER_MS),
        host_frames: figures.link.host_timing.and_then(host_frames),
    }
}

/// What a host says of its frames. One that has done none yet says nothing.
pub(crate) fn host_frames(timing: FrameTiming) -> Option<HostFrames> {
    let (p50, p99) = (timing.frame_ms_p50, timing.frame_ms_p99);
    if !(p50.is_finite() && p99.is_finite() && p50 > 0.0) {
        return None;
    }
    let of_frame = wire::MODEL_FRAME as f64 * 1_000.0 / f64::from(wire::SAMPLE_RATE);
    Some(HostFrames {
        p50_ms: tenth(p50.into()),
        p99_ms: tenth(p99.into()),
        backlog: timing.backlog,
        dropped_ms: tenth(timing.dropped as f64 * of_frame),
    })
}

/// From the air at the microphone to the air at the loudspeaker, of a host that echoes.
pub(super) fn round_trip(figures: &Figures) -> Option<f64> {
    let sound = figures.sound.as_ref()?;
    let echo = figures.link.echo_delay?;
    Some(tenth(ms(echo) + sound.playout.delay_ms + ms(sound.speaker_delay?)))
}

fn stages(times: [Option<f64>; 5]) -> Vec<StageTime> {
    let order = [Stage::Microphone, Stage::Network, Stage::Host, Stage::Buffer, Stage::Speaker];
    order.into_iter().zip(times).map(|(stage, ms)| StageTime { stage, ms }).collect()
}

fn ms(duration: Duration) -> f64 {
    tenth(duration.as_secs_f64() * 1_000.0)
}

/// No measurement here is better than a tenth of a millisecond.
fn tenth(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}
