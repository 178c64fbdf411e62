//! Which of a host's addresses is used: the first that answers, after
//! [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305).

use std::{net::SocketAddr, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use crate::ConnectError;

/// How long an address is waited for before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
/// As many addresses of a host are tried.
const MOST: usize = 8;

/// In which order to try. `here`: the name means this computer, whose servers mostly listen on 127.0.0.1 alone, and
/// Windows takes two seconds to refuse on ::1. Elsewhere both families take turns, so that one that leads nowhere does
/// not hold up the other.
pub(crate) fn order(found: impl IntoIterator<Item = SocketAddr>, here: bool) -> Vec<SocketAddr> {
    let found: Vec<SocketAddr> = found.into_iter().collect();
    let six_first = !here && found.first().is_some_and(SocketAddr::is_ipv6);
    let (leading, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| a.is_ipv6() == six_first);
    let mut order = Vec::new();
    let (mut leading, mut others) = (leading.into_iter(), others.into_iter());
    loop {
        let turn = [leading.next(), others.next()];
        if turn == [None, None] {
            break;
        }
        order.extend(turn.into_iter().flatten());
    }
    order.truncate(MOST);
    order
}

/// Connects to the first address that answers. Those that are still being tried then are let go.
///
/// # Errors
/// What tells most of what was in the way of each; none where there is no address.
pub(crate) async fn first<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Option<ConnectError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ConnectError>> + Send + 'static,
{
    let mut waiting = addresses.into_iter();
    let mut under_way = JoinSet::new();
    let mut why = None;
    loop {
        if let Some(address) = waiting.next() {
            under_way.spawn(connect(address));
        } else if under_way.is_empty() {
            return Err(why);
        }
        let ended = if waiting.len() > 0 {
            timeout(HEAD_START, under_way.join_next()).await.ok().flatten()
        } else {
            under_way.join_next().await
        };
        match ended {
            Some(Ok(Ok(connection))) => return Ok(connection),
            Some(Ok(Err(error))) => why = Some(why.take().map_or(error.clone(), |why| telling(why, error))),
            // It is time for the next; or one was lost, which only the end of the runtime does.
            None | Some(Err(_)) => {}
        }
    }
}

/// Which of two reasons says more about the host.
fn telling(a: ConnectError, b: ConnectError) -> ConnectError {
    let weight = |error: &ConnectError| match error {
        // Somebody is there.
        ConnectError::Refused => 3,
        ConnectError::NoAnswer(_) => 2,
        ConnectError::NoRoute => 0,
        _ => 1,
    };
    if weight(&b) > weight(&a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{Arc, Mutex},
    };

    use tokio::time::{Instant, sleep};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn this_computer_is_asked_by_its_old_number_first_and_elsewhere_families_take_turns() {
        let here = order(addresses(&["[::1]:9", "127.0.0.1:9"]), true);
        assert_eq!(here, addresses(&["127.0.0.1:9", "[::1]:9"]));
        let found =
            addresses(&["[2001:db8::1]:9", "[2001:db8::2]:9", "192.0.2.1:9", "192.0.2.2:9", "192.0.2.3:9"]);
        let turns =
            addresses(&["[2001:db8::1]:9", "192.0.2.1:9", "[2001:db8::2]:9", "192.0.2.2:9", "192.0.2.3:9"]);
        assert_eq!(order(found, false), turns);
        assert_eq!(order(addresses(&["192.0.2.1:9"]).repeat(20), false).len(), MOST);
        assert_eq!(order([], false), []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_says_nothing_holds_up_the_next_for_a_moment_only() {
        let began = Instant::now();
        let answers = first(addresses(&["192.0.2.1:1", "192.0.2.1:2"]), |address| async move {
            if address.port() == 1 {
                pending::<()>().await;
            }
            Ok(address.port())
        });
        assert_eq!(answers.await, Ok(2));
        assert_eq!(began.elapsed(), HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_lets_the_next_one_begin_at_once_and_the_first_that_answers_wins() {
        let began = Instant::now();
        let tried = Arc::<Mutex<Vec<u16>>>::default();
        let addresses = addresses(&["192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.1:4"]);
        let answer = first(addresses, |address| {
            let tried = Arc::clone(&tried);
            async move {
                tried.lock().unwrap().push(address.port());
                match address.port() {
                    1 => return Err(ConnectError::Refused),
                    2 => sleep(HEAD_START * 3).await,
                    _ => sleep(HEAD_START / 2).await,
                }
                Ok(address.port())
            }
        });
        assert_eq!(answer.await, Ok(3), "the second is slower, though it began before");
        assert_eq!(*tried.lock().unwrap(), [1, 2, 3]);
        assert_eq!(began.elapsed(), HEAD_START * 3 / 2);
    }

    #[tokio::test]
    async fn the_most_telling_reason_is_told() {
        let reasons = [ConnectError::NoRoute, ConnectError::Refused, ConnectError::Failed("odd".into())];
        let refused = first(addresses(&["192.0.2.1:0", "192.0.2.1:1", "192.0.2.1:2"]), |address| {
            let reason = reasons[usize::from(address.port())].clone();
            async move { Err::<(), _>(reason) }
        });
        assert_eq!(refused.await, Err(Some(ConnectError::Refused)));
        assert_eq!(first(Vec::new(), |_| async { Ok(()) }).await, Err(None));
    }
}
