//! What 20 ms of sound cost: libopus alone, and through the stream.
//!
//! `cargo bench -p ogg-opus` prints both beside each other; the difference is the price of pages, CRC and copying.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use bytes::Bytes;
use divan::{Bencher, black_box};
use ogg_opus::page::PageBuffer;
use ogg_opus::{Application, EncoderSettings, PACKET, SAMPLE_RATE, StreamReader, StreamWriter};

const APPLICATIONS: [Application; 2] = [Application::LowDelay, Application::Voip];

fn main() {
    divan::main();
}

/// Two seconds of something with a pitch, syllables and noise.
fn speech() -> Vec<[f32; PACKET]> {
    let mut noise = 1_u32;
    let samples: Vec<f32> = (0..100 * PACKET)
        .map(|i| {
            let t = i as f32 / SAMPLE_RATE as f32;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / 16_777_216.0 - 0.5;
            let voice: f32 =
                (1..12).map(|h| (t * 140.0 * h as f32 * std::f32::consts::TAU).sin() / h as f32).sum();
            0.2 * voice * (t * 4.0 * std::f32::consts::TAU).sin().max(0.0) + 0.02 * hiss
        })
        .collect();
    samples.chunks_exact(PACKET).map(|packet| packet.try_into().unwrap()).collect()
}

fn settings(application: Application) -> EncoderSettings {
    EncoderSettings { application, ..EncoderSettings::default() }
}

fn bare_encoder(settings: EncoderSettings) -> opus::Encoder {
    let application = match settings.application {
        Application::LowDelay => opus::Application::LowDelay,
        Application::Voip => opus::Application::Voip,
        Application::Audio => opus::Application::Audio,
    };
    let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, application).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(settings.bitrate as i32)).unwrap();
    encoder.set_complexity(settings.complexity.into()).unwrap();
    encoder
}

fn packets(application: Application) -> Vec<Vec<u8>> {
    let mut encoder = bare_encoder(settings(application));
    speech().iter().map(|pcm| encoder.encode_vec_float(pcm, 4000).unwrap()).collect()
}

fn pages(application: Application) -> Vec<Bytes> {
    let mut writer = StreamWriter::new(&settings(application)).unwrap();
    writer.header();
    speech().iter().map(|pcm| writer.push(pcm).unwrap()).collect()
}

#[divan::bench(args = APPLICATIONS, sample_count = 2000)]
fn encode_1_libopus_alone(bencher: Bencher<'_, '_>, application: Application) {
    let (pcm, mut encoder, mut out) = (speech(), bare_encoder(settings(application)), [0; 4000]);
    let mut next = pcm.iter().cycle();
    bencher.bench_local(|| encoder.encode_float(black_box(next.next().unwrap()), &mut out).unwrap());
}

#[divan::bench(args = APPLICATIONS, sample_count = 2000)]
fn encode_2_stream_writer(bencher: Bencher<'_, '_>, application: Application) {
    let (pcm, mut writer) = (speech(), StreamWriter::new(&settings(application)).unwrap());
    let mut next = pcm.iter().cycle();
    bencher.bench_local(|| writer.push(black_box(next.next().unwrap())).unwrap());
}

#[divan::bench(args = APPLICATIONS, sample_count = 2000)]
fn read_1_libopus_alone(bencher: Bencher<'_, '_>, application: Application) {
    let packets = packets(application);
    let mut decoder = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).unwrap();
    let (mut next, mut out) = (packets.iter().cycle(), [0.0; PACKET]);
    bencher.bench_local(|| decoder.decode_float(black_box(next.next().unwrap()), &mut out, false).unwrap());
}

#[divan::bench(args = APPLICATIONS, sample_count = 2000)]
fn read_2_stream_reader(bencher: Bencher<'_, '_>, application: Application) {
    let pages = pages(application);
    let mut reader = StreamReader::new().unwrap();
    let mut pcm = Vec::with_capacity(PACKET);
    let mut next = pages.iter().cycle();
    bencher.bench_local(|| {
        pcm.clear();
        reader.push(black_box(next.next().unwrap()), &mut pcm);
        pcm.len()
    });
}

#[divan::bench(sample_count = 2000)]
fn read_3_pages_without_decoding(bencher: Bencher<'_, '_>) {
    let pages = pages(Application::LowDelay);
    let mut buffer = PageBuffer::new();
    let mut next = pages.iter().cycle();
    bencher.bench_local(|| {
        buffer.fill(black_box(next.next().unwrap()));
        buffer.next_page().map(|page| page.parts().count())
    });
}
