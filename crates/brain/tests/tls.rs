//! TLS: certificates that the system trusts, and ones that are wrong. Nothing goes to who is not trusted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod stand_in;

use std::{env, process::Command, sync::Arc};

use brain::{
    Brain, Came, Mas, Outcome, Turn, What,
    mas::{Limits, MasAddress, ServiceToken},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use stand_in::{PATIENCE, Reply, STREAM, StandIn};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Where the other half of a test finds its authority.
const FOLDER: &str = "MYCA_TEST_CERTIFICATES";
const NAME: &str = "certificates_are_believed_as_the_system_believes_them";

#[test]
fn certificates_are_believed_as_the_system_believes_them() {
    let Some(folder) = env::var_os(FOLDER) else {
        // Whom the system trusts is told by the environment, and that is set when a process begins.
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = folder.path().join("authority.pem");
        std::fs::write(&pem, authority.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(folder.path().join("authority.key"), key.serialize_pem()).unwrap();
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(FOLDER, folder.path())
            .env("SSL_CERT_FILE", pem)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let said =
            [again.stdout, again.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(again.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let key = std::fs::read_to_string(std::path::Path::new(&folder).join("authority.key")).unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Issuer::new(authority, KeyPair::from_pem(&key).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(turns(&authority));
}

async fn turns(authority: &Issuer<'_, KeyPair>) {
    let year = rcgen::date_time_ymd;
    for (host, until, expected) in [
        ("127.0.0.1", year(2090, 1, 1), None),
        ("127.0.0.1", year(2001, 1, 1), Some("it has expired")),
        ("mas.example", year(2090, 1, 1), Some("it was made for another name")),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = year(2000, 1, 1);
        params.not_after = until;
        let certificate = params.signed_by(&key, authority).unwrap();
        check(certificate.der().clone(), &key, expected).await;
    }
    let key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    // Otherwise it names the authority as the one that has signed it.
    own.distinguished_name.push(DnType::CommonName, "somebody");
    let own = own.self_signed(&key).unwrap();
    check(own.der().clone(), &key, Some("nobody this computer trusts has signed it")).await;
}

/// Asks a MAS behind this certificate. `expected`: why it is not believed.
async fn check(certificate: CertificateDer<'static>, key: &KeyPair, expected: Option<&str>) {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::tokens(&["in secret"]));
    let address =
        in_front_of(&server, certificate, PrivateKeyDer::try_from(key.serialize_der()).unwrap()).await;
    let token = ServiceToken::new("hush-hush").unwrap();
    let limits = Limits { request: PATIENCE, ..Limits::default() };
    let mas = Mas::new(MasAddress::parse(&address).unwrap(), Some(token), limits);
    // Twice, as what was learnt about certificates is kept.
    for calls in 1..=2 {
        let mut answer = mas.begin(Turn::new("c", "ada", "Hi", Came::Typed).unwrap());
        let (mut why, mut ended) = (None, None);
        while let Some(event) = answer.next().await {
            match event.what {
                What::Error(failure) => why = Some(failure),
                What::Done { outcome, .. } => ended = Some(outcome),
                _ => {}
            }
        }
        let Some(expected) = expected else {
            assert_eq!((ended, why), (Some(Outcome::Answered), None));
            assert_eq!(server.model_calls(), calls);
            continue;
        };
        let failure = why.unwrap();
        assert_eq!((failure.code, failure.repeatable), ("mas.certificate", true));
        assert!(failure.what.contains(expected), "{failure:?}");
        assert_eq!(server.requests().len(), 0);
    }
}

/// TLS in front of a server, as a proxy does it. Ends with the runtime.
async fn in_front_of(
    server: &StandIn,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let behind = server.address().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            connections.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(behind).await.unwrap();
                // Either side may hang up.
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    address
}
