//! Who hears the person, as the settings have it: what is wrong with them, and how a conversation is conducted by them.

use conversation::{Action, Conduct, Ear, EarServer, Problem};
use net::{Origin, Token};
use store::{Answerer, EarChoice, Says, Settings};
use url::Url;
use wire::ChatUrlError;

const OPEN: &[Action] = &[Action::OpenHearingSettings];
/// Where Moshi is called. Who recognises on the same server stands beside it.
const CHAT_PATH: &str = "/api/chat";

/// The key of the server that recognises, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) enum Key {
    /// The keyring has been asked for it and has not answered.
    #[default]
    Asked,
    /// It is this, or there is none.
    Known(Option<Token>),
}

/// What is wrong with the server that recognises. None is as good as any: it is only missed when it is used.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    if settings.ear_address.is_empty() {
        return Ok(());
    }
    let url = address(&settings.ear_address)?;
    if settings.ear_plain || Origin::of(&url).is_none_or(|origin| origin.is_secure() || origin.is_loopback())
    {
        return Ok(());
    }
    Err(Problem::new(
        "ear.plain",
        "That address is not encrypted: everybody on the way could hear what you say.",
        "Write it with wss://, or allow it below if you trust the whole way.",
        OPEN,
    ))
}

/// Whether a key that was kept for the server before must not go to the one after.
pub(crate) fn is_elsewhere(before: &Settings, after: &Settings) -> bool {
    let origin = |settings: &Settings| address(&settings.ear_address).ok().as_ref().and_then(Origin::of);
    !before.ear_address.is_empty() && origin(before) != origin(after)
}

/// How a conversation is conducted by these settings. `local`: where the recogniser on this computer listens, once it does.
pub(crate) fn conduct(settings: &Settings, key: &Key, local: Option<&str>) -> Conduct {
    let ear = match settings.ear {
        EarChoice::Off => Ear::Off,
        EarChoice::Host => Ear::Host,
        EarChoice::ThisComputer => on_this_computer(local).map_or(Ear::Off, Ear::Server),
        // Nobody hears until there is a server, and its key is known.
        EarChoice::Server => server(settings, key).map_or(Ear::Off, Ear::Server),
    };
    let answerer = match settings.answerer {
        Answerer::Moshi => conversation::Answerer::Moshi,
        Answerer::BrainThroughMoshi => conversation::Answerer::BrainThroughMoshi,
        Answerer::BrainInText => conversation::Answerer::BrainInText,
    };
    let says = match settings.says {
        Says::AtPause => conversation::Says::AtPause,
        Says::AtOnce => conversation::Says::AtOnce,
    };
    Conduct { ear, answerer, says }
}

/// The server that recognises.
///
/// # Errors
/// None is set up, it cannot be used, or its key is not known yet.
pub(crate) fn server(settings: &Settings, key: &Key) -> Result<EarServer, Problem> {
    if settings.ear_address.is_empty() {
        return Err(no_server());
    }
    address(&settings.ear_address)?;
    let key = match key {
        Key::Known(key) => key.clone(),
        Key::Asked if !settings.ear_key => None,
        Key::Asked => {
            return Err(Problem::new(
                "ear.key_asked",
                "The system's keyring has not given the recogniser's key yet.",
                "Unlock it if it asks, then begin again.",
                OPEN,
            ));
        }
    };
    EarServer::new(&settings.ear_address, key, settings.ear_plain)
}

/// The recogniser on this computer, which listens at this address.
///
/// # Errors
/// It does not listen yet.
pub(crate) fn on_this_computer(address: Option<&str>) -> Result<EarServer, Problem> {
    let address = address.ok_or_else(|| {
        Problem::new(
            "ear.not_started",
            "The recogniser on this computer does not listen yet.",
            "Wait until it has started; Settings, under Hearing, say how far it is.",
            OPEN,
        )
    })?;
    let server = EarServer::new(address, None, false)?;
    // Its port says nothing to anybody.
    Ok(EarServer { shown: "This computer".to_owned(), ..server })
}

/// The recogniser of a Moshi server at this address.
///
/// # Errors
/// The problem with the address.
pub(crate) fn beside_moshi(address: &str, token: Option<Token>, plain: bool) -> Result<EarServer, Problem> {
    let mut server = EarServer::new(address, token, plain)?;
    // Behind a proxy all of it may stand below another path.
    let below = server.url.path().strip_suffix(CHAT_PATH).unwrap_or_default().to_owned();
    server.url.set_path(&format!("{below}{}", wire::ASR_PATH));
    Ok(server)
}

/// Nobody is to hear.
pub(crate) fn nobody() -> Problem {
    Problem::new(
        "ear.off",
        "Nobody is chosen who could write down what you say.",
        "Choose the host or a recogniser in Settings, under Hearing.",
        OPEN,
    )
}

/// The recogniser that was chosen has no address.
pub(crate) fn no_server() -> Problem {
    Problem::new(
        "ear.no_server",
        "No recogniser is set up yet.",
        "Enter the address of one in Settings, or let the host hear you.",
        OPEN,
    )
}

/// The recogniser of a host that is reached in another way than by its own address.
pub(crate) fn host_cannot_be_dictated_to(host: &str, way: &str) -> Problem {
    Problem::new(
        "ear.other_way",
        format!("{host} is reached {way}, and dictation has no way to its recogniser."),
        "Talk with it, or enter the address of a recogniser in Settings, under Hearing.",
        OPEN,
    )
}

/// A call is under way: what is said stands in it already.
pub(crate) fn call_first() -> Problem {
    Problem::new(
        "dictation.call",
        "What you say in a call is in the conversation already.",
        "Stop the call, then dictate.",
        &[Action::Stop],
    )
}

/// The echo test has the microphone.
pub(crate) fn echo_test_first() -> Problem {
    Problem::new(
        "dictation.echo_test",
        "The echo test is using the microphone.",
        "Stop the test, then dictate.",
        &[Action::OpenAudioSettings],
    )
}

fn address(text: &str) -> Result<Url, Problem> {
    wire::service_url(text, wire::ASR_PATH).map_err(|error| match error {
        ChatUrlError::Userinfo => Problem::new(
            "ear.secret_in_address",
            "The recogniser's address holds a user name or password, which logs would keep.",
            "Take it out of the address; a key has a field of its own.",
            OPEN,
        ),
        error => Problem::new(
            "ear.bad_address",
            format!("The recogniser's address cannot be used: {error}."),
            "Write it like ws://127.0.0.1:8080 or wss://ears.example.",
            OPEN,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str) -> Settings {
        Settings { ear: EarChoice::Server, ear_address: address.into(), ..Settings::default() }
    }

    #[test]
    fn a_server_hears_once_it_is_set_up_and_its_key_is_known() {
        let key = Token::new("k").unwrap();
        let hears =
            |settings: &Settings, key: &Key| matches!(conduct(settings, key, None).ear, Ear::Server(_));
        assert!(!hears(&settings(""), &Key::Known(None)));
        assert!(hears(&settings("ears:8080"), &Key::Asked), "none is kept");
        let kept = Settings { ear_key: true, ..settings("ears:8080") };
        assert!(!hears(&kept, &Key::Asked), "it would be refused without its key");
        let Ear::Server(server) = conduct(&kept, &Key::Known(Some(key.clone())), None).ear else { panic!() };
        assert_eq!(server.access.token, Some(key));
        assert_eq!((server.url.path(), server.access.encrypted), ("/api/asr-streaming", true));
    }

    #[test]
    fn a_recogniser_on_this_computer_hears_once_it_listens() {
        let settings = Settings { ear: EarChoice::ThisComputer, ..settings("ears:8080") };
        assert_eq!(conduct(&settings, &Key::default(), None).ear, Ear::Off);
        let listens = "ws://127.0.0.1:41327/api/asr-streaming";
        let Ear::Server(server) = conduct(&settings, &Key::default(), Some(listens)).ear else { panic!() };
        assert_eq!((server.url.as_str(), server.shown.as_str()), (listens, "This computer"));
    }

    #[test]
    fn a_key_goes_to_the_server_that_it_was_kept_for_alone() {
        let elsewhere = |before: &str, after: &str| is_elsewhere(&settings(before), &settings(after));
        assert!(elsewhere("wss://a.example", "wss://b.example"));
        assert!(elsewhere("wss://a.example", "ws://a.example"), "everybody could read it there");
        assert!(elsewhere("wss://a.example", ""), "what is entered after that may be another one");
        assert!(!elsewhere("wss://a.example", "https://a.example/asr"));
        assert!(!elsewhere("", "wss://a.example"), "it was entered before its address");
    }

    #[test]
    fn the_recogniser_of_a_host_stands_beside_its_moshi() {
        let url = |address: &str| beside_moshi(address, None, true).unwrap().url.to_string();
        assert_eq!(url("gpu:8998"), "ws://gpu:8998/api/asr-streaming");
        assert_eq!(url("https://gpu.example/api/chat?x=1"), "wss://gpu.example/api/asr-streaming");
        assert_eq!(url("wss://gpu.example/seven/api/chat"), "wss://gpu.example/seven/api/asr-streaming");
    }
}
