//! What is published of graphics cards.

use crate::{OsFamily, figures::FRAME_MS};

/// A card, by the name that its driver gives it, without the maker's.
pub(crate) struct Card {
    name: &'static str,
    /// Bandwidth of its memory in GB/s, from its maker's data sheet.
    pub(crate) gb_per_s: f64,
    /// Frames a second of moshi.cpp, another program for the same weights, as published: on Linux and on Windows.
    frames: (Option<f64>, Option<f64>),
}

const fn card(name: &'static str, gb_per_s: f64) -> Card {
    Card { name, gb_per_s, frames: (None, None) }
}

const fn timed(name: &'static str, gb_per_s: f64, linux: f64, windows: Option<f64>) -> Card {
    Card { name, gb_per_s, frames: (Some(linux), windows) }
}

/// Desktop and data centre cards. A laptop's card of the same name is slower, so that names must be equal.
const CARDS: &[Card] = &[
    card("RTX 5090", 1792.0),
    card("RTX 5080", 960.0),
    card("RTX 5070 Ti", 896.0),
    card("RTX 5070", 672.0),
    card("RTX 4090", 1008.0),
    card("RTX 4080 SUPER", 736.0),
    card("RTX 4080", 716.8),
    card("RTX 4070 Ti SUPER", 672.0),
    card("RTX 4070 Ti", 504.0),
    card("RTX 4070", 504.0),
    card("RTX 4060 Ti", 288.0),
    timed("RTX 4060", 272.0, 17.9, Some(13.4)),
    card("RTX 3090 Ti", 1008.0),
    card("RTX 3090", 936.0),
    card("RTX 3080", 760.0),
    card("RTX 3070", 448.0),
    timed("RTX 3060", 360.0, 17.8, Some(12.8)),
    card("RTX 2080 Ti", 616.0),
    timed("RTX 2070", 448.0, 19.5, None),
    card("GTX 1080 Ti", 484.0),
    card("GTX 1080", 320.0),
    timed("GTX 1070", 256.0, 6.9, None),
    card("H200", 4800.0),
    card("H100 80GB HBM3", 3350.0),
    card("H100 PCIe", 2000.0),
    card("A100-SXM4-80GB", 2039.0),
    card("A100-SXM4-40GB", 1555.0),
    card("L40S", 864.0),
    card("L4", 300.0),
    card("Tesla T4", 320.0),
    card("RX 7900 XTX", 960.0),
    timed("RX 6700 XT", 384.0, 19.2, None),
    card("Arc B580", 456.0),
    card("Arc A770", 560.0),
    // Shares the machine's memory: the figure is for two channels of DDR5-5600.
    timed("890M", 89.6, 6.6, None),
];

/// The card of that name.
pub(crate) fn card_of(name: &str) -> Option<&'static Card> {
    let name = bare(name);
    CARDS.iter().find(|card| card.name.eq_ignore_ascii_case(&name))
}

impl Card {
    /// How long moshi.cpp takes for a frame, in ms, and on which system that was. On Windows the figure for Windows counts.
    pub(crate) fn published_ms(&self, os: Option<OsFamily>) -> Option<(f64, &'static str)> {
        let (linux, windows) = self.frames;
        let (frames, system) = match (os, windows) {
            (Some(OsFamily::Windows), Some(frames)) => (frames, "Windows"),
            _ => (linux?, "Linux"),
        };
        Some((1000.0 / frames, system))
    }
}

/// The frames a second that a time for one makes.
pub(crate) fn frames_per_s(ms: f64) -> f64 {
    1000.0 / ms
}

/// The frames a second that a conversation takes.
pub(crate) const REAL_TIME: f64 = 1000.0 / FRAME_MS;

/// A driver's name without the words that say nothing: "NVIDIA GeForce RTX 4080", "AMD Radeon RX 6700 XT (RADV NAVI22)",
/// "Intel(R) Arc(TM) B580 Graphics".
fn bare(name: &str) -> String {
    let name = name.replace("(R)", " ").replace("(TM)", " ");
    let name = name.split('(').next().unwrap_or_default();
    let empty = ["nvidia", "geforce", "amd", "radeon", "intel", "graphics"];
    let words: Vec<&str> =
        name.split_whitespace().filter(|word| !empty.contains(&word.to_ascii_lowercase().as_str())).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_the_names_that_drivers_give_it() {
        for (name, gb_per_s) in [
            ("NVIDIA GeForce RTX 4080", 716.8),
            ("NVIDIA GeForce RTX 4080 SUPER", 736.0),
            ("GeForce GTX 1080 Ti", 484.0),
            ("NVIDIA H100 80GB HBM3", 3350.0),
            ("AMD Radeon RX 6700 XT (RADV NAVI22)", 384.0),
            ("AMD Radeon RX 6700 XT", 384.0),
            ("Intel(R) Arc(TM) B580 Graphics", 456.0),
            ("AMD Radeon(TM) 890M Graphics", 89.6),
        ] {
            assert_eq!(card_of(name).map(|card| card.gb_per_s), Some(gb_per_s), "{name}");
        }
    }

    #[test]
    fn a_laptops_card_is_not_the_desktops() {
        for name in ["NVIDIA GeForce RTX 4080 Laptop GPU", "NVIDIA GeForce RTX 9990", "RTX", ""] {
            assert!(card_of(name).is_none(), "{name}");
        }
    }

    #[test]
    fn windows_has_its_own_figure_where_there_is_one() {
        let card = card_of("RTX 3060").unwrap();
        let (ms, system) = card.published_ms(Some(OsFamily::Windows)).unwrap();
        assert_eq!(((frames_per_s(ms) * 10.0).round(), system), (128.0, "Windows"));
        let (_, system) = card_of("RTX 2070").unwrap().published_ms(Some(OsFamily::Windows)).unwrap();
        assert_eq!(system, "Linux", "the only one that there is");
    }
}
