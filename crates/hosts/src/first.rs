//! The first of several hosts that answers.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use net::Token;
use store::HostProfile;
use tokio::time::{Instant, sleep_until};

use crate::{
    Answer, Kind, Obstacle, Opened, Ways,
    answer::{ask_bridge, ask_moshi},
    open,
    target::Target,
};

/// How long a host is asked at most, where none has answered within the limit.
const PATIENCE: Duration = Duration::from_secs(10);

/// A host that answers.
#[derive(Debug)]
pub struct First {
    /// Its place in the list.
    pub index: usize,
    /// The way to it.
    pub opened: Opened,
    /// What it says of itself.
    pub answer: Answer,
}

/// Asks all hosts at once, without taking a place from anybody, and takes the first in the order of the list that answers
/// within `limit`; a better one that is still silent then is not waited for. Where none has answered by then, it is the
/// next that does. A host that says that it is busy does not count. Where the first in the list shows another certificate or
/// key than before, nobody is taken in its place.
///
/// # Errors
/// What stands in front of each, in the order of the list.
pub async fn first_that_answers(
    hosts: &[(HostProfile, Option<Token>)],
    ways: &Ways,
    limit: Duration,
) -> Result<First, Vec<Obstacle>> {
    let deadline = Instant::now() + limit;
    let mut asking: FuturesUnordered<_> = hosts
        .iter()
        .enumerate()
        .map(|(index, (profile, token))| async move { (index, ask(profile, token.clone(), ways).await) })
        .collect();
    let mut told: Vec<Option<Result<(Opened, Answer), Obstacle>>> = hosts.iter().map(|_| None).collect();
    let mut late = false;
    loop {
        // The best that may be taken: all better ones have failed, or are late.
        let best = told.iter().position(|told| matches!(told, Some(Ok(_))) || (told.is_none() && !late));
        if let Some(index) = best
            && let Some(Ok((opened, answer))) = told[index].take()
        {
            return Ok(First { index, opened, answer });
        }
        tokio::select! {
            next = asking.next() => match next {
                Some((0, Err(obstacle))) if obstacle.is_alarm() => return Err(vec![obstacle]),
                Some((index, result)) => told[index] = Some(result),
                None => break,
            },
            () = sleep_until(deadline), if !late => late = true,
        }
    }
    Err(told.into_iter().flatten().filter_map(Result::err).collect())
}

async fn ask(profile: &HostProfile, token: Option<Token>, ways: &Ways) -> Result<(Opened, Answer), Obstacle> {
    let opened = open(profile, token, ways, PATIENCE).await?;
    let answer = match opened.kind {
        Kind::Moshi => ask_moshi(&Target::moshi(&opened.address, &opened.access)?, PATIENCE).await?,
        Kind::Bridge => {
            let target = Target::bridge(&opened.address, &opened.access)?;
            match ask_bridge(&target, PATIENCE).await? {
                (true, answer) => answer,
                (false, _) => return Err(Obstacle::BridgeAlone),
            }
        }
    };
    if answer.busy == Some(true) { Err(Obstacle::Busy) } else { Ok((opened, answer)) }
}
