//! TLS, with whom the system trusts.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use tokio::{net::TcpStream, task::spawn_blocking, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::ConnectError;

/// How long a server may take to prove who it is.
const LIMIT: Duration = Duration::from_secs(20);

/// Whom the system trusts, for the whole program. Read when first needed, and again after a certificate was not
/// trusted, as it may be installed by then.
static TRUSTED: Mutex<Option<Arc<ClientConfig>>> = Mutex::new(None);

/// Speaks TLS over a connection.
pub(crate) async fn secure(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, ConnectError> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::UnknownName(host.to_owned()))?;
    let connector = TlsConnector::from(trusted().await?);
    let secured = timeout(LIMIT, connector.connect(name, stream)).await.map_err(|_| ConnectError::Silent)?;
    secured.map_err(|error| {
        let error = translate(&error);
        if matches!(error, ConnectError::Certificate(_)) {
            TRUSTED.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        error
    })
}

async fn trusted() -> Result<Arc<ClientConfig>, ConnectError> {
    let kept = TRUSTED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(config) = kept {
        return Ok(config);
    }
    let unusable = |error: String| {
        tracing::error!(%error, "TLS cannot be used");
        ConnectError::Tls("this program cannot use it".into())
    };
    // Takes some milliseconds and touches the disk.
    let read = spawn_blocking(read).await.map_err(|e| unusable(e.to_string()))?;
    let config = Arc::new(read.map_err(|e| unusable(e.to_string()))?);
    *TRUSTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&config));
    Ok(config)
}

fn read() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn translate(error: &io::Error) -> ConnectError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return ConnectError::Tls("it hangs up while TLS is set up".into());
    };
    match tls {
        rustls::Error::InvalidCertificate(reason) => ConnectError::Certificate(match reason {
            CertificateError::UnknownIssuer => "nobody this computer trusts has signed it".into(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; check this computer's clock".into()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it was made for another name".into()
            }
            other => other.to_string(),
        }),
        rustls::Error::InvalidMessage(_) => ConnectError::Tls("it answers something else".into()),
        other => ConnectError::Tls(other.to_string()),
    }
}
