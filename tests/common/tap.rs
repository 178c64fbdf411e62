//! A tap on the line between a client and a server: what the client sends is passed on and kept.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A tap in front of a server; takes one caller.
pub struct Tap {
    port: u16,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        std::thread::spawn(move || {
            let (client, _) = listener.accept()?;
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
            let (from, to) = (server.try_clone()?, client.try_clone()?);
            std::thread::spawn(move || pass_on(from, to, |_| {}));
            pass_on(client, server, |bytes| kept.lock().unwrap().extend_from_slice(bytes));
            io::Result::Ok(())
        });
        Self { port, sent }
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The code of the close frame with which the client ended the conversation, if that is how it ended.
    pub fn close_code(&self) -> Option<u16> {
        let sent = self.sent.lock().unwrap();
        let request = sent.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let (opcode, payload) = last_frame(&sent[request..])?;
        const CLOSE: u8 = 8;
        (opcode == CLOSE).then(|| Some(u16::from_be_bytes(payload.get(..2)?.try_into().ok()?)))?
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut bytes = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        keep(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Opcode and payload of the last WebSocket frame that a client sent.
fn last_frame(mut bytes: &[u8]) -> Option<(u8, Vec<u8>)> {
    let mut last = None;
    while let Some((opcode, payload)) = take_frame(&mut bytes) {
        last = Some((opcode, payload));
    }
    assert!(bytes.is_empty(), "the last frame is whole");
    last
}

/// Takes the first frame off, if it is whole.
fn take_frame(bytes: &mut &[u8]) -> Option<(u8, Vec<u8>)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert!(second & 0x80 != 0, "clients mask what they send");
    let (length, rest) = match second & 0x7f {
        126 => rest.split_first_chunk().map(|(n, rest)| (u64::from(u16::from_be_bytes(*n)), rest))?,
        127 => rest.split_first_chunk().map(|(n, rest)| (u64::from_be_bytes(*n), rest))?,
        short => (u64::from(short), rest),
    };
    let (mask, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((first & 0x0f, payload))
}
