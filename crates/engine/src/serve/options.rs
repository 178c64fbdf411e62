//! What a caller may ask for in the address of a conversation.

use std::str::FromStr;

use crate::{Sampling, TokenSampling};

/// The query of `/api/chat`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionOptions {
    /// Temperature of the text.
    pub text_temperature: Option<f32>,
    /// Text tokens that are picked from.
    pub text_topk: Option<usize>,
    /// Temperature of the sound.
    pub audio_temperature: Option<f32>,
    /// Audio tokens that are picked from.
    pub audio_topk: Option<usize>,
    /// Where chance begins.
    pub seed: Option<u64>,
    /// Who a model of PersonaPlex is to be.
    pub text_prompt: Option<String>,
    /// Which voice a model of PersonaPlex is to have.
    pub voice_prompt: Option<String>,
    /// Whether texts of the caller are to be said, as [`wire::SpeechNews`] describes it.
    pub speak: bool,
    /// Whether the caller is to be told what they say, as [`wire::Utterance`] describes it.
    pub hear: bool,
}

impl SessionOptions {
    /// Reads a query. Keys that this server does not act on are taken without a word. `text_prompt` and
    /// `voice_prompt` are not looked at here: every client of PersonaPlex sends those, and another model does not care.
    ///
    /// # Errors
    /// A sentence for a value that can not be.
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let (key, value) = (&*key, &*value);
            match key {
                "text_temperature" => options.text_temperature = Some(temperature(key, value)?),
                "audio_temperature" => options.audio_temperature = Some(temperature(key, value)?),
                "text_topk" => options.text_topk = Some(top_k(key, value)?),
                "audio_topk" => options.audio_topk = Some(top_k(key, value)?),
                "text_prompt" => options.text_prompt = Some(value.into()),
                "voice_prompt" => options.voice_prompt = Some(value.into()),
                "speak" => options.speak = value == "1",
                "hear" => options.hear = value == "1",
                "seed" => options.seed = Some(number(key, value)?),
                _ => {}
            }
        }
        Ok(options)
    }

    /// `default`, with what was asked for.
    #[must_use]
    pub fn sampling(&self, default: Sampling) -> Sampling {
        let pick = |default: TokenSampling, temperature: Option<f32>, top_k: Option<usize>| TokenSampling {
            temperature: temperature.unwrap_or(default.temperature),
            top_k: top_k.unwrap_or(default.top_k),
        };
        Sampling {
            text: pick(default.text, self.text_temperature, self.text_topk),
            audio: pick(default.audio, self.audio_temperature, self.audio_topk),
        }
    }
}

fn temperature(key: &str, value: &str) -> Result<f32, String> {
    let temperature: f32 = number(key, value)?;
    if (0.0..=2.0).contains(&temperature) {
        Ok(temperature)
    } else {
        Err(format!("{key} is {temperature}. Ask for one from 0 to 2."))
    }
}

fn top_k(key: &str, value: &str) -> Result<usize, String> {
    let top_k: usize = number(key, value)?;
    if (1..=100_000).contains(&top_k) {
        Ok(top_k)
    } else {
        Err(format!("{key} is {top_k}. Ask for one from 1 to 100000."))
    }
}

fn number<T: FromStr>(key: &str, value: &str) -> Result<T, String> {
    let shown: String = value.chars().take(40).collect();
    value
        .parse()
        .map_err(|_| format!("{key} is {shown:?}, which is not a number that it can be. Leave it out."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_taken_and_the_rest_is_the_models() {
        let query = "text_prompt=You+are+wise&voice_prompt=NATF2.pt&text_temperature=0.5&audio_topk=100&seed=7\
            &pad_mult=0&x&speak=1&hear=1";
        let options = SessionOptions::parse(query).unwrap();
        let expected = SessionOptions {
            text_prompt: Some("You are wise".into()),
            voice_prompt: Some("NATF2.pt".into()),
            text_temperature: Some(0.5),
            audio_topk: Some(100),
            seed: Some(7),
            speak: true,
            hear: true,
            ..SessionOptions::default()
        };
        assert_eq!(options, expected);
        let sampling = options.sampling(Sampling::default());
        assert_eq!(sampling.text, TokenSampling { temperature: 0.5, top_k: 25 });
        assert_eq!(sampling.audio, TokenSampling { temperature: 0.8, top_k: 100 });
        for query in ["", "speak", "speak=0", "speak=yes", "hear=true"] {
            assert_eq!(SessionOptions::parse(query), Ok(SessionOptions::default()), "{query}");
        }
    }

    #[test]
    fn what_can_not_be_is_refused_in_words() {
        for query in [
            "text_temperature=",
            "text_temperature=hot",
            "text_temperature=NaN",
            "audio_temperature=-1",
            "audio_temperature=inf",
            "text_topk=0",
            "text_topk=1e9",
            "audio_topk=-5",
            "seed=0x7",
            "seed=99999999999999999999",
        ] {
            let sentence = SessionOptions::parse(query).unwrap_err();
            assert!(
                sentence.ends_with('.') && sentence.starts_with(query.split('=').next().unwrap()),
                "{sentence}"
            );
        }
        assert!(SessionOptions::parse(&format!("seed={}", "x".repeat(10_000))).unwrap_err().len() < 200);
    }
}
