//! TLS, with whom the system trusts or with one certificate.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, OtherError, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use tokio::{net::TcpStream, task::spawn_blocking, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    ConnectError, Trust, Untrusted,
    trust::{Believed, Changed, Unknown, Verifier},
};

/// How long a server may take to prove who it is.
const LIMIT: Duration = Duration::from_secs(20);

/// Whom the system trusts, for the whole program. Read when first needed, and again after a certificate was not
/// trusted, as it may be installed by then.
static TRUSTED: Mutex<Option<Arc<ClientConfig>>> = Mutex::new(None);

/// Speaks TLS over a connection.
pub(crate) async fn secure(
    stream: TcpStream,
    host: &str,
    trust: Trust,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::UnknownName(host.to_owned()))?;
    let config = match trust {
        Trust::System => trusted().await?,
        Trust::Pinned(pin) => {
            Arc::new(config(Believed::Owner(pin)).map_err(|error| unusable(&error.to_string()))?)
        }
    };
    let secured = timeout(LIMIT, TlsConnector::from(config).connect(name, stream)).await;
    secured.map_err(|_| ConnectError::Silent)?.map_err(|error| {
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
    // Takes some milliseconds and touches the disk.
    let read = spawn_blocking(read).await.map_err(|error| unusable(&error.to_string()))?;
    let config = Arc::new(read.map_err(|error| unusable(&error.to_string()))?);
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
    // It cannot be made of none.
    let system = (!roots.is_empty())
        .then(|| WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build())
        .transpose()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    config(Believed::System(system))
}

fn config(believed: Believed) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let verifier = Arc::new(Verifier::new(believed, &provider));
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unusable(error: &str) -> ConnectError {
    tracing::error!(error, "TLS cannot be used");
    ConnectError::Tls("this program cannot use it".into())
}

fn translate(error: &io::Error) -> ConnectError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return ConnectError::Tls("it hangs up while TLS is set up".into());
    };
    match tls {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(ours))) => {
            if let Some(Changed(shown)) = ours.downcast_ref() {
                ConnectError::CertificateChanged { shown: *shown }
            } else if let Some(Unknown { reason, shown }) = ours.downcast_ref() {
                ConnectError::Certificate(Untrusted { reason: words(reason), shown: Some(*shown) })
            } else {
                ConnectError::Certificate(Untrusted { reason: ours.to_string(), shown: None })
            }
        }
        rustls::Error::InvalidCertificate(reason) => {
            ConnectError::Certificate(Untrusted { reason: words(reason), shown: None })
        }
        rustls::Error::InvalidMessage(_) => ConnectError::Tls("it answers something else".into()),
        other => ConnectError::Tls(other.to_string()),
    }
}

fn words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "nobody this computer trusts has signed it".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; check this computer's clock".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was made for another name".into()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::{
        client::danger::ServerCertVerifier,
        pki_types::{CertificateDer, UnixTime},
    };

    use super::*;
    use crate::Fingerprint;

    #[test]
    fn where_the_system_trusts_nobody_it_is_still_told_which_certificate_was_shown() {
        let verifier = Verifier::new(Believed::System(None), &provider());
        let certificate = CertificateDer::from(vec![1, 2, 3]);
        let name = ServerName::try_from("gpu.example").unwrap();
        let error = verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).unwrap_err();
        let reason = "nobody this computer trusts has signed it".into();
        let shown = Some(Fingerprint::of(&certificate));
        let expected = ConnectError::Certificate(Untrusted { reason, shown });
        assert_eq!(translate(&io::Error::other(error)), expected);
    }
}
