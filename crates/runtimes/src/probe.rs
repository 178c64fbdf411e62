//! Whether Moshi answers at a port of this computer. It is asked as any host is, which takes its place from nobody: an
//! open port alone is no Moshi.

use std::{fs, io, path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use hosts::{Local, Obstacle};
use net::{Access, Fingerprint, Trust};

use crate::Scheme;

/// How long an answer may take. A server that is in the middle of a step answers after it.
const LIMIT: Duration = Duration::from_secs(2);
/// No file with a certificate is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// Where Moshi is not, and what is there instead: none where nothing listens.
pub(crate) type Instead = Option<String>;

/// Asks at a port, and there at this path. `certificate`: the file with the one that is believed, where the runtime made
/// it itself.
///
/// # Errors
/// What is there instead.
pub(crate) async fn ask(
    scheme: Scheme,
    port: u16,
    path: &str,
    certificate: Option<&Path>,
) -> Result<Local, Instead> {
    let pin = match certificate {
        // Until it is written there is nobody who could show it.
        Some(certificate) => Some(fingerprint(certificate).map_err(|_| None)?),
        None => None,
    };
    let address = scheme.url(port, path);
    let trust = pin.map_or(Trust::System, Trust::Pinned);
    let access = Access { trust, token: None, encrypted: false };
    match hosts::ask(&address, &access, LIMIT).await {
        Ok(_) => Ok(Local { address, pin }),
        Err(Obstacle::Refused) => Err(None),
        Err(obstacle) => Err(Some(obstacle.what(&format!("127.0.0.1:{port}")))),
    }
}

/// The fingerprint of the first certificate in a file of the form PEM.
fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    if fs::metadata(path)?.len() > LONGEST {
        return Err(odd());
    }
    let text = fs::read_to_string(path)?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").ok_or_else(odd)?;
    let (digits, _) = rest.split_once("-----END CERTIFICATE-----").ok_or_else(odd)?;
    let digits: String = digits.split_ascii_whitespace().collect();
    Ok(Fingerprint::of(&BASE64_STANDARD.decode(digits).map_err(|_| odd())?))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_nobody_and_an_open_one_is_no_moshi() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let instead = ask(Scheme::Ws, port, "/api/chat", None).await.unwrap_err();
        assert!(instead.is_some_and(|what| what.contains("does not answer")));
        drop(listener);
        assert_eq!(ask(Scheme::Ws, port, "/api/chat", None).await, Err(None));
        let absent = Path::new("/there/is/no/cert.pem");
        assert_eq!(ask(Scheme::Wss, port, "/api/chat", Some(absent)).await, Err(None));
    }

    #[test]
    fn a_certificate_is_known_by_its_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        let pem = "-----BEGIN CERTIFICATE-----\r\naGVs\r\nbG8=\r\n-----END CERTIFICATE-----\r\n";
        fs::write(&path, pem).unwrap();
        assert_eq!(fingerprint(&path).unwrap(), Fingerprint::of(b"hello"));
        for broken in ["", "-----BEGIN CERTIFICATE-----\naGVs", &pem.replace("aGVs", "a-Vs")] {
            fs::write(&path, broken).unwrap();
            assert!(fingerprint(&path).is_err(), "half written");
        }
    }
}
