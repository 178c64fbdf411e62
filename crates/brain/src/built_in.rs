//! The brain that comes with the app, for whoever has no agent system.
//!
//! It remembers what it is told to, answers about the app, and acts with the tools that it was handed. With a language
//! model behind an OpenAI-compatible server it converses; without one it understands plain requests by a small grammar,
//! and says so of everything else.

mod calling;
mod conversations;
mod converse;
mod course;
mod grammar;
mod memory;
mod model;
mod own_tools;
mod plain;
mod words;

use std::sync::{Arc, Mutex};

use store::Memories;

pub use self::{
    conversations::search_conversations,
    model::{ModelAddress, ModelOptions},
};
use self::{memory::Kept, model::Model};
use crate::{Answer, Brain, Tool, Turn, interface::Teller, tool::Tools};

/// The built-in brain. Clones are the same one.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    inner: Arc<Inner>,
}

/// What it is made of.
#[derive(Default)]
pub struct Options {
    /// What it remembers. Without it, it says that it cannot.
    pub memories: Option<Arc<Mutex<Memories>>>,
    /// The language model that it converses with. Without it, none is looked for.
    pub model: Option<ModelOptions>,
    /// What it may do beside remembering and telling the time. It knows these names, and what to say to have them
    /// called: `search_conversations` (`query`; it is here, as [`search_conversations`]), `open_settings` (`section`: host,
    /// models, doctor, audio, persona, brain, appearance or about; it may be missing), `change_setting` (`name`: theme,
    /// voice, persona, model, modelAddress or masAddress; `value`), `start_call`, `end_call`, `mute` (`muted`),
    /// `new_conversation`, `diagnose`, `list_hosts`, `test_host` (`host`; it may be missing), `use_host` (`host`: a name or
    /// an address), `start_moshi`, `stop_moshi`, `list_models`, and `download_model` (`model`). A language model may call
    /// any tool.
    pub tools: Vec<Arc<dyn Tool>>,
}

#[derive(Debug)]
struct Inner {
    kept: Option<Kept>,
    model: Option<Model>,
    tools: Tools,
}

impl BuiltIn {
    /// A brain. Nothing is looked at yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let kept = options.memories.map(Kept::new);
        let own = own_tools::all(kept.as_ref());
        let tools = Tools::new(own.into_iter().chain(options.tools));
        Self { inner: Arc::new(Inner { kept, model: options.model.and_then(Model::new), tools }) }
    }
}

impl Brain for BuiltIn {
    fn begin(&self, turn: Turn) -> Answer {
        let (teller, answer, cancel) = Teller::begin(&turn);
        tokio::spawn(course::run(Arc::clone(&self.inner), turn, teller, cancel));
        answer
    }
}
