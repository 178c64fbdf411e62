//! What MAS is told of a conversation's beginning and end. It need not listen, and nothing hangs on it.

use std::time::Duration;

use brain::{
    Mas, Turn,
    mas::{MasError, Wish},
};
use tokio::{task::JoinHandle, time::timeout};

/// How long both may still take when the turn is over.
const GOODBYE: Duration = Duration::from_secs(2);

/// A conversation that MAS was told of, or is being told of.
pub(super) struct Session {
    mas: Mas,
    beginning: JoinHandle<Result<Wish, MasError>>,
}

impl Session {
    /// Tells MAS beside the turn, which does not wait for it.
    pub(super) fn begin(mas: Mas, turn: &Turn) -> Self {
        let (client, conversation, who) =
            (mas.clone(), turn.conversation().to_owned(), turn.who().to_owned());
        let beginning = tokio::spawn(async move { client.begin_session(&conversation, &who).await });
        Self { mas, beginning }
    }

    /// Tells MAS that it is over, where it listened to the beginning.
    pub(super) async fn end(self) {
        let end = async {
            match self.beginning.await {
                Ok(Ok(Wish::Done)) => self.mas.end_session().await.map(|_| ()),
                Ok(Ok(Wish::Unknown)) | Err(_) => Ok(()),
                Ok(Err(error)) => Err(error),
            }
        };
        match timeout(GOODBYE, end).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "MAS was not told of the conversation"),
            Err(_) => tracing::debug!("MAS takes too long to hear of the conversation"),
        }
    }
}
