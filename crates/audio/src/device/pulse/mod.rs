//! PulseAudio, and PipeWire through its PulseAudio server.
//!
//! cpal reaches PulseAudio as well, through the same protocol crate, but asks the server for its latency after every
//! callback and clears a megabyte of memory at every wake-up: about three times the processor time of this module at
//! 10 ms periods, which is more than all the rest of a conversation takes. Here every stream has a connection and a
//! thread of its own, so its callback path takes no lock; one more connection lists devices and hears of changes.

mod connection;
mod stream;

use std::{
    ffi::{CStr, CString},
    os::unix::net::UnixStream,
    path::PathBuf,
    thread,
    time::Duration,
};

use pulseaudio::protocol::{self, Command, SubscriptionMask};

use self::connection::{Connection, Message};
use super::{
    DeviceError, DeviceId, DeviceInfo, DeviceList, Direction, MakePort, OpenRequest, Stream, StreamEvents,
    StreamFormat, System,
};
use crate::port::{InputPort, OutputPort};

const PREFIX: &str = "pulse:";
/// Rates that are asked for as they are; a device outside of them is left to the server to convert.
const RATES: std::ops::RangeInclusive<u32> = 16_000..=96_000;
const FALLBACK_RATE: u32 = 48_000;

/// The sound server of a Linux desktop.
pub(super) struct Pulse {
    /// Where it listens.
    server: PathBuf,
    control: Connection,
    name: String,
    /// Closing this end wakes the watching thread, which then ends.
    watched: Option<(UnixStream, thread::JoinHandle<()>)>,
}

impl Pulse {
    /// Connects to the server that the environment names.
    pub(super) fn connect() -> Result<Self, DeviceError> {
        let server = connection::socket_path()
            .ok_or_else(|| DeviceError::NoSystem("no sound server is running".into()))?;
        Self::connect_to(server)
    }

    fn connect_to(server: PathBuf) -> Result<Self, DeviceError> {
        let mut control = Connection::open(&server)?;
        let info: protocol::ServerInfo = control.request(&Command::GetServerInfo)?;
        let package = text(info.server_name.as_deref());
        let name = if package.contains("PipeWire") { "PipeWire" } else { "PulseAudio" };
        Ok(Self { server, control, name: name.to_owned(), watched: None })
    }

    /// The control connection, opened again if the server was restarted.
    fn control(&mut self) -> Result<&mut Connection, DeviceError> {
        if self.control.is_broken() {
            self.control = Connection::open(&self.server)?;
        }
        Ok(&mut self.control)
    }

    fn list(&mut self) -> Result<DeviceList, DeviceError> {
        let control = self.control()?;
        let server: protocol::ServerInfo = control.request(&Command::GetServerInfo)?;
        let sinks: protocol::SinkInfoList = control.request(&Command::GetSinkInfoList)?;
        let sources: protocol::SourceInfoList = control.request(&Command::GetSourceInfoList)?;
        // libpulse lets the environment choose the device of streams that choose none; so does this program.
        let default_sink =
            std::env::var("PULSE_SINK").ok().unwrap_or(text(server.default_sink_name.as_deref()));
        let default_source =
            std::env::var("PULSE_SOURCE").ok().unwrap_or(text(server.default_source_name.as_deref()));
        let outputs =
            sinks.iter().map(|s| device(&s.name, s.description.as_deref(), &default_sink)).collect();
        let inputs = microphones(&sources, &default_source);
        Ok(DeviceList { inputs, outputs })
    }

    /// The device to open, with the format to open it in.
    fn resolve(
        &mut self,
        request: OpenRequest<'_>,
        direction: Direction,
    ) -> Result<(DeviceInfo, CString, StreamFormat), DeviceError> {
        let list = self.list()?;
        let wanted = list.of(direction).iter().find(|d| match request.device {
            Some(id) => d.id == *id,
            None => d.is_default,
        });
        let info = wanted.or(match request.device {
            Some(_) => None,
            None => list.of(direction).first(),
        });
        let info = info.ok_or(DeviceError::NotFound(direction))?.clone();
        let name = CString::new(info.id.0.trim_start_matches(PREFIX))
            .map_err(|_| DeviceError::NotFound(direction))?;
        let control = self.control()?;
        let spec = match direction {
            Direction::Input => {
                let get = protocol::GetSourceInfo { index: None, name: Some(name.clone()) };
                control.request(&Command::GetSourceInfo(get)).map(|i: protocol::SourceInfo| i.sample_spec)
            }
            Direction::Output => {
                let get = protocol::GetSinkInfo { index: None, name: Some(name.clone()) };
                control.request(&Command::GetSinkInfo(get)).map(|i: protocol::SinkInfo| i.sample_spec)
            }
        };
        let spec = spec.map_err(|failure| failure.of(direction))?;
        let rate = if RATES.contains(&spec.sample_rate) { spec.sample_rate } else { FALLBACK_RATE };
        // One channel: the server mixes or copies to what the device has, as its owner set it up.
        Ok((info, name, StreamFormat { rate, channels: 1 }))
    }
}

impl System for Pulse {
    fn name(&self) -> &str {
        &self.name
    }

    fn devices(&mut self) -> Result<DeviceList, DeviceError> {
        self.list()
    }

    fn open_input(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, InputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let (info, name, format) = self.resolve(request, Direction::Input)?;
        let stream = stream::record(&self.server, info, name, format, request.period, port(format), events)?;
        Ok(Box::new(stream))
    }

    fn open_output(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, OutputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let (info, name, format) = self.resolve(request, Direction::Output)?;
        let stream = stream::play(&self.server, info, name, format, request.period, port(format), events)?;
        Ok(Box::new(stream))
    }

    fn watch(&mut self, changed: Box<dyn Fn() + Send>) -> bool {
        let Ok(mut connection) = Connection::open(&self.server) else { return false };
        let mask = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
        if connection.acknowledge(&Command::Subscribe(mask)).is_err() {
            return false;
        }
        let Ok(closer) = connection.closer() else { return false };
        let watching = thread::Builder::new().name("pulse-watch".into()).spawn(move || {
            loop {
                match connection.next() {
                    // Volume changes of the devices in use arrive here too; listing again is cheap enough.
                    Ok(Message::Command(event)) if matches!(*event, Command::SubscribeEvent(_)) => changed(),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "the device watch ended");
                        changed();
                        return;
                    }
                }
            }
        });
        match watching {
            Ok(thread) => {
                self.watched = Some((closer, thread));
                true
            }
            Err(_) => false,
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if let Some((closer, thread)) = self.watched.take() {
            let _ = closer.shutdown(std::net::Shutdown::Both);
            let _ = thread.join();
        }
    }
}

/// The sources that are microphones. A loudspeaker's monitor is none, unless somebody made it the default on purpose: when
/// the last microphone is unplugged, the server makes a monitor the default by itself.
fn microphones(sources: &[protocol::SourceInfo], default: &str) -> Vec<DeviceInfo> {
    let is_monitor = |source: &protocol::SourceInfo| source.monitor_of_sink_index.is_some();
    if sources.iter().all(is_monitor) {
        return Vec::new();
    }
    sources
        .iter()
        .filter(|source| !is_monitor(source) || source.name.to_string_lossy() == default)
        .map(|source| device(&source.name, source.description.as_deref(), default))
        .collect()
}

fn device(name: &CStr, description: Option<&CStr>, default: &str) -> DeviceInfo {
    let id = text(Some(name));
    let shown = text(description);
    DeviceInfo {
        is_default: id == default,
        name: if shown.is_empty() { id.clone() } else { shown },
        id: DeviceId(format!("{PREFIX}{id}")),
    }
}

fn text(name: Option<&CStr>) -> String {
    name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// How long the server may take to answer before it counts as gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
