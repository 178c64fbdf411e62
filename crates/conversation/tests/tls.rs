//! TLS with certificates that the system trusts, and with ones that are wrong although somebody trusted has signed them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod servers;
mod world;

use std::{env, fs, path::Path, process::Command};

use conversation::Phase;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use servers::{Server, Style};
use world::world;

/// Where the other half of a test finds its certificates.
const FOLDER: &str = "MYCA_TEST_CERTIFICATES";

/// Makes an authority, and certificates that it has signed: one that is right, one that has expired, and one for
/// another name.
fn certificates(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    fs::write(folder.join("authority.pem"), certificate.pem()).unwrap();
    let authority = Issuer::new(authority, key);
    let year = rcgen::date_time_ymd;
    for (name, host, until) in [
        ("right", "127.0.0.1", year(2090, 1, 1)),
        ("expired", "127.0.0.1", year(2001, 1, 1)),
        ("other", "gpu.example", year(2090, 1, 1)),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = year(2000, 1, 1);
        params.not_after = until;
        let certificate = params.signed_by(&key, &authority).unwrap();
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("cert.der"), certificate.der()).unwrap();
        fs::write(folder.join("key.der"), key.serialize_der()).unwrap();
    }
}

#[test]
fn certificates_are_believed_as_the_system_believes_them() {
    let Some(folder) = env::var_os(FOLDER) else {
        // Whom the system trusts is told by the environment, and that is set when a process begins.
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", "certificates_are_believed_as_the_system_believes_them", "--nocapture"])
            .env(FOLDER, folder.path())
            .env("SSL_CERT_FILE", folder.path().join("authority.pem"))
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let said =
            [again.stdout, again.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(again.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(calls(Path::new(&folder)));
}

async fn calls(folder: &Path) {
    let server = Server::start(Style::Tls(folder.join("right"))).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    w.text("hello there").await;
    w.sound().await;
    w.end().await;
    let session = server.session().await;
    assert_eq!((session.close_code, session.undecodable), (Some(1000), 0), "{session:?}");
    assert!(session.samples > 0);

    for (name, reason) in [("expired", "it has expired"), ("other", "it was made for another name")] {
        let server = Server::start(Style::Tls(folder.join(name))).await;
        let mut w = world(None);
        w.talk(&server.address(), 30).await;
        assert_eq!(w.phase(Phase::Failed).await, "link.certificate", "{name}");
        let problem = w.call.clone().unwrap().problem.unwrap();
        assert!(problem.what.contains(reason), "{problem:?}");
        w.end().await;
    }
}
