//! The built-in brain, as `myca ask` has it: with the memories and the history of the person, and without a window.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::{
    env,
    sync::{Arc, Mutex},
};

use brain::{
    BuiltIn,
    built_in::{ModelAddress, ModelOptions, Options, search_conversations},
};
use store::{Archive, Memories, Paths};

/// Where the key of a model's server is taken from. It is no argument, as others on this machine can read those.
const KEY: &str = "MYCA_MODEL_KEY";

/// Which language model the built-in brain has.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// The server of the built-in brain's language model, for example http://127.0.0.1:8080; without it an Ollama on this
    /// computer is looked for. Its key, if it wants one, is taken from the environment variable `MYCA_MODEL_KEY`
    #[arg(long, value_name = "URL")]
    model_address: Option<String>,
    /// The language model; without it the first one of the server
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// The brain, ready to be asked. It answers without memories where they cannot be opened, which is said.
pub(super) fn prepare(args: &ModelArgs) -> Result<BuiltIn, String> {
    let address = args.model_address.as_deref().map(ModelAddress::parse).transpose().map_err(|error| {
        format!("The model's address cannot be used: {error}. Write it like http://127.0.0.1:8080.")
    })?;
    let key = match env::var_os(KEY).filter(|key| !key.is_empty()) {
        None => None,
        Some(key) => Some(
            net::Token::new(&key.to_string_lossy())
                .map_err(|error| format!("{KEY} cannot be used: {error}."))?,
        ),
    };
    let model = ModelOptions { address, name: args.model.clone(), key };
    // Without a history the search says so when it is wanted.
    let tools = Paths::of_user().map(|paths| search_conversations(Archive::at(&paths.history())));
    Ok(BuiltIn::new(Options { memories: memories(), model: Some(model), tools: tools.into_iter().collect() }))
}

fn memories() -> Option<Arc<Mutex<Memories>>> {
    let opened = Paths::of_user()
        .map_err(|error| error.to_string())
        .and_then(|paths| Memories::open(&paths.memories()).map_err(|error| error.to_string()));
    match opened {
        Ok((memories, aside)) => {
            if let Some(aside) = aside {
                let kept_as = aside.kept_as.display();
                eprintln!(
                    "[The memories were damaged ({}) and begin anew; the old file is {kept_as}.]",
                    aside.reason
                );
            }
            Some(Arc::new(Mutex::new(memories)))
        }
        Err(why) => {
            eprintln!("[Nothing can be remembered or recalled: {why}.]");
            None
        }
    }
}
