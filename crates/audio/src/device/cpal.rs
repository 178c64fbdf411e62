//! What cpal reaches: WASAPI on Windows, ALSA on Linux machines without a sound server.

use std::time::Duration;

use cpal::{
    BufferSize, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};

use super::{
    DeviceError, DeviceId, DeviceInfo, DeviceList, Direction, MakePort, OpenRequest, Stream, StreamEvent,
    StreamEvents, StreamFormat, System,
};
use crate::port::{InputPort, OutputPort};

/// How long a device may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(3);
/// Samples of one callback for which conversion buffers are made in advance: 200 ms of eight channels at 48 kHz.
const LARGEST_CALLBACK: usize = 9_600 * 8;

/// The default host of cpal.
pub(super) struct Cpal {
    host: cpal::Host,
    name: String,
}

struct CpalStream {
    device: DeviceInfo,
    format: StreamFormat,
    _stream: cpal::Stream,
}

impl Stream for CpalStream {
    fn format(&self) -> StreamFormat {
        self.format
    }

    fn device(&self) -> &DeviceInfo {
        &self.device
    }
}

impl Cpal {
    /// # Errors
    /// [`DeviceError::NoSystem`], if cpal finds no host.
    pub(super) fn new() -> Result<Self, DeviceError> {
        let host = cpal::default_host();
        let name = format!("{:?}", host.id()).to_uppercase();
        Ok(Self { host, name })
    }

    fn default_of(&self, direction: Direction) -> Option<cpal::Device> {
        match direction {
            Direction::Input => self.host.default_input_device(),
            Direction::Output => self.host.default_output_device(),
        }
    }

    fn resolve(
        &self,
        request: OpenRequest<'_>,
        direction: Direction,
    ) -> Result<(cpal::Device, DeviceInfo), DeviceError> {
        let device = match request.device {
            None => self.default_of(direction),
            Some(wanted) => self
                .host
                .devices()
                .map_err(|e| translate(&e, direction))?
                .find(|device| info(device, None).is_some_and(|info| info.id == *wanted)),
        };
        let device = device.ok_or(DeviceError::NotFound(direction))?;
        let info = info(&device, None).ok_or(DeviceError::NotFound(direction))?;
        Ok((device, info))
    }
}

impl System for Cpal {
    fn name(&self) -> &str {
        &self.name
    }

    fn devices(&mut self) -> Result<DeviceList, DeviceError> {
        let mut list = DeviceList::default();
        for direction in [Direction::Input, Direction::Output] {
            let default = self.default_of(direction).and_then(|d| info(&d, None)).map(|d| d.id);
            let devices = match direction {
                Direction::Input => self.host.input_devices(),
                Direction::Output => self.host.output_devices(),
            };
            let devices = devices.map_err(|e| DeviceError::NoSystem(e.to_string()))?;
            let mut infos: Vec<DeviceInfo> = devices.filter_map(|d| info(&d, default.as_ref())).collect();
            infos.dedup_by(|a, b| a.id == b.id);
            match direction {
                Direction::Input => list.inputs = infos,
                Direction::Output => list.outputs = infos,
            }
        }
        Ok(list)
    }

    fn open_input(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, InputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let direction = Direction::Input;
        let (device, info) = self.resolve(request, direction)?;
        let supported = device.default_input_config().map_err(|e| translate(&e, direction))?;
        let format = StreamFormat { rate: supported.sample_rate(), channels: supported.channels() };
        let config = config(format, request.period, *supported.buffer_size());
        let port = port(format);
        let stream = match supported.sample_format() {
            SampleFormat::F32 => record::<f32>(&device, config, port, events),
            SampleFormat::I16 => record::<i16>(&device, config, port, events),
            SampleFormat::I32 => record::<i32>(&device, config, port, events),
            SampleFormat::U8 => record::<u8>(&device, config, port, events),
            other => {
                Err(DeviceError::Failed { direction, reason: format!("it records in the format {other}") })
            }
        }?;
        stream.play().map_err(|e| translate(&e, direction))?;
        Ok(Box::new(CpalStream { device: info, format, _stream: stream }))
    }

    fn open_output(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, OutputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let direction = Direction::Output;
        let (device, info) = self.resolve(request, direction)?;
        let supported = device.default_output_config().map_err(|e| translate(&e, direction))?;
        let format = StreamFormat { rate: supported.sample_rate(), channels: supported.channels() };
        let config = config(format, request.period, *supported.buffer_size());
        let port = port(format);
        let stream = match supported.sample_format() {
            SampleFormat::F32 => play::<f32>(&device, config, port, events),
            SampleFormat::I16 => play::<i16>(&device, config, port, events),
            SampleFormat::I32 => play::<i32>(&device, config, port, events),
            SampleFormat::U8 => play::<u8>(&device, config, port, events),
            other => {
                Err(DeviceError::Failed { direction, reason: format!("it plays in the format {other}") })
            }
        }?;
        stream.play().map_err(|e| translate(&e, direction))?;
        Ok(Box::new(CpalStream { device: info, format, _stream: stream }))
    }

    fn watch(&mut self, _changed: Box<dyn Fn() + Send>) -> bool {
        // cpal has no notifications of its own (its issue 373); the caller looks now and then.
        false
    }
}

fn record<S>(
    device: &cpal::Device,
    config: StreamConfig,
    mut port: InputPort,
    events: StreamEvents,
) -> Result<cpal::Stream, DeviceError>
where
    S: SizedSample,
    f32: FromSample<S>,
{
    let channels = usize::from(config.channels);
    let mut converted = vec![0.0_f32; LARGEST_CALLBACK];
    let data = move |data: &[S], info: &cpal::InputCallbackInfo| {
        let at = info.timestamp();
        port.state().set_latency(at.callback.duration_since(at.capture));
        for chunk in data.chunks(LARGEST_CALLBACK - LARGEST_CALLBACK % channels.max(1)) {
            for (to, from) in converted.iter_mut().zip(chunk) {
                *to = f32::from_sample(*from);
            }
            port.deliver(&converted[..chunk.len()], channels);
        }
    };
    let stream = device.build_input_stream(config, data, report(events, Direction::Input), Some(OPEN_LIMIT));
    stream.map_err(|e| translate(&e, Direction::Input))
}

fn play<S>(
    device: &cpal::Device,
    config: StreamConfig,
    mut port: OutputPort,
    events: StreamEvents,
) -> Result<cpal::Stream, DeviceError>
where
    S: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels);
    let mut filled = vec![0.0_f32; LARGEST_CALLBACK];
    let data = move |data: &mut [S], info: &cpal::OutputCallbackInfo| {
        let at = info.timestamp();
        port.state().set_latency(at.playback.duration_since(at.callback));
        for chunk in data.chunks_mut(LARGEST_CALLBACK - LARGEST_CALLBACK % channels.max(1)) {
            let filled = &mut filled[..chunk.len()];
            port.fill(filled, channels);
            for (to, from) in chunk.iter_mut().zip(filled) {
                *to = S::from_sample(*from);
            }
        }
    };
    let stream =
        device.build_output_stream(config, data, report(events, Direction::Output), Some(OPEN_LIMIT));
    stream.map_err(|e| translate(&e, Direction::Output))
}

/// Turns cpal's error callback into events. After an overrun ALSA can call it thousands of times a second.
fn report(events: StreamEvents, direction: Direction) -> impl FnMut(cpal::Error) + Send + 'static {
    let mut last_xrun = None::<std::time::Instant>;
    move |error| match error.kind() {
        ErrorKind::Xrun => {
            if last_xrun.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
                last_xrun = Some(std::time::Instant::now());
                events(StreamEvent::Xrun);
            }
        }
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {
            tracing::debug!(%error, %direction, "the device says");
        }
        _ => events(StreamEvent::Ended(translate(&error, direction))),
    }
}

fn config(format: StreamFormat, period: Duration, range: SupportedBufferSize) -> StreamConfig {
    let frames = (period.as_secs_f64() * f64::from(format.rate)).round() as u32;
    let buffer_size = match range {
        SupportedBufferSize::Range { min, max } if min <= max => BufferSize::Fixed(frames.clamp(min, max)),
        _ => BufferSize::Default,
    };
    StreamConfig { channels: format.channels, sample_rate: format.rate, buffer_size }
}

fn info(device: &cpal::Device, default: Option<&DeviceId>) -> Option<DeviceInfo> {
    let id = DeviceId(device.id().ok()?.to_string());
    let name = device.description().ok()?.name().to_owned();
    Some(DeviceInfo { is_default: default == Some(&id), id, name })
}

fn translate(error: &cpal::Error, direction: Direction) -> DeviceError {
    match error.kind() {
        ErrorKind::HostUnavailable => DeviceError::NoSystem(error.to_string()),
        ErrorKind::DeviceNotAvailable => DeviceError::NotFound(direction),
        ErrorKind::PermissionDenied => DeviceError::Refused(direction),
        ErrorKind::DeviceBusy => DeviceError::Busy(direction),
        ErrorKind::StreamInvalidated => DeviceError::Lost(direction),
        _ => DeviceError::Failed { direction, reason: error.to_string() },
    }
}
