//! PersonaPlex against recorded runs of NVIDIA's code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::sync::{Arc, Mutex};

use common::{Recording, config, difference, path};
use engine::{
    Backend, Cpu, CpuOptions, Error, Generator, Input, LmConfig, Picked, Prompt, Reference, Request,
    Sampling, TextRule, Voice, VoicePrompt,
};

/// What went into a model at one step, and what came out.
#[derive(Debug)]
struct Run {
    /// `None` where embeddings went in.
    input: Option<Vec<Option<u32>>>,
    /// `None` in a prompt.
    forced: Option<(TextRule, Vec<Option<u32>>)>,
    picked: Picked,
}

/// A model that takes every step of a prompt as one whose numbers are wanted, and writes down all steps.
#[derive(Debug)]
struct Watched {
    backend: Box<dyn Backend>,
    runs: Arc<Mutex<Vec<Run>>>,
}

impl Watched {
    fn run(&mut self, request: &Request<'_>, in_prompt: bool) -> Result<Picked, Error> {
        let picked = self.backend.step(&Request { trace: true, ..*request })?;
        let input = match request.input {
            Input::Tokens(tokens) => Some(tokens.to_vec()),
            Input::Embedded(_) => None,
        };
        let forced = (!in_prompt).then(|| (request.text, request.audio.to_vec()));
        self.runs.lock().unwrap().push(Run { input, forced, picked: picked.clone() });
        Ok(picked)
    }
}

impl Backend for Watched {
    fn config(&self) -> &LmConfig {
        self.backend.config()
    }

    fn reset(&mut self, seed: u64) {
        self.backend.reset(seed);
        self.runs.lock().unwrap().clear();
    }

    fn prefill(&mut self, inputs: &[Input<'_>]) -> Result<(), Error> {
        inputs.iter().try_for_each(|&input| self.run(&Request::free(input, Sampling::GREEDY), true).map(drop))
    }

    fn step(&mut self, request: &Request<'_>) -> Result<Picked, Error> {
        self.run(request, false)
    }
}

/// All that can compute the model: Kyutai's crate, and our own.
fn backends() -> [Box<dyn Backend>; 2] {
    let (weights, config) = (path("personaplex_weights.safetensors"), config("personaplex_config.json"));
    let kyutais = Reference::load(&weights, config.clone()).unwrap();
    let ours = Cpu::load(&weights, config, CpuOptions { threads: Some(2), ..CpuOptions::EXACT }).unwrap();
    [Box::new(kyutais), Box::new(ours)]
}

fn watched(backend: Box<dyn Backend>) -> (Generator, Arc<Mutex<Vec<Run>>>) {
    let runs = Arc::new(Mutex::new(Vec::new()));
    (Generator::new(Box::new(Watched { backend, runs: Arc::clone(&runs) })), runs)
}

fn generator() -> Generator {
    let [_, ours] = backends();
    Generator::new(ours)
}

fn from_recording() -> Prompt {
    let recording = Recording::open("personaplex_run_wav.safetensors");
    let text = recording.ids("text_prompt_tokens").into_iter().map(Option::unwrap).collect();
    Prompt { voice: Some(VoicePrompt::Codes(recording.codes("voice_codes"))), text }
}

fn from_states() -> Prompt {
    let voice = Voice::load(&path("personaplex_voice.pt"), &config("personaplex_config.json")).unwrap();
    let Voice::States(states) = voice else { panic!("{voice:?}") };
    Prompt { voice: Some(VoicePrompt::States(states)), ..from_recording() }
}

/// The first `count` of each row.
fn first<T: Clone>(rows: Vec<Vec<T>>, count: usize) -> Vec<Vec<T>> {
    rows.into_iter().map(|row| row[..count].to_vec()).collect()
}

/// Goes through a recorded run, step by step, and compares everything.
#[track_caller]
fn assert_like(backend: Box<dyn Backend>, recording: &str, prompt: &Prompt) {
    let recording = Recording::open(recording);
    let (mut generator, runs) = watched(backend);
    // Twice, because nothing of one conversation may be left in the next.
    for conversation in 1..=2 {
        generator.reset(Sampling::GREEDY, 0);
        assert!(generator.prefill(prompt, || true).unwrap());

        // The prompt, run by run.
        let mut worst = 0_f32;
        {
            let runs = runs.lock().unwrap();
            let inputs = recording.tokens("prefill_model_input");
            let (hidden, logits) =
                (recording.rows("prefill_transformer_out"), recording.rows("prefill_text_logits"));
            assert_eq!((runs.len(), inputs.len()), (52, 52));
            for (i, run) in runs.iter().enumerate() {
                // A row of -3 is one where embeddings went in.
                let expected = inputs[i][0].is_some().then(|| inputs[i].clone());
                assert_eq!(run.input, expected, "run {i}");
                let trace = run.picked.trace.as_ref().unwrap();
                worst = worst.max(difference(&trace.hidden, &hidden[i]));
                worst = worst.max(difference(&trace.text_logits, &logits[i]));
            }
        }
        let ring = generator.ring().unwrap();
        assert_eq!(ring.offset(), 53);
        let by_stream = |f: fn(&engine::Cell) -> i64| -> Vec<Vec<i64>> {
            (0..17).map(|stream| ring.columns().iter().map(|column| f(&column[stream])).collect()).collect()
        };
        let cache: Vec<Vec<i64>> = recording.tensor("cache_after_prefill").to_vec2().unwrap();
        let given: Vec<Vec<u8>> = recording.tensor("provided_after_prefill").to_vec2().unwrap();
        assert_eq!(by_stream(|cell| cell.token.map_or(-2, i64::from)), cache);
        let given: Vec<Vec<i64>> =
            given.into_iter().map(|row| row.into_iter().map(i64::from).collect()).collect();
        assert_eq!(by_stream(|cell| cell.given.into()), given);

        // The conversation.
        runs.lock().unwrap().clear();
        let expected = first(recording.tokens("out_tokens"), 9);
        for (i, heard) in recording.codes("user_codes").iter().enumerate() {
            let said = generator.step(heard, TextRule::FREE).unwrap().unwrap();
            let found: Vec<_> = [said.text].into_iter().chain(said.codes).map(Some).collect();
            assert_eq!(found, expected[i], "conversation {conversation}, step {i}");
        }
        assert_eq!(generator.steps(), 40);
        let runs = runs.lock().unwrap();
        let inputs = recording.tokens("model_input");
        let (hidden, logits) = (recording.rows("transformer_out"), recording.rows("text_logits"));
        let (texts, audio) = (recording.ids("gen_text"), first(recording.codes("gen_audio"), 8));
        let forced = first(recording.tokens("depformer_forced"), 8);
        assert_eq!(runs.len(), 40);
        for (i, run) in runs.iter().enumerate() {
            assert_eq!(run.input.as_ref(), Some(&inputs[i]), "step {i}");
            assert_eq!(run.forced.as_ref(), Some(&(TextRule::FREE, forced[i].clone())), "step {i}");
            assert_eq!(Some(run.picked.text), texts[i], "step {i}");
            assert_eq!(run.picked.audio, audio[i], "step {i}");
            let trace = run.picked.trace.as_ref().unwrap();
            worst = worst.max(difference(&trace.hidden, &hidden[i]));
            worst = worst.max(difference(&trace.text_logits, &logits[i]));
        }
        if recording.has("audio_logits_first") {
            let expected = recording.blocks("audio_logits_first");
            assert_eq!(expected.len(), 6);
            for (run, expected) in runs.iter().zip(&expected) {
                for (found, expected) in run.picked.trace.as_ref().unwrap().audio_logits.iter().zip(expected)
                {
                    worst = worst.max(difference(found, expected));
                }
            }
        }
        assert!(worst < 1e-3, "{worst}");
    }
}

#[test]
fn with_a_recording_it_does_what_nvidias_code_does() {
    for backend in backends() {
        assert_like(backend, "personaplex_run_wav.safetensors", &from_recording());
    }
}

#[test]
fn with_a_saved_voice_it_does_what_nvidias_code_does() {
    for backend in backends() {
        assert_like(backend, "personaplex_run_embeddings.safetensors", &from_states());
    }
}

/// What a conversation really runs: the prompt at once, without looking at anything.
#[test]
fn a_prompt_taken_at_once_leads_to_the_same_conversation() {
    let recording = Recording::open("personaplex_run_wav.safetensors");
    let expected = first(recording.tokens("out_tokens"), 9);
    assert_eq!((from_recording().steps(), from_states().steps()), (53, 52));
    for mut generator in backends().map(Generator::new) {
        for prompt in [from_recording(), from_states()] {
            generator.reset(Sampling::GREEDY, 0);
            assert!(generator.prefill(&prompt, || true).unwrap());
            for (i, heard) in recording.codes("user_codes").iter().enumerate() {
                let said = generator.step(heard, TextRule::FREE).unwrap().unwrap();
                let found: Vec<_> = [said.text].into_iter().chain(said.codes).map(Some).collect();
                assert_eq!(found, expected[i], "step {i}");
            }
        }
    }
}

/// The rule by which its timing is not that of Kyutai's code.
#[test]
fn what_is_heard_goes_in_one_step_later_than_in_moshi() {
    let [_, ours] = backends();
    let (mut generator, runs) = watched(ours);
    generator.reset(Sampling::GREEDY, 0);
    assert!(generator.prefill(&Prompt::default(), || true).unwrap());
    runs.lock().unwrap().clear();
    let heard = |step: u32| -> Vec<u32> { (0..8).map(|codebook| 100 * step + codebook).collect() };
    for step in 1..=6 {
        generator.step(&heard(step), TextRule::FREE).unwrap();
    }
    let runs = runs.lock().unwrap();
    for step in 3..=6_u32 {
        let input = runs[step as usize - 1].input.as_ref().unwrap();
        assert_eq!(input[9], Some(heard(step - 1)[0]), "the first codebook");
        let later: Vec<_> = heard(step - 2)[1..].iter().copied().map(Some).collect();
        assert_eq!(input[10..], later, "all others");
    }
}

#[test]
fn words_can_be_put_into_its_mouth() {
    let [_, ours] = backends();
    let (mut generator, runs) = watched(ours);
    assert!(generator.prefill(&from_recording(), || true).unwrap());
    generator.step(&[1; 8], TextRule::force(17)).unwrap();
    let said = generator.step(&[1; 8], TextRule::FREE).unwrap().unwrap();
    assert_eq!(said.text, 17);
    assert_eq!(runs.lock().unwrap().last().unwrap().input.as_ref().unwrap()[0], Some(17));
}

#[test]
fn a_prompt_that_nobody_waits_for_is_given_up() {
    let mut generator = generator();
    let mut asked = 0;
    let went = generator.prefill(&from_recording(), || {
        asked += 1;
        asked < 2
    });
    assert_eq!((went.unwrap(), asked), (false, 2));
    generator.reset(Sampling::GREEDY, 0);
    assert!(generator.prefill(&from_recording(), || true).unwrap(), "the next one is gone through");
}

#[test]
fn prompts_that_it_can_not_take_are_refused() {
    let code = |error: Error| error.code();
    let mut generator = generator();
    for prompt in [
        Prompt { text: vec![81], ..from_recording() },
        Prompt { voice: Some(VoicePrompt::Codes(vec![vec![2049; 8]; 4])), text: Vec::new() },
        Prompt { voice: Some(VoicePrompt::Codes(vec![vec![1; 7]; 4])), text: Vec::new() },
    ] {
        generator.reset(Sampling::GREEDY, 0);
        assert_eq!(generator.prefill(&prompt, || true).map_err(code), Err("engine.input"), "{prompt:?}");
    }
    let moshi =
        Reference::load(&path("lm_7bshape_weights.safetensors"), config("lm_7bshape_config.json")).unwrap();
    let mut moshi = Generator::new(Box::new(moshi));
    assert!(moshi.ring().is_none());
    assert_eq!(moshi.prefill(&Prompt::default(), || true).map_err(code), Err("engine.input"));
}
