//! `moshi-backend`, which is spoken with over TLS and writes down what is talked about.
#![cfg(target_os = "linux")]

mod common;

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use net::Fingerprint;
use runtimes::{Stage, State, Warning, What};
use test_tls::Certificate;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::common::{Place, at, stage, stand_in, taken, until, until_ready};

/// What axum answers to a request without an upgrade.
const MOSHI: &str =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nConnection header did not include 'upgrade'";

#[tokio::test]
async fn it_is_ready_when_it_answers_with_the_certificate_that_it_wrote_and_its_transcripts_go() {
    let place = Place::new(
        "say 2026-11-25T18:03:11.204Z  INFO moshi_backend: starting process with pid 4711
say 2026-11-25T18:03:31.518Z  INFO moshi_backend::standalone: warming up the model dtype=BF16 device=Cuda(0)
",
    );
    let model = place.path("model.q8.gguf");
    for file in ["model.q8.gguf", "tokenizer-e351c8d8-checkpoint125.safetensors", "tokenizer_spm_32k_3.model"]
    {
        fs::write(place.path(file), "").unwrap();
    }
    let certificate = Certificate::self_signed("localhost");
    let pem = BASE64_STANDARD.encode(certificate.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    fs::write(place.path("data/moshi_backend/cert.pem"), pem).unwrap();
    let transcript = place.path("data/moshi_backend/sessions/myca-1-2.json");
    fs::create_dir(transcript.parent().unwrap()).unwrap();
    fs::write(&transcript, "of an app that was killed").unwrap();

    let (listener, port) = taken();
    drop(listener);
    let moshi = place.moshi();
    let mut status = moshi.status();
    let what = What::MoshiBackend { program: stand_in(), model, cpu: false, mimi_on_cpu: false };
    moshi.start(at(what, port, true), None).await;
    until(&mut status, |state| stage(state) == Some(Stage::WarmingUp)).await;
    assert!(!transcript.exists());
    fs::write(&transcript, "of this time").unwrap();

    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let acceptor = certificate.acceptor();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut asked = [0; 2048];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(MOSHI.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let ready = until_ready(&mut status).await;
    let State::Ready { local, .. } = ready.state else { unreachable!() };
    assert_eq!(local.address, format!("wss://127.0.0.1:{port}/api/chat"));
    assert_eq!(local.pin, Some(Fingerprint::of(certificate.der())));
    assert_eq!(ready.warnings, [Warning::WritesTranscripts, Warning::EndsCalls]);
    moshi.stop().await;
    assert!(!transcript.exists());
}
