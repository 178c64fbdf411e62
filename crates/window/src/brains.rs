//! Who answers: made of the settings.

use std::sync::{Arc, Mutex};

use brain::{
    Brain, BuiltIn, Mas, Tool,
    built_in::{self, ModelAddress, ModelOptions},
    mas::{Limits, MasAddress, News, ServiceToken, Watch},
};
use conversation::{Action, Problem, Thinker};
use store::{Memories, Settings};

use crate::{
    state::{MasChange, Thinks},
    view::BrainKind,
};

/// What brains are made of beside the settings.
pub(crate) struct Brains {
    /// The built-in brain's memory, or why there is none.
    pub(crate) memories: Result<Arc<Mutex<Memories>>, Problem>,
    /// What it may do with the app.
    pub(crate) tools: Vec<Arc<dyn Tool>>,
}

/// A brain that was chosen.
pub(crate) struct Chosen {
    pub(crate) thinker: Thinker,
    pub(crate) thinks: Thinks,
    /// Looks at the agent system for as long as it is kept.
    pub(crate) watch: Option<Watch>,
}

impl Brains {
    /// The brain of these settings. An address that cannot be used was refused when it was set; one that was written into
    /// the file by hand counts as none.
    pub(crate) fn choose(&self, settings: &Settings, token: Option<ServiceToken>) -> Chosen {
        let memory = self.memories.as_ref().err().cloned();
        let person = settings.person.clone();
        if let Ok(address) = MasAddress::parse(&settings.mas_address) {
            let place = address.to_string();
            let mas = Mas::new(address, token, Limits::default());
            let watch = Some(Watch::start(mas.clone()));
            let thinks = Thinks { kind: BrainKind::Mas, place, memory };
            return Chosen {
                thinker: Thinker { brain: Arc::new(mas), person, yields: false },
                thinks,
                watch,
            };
        }
        let address = ModelAddress::parse(&settings.model_address).ok();
        let place = address.as_ref().map_or_else(|| "On this computer".to_owned(), ToString::to_string);
        let name = Some(settings.model.clone()).filter(|name| !name.is_empty());
        let built_in = BuiltIn::new(built_in::Options {
            memories: self.memories.as_ref().ok().cloned(),
            model: Some(ModelOptions { address, name, key: None }),
            tools: self.tools.clone(),
        });
        let brain: Arc<dyn Brain> = Arc::new(built_in);
        let thinks = Thinks { kind: BrainKind::BuiltIn, place, memory };
        Chosen { thinker: Thinker { brain, person, yields: true }, thinks, watch: None }
    }
}

/// Whether other settings mean another brain.
pub(crate) fn differ(before: &Settings, after: &Settings) -> bool {
    let of = |settings: &Settings| {
        let Settings { mas_address, model_address, model, person, .. } = settings.clone();
        (mas_address, model_address, model, person)
    };
    of(before) != of(after)
}

/// What is wrong with the brain's settings.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    let open = &[Action::OpenBrainSettings];
    if !settings.mas_address.is_empty()
        && let Err(error) = MasAddress::parse(&settings.mas_address)
    {
        let what = format!("The agent system's address cannot be used: {error}.");
        return Err(Problem::new(error.code(), what, "Write it like http://192.168.0.9:8001.", open));
    }
    if !settings.model_address.is_empty()
        && let Err(error) = ModelAddress::parse(&settings.model_address)
    {
        let what = format!("The language model's address cannot be used: {error}.");
        return Err(Problem::new(error.code(), what, "Write it like http://127.0.0.1:11434.", open));
    }
    let person = settings.person.as_str();
    if person.is_empty() || person.len() > brain::bounded::NAME {
        let what = "The brain needs a name under which it remembers you, of at most 200 characters.";
        return Err(Problem::new("settings.person", what, "Write one.", open));
    }
    Ok(())
}

impl From<News> for MasChange {
    fn from(news: News) -> Self {
        match news {
            News::Reached { after } => Self::Reached(after),
            News::Lost { why, .. } => Self::Lost(why),
            News::Consciousness(said) => Self::Consciousness(said),
            News::MemoryHealth(health) => Self::Memory(health.map(|(health, after)| {
                let words = health.status.unwrap_or_else(|| "answers".to_owned());
                let well = words == "healthy" || words == "answers";
                (words, well, after)
            })),
            News::Happened(happened) => Self::Happened(happened),
            News::LeftOut(count) => Self::LeftOut(count),
        }
    }
}
