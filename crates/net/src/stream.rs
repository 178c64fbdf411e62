//! A connection, by TLS or without.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A connection to a server.
#[derive(Debug)]
pub struct Stream {
    way: Way,
    first: FirstByte,
}

#[derive(Debug)]
enum Way {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The first byte that came without TLS. It can still be asked for when others have taken the stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstByte(Arc<AtomicU16>);

impl FirstByte {
    /// Stands beside the byte as soon as there is one.
    const THERE: u16 = 0x100;

    /// Whether a TLS server got plain text: it answers with an alert, record type 21, with which nothing else begins.
    pub(crate) fn is_of_tls(&self) -> bool {
        const ALERT: u16 = 21;
        self.0.load(Relaxed) == Self::THERE | ALERT
    }

    /// Whether something came that begins no answer of HTTP.
    pub(crate) fn is_not_of_http(&self) -> bool {
        let seen = self.0.load(Relaxed);
        seen != 0 && seen != Self::THERE | u16::from(b'H')
    }

    fn see(&self, bytes: &[u8]) {
        if let Some(first) = bytes.first()
            && self.0.load(Relaxed) == 0
        {
            self.0.store(Self::THERE | u16::from(*first), Relaxed);
        }
    }
}

impl Stream {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self { way: Way::Plain(stream), first: FirstByte::default() }
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { way: Way::Tls(Box::new(stream)), first: FirstByte::default() }
    }

    pub(crate) fn first_byte(&self) -> FirstByte {
        self.first.clone()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match &mut self.way {
            Way::Plain(stream) => {
                let read = Pin::new(stream).poll_read(cx, buffer);
                self.first.see(&buffer.filled()[before..]);
                read
            }
            Way::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Way::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Way::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Way::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
