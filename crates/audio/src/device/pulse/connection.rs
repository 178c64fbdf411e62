//! One connection to the sound server: requests with their answers, events, and sound.

use std::{
    env,
    ffi::{CStr, CString},
    fs,
    io::{self, BufReader, Cursor, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use pulseaudio::protocol::{
    self, Command, CommandReply, DESCRIPTOR_SIZE, Descriptor, DescriptorFlags, PulseError, TagStructRead,
    TagStructReader,
};

use super::{
    super::{DeviceError, Direction},
    ANSWER_LIMIT,
};

/// No message from a sound server is larger: sound comes in pieces of tens of kilobytes.
const LARGEST_MESSAGE: u32 = 4 << 20;
const CONTROL_CHANNEL: u32 = u32::MAX;

/// Something that came from the server.
pub(super) enum Message<'a> {
    /// An event.
    Command(Box<Command>),
    /// The answer to the request with this number; its payload is read with [`Connection::reply`].
    Reply(u32),
    /// An answer that says no.
    Refused(PulseError),
    /// The server wants this many bytes of sound.
    Request(u32),
    /// An event that this program does not know.
    Unknown,
    /// Recorded sound, as the bytes of the stream's samples.
    Sound(&'a [u8]),
}

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server cannot be understood any more, or not be reached.
    Connection(DeviceError),
    /// The server says no.
    Refused(PulseError),
}

impl Failure {
    /// What it means for a device that the request was about.
    pub(super) fn of(self, direction: Direction) -> DeviceError {
        match self {
            Self::Connection(error) => error,
            Self::Refused(PulseError::AccessDenied) => DeviceError::Refused(direction),
            Self::Refused(PulseError::NoEntity) => DeviceError::NotFound(direction),
            Self::Refused(PulseError::Busy) => DeviceError::Busy(direction),
            Self::Refused(error) => {
                DeviceError::Failed { direction, reason: format!("the sound server refuses: {error}") }
            }
        }
    }
}

impl From<Failure> for DeviceError {
    /// What it means where no device is asked for.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connection(error) => error,
            Failure::Refused(error) => Self::NoSystem(format!("the sound server refuses: {error}")),
        }
    }
}

/// A connection. Reading blocks; it belongs to one thread.
pub(super) struct Connection {
    socket: BufReader<UnixStream>,
    version: u16,
    number: u32,
    message: Vec<u8>,
    /// Where the payload of the last reply begins in `message`.
    payload: usize,
    out: Vec<u8>,
    broken: bool,
}

impl Connection {
    /// Connects to the server that listens at `path`, and introduces this program.
    pub(super) fn open(path: &Path) -> Result<Self, DeviceError> {
        let no_system = |error: io::Error| DeviceError::NoSystem(error.to_string());
        let socket = UnixStream::connect(path).map_err(no_system)?;
        socket.set_read_timeout(Some(ANSWER_LIMIT)).map_err(no_system)?;
        socket.set_write_timeout(Some(ANSWER_LIMIT)).map_err(no_system)?;
        let mut connection = Self {
            socket: BufReader::with_capacity(16 << 10, socket),
            version: protocol::MAX_VERSION,
            number: 0,
            message: Vec::new(),
            payload: 0,
            out: Vec::new(),
            broken: false,
        };
        let cookie = cookie(|name| env::var_os(name).map(PathBuf::from), |path| fs::read(path).ok());
        let auth = protocol::AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie,
        };
        let reply: protocol::AuthReply = connection.request(&Command::Auth(auth))?;
        connection.version = reply.version.min(protocol::MAX_VERSION);
        let mut props = protocol::Props::new();
        props.set(protocol::Prop::ApplicationName, c"MYCA Voice");
        props.set(protocol::Prop::ApplicationIconName, c"myca-voice");
        if let Ok(id) = CString::new(std::process::id().to_string()) {
            props.set(protocol::Prop::ApplicationProcessId, id);
        }
        let _: protocol::SetClientNameReply = connection.request(&Command::SetClientName(props))?;
        Ok(connection)
    }

    /// Whether an earlier read or write failed: such a connection is of no use any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// A second handle to the socket; shutting it down ends a blocked read.
    pub(super) fn closer(&self) -> io::Result<UnixStream> {
        self.socket.get_ref().set_read_timeout(None)?;
        self.socket.get_ref().try_clone()
    }

    /// Sends a request and waits for its answer. Sound and events in between are passed over, so this is for set-up.
    pub(super) fn request<R: CommandReply + TagStructRead>(
        &mut self,
        command: &Command,
    ) -> Result<R, Failure> {
        let number = self.send(command).map_err(failed)?;
        self.await_answer(number)?;
        self.reply().map_err(failed)
    }

    /// Sends a request whose answer carries nothing.
    pub(super) fn acknowledge(&mut self, command: &Command) -> Result<(), Failure> {
        let number = self.send(command).map_err(failed)?;
        self.await_answer(number)
    }

    fn await_answer(&mut self, number: u32) -> Result<(), Failure> {
        loop {
            match self.next().map_err(failed)? {
                Message::Reply(answered) if answered == number => return Ok(()),
                Message::Refused(error) => return Err(Failure::Refused(error)),
                _ => {}
            }
        }
    }

    /// Sends a request without waiting; the number comes back in [`Message::Reply`].
    pub(super) fn send(&mut self, command: &Command) -> io::Result<u32> {
        self.number = self.number.wrapping_add(1);
        self.out.clear();
        let len = protocol::encode_command_message(&mut self.out, self.number, command, self.version)
            .map_err(|e| io::Error::other(e.to_string()))?;
        let (socket, out) = (self.socket.get_mut(), &self.out[..len]);
        let sent = socket.write_all(out);
        self.broken |= sent.is_err();
        sent.map(|()| self.number)
    }

    /// Sends sound to a playback stream, as the bytes of its samples.
    pub(super) fn send_sound(&mut self, channel: u32, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut head = [0; DESCRIPTOR_SIZE];
        let descriptor = Descriptor { length, channel, offset: 0, flags: DescriptorFlags::empty() };
        protocol::encode_descriptor(&mut head, &descriptor);
        self.out.clear();
        self.out.extend_from_slice(&head);
        self.out.extend_from_slice(bytes);
        let sent = self.socket.get_mut().write_all(&self.out);
        self.broken |= sent.is_err();
        sent
    }

    /// Whether another message, or part of it, has been read from the socket already.
    pub(super) fn holds_more(&self) -> bool {
        !self.socket.buffer().is_empty()
    }

    /// Waits for the next message.
    pub(super) fn next(&mut self) -> io::Result<Message<'_>> {
        let read = self.read_message();
        self.broken |= read.is_err();
        if read? != CONTROL_CHANNEL {
            return Ok(Message::Sound(&self.message));
        }
        let mut cursor = Cursor::new(self.message.as_slice());
        let (number, command) = match Command::read_tag_prefixed(&mut cursor, self.version) {
            Ok(parsed) => parsed,
            // Newer servers may send events that the protocol crate does not know; they are not for us.
            Err(_) => return Ok(Message::Unknown),
        };
        self.payload = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        Ok(match command {
            Command::Reply => Message::Reply(number),
            Command::Error(error) => Message::Refused(error),
            // A request for sound comes a hundred times a second; it needs no allocation.
            Command::Request(request) => Message::Request(request.length),
            event => Message::Command(Box::new(event)),
        })
    }

    /// Reads the payload of the [`Message::Reply`] that came last.
    pub(super) fn reply<R: TagStructRead>(&self) -> io::Result<R> {
        let mut payload = self.message.get(self.payload..).unwrap_or_default();
        let mut reader = TagStructReader::new(&mut payload, self.version);
        R::read(&mut reader, self.version).map_err(|e| io::Error::other(e.to_string()))
    }

    /// Reads one message into `self.message` and returns its channel.
    fn read_message(&mut self) -> io::Result<u32> {
        let descriptor = protocol::read_descriptor(&mut self.socket).map_err(|e| match e {
            protocol::ProtocolError::Io(error) => error,
            other => io::Error::other(other.to_string()),
        })?;
        if descriptor.length > LARGEST_MESSAGE {
            return Err(io::Error::other("the sound server sent a message of impossible size"));
        }
        self.message.resize(descriptor.length as usize, 0);
        self.socket.read_exact(&mut self.message)?;
        Ok(descriptor.channel)
    }
}

/// What a server that knows its callers by a secret of their home wants to see: the first file with as many bytes as a
/// cookie has, where libpulse looks for one. Servers throw out callers with a cookie of another length, so where there is
/// none, an empty one of that length is shown, as libpulse does.
fn cookie(folder: impl Fn(&str) -> Option<PathBuf>, read: impl Fn(&Path) -> Option<Vec<u8>>) -> Vec<u8> {
    const LENGTH: usize = 256;
    let home = || folder("HOME");
    let places = [
        folder("PULSE_COOKIE"),
        folder("XDG_CONFIG_HOME")
            .or_else(|| Some(home()?.join(".config")))
            .map(|config| config.join("pulse/cookie")),
        home().map(|home| home.join(".pulse-cookie")),
    ];
    let cookies = places.into_iter().flatten().filter_map(|path| read(&path));
    cookies.into_iter().find(|cookie| cookie.len() == LENGTH).unwrap_or_else(|| vec![0; LENGTH])
}

fn failed(error: io::Error) -> Failure {
    Failure::Connection(DeviceError::NoSystem(match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the sound server does not answer".to_owned(),
        _ => error.to_string(),
    }))
}

/// Where the server listens, as libpulse looks for it. Servers on other machines are not used.
pub(super) fn socket_path() -> Option<PathBuf> {
    let named = env::var("PULSE_SERVER").ok().and_then(|list| {
        list.split_whitespace().find_map(|server| {
            // A server can be tied to one machine by a prefix in braces.
            let server = server.rsplit_once('}').map_or(server, |(_, rest)| rest);
            server
                .strip_prefix("unix:")
                .or_else(|| server.starts_with('/').then_some(server))
                .map(PathBuf::from)
        })
    });
    if env::var_os("PULSE_SERVER").is_some() {
        return named;
    }
    let runtime = env::var_os("PULSE_RUNTIME_PATH").map(|p| PathBuf::from(p).join("native"));
    let session = env::var_os("XDG_RUNTIME_DIR").map(|p| PathBuf::from(p).join("pulse/native"));
    let user = PathBuf::from(format!("/run/user/{}/pulse/native", rustix::process::getuid().as_raw()));
    [runtime, session, Some(user)].into_iter().flatten().find(|path| path.exists())
}

/// The name of a stream, as volume controls show it.
pub(super) const STREAM_NAME: &CStr = c"Conversation";

#[cfg(test)]
mod tests {
    use super::*;

    /// The cookie that is shown where these variables are set and these files are there.
    fn shown(variables: &[(&str, &str)], files: &[(&str, usize, u8)]) -> (usize, u8) {
        let folder =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        let read = |path: &Path| {
            let file = files.iter().find(|(name, ..)| Path::new(name) == path);
            file.map(|(_, length, byte)| vec![*byte; *length])
        };
        let cookie = cookie(folder, read);
        (cookie.len(), cookie[0])
    }

    #[test]
    fn the_cookie_is_looked_for_where_libpulse_looks_for_it() {
        let home = ("HOME", "/home/mia");
        let old = ("/home/mia/.pulse-cookie", 256, 1);
        let new = ("/home/mia/.config/pulse/cookie", 256, 2);
        let moved = ("/conf/pulse/cookie", 256, 3);
        let named = ("/run/cookie", 256, 4);
        assert_eq!(shown(&[home], &[old]), (256, 1));
        assert_eq!(shown(&[home], &[old, new]), (256, 2));
        assert_eq!(shown(&[home, ("XDG_CONFIG_HOME", "/conf")], &[old, new, moved]), (256, 3));
        assert_eq!(shown(&[home, ("PULSE_COOKIE", "/run/cookie")], &[old, new, named]), (256, 4));
    }

    #[test]
    fn where_there_is_no_cookie_an_empty_one_of_the_right_length_is_shown() {
        assert_eq!(shown(&[], &[]), (256, 0));
        let half = ("/home/mia/.config/pulse/cookie", 128, 9);
        assert_eq!(shown(&[("HOME", "/home/mia")], &[half]), (256, 0), "servers throw out any other length");
    }
}
