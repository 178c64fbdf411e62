//! Whom a client believes.

use std::{error::Error, fmt, str::FromStr, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest, Sha256};

/// Whom a client believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whom the system believes.
    #[default]
    System,
    /// The owner of one certificate, whatever name or time it was made for.
    Pinned(Fingerprint),
}

/// The SHA-256 of a certificate, by which people know it: pairs of hexadecimal digits with colons between them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// It is not 32 pairs of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 pairs of hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// Of a certificate in DER, the form that it travels in.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Takes colons and white space where people put them, and letters of either case.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let mut digits = text.chars().filter(|sign| *sign != ':' && !sign.is_whitespace());
        let mut digit = || digits.next().and_then(|sign| sign.to_digit(16)).ok_or(FingerprintError);
        let mut bytes = [0; 32];
        for byte in &mut bytes {
            let pair = digit()? << 4 | digit()?;
            *byte = u8::try_from(pair).map_err(|_| FingerprintError)?;
        }
        if digits.next().is_none() { Ok(Self(bytes)) } else { Err(FingerprintError) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, byte) in self.0.iter().enumerate() {
            let colon = if number == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whom a [`Verifier`] believes.
#[derive(Debug)]
pub(crate) enum Believed {
    /// Whom the system believes; nobody, where it believes nobody.
    System(Option<Arc<WebPkiServerVerifier>>),
    /// The owner of one certificate.
    Owner(Fingerprint),
}

/// Says which certificate it was shown where it does not believe it.
#[derive(Debug)]
pub(crate) struct Verifier {
    believed: Believed,
    algorithms: WebPkiSupportedAlgorithms,
}

/// A certificate that is not believed.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub(crate) reason: CertificateError,
    pub(crate) shown: Fingerprint,
}

/// Another certificate than the one that is believed.
#[derive(Debug)]
pub(crate) struct Changed(pub(crate) Fingerprint);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reason, f)
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another certificate")
    }
}

impl Error for Unknown {}
impl Error for Changed {}

fn refused(why: impl Error + Send + Sync + 'static) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(why))).into()
}

impl Verifier {
    pub(crate) fn new(believed: Believed, provider: &CryptoProvider) -> Self {
        Self { believed, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    /// That the server has the key to the certificate is proved by the signatures.
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(certificate);
        let verified = match &self.believed {
            Believed::Owner(pin) if shown == *pin => Ok(ServerCertVerified::assertion()),
            Believed::Owner(_) => return Err(refused(Changed(shown))),
            Believed::System(None) => Err(CertificateError::UnknownIssuer.into()),
            Believed::System(Some(system)) => {
                system.verify_server_cert(certificate, between, name, ocsp, now)
            }
        };
        verified.map_err(|error| match error {
            rustls::Error::InvalidCertificate(reason) => refused(Unknown { reason, shown }),
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_people_copy_it() {
        let empty = Fingerprint::of(b"");
        let shown = empty.to_string();
        // As sha256sum prints it.
        assert!(shown.starts_with("E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8"), "{shown}");
        for copied in [shown.clone(), shown.to_lowercase(), shown.replace(':', ""), format!(" {shown}\n")] {
            assert_eq!(copied.parse(), Ok(empty), "{copied}");
        }
        for wrong in ["", "E3:B0", &format!("{shown}:00"), &shown.replace('E', "G")] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(FingerprintError), "{wrong}");
        }
    }
}
