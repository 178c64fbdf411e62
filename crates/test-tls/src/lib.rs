//! TLS for tests: an authority that the system seems to trust, certificates of it that are right and wrong, and TLS in
//! front of a server that has none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use it, and a test may stop at the first surprise"
)]

use std::{env, fs, net::SocketAddr, path::Path, process::Command, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
pub use rustls::version::{TLS12, TLS13};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Where the other half of a test finds its authority.
const FOLDER: &str = "MYCA_TEST_AUTHORITY";

/// Somebody whose certificates the system trusts, as long as the test runs.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// Runs the test of this name (with the modules that it is in) in a process that trusts an authority of its own. Whom
/// the system trusts is told by the environment, and that is set when a process begins.
pub fn trusting<T: Future<Output = ()>>(name: &str, test: impl FnOnce(Authority) -> T) {
    if let Some(folder) = env::var_os(FOLDER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(test(Authority::read(Path::new(&folder))));
    }
    let folder = tempfile::tempdir().unwrap();
    Authority::write(folder.path());
    let again = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, folder.path())
        .env("SSL_CERT_FILE", folder.path().join("authority.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = [again.stdout, again.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    fn write(folder: &Path) {
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("authority.pem"), authority().self_signed(&key).unwrap().pem()).unwrap();
        fs::write(folder.join("authority.key"), key.serialize_pem()).unwrap();
    }

    fn read(folder: &Path) -> Self {
        let key = fs::read_to_string(folder.join("authority.key")).unwrap();
        Self { issuer: Issuer::new(authority(), KeyPair::from_pem(&key).unwrap()) }
    }

    /// One that is right for a host.
    #[must_use]
    pub fn certificate(&self, host: &str) -> Certificate {
        self.until(host, 2090)
    }

    /// One that has expired long ago.
    #[must_use]
    pub fn expired(&self, host: &str) -> Certificate {
        self.until(host, 2001)
    }

    fn until(&self, host: &str, year: i32) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate::of(certificate.der(), &key)
    }
}

impl Certificate {
    /// One that nobody has signed but whoever made it.
    #[must_use]
    pub fn self_signed(host: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        // Otherwise it names the authority as the one that has signed it.
        params.distinguished_name.push(DnType::CommonName, "somebody");
        Self::of(params.self_signed(&key).unwrap().der(), &key)
    }

    fn of(certificate: &CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Self { certificate: certificate.clone(), key }
    }

    /// The certificate itself, as it travels.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// The same with a key that does not belong to it, as of somebody who only has seen the certificate.
    #[must_use]
    pub fn with_the_key_of(&self, other: &Self) -> Self {
        Self { certificate: self.certificate.clone(), key: other.key.clone_key() }
    }

    /// What accepts connections with it.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_of(rustls::DEFAULT_VERSIONS)
    }

    fn acceptor_of(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(self.key.clone_key()).unwrap();
        let certified = CertifiedKey::new(vec![self.certificate.clone()], key);
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            // It does not look whether the key is the right one.
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        TlsAcceptor::from(Arc::new(config))
    }

    /// TLS with it in front of a server, as a proxy does it. Ends with the runtime.
    pub async fn in_front_of(&self, server: SocketAddr) -> SocketAddr {
        front(self.acceptor(), server).await
    }

    /// The same with one version of TLS.
    pub async fn in_front_of_by(
        &self,
        server: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> SocketAddr {
        front(self.acceptor_of(&[version]), server).await
    }
}

async fn front(acceptor: TlsAcceptor, server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(server).await.unwrap();
                // Either side may hang up.
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    address
}
