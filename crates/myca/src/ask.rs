//! `myca ask`: one typed turn, without a microphone and without Moshi.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

mod built_in;
mod permission;
mod printer;
mod session;

use std::{env, process::ExitCode};

use brain::{
    Brain, Bridge, BuiltIn, Came, Mas, Outcome, Turn, What, bridge,
    bridge::BridgeAddress,
    mas::{Limits, MasAddress, ServiceToken},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{permission::Permission, printer::Printer, session::Session};
use crate::end;

/// Where the service token is taken from. It is no argument, as others on this machine can read those.
const TOKEN: &str = "MYCA_MAS_TOKEN";

/// Ask a brain something.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Who answers; without it a MAS if there is an address, else the built-in brain
    #[arg(long, value_enum)]
    brain: Option<Who>,
    /// Where it is, for example http://127.0.0.1:8001, or ws://127.0.0.1:8999 for a bridge
    #[arg(long, value_name = "URL", required_if_eq_any([("brain", "mas"), ("brain", "bridge")]))]
    address: Option<String>,
    #[command(flatten)]
    model: built_in::ModelArgs,
    /// Allow tools what they ask for
    #[arg(long)]
    yes: bool,
    /// The conversation that this belongs to; without it a new one begins
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// The name under which you are remembered
    #[arg(long, default_value = "voice_user", value_name = "NAME")]
    user: String,
    /// Print every event as a line of JSON
    #[arg(long)]
    json: bool,
    /// What to say
    text: String,
}

/// Who answers.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Who {
    /// A MAS; its service token, if it wants one, is taken from the environment variable `MYCA_MAS_TOKEN`
    Mas,
    /// A PersonaPlex Bridge, and through it the MAS that it knows
    Bridge,
    /// The brain that comes with the program, with a language model where there is one
    BuiltIn,
}

/// Somebody who answers, ready to be asked.
enum Asked {
    Mas(Mas, Session),
    Bridge(Bridge),
    BuiltIn(BuiltIn),
}

impl Asked {
    fn brain(&self) -> &dyn Brain {
        match self {
            Self::Mas(mas, _) => mas,
            Self::Bridge(bridge) => bridge,
            Self::BuiltIn(brain) => brain,
        }
    }

    /// Says goodbye.
    async fn leave(self) {
        match self {
            Self::BuiltIn(_) => {}
            Self::Mas(_, session) => session.end().await,
            // Its Moshi is free for others then.
            Self::Bridge(bridge) => bridge.close().await,
        }
    }
}

pub(crate) fn run(args: &Args) -> ExitCode {
    end::run(async |stop| {
        let (asked, turn) = match prepare(args) {
            Ok(prepared) => prepared,
            Err(sentence) => {
                eprintln!("{sentence}");
                return ExitCode::FAILURE;
            }
        };
        let code = ask(asked.brain(), turn, args, &stop).await;
        asked.leave().await;
        code
    })
}

/// Connects to a bridge already, or tells a MAS of the conversation; that goes on in the runtime.
fn prepare(args: &Args) -> Result<(Asked, Turn), String> {
    let conversation = args.conversation.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    let turn = Turn::new(&conversation, &args.user, &args.text, Came::Typed)
        .map_err(|error| format!("This cannot be sent: {error}."))?;
    let asked = match (args.brain, args.address.as_deref()) {
        (Some(Who::Bridge), Some(address)) => Asked::Bridge(bridge(address, conversation, args)?),
        (Some(Who::Mas) | None, Some(address)) => {
            let mas = mas(address)?;
            let session = Session::begin(mas.clone(), &turn);
            Asked::Mas(mas, session)
        }
        // The others were not let in without an address.
        (Some(_), _) | (None, None) => Asked::BuiltIn(built_in::prepare(&args.model)?),
    };
    Ok((asked, turn))
}

fn bridge(address: &str, conversation: String, args: &Args) -> Result<Bridge, String> {
    let address = BridgeAddress::parse(address).map_err(|error| {
        format!(
            "The address cannot be used: {error}. Write it like ws://127.0.0.1:8999 or wss://gpu.example."
        )
    })?;
    // What it tells beside the turn belongs to a conversation with Moshi.
    let (bridge, _) = Bridge::start(bridge::Setup {
        address,
        access: net::Access::default(),
        conversation,
        user: args.user.clone(),
        voice: bridge::BridgeVoice::default(),
        speaks_replies: false,
        limits: bridge::Limits::default(),
    });
    Ok(bridge)
}

fn mas(address: &str) -> Result<Mas, String> {
    let address = MasAddress::parse(address).map_err(|error| {
        format!(
            "The address cannot be used: {error}. Write it like http://127.0.0.1:8001 or https://mas.example."
        )
    })?;
    let token = match env::var_os(TOKEN).filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => Some(
            ServiceToken::new(&token.to_string_lossy())
                .map_err(|error| format!("{TOKEN} cannot be used: {error}."))?,
        ),
    };
    Ok(Mas::new(address, token, Limits::default()))
}

async fn ask(brain: &dyn Brain, turn: Turn, args: &Args, stop: &CancellationToken) -> ExitCode {
    let permission = Permission::new(args.yes);
    let mut printer = Printer::new(args.json);
    let mut answer = brain.begin(turn);
    let (mut ended, mut passed_on) = (Outcome::Failed, false);
    loop {
        tokio::select! {
            event = answer.next() => {
                let Some(event) = event else { break };
                printer.event(&event);
                // Whoever is asked may interrupt instead.
                let decision = stop.run_until_cancelled(permission.decide(&event)).await;
                if let Some(decision) = decision.flatten() {
                    answer.reins().decide(decision);
                }
                if let What::Done { outcome, .. } = event.what {
                    ended = outcome;
                }
            }
            () = stop.cancelled(), if !passed_on => {
                answer.cancel();
                passed_on = true;
            }
        }
    }
    match ended {
        Outcome::Answered | Outcome::Remembered => ExitCode::SUCCESS,
        Outcome::Failed => ExitCode::FAILURE,
        Outcome::Cancelled => ExitCode::from(end::INTERRUPTED),
    }
}
