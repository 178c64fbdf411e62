//! The way to a server, with a reason for everything that can stand in it.
//!
//! [`Origin`] says where a server is, and [`Client`] asks it: by HTTP, one connection a request, answers as they come;
//! or by a WebSocket. A [`Token`] that a client bears goes to its origin and to no other: nobody is followed elsewhere.
//! Whoever drops what a call returned, or the call itself, lets go of the server.

mod access;
mod client;
mod connect;
mod error;
mod origin;
mod race;
mod response;
mod stream;
mod tls;
mod token;
mod trust;
mod unacknowledged;
mod websocket;

pub use access::Access;
pub use client::{Client, Limits};
pub use connect::Reached;
pub use error::{ConnectError, HttpError, Untrusted, UpgradeError};
pub use hyper::header::{HeaderName, HeaderValue};
pub use origin::Origin;
pub use response::{Kind, Response};
pub use stream::Stream;
pub use token::{Token, TokenError};
pub use trust::{Fingerprint, FingerprintError, Trust};
pub use websocket::{Opening, WebSocket, close};
