//! Against a sound server that says no.

use std::{
    io::{BufReader, Cursor, Read},
    os::unix::net::{UnixListener, UnixStream},
    thread,
    time::Duration,
};

use pulseaudio::protocol::{self, ChannelMap, Command, PulseError, SampleFormat, SampleSpec, SourceInfo};

use super::*;
use crate::port;

const VERSION: u16 = protocol::MAX_VERSION;

fn spec() -> SampleSpec {
    SampleSpec { format: SampleFormat::Float32Le, channels: 1, sample_rate: 48_000 }
}

/// A server with one microphone and one loudspeaker that refuses every stream with `error`.
fn refusing(error: PulseError) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("native");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(caller, error));
        }
    });
    (folder, path)
}

/// Answers one caller until they leave.
fn serve(mut caller: UnixStream, error: PulseError) {
    let mut reader = BufReader::new(caller.try_clone().unwrap());
    while let Ok(descriptor) = protocol::read_descriptor(&mut reader) {
        let mut message = vec![0; descriptor.length as usize];
        reader.read_exact(&mut message).unwrap();
        let (number, command) = Command::read_tag_prefixed(&mut Cursor::new(message), VERSION).unwrap();
        let to = &mut caller;
        let source = || SourceInfo {
            name: c"mic".into(),
            sample_spec: spec(),
            channel_map: ChannelMap::mono(),
            ..SourceInfo::default()
        };
        match command {
            Command::Auth(_) => {
                let reply = protocol::AuthReply { version: VERSION, ..protocol::AuthReply::default() };
                protocol::write_reply_message(to, number, &reply, VERSION)
            }
            Command::SetClientName(_) => protocol::write_reply_message(
                to,
                number,
                &protocol::SetClientNameReply { client_id: 1 },
                VERSION,
            ),
            Command::GetServerInfo => {
                let info = protocol::ServerInfo {
                    sample_spec: spec(),
                    channel_map: ChannelMap::mono(),
                    default_source_name: Some(c"mic".into()),
                    ..protocol::ServerInfo::default()
                };
                protocol::write_reply_message(to, number, &info, VERSION)
            }
            Command::GetSinkInfoList => {
                protocol::write_reply_message(to, number, &protocol::SinkInfoList::default(), VERSION)
            }
            Command::GetSourceInfoList => protocol::write_reply_message(to, number, &vec![source()], VERSION),
            Command::GetSourceInfo(_) => protocol::write_reply_message(to, number, &source(), VERSION),
            _ => protocol::write_error(to, number, &error),
        }
        .unwrap();
    }
}

fn outcome_of_opening_the_microphone(error: PulseError) -> DeviceError {
    let (_folder, path) = refusing(error);
    let mut system = Pulse::connect_to(path).unwrap();
    let microphone = system.devices().unwrap().inputs.remove(0);
    let request = OpenRequest { device: Some(&microphone.id), period: Duration::from_millis(20) };
    let mut make = |_: StreamFormat| port::input(960, std::time::Instant::now(), thread::current()).0;
    system.open_input(request, &mut make, Box::new(|_| {})).map(|_| ()).unwrap_err()
}

#[test]
fn a_microphone_that_the_server_does_not_let_us_use_is_refused() {
    assert_eq!(
        outcome_of_opening_the_microphone(PulseError::AccessDenied),
        DeviceError::Refused(Direction::Input)
    );
}

#[test]
fn other_refusals_are_told_apart() {
    use DeviceError::{Busy, Failed, NotFound};
    let input = Direction::Input;
    assert_eq!(
        outcome_of_opening_the_microphone(PulseError::NoEntity),
        NotFound(input),
        "it went this moment"
    );
    assert_eq!(outcome_of_opening_the_microphone(PulseError::Busy), Busy(input));
    let other = outcome_of_opening_the_microphone(PulseError::TooLarge);
    assert!(matches!(other, Failed { direction: Direction::Input, .. }), "{other:?}");
}

fn source(name: &CStr, monitor_of: Option<u32>) -> SourceInfo {
    SourceInfo {
        name: name.into(),
        sample_spec: spec(),
        channel_map: ChannelMap::mono(),
        monitor_of_sink_index: monitor_of,
        ..SourceInfo::default()
    }
}

#[test]
fn a_monitor_is_a_microphone_only_where_somebody_chose_it_over_one() {
    let names = |sources: &[SourceInfo], default: &str| -> Vec<String> {
        microphones(sources, default).into_iter().map(|device| device.name).collect()
    };
    let (mic, monitor) = (source(c"mic", None), source(c"speaker.monitor", Some(0)));
    let both = [mic, monitor.clone()];
    assert_eq!(names(&both, "mic"), ["mic"]);
    assert_eq!(names(&both, "speaker.monitor"), ["mic", "speaker.monitor"], "chosen on purpose");
    assert_eq!(
        names(&[monitor], "speaker.monitor"),
        [] as [&str; 0],
        "the server's own doing: nobody plugged in a microphone"
    );
}
